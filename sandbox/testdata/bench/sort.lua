-- table.sort with and without a function that compares.
return function()
  local seed, list, copy = 42, {}, {}
  for i = 1, 1000 do
    seed = (seed * 16807) % 2147483647
    list[i], copy[i] = seed, seed
  end
  table.sort(list)
  table.sort(copy, function(a, b) return a > b end)
  return list[1] == copy[1000]
end
