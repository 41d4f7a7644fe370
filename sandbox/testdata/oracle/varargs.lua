-->> select
print(select("#")) print(select("#", nil)) print(select("#", nil, nil))
print(select(1, "a", "b", "c")) print(select(2, "a", "b", "c")) print(select(3, "a", "b", "c")) print(select(4, "a", "b", "c"))
print(select(-1, "a", "b", "c")) print(select(-3, "a", "b", "c")) print((select(2, "a", "b", "c")))
print(pcall(select, 0, 1)) print(pcall(select, -4, 1, 2, 3)) print(pcall(select)) print(pcall(select, "x"))
print(select(2.9, "a", "b", "c")) print(select("2", "a", "b"))
-->> passing on
local function f(...) return ... end
print(f()) print(f(nil)) print(f(1, nil, 3, nil)) print((f(1, 2))) print(f(f(1, 2), f(3, 4)))
print(f(1, 2), 3) print(3, f(1, 2)) print(({f(1, 2, 3)})[3])
-->> in tables
local function f(...) return {...}, {n = select("#", ...), ...}, {..., "x"}, {"x", ...} end
local a, b, c, d = f(1, 2, 3)
print(#a, b.n, #c, c[1], c[2], #d, d[1], d[2], d[4])
-->> with named parameters
local function f(a, b, ...) return a, b, select("#", ...), ... end
print(f()) print(f(1)) print(f(1, 2)) print(f(1, 2, 3)) print(f(1, 2, nil, nil))
-->> table.unpack round trip
local function pack(...) return {n = select("#", ...), ...} end
local p = pack(1, nil, 3, nil)
print(p.n, unpack(p, 1, p.n)) print(unpack({1, 2, 3})) print(unpack({1, 2, 3}, 2)) print(unpack({1, 2, 3}, 2, 3)) print(unpack({}, 1, 3)) print(unpack({1, 2}, 3)) print(unpack({1, 2}, -1, 1))
-->> arity adjustments
local function three() return 1, 2, 3 end
local a, b = three() print(a, b)
local a, b, c, d = three() print(a, b, c, d)
local a, b, c, d, e = 0, three() print(a, b, c, d, e)
local a, b = three(), 10 print(a, b)
local t = {three(), three()} print(#t)
print((three())) print(three(), (three()))
-->> varargs in the middle of expressions
local function f(...) local a = ... local b, c = ... return a, b, c, ... end
print(f(1, 2, 3))
local function g(...) return ... == nil, (...) end
print(g()) print(g(5))
local function h(...) return 1 + ..., (... or "d") end
print(h(2))
-->> many arguments
local t = {} for i = 1, 200 do t[i] = i end
local function sum(...) local s = 0 for i = 1, select("#", ...) do s = s + (select(i, ...)) end return s end
print(sum(unpack(t))) print(select("#", unpack(t)))
print(#{unpack(t)}, (unpack(t)))
-->> a thousand values through a call, a return and a constructor
local t = {} for i = 1, 1000 do t[i] = i end
local function id(...) return ... end
local u = {id(unpack(t))}
print(#u, u[1], u[500], u[1000], select("#", id(unpack(t))), (math.max(unpack(t))))
-->> varargs captured by a table in a closure
local function f(...) local args = {...} return function() return unpack(args) end end
print(f(1, 2, 3)()) print(f()())
-->> a vararg function that yields and resumes keeps its arguments
local co = coroutine.wrap(function(...) print(...) print(coroutine.yield(...)) print(...) return "end" end)
print(co(1, 2)) print(co(3, 4))
-->> missing arguments are nil, surplus ones are dropped
local function f(a, b) return a, b end
print(f()) print(f(1)) print(f(1, 2, 3))
print(pcall(f, 1, 2, 3, 4))
-->> string.format with varargs and trailing nils
print(string.format("%s %s", (function() return "a", "b" end)()))
print(pcall(string.format, "%s %s", (function() return "a" end)()))
-->> table constructors with many items
local t = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60}
print(#t, t[1], t[50], t[51], t[60])
local u = {unpack(t, 1, 55)} print(#u, u[51], u[55])
local v = {"a", unpack(t)} print(#v, v[51], v[61])
-->> main chunk varargs are empty
print(select("#", ...), ...)
-->> select takes any text that begins with a #
print(select("#x", 1, 2)) print(pcall(select, "x#", 1))
