-- Strings built piece by piece and joined, as filters build headers and keys.
return function()
  local parts = {}
  for i = 1, 500 do
    parts[#parts + 1] = "key" .. i .. "=" .. string.format("%05d", i)
  end
  local s = table.concat(parts, "&")
  return #s + #s:upper() + #s:rep(2)
end
