-->> error values of each type
print(pcall(error, "x")) print(pcall(error, 5)) print(pcall(error, nil)) print(pcall(error)) print(pcall(error, true))
local t = {} local ok, e = pcall(error, t) print(ok, e == t) print(select("#", pcall(error)))
-->> levels
local function f(l) error("msg", l) end
print(pcall(f, 0)) print(pcall(f, 1)) print(pcall(function()
  f(2) end)) print(pcall(f)) print(type(select(2, pcall(function() error({code = 1}, 2) end))))
-->> level three and beyond
local function a() error("deep", 3) end
local function b() a() x = 1 end
local function c()
  b() x = 1
end
print(pcall(c))
-->> a number as message gets the position
print(pcall(function() error(42) end)) print(pcall(function() error(42, 0) end)) print(type(select(2, pcall(function() error(42, 0) end))))
-->> names in index errors
local t = {}
print(pcall(function() return x.y end)) print(pcall(function() local l return l.y end)) print(pcall(function() return t.a.b end)) print(pcall(function() return t.a.b.c end)) print(pcall(function() return t[1].x end)) print(pcall(function() return (nil).x end)) print(pcall(function() return ("x").y.z end)) print(pcall(function() return t:m().x end))
-->> names in assignments
local t = {}
print(pcall(function() x.y = 1 end)) print(pcall(function() local l l.y = 1 end)) print(pcall(function() t.a.b = 1 end)) print(pcall(function() t[nil] = 1 end)) print(pcall(function() t[0/0] = 1 end)) print(pcall(function() local n = 5 n.x = 1 end)) print(pcall(function() local n = true n[1] = 1 end))
-->> names in calls
local t = {}
print(pcall(function() x() end)) print(pcall(function() local l l() end)) print(pcall(function() t.f() end)) print(pcall(function() t:m() end)) print(pcall(function() t.a.b() end)) print(pcall(function() (1)() end)) print(pcall(function() ("x")() end)) print(pcall(function() t[1]() end)) print(pcall(function() local n = 5 n() end)) print(pcall(function() ("x"):nope() end))
-->> names in arithmetic
local t = {}
local up
print(pcall(function() return x + 1 end)) print(pcall(function() local l return l + 1 end)) print(pcall(function() return t.a + 1 end)) print(pcall(function() return 1 + t.a end)) print(pcall(function() return t + 1 end)) print(pcall(function() return up + 1 end)) print(pcall(function() return "a" + 1 end)) print(pcall(function() return -{} end)) print(pcall(function() return 1 - nil end)) print(pcall(function() local s = "abc" return s * 2 end)) print(pcall(function() return true / 2 end)) print(pcall(function() local a, b = 1, {} return a % b end)) print(pcall(function() local a, b = {}, "x" return a ^ b end))
-->> names in concatenation
local t = {}
print(pcall(function() return "a" .. nil end)) print(pcall(function() return x .. "a" end)) print(pcall(function() local l return "a" .. l end)) print(pcall(function() return t.f .. "a" end)) print(pcall(function() return "a" .. t end)) print(pcall(function() return 1 .. true end)) print(pcall(function() return "a" .. "b" .. nil .. "c" end))
-->> length errors
print(pcall(function() return #nil end)) print(pcall(function() return #5 end)) print(pcall(function() return #x end)) print(pcall(function() local l = true return #l end)) print(pcall(function() local t = {} return #t.x end))
-->> comparison errors
print(pcall(function() return 1 < "x" end)) print(pcall(function() return {} < {} end)) print(pcall(function() return nil < 1 end)) print(pcall(function() return {} <= 1 end)) print(pcall(function() return "x" >= 1 end)) print(pcall(function() return print < print end)) print(pcall(function() return true > false end)) print(pcall(function() local a, b = {}, nil return a < b end))
-->> pcall and its results
print(pcall(function() return 1, 2, 3 end)) print(pcall(function() end)) print(select("#", pcall(function() end))) print(pcall(pcall)) print(pcall(pcall, error, "x")) print(pcall(nil)) print(pcall(5)) print(pcall("x"))
print(pcall(string.rep, "x", 2)) print(pcall(string.rep)) print(pcall(pcall, pcall, pcall, error, "deep"))
-->> nested pcall and rethrow
print(pcall(function() local ok, e = pcall(error, "in") error("out:" .. e, 0) end))
print(pcall(function() local ok, e = pcall(function() error("in") end) error(e, 0) end))
-->> xpcall and its handler
print(xpcall(function() error("x") end, function(e) return "handled: " .. e end)) print(xpcall(function() return 1, 2 end, print)) print(xpcall(function() error({1}) end, function(e) return e[1] end)) print(select("#", xpcall(error, function() return 1, 2, 3 end)))
-->> a handler that fails
print((xpcall(function() error("x") end, function(e) error("again") end)))
-->> a handler that returns nothing
print(xpcall(function() error("x") end, function() end))
-->> xpcall checks
print(pcall(xpcall)) print(pcall(xpcall, print))
-->> assert
print(pcall(assert, false)) print(pcall(assert, nil, "msg")) print((pcall(assert, false, {1}))) print(assert(1, 2, 3)) print(pcall(assert)) print(pcall(assert, false, nil)) print(pcall(assert, nil, 5)) print(select("#", assert(1, nil)))
-->> errors in coroutines
local co = coroutine.create(function() error("in co") end) print(coroutine.resume(co)) print(coroutine.status(co)) print(coroutine.resume(co))
local co = coroutine.create(function() error({}) end) print(type(select(2, coroutine.resume(co))))
local w = coroutine.wrap(function() error("wrapped") end) print(pcall(w))
local w = coroutine.wrap(function() error("zero", 0) end) print(pcall(w))
-->> the line of a call that spans lines
print(pcall(function()
  local t = {}
  t.x = 1
  +
  nil
end))
print(pcall(function()
  local x =
    nil
    .. "a"
end))
print(pcall(function()
  error(
    "here"
  )
end))
-->> bad arguments of library functions
print(pcall(string.sub)) print(pcall(string.sub, "x", {})) print(pcall(string.rep, "x", "y")) print(pcall(table.concat, {1, {}, 3})) print(pcall(table.concat, 5)) print(pcall(table.insert, {}, 1, 2, 3)) print(pcall(table.insert, nil, 1)) print(pcall(table.insert, {})) print(pcall(math.floor, "x")) print(pcall(math.max)) print(pcall(ipairs)) print(pcall(tonumber, {}, 99)) print(pcall(setmetatable, 1)) print(pcall(string.char, -1)) print(pcall(unpack)) print(pcall(select, 0)) print(pcall(string.format, "%d", "x")) print(pcall(coroutine.resume, 1)) print(pcall(coroutine.create, 1))
-->> a method call with bad self
print(pcall(function() local s = "x" local r = s:rep({}) end)) print(pcall(function() local r = ("x"):rep() end)) print(pcall(function() local r = string.rep() end)) print(pcall(function() local r = ("x"):bad() end)) print(pcall(function() local r = string.sub() end)) print(pcall(function() local x = ("x"):sub({}) end)) print(pcall(function() local x = ("x").sub({}) end))
-->> the function a caller named
local up = string.rep
local t = {rep = string.rep, sub = {rep = string.rep}}
grep = string.rep
local lrep = string.rep
print(pcall(function() local r = up() end)) print(pcall(function() local r = t.rep() end)) print(pcall(function() local r = t.sub.rep() end)) print(pcall(function() local r = grep() end)) print(pcall(function() local lrep = lrep local r = lrep() end))
-->> a stack overflow is caught
local function f() return 1 + f() end
local ok, e = pcall(f) print(ok, type(e), (tostring(e):find("stack overflow")) ~= nil)
print(pcall(function() return "still well" end))
-->> a stack overflow in a handler
local function f() return 1 + f() end
local ok, e = xpcall(f, function(e) return "handled" end) print(ok, type(e))
-->> error across metamethods and iterators
local t = setmetatable({}, {__add = function() error("add failed") end}) print(pcall(function() return t + 1 end)) print(pcall(function() for i in function() error("iter failed") end do end end)) print(pcall(function() table.sort({3, 2, 1}, function() error("cmp failed") end) end)) print(pcall(function() ("x"):gsub(".", function() error("gsub failed") end) end))
-->> an uncaught error ends the chunk
print("before")
error("uncaught")
-->> an uncaught error of level two in the main chunk
error("uncaught", 2)
-->> an uncaught table
error({})
-->> an uncaught nil
error(nil)
-->> an uncaught error in a function
local function f()
  local x = nil
  return x.y
end
local r = f()
-->> an error while an error is handled keeps the first state
local t = {}
local ok = pcall(function() t[1] = 1 error("x") t[2] = 2 end) print(ok, t[1], t[2])
-->> pcall restores nothing but the stack
local n = 0 for i = 1, 3 do pcall(function() n = n + 1 error("x") end) end print(n)
-->> return pcall as a tail call
local function f() return pcall(error, "x", 0) end print(f())
-->> error with level and concatenated position
local ok, e = pcall(function() error("a\nb") end) print(e)
-->> global functions as values in messages
print(pcall(function() undefinedfunction() end)) print(pcall(function() string.undefined() end)) print(pcall(function() math.x.y() end)) print(pcall(function() undefined.field.x() end))
-->> assert puts the position before a text only
print(pcall(function() assert(false) end)) print(pcall(function() assert(nil, "msg") end)) print(pcall(function() assert(false, 5) end))
print(pcall(function() local x = assert(false, "in an expression") end))
-->> an assert that nothing catches
assert(1 == 2, "one is not two")
-->> levels count the library function that calls back
print(pcall(table.sort, {1, 2}, function() error("sort", 2) end)) print(pcall(string.gsub, "x", ".", function() error("gsub", 2) end))
local function f() table.sort({1, 2}, function() error("sort", 2) end) end print(pcall(f))
local function f() table.sort({1, 2}, function() error("sort", 3) end) end print(pcall(f))
local function f() return (("x"):gsub(".", function() error("gsub", 1) end)) end print(pcall(f))
local function f() return (("x"):gsub(".", setmetatable({}, {__index = function() error("index", 2) end}))) end print(pcall(f))
-->> what fails inside of a library function has no position
print(pcall(function() table.sort({1, "x", 3}) end)) print(pcall(function() table.sort({{}, {}}) end)) print(pcall(function() next({}, "x") end))
print(pcall(function() for _ in next, {}, 5 do end end)) print(pcall(function() for _ in next, nil do end end))
-->> what __newindex leads to has no name
local t = setmetatable({}, {__newindex = 5}) print(pcall(function() t.x = 1 end))
local t = setmetatable({}, {__newindex = setmetatable({}, {__newindex = "s"})}) print(pcall(function() t.x = 1 end))
-->> the line of an operation whose operands are lines apart
local function at(f, ...) print(select(2, pcall(f, ...))) end
at(function(t)
  return "a" ..
    "b" ..
    t.x ..
    "c"
end, {})
at(function(t) return -
  t.x
end, {})
at(function(t) return #
  t.x
end, {})
at(function(t) return t.x.y
  + 1
end, {})
at(function(t) return 1, t
  .x[
    1
  ], 2
end, {})
-->> the line of a store is where its value ends
local function at(f, ...) print(select(2, pcall(f, ...))) end
at(function(t)
  t.x.y = {
    1,
  }
end, {})
at(function(t)
  t.a, t.x.y =
    1,
    2
end, {})
at(function(t)
  function t.x.y()
  end
end, {})
at(function(t)
  t
  .x
  .y
  = 1
end, {})
-->> the line of an argument and of a returned call is where they end
local function at(f, ...) print(select(2, pcall(f, ...))) end
at(function(t)
  print(
    1,
    t.x.y
  )
end, {})
at(function(t)
  return t.x(
    1
  ), 2
end, {})
at(function(t)
  t.x.y
  :z()
end, {})
-->> the line of a for loop with bad bounds or iterator
local function at(f, ...) print(select(2, pcall(f, ...))) end
at(function()
  for i = 1,
    nil
  do
  end
end)
at(function()
  for i
  in
    nil
  do
  end
end)
