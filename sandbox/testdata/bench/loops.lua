-- Arithmetic, comparisons and jumps.
return function()
  local sum, i = 0, 0
  for a = 1, 200 do
    for b = 1, 50 do
      if (a * b) % 3 == 0 then sum = sum + a else sum = sum - b end
    end
  end
  while i < 5000 do i = i + 1 end
  return sum + i
end
