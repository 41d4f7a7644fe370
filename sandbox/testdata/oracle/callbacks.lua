-->> functions of wrap that fail, as callbacks
local function try(...) local r = {pcall(...)} for i = 1, #r do r[i] = tostring(r[i]):gsub("0x%x+", "") end print(unpack(r)) end
try(string.gsub, "x", "x", coroutine.wrap(function() error({}) end))
try(table.sort, {2, 1, 3}, coroutine.wrap(function() error("boom", 0) end))
try(function() return coroutine.wrap(function() return ("x"):gsub("x", coroutine.wrap(function() error("in", 0) end)) end)() end)
try(string.gsub, "xx", "x", coroutine.wrap(function() coroutine.yield("a") coroutine.yield("b") end))
try(xpcall, function() return ("x"):gsub("x", coroutine.wrap(function() error("h", 0) end)) end, function(e) return "H" .. e end)
print(pcall(string.gsub, "x", "x", coroutine.wrap(function() error("first", 0) end))) print(pcall(string.gsub, "y", "y", function() return "still in order" end))
-->> functions of wrap that fail, in metamethods
local mt = {__index = coroutine.wrap(function() error("index", 0) end), __add = coroutine.wrap(function() error("add", 0) end), __lt = coroutine.wrap(function() error("lt", 0) end), __call = coroutine.wrap(function() error("call", 0) end), __tostring = coroutine.wrap(function() error("tostring", 0) end)}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
print(pcall(function() return a.x end)) print(pcall(function() return a + 1 end)) print(pcall(function() return a < b end)) print(pcall(a)) print(pcall(tostring, a))
-->> functions of wrap that fail, as iterators and error handlers
print(pcall(function() for x in coroutine.wrap(function() coroutine.yield(1) error("done", 0) end) do print(x) end end))
-->> pcall and resume as callbacks
print((("abc"):gsub(".", function(c) local ok, e = pcall(error, c .. "!", 0) return e end)))
print(pcall(string.gsub, "x", "x", pcall)) print(pcall(table.sort, {3, 1, 2}, pcall))
print(pcall(string.gsub, "x", "x", coroutine.resume)) print(pcall(pcall, error, "e")) print(pcall(string.gsub, "x", "x", error))
print(select("#", pcall(table.foreach, {1, 2}, print)))
-->> sort with orders that lie
for n = 1, 12 do local t = {} for i = 1, n do t[i] = i end print(n, pcall(table.sort, t, function() return true end)) end
for n = 1, 12 do local t = {} for i = 1, n do t[i] = n - i end print(n, pcall(table.sort, t, function() return false end), table.concat(t, " ")) end
local t = {5, 2, 0/0, 4, 1, 0/0, 3} print(pcall(table.sort, t), #t)
print(pcall(table.sort, {1, "a", 2})) print(pcall(table.sort, {{}, {}}))
local n = 0 print(pcall(table.sort, {5, 4, 3, 2, 1}, function(a, b) n = n + 1 if n == 4 then error("stop", 0) end return a < b end), n)
-->> huge and odd positions
print(#("x"):rep(3, "")) print(pcall(unpack, {}, 1, 1e8))
print(pcall(unpack, {1, 2, 3}, 2, 2)) print(pcall(unpack, {1, 2, 3}, 3, 2)) print(unpack({1, 2, 3}, -1, 1)) print(pcall(string.byte, ("x"):rep(10), -100, 100))
print(("abc"):byte(10)) print(("abc"):sub(2^31, 2^33)) print(("abc"):sub(-2^40)) print(("hello"):sub(0)) print(("hello"):sub(-3, -2)) print(select("#", ("abc"):byte(0)))
print(pcall(string.char, -1)) print(pcall(string.char, 256)) print(#string.char()) print(string.char(104, 105))
print(pcall(select, 0)) print(select(-1, 1, 2, 3)) print(pcall(select, -4, 1, 2, 3)) print(select(5, 1, 2)) print(select("#", nil, nil))
-->> NaN and zeros as keys
local t = {} print(pcall(function() t[0/0] = 1 end)) print(t[0/0]) t[-0] = "zero" print(t[0], t[-0]) t[1.0] = "one" print(t[1], #t) print(next({[0/0 ~= 0/0] = 1})) print(pcall(next, {}, 0/0)) print(pcall(rawset, {}, 0/0, 1))
-->> chains of metatables
local t = {} for i = 1, 90 do t = setmetatable({}, {__index = t}) end print(t.x)
local t = setmetatable({}, {}) getmetatable(t).__index = t print(pcall(function() return t.x end))
local t = setmetatable({}, {}) getmetatable(t).__newindex = t print(pcall(function() t.x = 1 end))
local t = setmetatable({}, {__call = setmetatable({}, {__call = function() return "deep" end})}) print(pcall(t))
local c = setmetatable({}, {__concat = function(a, b) return (type(a) == "table" and "T" or a) .. (type(b) == "table" and "T" or b) end}) print(c .. 1 .. 2, 1 .. c .. 2, 1 .. 2 .. c, c .. c)
local e = {__eq = function() return 1 end} print(setmetatable({}, e) == setmetatable({}, e), setmetatable({}, e) ~= setmetatable({}, e), setmetatable({}, e) == setmetatable({}, {__eq = function() return true end}), rawequal(setmetatable({}, e), setmetatable({}, e)))
local l = {__lt = function(a, b) return nil end, __le = function() return "x" end} local a, b = setmetatable({}, l), setmetatable({}, l) print(a < b, a <= b, a > b, a >= b, not (a < b))
print(pcall(function() return setmetatable({}, {__lt = function() return true end}) < 1 end)) print(pcall(function() return {} < {} end)) print(pcall(function() return {} .. "x" end))
-->> error values of all kinds
print(pcall(error)) print(pcall(error, nil)) print(pcall(error, 42)) print(pcall(error, true)) print(pcall(error, "s", 0)) print(pcall(error, "s", 5)) print(select("#", pcall(error, nil)))
local e = setmetatable({}, {__tostring = function() return "object" end}) print(tostring(select(2, pcall(error, e)))) print(xpcall(function() error(e, 2) end, tostring)) print(rawequal(select(2, pcall(error, e)), e))
print(xpcall(function() return xpcall(error, function(x) return "inner " .. x end, "e") end, function(x) return "outer " .. tostring(x) end))
-->> goto continue and closures of loops
local f = {} for i = 1, 5 do if i % 2 == 0 then f[#f + 1] = function() i = i + 10 return i end end end print(f[1](), f[1](), f[2]())
local i, s = 0, "" repeat i = i + 1 local j = i local g = function() return j end s = s .. g() until j >= 3 print(s)
-->> deep pcalls
local function f(n) if n == 0 then error("bottom", 0) end return pcall(f, n - 1) end print(f(50))
local function g(n) if n == 0 then return "bottom" end return select(2, pcall(g, n - 1)) end print(g(100))
-->> tostring that misbehaves
print(pcall(tostring, setmetatable({}, {__tostring = function() return nil end}))) print(select("#", pcall(print, setmetatable({}, {__tostring = function() return {} end})))) print(pcall(tostring)) print(type(tostring(setmetatable({}, {__tostring = function() return 42 end})))) print(tostring(-0)) print(tostring(1e15), tostring(1e14), 2^53, -1e100, 1e-5)
-->> patterns of all strange kinds
for _, p in ipairs{"%", "[", "[]", "[^", "[a-", "%b", "%bx", "(", ")", "%1", "(()", "%f", "[%", "[a-%d]", "[]]", "[^]]", "[%a-z]", "*", "a**", "-", "^^", "$$", "^*", "a$b", "%f[a", "()", "(a)(b)%3"} do print(p, pcall(string.find, "a]b-*^$", p)) end
print(("x"):gsub("", "-")) print(("abc"):gsub("", "-", 2)) print(("abc"):gsub("b*", "X")) print(pcall(string.gsub, "abc", "b", "%2")) print(("abc"):gsub("(b)()", "%2%1")) print(("hello world"):gsub("o", {o = false})) print(pcall(string.gsub, "x", "x", {x = {}})) print(("x^y"):find("^", 1, true)) print(("a.b"):find(".", 2, true)) print((""):find("")) print((""):find("", 2)) print(("abc"):find("", 10)) print(("a\0b"):find("\0", 1, true)) print(("a\0b"):match("%z"))
-->> comparisons until a sort notices that its order lies
for n = 2, 9 do for k, f in ipairs({function() return true end, function(a, b) return a <= b end, function(a, b) return a ~= b end, function(a, b) return (a + b) % 2 == 0 end}) do
  local t, c = {}, 0 for i = 1, n do t[i] = i * 5 % 7 end
  local ok, e = pcall(table.sort, t, function(a, b) c = c + 1 return f(a, b) end)
  print(n, k, ok and table.concat(t, " ") or e, c)
end end
