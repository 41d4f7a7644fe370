-->> each loop turn has its own variable
local f = {}
for i = 1, 3 do f[i] = function() i = i + 1 return i end end
print(f[1](), f[1](), f[2](), f[3]())
local g = {}
for _, v in ipairs{"a", "b", "c"} do g[#g + 1] = function() return v end end
print(g[1](), g[2](), g[3]())
-->> while and repeat blocks make fresh locals
local f, i = {}, 0
while i < 3 do local j = i f[#f + 1] = function() j = j + 10 return j end i = i + 1 end
print(f[1](), f[2](), f[3](), f[1]())
local r, k = {}, 0
repeat local n = k r[#r + 1] = function() return n end k = k + 1 until n >= 2
print(r[1](), r[2](), r[3]())
-->> the condition of repeat sees locals captured in the body
local f
local n = 0
repeat local x = n f = function() return x end n = n + 1 until (function() return x >= 2 end)()
print(f(), n)
-->> two closures share one variable
local function counter() local n = 0 return function() n = n + 1 return n end, function() return n end end
local inc, get = counter()
inc() inc()
local inc2, get2 = counter()
inc2()
print(get(), get2())
-->> a variable lives on after its function returned, with many slots reused
local function make(v) local a, b, c = v, v + 1, v + 2 return function() return a + b + c end, function(x) b = x end end
local g1, s1 = make(1)
local g2, s2 = make(10)
s1(100)
local function noise(...) local a, b, c, d, e, f = ... return a end
noise(1, 2, 3, 4, 5, 6)
print(g1(), g2())
-->> upvalues through three levels
local a = 1
local function f() local b = 2 return function() local c = 3 return function() a = a + 1 b = b + 1 c = c + 1 return a, b, c end end end
local g = f()()
print(g()) print(g()) print(f()()())
-->> recursion by a local function
local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end
print(fact(10), fact(20), fact(25))
local fib = function(n) return n end
local fib = function(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(10))
-->> mutual recursion by upvalues
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
print(even(1000), odd(999), even(7))
-->> a closure made in a break path keeps its value
local f
for i = 1, 10 do local x = i * 2 if i == 3 then f = function() return x end break end end
print(f())
-->> closures over loop variables with break and later loops
local fs = {}
for i = 1, 2 do for j = 1, 2 do fs[#fs + 1] = function() return i .. j end end end
for i, f in ipairs(fs) do io = nil print(i, f()) end
-->> many upvalues
local a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
local function sum() return a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 end
a5 = 50
print(sum())
-->> parameters as upvalues
local function f(a, b, ...) local n = select("#", ...) return function(x) a = a + x return a, b, n end end
local g = f(1, 2, 3, 4, 5)
print(g(1)) print(g(10))
-->> an upvalue that is assigned in the enclosing function later
local x = 1
local function get() return x end
x = 2
print(get())
do local x = 3 print(get(), x) end
x = nil
print(get())
-->> a function stored in a field refers to itself
local t = {}
function t.f(n) if n == 0 then return "done" end return t.f(n - 1) end
print(t.f(100))
-->> equality of closures
local function mk() return function() end end
local a, b = mk(), mk()
print(a == b, a == a)
-->> accumulators and generators
local function gen(n) local i = 0 return function() i = i + 1 if i <= n then return i, i * i end end end
for i, sq in gen(4) do print(i, sq) end
-->> memoise
local function memo(f) local c = {} return function(x) local v = c[x] if v == nil then v = f(x) c[x] = v end return v end end
local calls = 0
local sq = memo(function(x) calls = calls + 1 return x * x end)
print(sq(4), sq(4), sq(5), calls)
-->> shadowed names resolve to the inner
local x = "outer"
local function f() local x = "inner" return (function() return x end)() end
print(f(), x)
-->> curry and compose
local function curry(f, n) local function go(args, k) if k == 0 then return f(unpack(args)) end return function(x) local a = {unpack(args)} a[#a + 1] = x return go(a, k - 1) end end return go({}, n) end
print(curry(function(a, b, c) return a .. b .. c end, 3)(1)(2)(3))
-->> loop variable assignment does not disturb the loop
for i = 1, 3 do local k = i i = i * 10 io = nil print(k, i) end
-->> a global function and its environment
function globalf() return globalv end
globalv = 5
print(globalf())
globalv = nil
print(globalf(), globalv)
