-->> __index as a table, function, and chain
local a = setmetatable({}, {__index = {x = 1}}) print(a.x, a.y)
local b = setmetatable({}, {__index = function(t, k) return k .. "!" end}) print(b.foo, b[1])
local c = setmetatable({}, {__index = a}) print(c.x) c.x = 5 print(c.x, a.x)
-->> __newindex as a table, function and with rawset
local log = {}
local t = setmetatable({}, {__newindex = function(t, k, v) log[#log + 1] = k .. "=" .. tostring(v) rawset(t, k, v) end})
t.a = 1 t.a = 2 t.b = 3 t[1] = "x" print(table.concat(log, " "), t.a, t.b, t[1])
local store = {} local p = setmetatable({}, {__newindex = store}) p.x = 1 print(rawget(p, "x"), store.x)
-->> arithmetic metamethods, both sides
local mt = {} mt.__index = mt
local function V(n) return setmetatable({n = n}, mt) end
local function num(x) return type(x) == "table" and x.n or x end
for name, f in pairs{__add = function(a, b) return V(num(a) + num(b)) end, __sub = function(a, b) return V(num(a) - num(b)) end, __mul = function(a, b) return V(num(a) * num(b)) end, __div = function(a, b) return V(num(a) / num(b)) end, __mod = function(a, b) return V(num(a) % num(b)) end, __pow = function(a, b) return V(num(a) ^ num(b)) end, __unm = function(a) return V(-num(a)) end, __concat = function(a, b) return V(num(a) .. "&" .. num(b)) end} do mt[name] = f end
local a, b = V(7), V(2)
print((a + b).n, (a - b).n, (a * b).n, (a / b).n, (a % b).n, (a ^ b).n, (-a).n, (a .. b).n)
print((a + 1).n, (1 + a).n, (a - 1).n, (1 - a).n, (a * 2).n, (2 * a).n, (10 / a).n, (10 % V(3)).n, (2 ^ b).n, (a .. "x").n, ("x" .. a).n, (1 .. a).n)
print(("3" + a).n, (a .. 1 .. 2).n, (1 .. 2 .. a).n, (a .. b .. "z").n)
-->> which operand's metamethod is taken
local A = setmetatable({}, {__add = function() return "A" end})
local B = setmetatable({}, {__add = function() return "B" end})
print(A + B, B + A, A + 1, 1 + B, A + "x", {} and (1 + A))
-->> an operator without metamethod
local t = setmetatable({}, {})
print(pcall(function() return t + 1 end)) print(pcall(function() return 1 .. t end)) print(pcall(function() return -t end)) print(pcall(function() return t < t end)) print(pcall(function() return t() end))
-->> __eq only for two tables, and only when not the same
local n = 0
local mt = {__eq = function(a, b) n = n + 1 return a.v == b.v end}
local a, b, c = setmetatable({v = 1}, mt), setmetatable({v = 1}, mt), setmetatable({v = 2}, mt)
print(a == b, a ~= b, a == c, a ~= c, a == a, n) print(a == 1, a == "x", a == nil, n)
print(rawequal(a, b), rawequal(a, a))
-->> __eq of different metatables
local a = setmetatable({}, {__eq = function() return true end}) local b = setmetatable({}, {__eq = function() return true end}) print(a == b)
local f = function() return true end local a = setmetatable({}, {__eq = f}) local b = setmetatable({}, {__eq = f}) print(a == b, a == {})
-->> __eq gives a boolean whatever it returns
local mt = {__eq = function() return 5 end} local a, b = setmetatable({}, mt), setmetatable({}, mt) print(a == b, a ~= b, not (a == b))
local mt = {__eq = function() return nil end} local a, b = setmetatable({}, mt), setmetatable({}, mt) print(a == b, a ~= b)
-->> __lt and __le
local mt = {__lt = function(a, b) return a.v < b.v end, __le = function(a, b) return a.v <= b.v end}
local function O(v) return setmetatable({v = v}, mt) end
print(O(1) < O(2), O(2) < O(1), O(1) <= O(1), O(1) > O(2), O(1) >= O(1), O(2) >= O(1), not (O(1) < O(2)))
-->> __le falls back on __lt
local mt = {__lt = function(a, b) return a.v < b.v end}
local function O(v) return setmetatable({v = v}, mt) end
print(O(1) <= O(2), O(2) <= O(1), O(1) >= O(1))
-->> comparison of mixed types has no metamethod in 5.1
local o = setmetatable({}, {__lt = function() return true end})
print(pcall(function() return o < 1 end)) print(pcall(function() return 1 < o end)) print(pcall(function() return o < "x" end))
-->> __lt of different metatables
local a = setmetatable({}, {__lt = function() return true end}) local b = setmetatable({}, {__lt = function() return true end})
print(pcall(function() return a < b end))
-->> __call
local t = setmetatable({}, {__call = function(self, ...) return select("#", ...), ... end})
print(t()) print(t(1, nil)) print(pcall(t, 5)) print((t(1, 2)))
local u = setmetatable({}, {__call = t}) print(pcall(u, 1))
local function tail(x) return t(x) end print(tail(9))
-->> __call of a method and in a chain of fields
local o = {f = setmetatable({}, {__call = function(self, obj, x) return obj.v + x end}), v = 10} print(o:f(5))
-->> __call that is not callable
local t = setmetatable({}, {__call = 5}) print(pcall(t))
-->> __concat order with three operands
local r = {}
local mt = {__concat = function(a, b) local s = (type(a) == "table" and "T" or a) .. "+" .. (type(b) == "table" and "T" or b) r[#r + 1] = s return s end}
local t = setmetatable({}, mt)
print("a" .. t .. "b", t .. "a" .. "b", "a" .. "b" .. t, 1 .. t, table.concat(r, " "))
-->> __len is ignored for tables in 5.1
local t = setmetatable({1, 2}, {__len = function() return 10 end}) print(#t)
-->> __tostring
print(tostring(setmetatable({}, {__tostring = function() return "custom" end})))
print(setmetatable({}, {__tostring = function() return "printed" end}))
print(pcall(tostring, setmetatable({}, {__tostring = function() error("inside") end})))
print(pcall(tostring, setmetatable({}, {__tostring = function() return "x" end, __metatable = 1})))
-->> __metatable protects
local t = setmetatable({}, {__metatable = "locked"}) print(getmetatable(t)) print(pcall(setmetatable, t, {}))
print(getmetatable("").__index == string, getmetatable(1), getmetatable(nil), getmetatable({}))
-->> setmetatable checks its arguments
print(pcall(setmetatable, 1, {})) print(pcall(setmetatable, {}, 1)) print(pcall(setmetatable, {})) print(getmetatable(setmetatable({}, nil)))
local t = {} print(setmetatable(t, {}) == t)
-->> rawget and rawset pass by metamethods
local t = setmetatable({}, {__index = function() return "meta" end, __newindex = function() error("no") end})
print(t.x, rawget(t, "x")) rawset(t, "x", 1) print(t.x) print(pcall(rawset, t, nil, 1)) print(pcall(rawget, 1, 2)) print(rawequal("a", "a"), rawequal(1, 1.0), rawequal({}, {}))
-->> inheritance
local Animal = {} Animal.__index = Animal
function Animal.new(n) return setmetatable({name = n}, Animal) end
function Animal:speak() return self.name .. " makes a sound" end
local Dog = setmetatable({}, {__index = Animal}) Dog.__index = Dog
function Dog.new(n) local d = Animal.new(n) return setmetatable(d, Dog) end
function Dog:speak() return Animal.speak(self) .. ": woof" end
print(Animal.new("cat"):speak()) print(Dog.new("rex"):speak()) print(Dog.new("rex").missing)
-->> a default-value table
local t = setmetatable({}, {__index = function(t, k) local v = {} rawset(t, k, v) return v end}) t.a.b = 1 t.a.c = 2 print(t.a.b, t.a.c, rawget(t, "z"))
-->> a read-only proxy
local function ro(t) return setmetatable({}, {__index = t, __newindex = function(_, k) error("read-only: " .. k, 2) end}) end
local r = ro{x = 1} print(r.x, pcall(function() r.y = 1 end))
-->> __index on missing fields only
local calls = 0 local t = setmetatable({a = false}, {__index = function() calls = calls + 1 end}) local _ = t.a, t.b, t.a print(calls)
-->> metamethods see nil values
local t = setmetatable({}, {__newindex = function(t, k, v) print(k, v) end}) t.x = nil t[1] = nil
-->> __index with nil and NaN keys
local t = setmetatable({}, {__index = function(t, k) return k == nil and "nil" or k ~= k and "nan" or "other" end}) print(t[nil], t[0/0], t[1])
-->> __newindex with nil and NaN keys
local t = setmetatable({}, {__newindex = function(t, k, v) print("set", v) end}) t[nil] = 1 t[0/0] = 2
-->> __mode and __gc are accepted
local t = setmetatable({}, {__mode = "k", __gc = function() end}) t[{}] = 1 print(type(t))
-->> strings have __index only
print(pcall(function() return ("x").foo.bar end)) print(pcall(function() local s = "x" s.y = 1 end)) print(("x")[1])
-->> a metamethod that is not a function
local t = setmetatable({}, {__add = 5}) print(pcall(function() return t + 1 end))
local t = setmetatable({}, {__index = 5}) print(pcall(function() return t.x end))
local t = setmetatable({}, {__index = "str"}) print(t.len == string.len)
-->> __unm receives its operand
local t = setmetatable({}, {__unm = function(a, b) return rawequal(a, b) end}) print(-t)
-->> metamethod results are cut to one
local t = setmetatable({}, {__add = function() return 1, 2, 3 end, __index = function() return 4, 5 end, __call = function() return 6, 7 end}) print(t + 1) print(t.x) print(t())
-->> errors inside metamethods carry position
local t = setmetatable({}, {__index = function() error("boom") end}) print(pcall(function() return t.x end))
-->> setting a metatable while indexing
local t = {} setmetatable(t, {__index = function(t, k) setmetatable(t, nil) return "once" end}) print(t.x, t.x)
-->> table functions do not use metamethods
local t = setmetatable({}, {__index = function(t, i) if i <= 3 then return i end end}) print(#t, table.concat({1, 2}), pcall(table.concat, t, ",", 1, 3)) print(unpack(t, 1, 3)) print(next(t))
-->> ipairs follows raw values only
local t = setmetatable({}, {__index = function(t, i) if i <= 3 then return i end end}) local n = 0 for _ in ipairs(t) do n = n + 1 end print(n)
-->> a deep chain of __index tables
local t = {x = "deep"} for i = 1, 50 do t = setmetatable({}, {__index = t}) end print(t.x)
-->> complex numbers
local C = {} C.__index = C
local function c(r, i) return setmetatable({r = r, i = i}, C) end
C.__add = function(a, b) return c(a.r + b.r, a.i + b.i) end
C.__mul = function(a, b) return c(a.r * b.r - a.i * b.i, a.r * b.i + a.i * b.r) end
C.__tostring = function(a) return a.r .. "+" .. a.i .. "i" end
C.__eq = function(a, b) return a.r == b.r and a.i == b.i end
print(tostring(c(1, 2) * c(3, 4) + c(1, 1)), c(1, 2) == c(1, 2))
-->> sets with operators
local S = {} S.__index = S
local function set(l) local s = setmetatable({}, S) for _, v in ipairs(l) do s[v] = true end return s end
S.__add = function(a, b) local r = set{} for k in pairs(a) do r[k] = true end for k in pairs(b) do r[k] = true end return r end
S.__le = function(a, b) for k in pairs(a) do if not b[k] then return false end end return true end
S.__lt = function(a, b) return a <= b and not (b <= a) end
local a, b = set{1, 2}, set{2, 3}
print(a <= a + b, a < a, a < a + b, a >= b)
