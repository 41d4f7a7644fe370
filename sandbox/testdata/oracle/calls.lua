-->> tail calls do not grow the stack
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + n) end print(loop(200000, 0))
local a, b function a(n) if n == 0 then return "a" end return b(n - 1) end function b(n) if n == 0 then return "b" end return a(n - 1) end print(a(100001))
-->> tail calls through methods and varargs
local o = {} function o:f(n, ...) if n == 0 then return self == o, ... end return self:f(n - 1, ...) end print(o:f(10000, 1, 2, 3))
-->> a tail call in a condition is not one in an operand
local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end print(f(5000))
-->> a tail call of a library function
local function f(...) return select("#", ...) end print(f(1, 2, 3)) local function g(s) return s:upper() end print(g("x"))
-->> deep recursion that ends
local function depth(n) if n == 0 then return 0 end local r = depth(n - 1) return r + 1 end print(depth(10000))
-->> ackermann and hanoi
local function ack(m, n) if m == 0 then return n + 1 elseif n == 0 then return ack(m - 1, 1) else return ack(m - 1, ack(m, n - 1)) end end print(ack(2, 3))
local moves = 0 local function hanoi(n, a, b, c) if n > 0 then hanoi(n - 1, a, c, b) moves = moves + 1 hanoi(n - 1, c, b, a) end end hanoi(8, "a", "b", "c") print(moves)
-->> method calls evaluate their object once
local n = 0 local o = {v = 1} function o:m(x) return self.v + x end local function get() n = n + 1 return o end print(get():m(5), n)
-->> arguments are evaluated from left to right
local r = {} local function e(x) r[#r + 1] = x return x end print(e(1), e(2), e(3)) print(table.concat(r, ","))
-->> the function is evaluated before its arguments
local f = function() return "old" end local function swap() f = function() return "new" end end print(f(swap()))
-->> results adjusted in each position
local function two() return 1, 2 end local t = {two(), two(), x = two(), [10] = two()} print(#t, t.x, t[10]) local a, b, c = (two()), two() print(a, b, c) print(two(), two()) return two(), (two())
-->> many results
local function many(n) if n == 0 then return end return n, many(n - 1) end print(many(10)) print(select("#", many(100)))
-->> recursion through pcall
local function f(n) if n == 0 then error("bottom", 0) end local ok, e = pcall(f, n - 1) error(e .. n, 0) end print(pcall(f, 5))
-->> string method chains
print(("  Hello "):gsub("^%s+", ""):upper()) print((("x"):rep(3) .. "y"):reverse():sub(1, 2))
-->> y combinator
local Y = function(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end print(Y(function(self) return function(n) if n == 0 then return 1 end return n * self(n - 1) end end)(10))
-->> 200 locals and 250 constants
local t = {} for i = 1, 180 do t[i] = "local v" .. i .. " = " .. i end print(#t)
local a1,a2,a3,a4,a5,a6,a7,a8,a9,a10,a11,a12,a13,a14,a15,a16,a17,a18,a19,a20,a21,a22,a23,a24,a25,a26,a27,a28,a29,a30,a31,a32,a33,a34,a35,a36,a37,a38,a39,a40,a41,a42,a43,a44,a45,a46,a47,a48,a49,a50 = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50
print(a1 + a50, a25 * a2, (function() return a1 + a30 + a50 end)())
-->> comparison results as values and in conditions
local a, b = 1, 2 local x = a < b local y = a > b print(x, y, a == b, not (a == b)) local z = a < b and "lt" or "ge" print(z) print((a < b) == true, (a < b) and (b < a)) while not (a >= b) do a = a + 1 end print(a)
-->> and-or chains with calls
local n = 0 local function t(v) n = n + 1 return v end print(t(1) and t(nil) or t(3), n) print(t(false) or t(nil) and t(1), n) print(not t(nil) and t(2), n) if t(1) and (t(nil) or t(2)) and not t(false) then print("yes", n) end
-->> nested function calls in tables and arguments
local function id(...) return ... end print(id(id(1, 2), id(3, 4)), (({id(1, 2)})[2]))
