-- Runs one program in a real Lua engine and writes what the sandbox's tests
-- compare: what it printed, then what it returned or how it failed.
local path = ...
local file = assert(io.open(path, "rb"))
local source = file:read("*a")
file:close()
arg = nil

local function report(ok, ...)
  if ok then
    if select("#", ...) > 0 then print("=>", ...) end
    return
  end
  local e = ...
  if type(e) == "string" or type(e) == "number" then
    print("error: " .. e)
  else
    print("error object: " .. type(e))
  end
end

local chunk, err = loadstring(source, "=case")
if not chunk then
  print("syntax error: " .. err)
else
  report(pcall(chunk))
end
