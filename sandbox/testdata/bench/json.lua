-- A walk over tables such as a decoded JSON document.
local function document(depth)
  if depth == 0 then return { id = 7, name = "leaf", tags = { "a", "b", "c" }, ok = true } end
  local t = { id = depth, name = "node", children = {} }
  for i = 1, 4 do t.children[i] = document(depth - 1) end
  return t
end
local root = document(4)
local function walk(t)
  local n = 0
  for k, v in pairs(t) do
    if type(v) == "table" then n = n + walk(v)
    elseif type(v) == "number" then n = n + v
    elseif type(v) == "string" then n = n + #v
    end
  end
  return n
end
return function() return walk(root) end
