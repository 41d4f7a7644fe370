-->> numeric for
for i = 1, 3 do io = nil print(i) end
for i = 3, 1 do print("never") end
for i = 3, 1, -1 do print(i) end
for i = 1, 3, 2 do print(i) end
for i = 1, 0 do print("never") end
for i = 1, 1 do print("once") end
-->> fractions as steps
for i = 0, 1, 0.25 do print(i) end
for i = 1, 0, -0.5 do print(i) end
local n = 0 for i = 0, 1, 0.1 do n = n + 1 end print(n)
for i = 1.5, 3 do print(i) end
-->> limits are evaluated once and may be strings
local function v(x, s) print(s) return x end
for i = v(1, "a"), v(2, "b"), v(1, "c") do print(i) end
for i = "1", "3" do print(i, type(i)) end
for i = 10, "12", "1" do print(i) end
-->> a limit that is not a number
print(pcall(function() for i = 1, "x" do end end))
print(pcall(function() for i = {}, 1 do end end))
print(pcall(function() for i = 1, 2, nil do end end))
print(pcall(function() for i = nil, 2 do end end))
print(pcall(function() for i = 1, nil do end end))
print(pcall(function() for i = 1, 2, true do end end))
-->> infinite and NaN limits
local n = 0 for i = 1, math.huge do n = n + 1 if n == 5 then break end end print(n)
for i = 1, 0/0 do print("never") end
for i = 0/0, 1 do print("never") end
for i = 1, -math.huge do print("never") end
for i = math.huge, 1 do print("never") end
local n = 0 for i = -math.huge, 0 do n = n + 1 if n == 3 then break end end print(n)
for i = 1, 3, math.huge do print(i) end
for i = 3, 1, -math.huge do print(i) end
for i = 1, 2, 0/0 do print("never") end
-->> a step of zero going nowhere
local n = 0 for i = 1, 0, 0 do n = n + 1 if n > 3 then break end end print(n)
-->> large bounds
for i = 2^53 - 1, 2^53 do print(string.format("%.0f", i)) if i == 2^53 then break end end
for i = -3, -1 do print(i) end
for i = 2^31 - 1, 2^31 + 1 do print(i) end
for i = -2^31 - 1, -2^31 + 1 do print(i) end
-->> the loop variable is a copy
for i = 1, 3 do local j = i i = 100 print(j, i) end
-->> nested loops with break
for i = 1, 3 do for j = 1, 3 do if j == 2 then break end print(i, j) end if i == 2 then break end end
-->> while and repeat
local i = 0 while i < 3 do i = i + 1 print(i) end
repeat i = i - 1 print(i) until i <= 1
while false do print("never") end
repeat local done = true until done
local n = 0 while true do n = n + 1 if n == 3 then break end end print(n)
-->> generic for calls the iterator with state and control
local function iter(s, c) print("iter", s, c) if c < s then return c + 1, c * 10 end end
for a, b, c in iter, 2, 0 do print(a, b, c) end
-->> generic for with stateful closures and early ends
local function upto(n) local i = 0 return function() i = i + 1 if i <= n then return i end end end
for i in upto(3) do print(i) end
for i in upto(10) do if i > 2 then break end print(i) end
for i in upto(0) do print("never") end
-->> false ends a generic for only as nil does not
local t = {1, false, 3}
local i = 0
for v in function() i = i + 1 return t[i] end do print(v) end
print(i)
-->> the iterator is not a function
print(pcall(function() for x in nil do end end))
print(pcall(function() for x in 5 do end end))
print(pcall(function() for x in {} do end end))
print(pcall(function() local t = {} for x in t.missing do end end))
-->> a callable table as the iterator
local it = setmetatable({n = 0}, {__call = function(self, s, c) self.n = self.n + 1 if self.n <= 3 then return self.n, s, c end end})
for a, b, c in it, "state", "ctl" do print(a, b, c) end
-->> pairs and ipairs
for i, v in ipairs({"a", "b", nil, "d"}) do print(i, v) end
for i, v in ipairs({}) do print("never") end
for k, v in pairs({}) do print("never") end
for k, v in pairs({10}) do print(k, v) end
for k, v in pairs({x = 1}) do print(k, v) end
for i, v in ipairs({[1] = "x", [2] = "y"}) do print(i, v) end
print(pcall(ipairs)) print(pcall(pairs, nil)) print(pcall(ipairs, "x"))
-->> pairs visits all and may clear and assign while it goes
local t = {} for i = 1, 100 do t[i] = i t["k" .. i] = i end
local n, s = 0, 0 for k, v in pairs(t) do n = n + 1 s = s + v t[k] = nil end
print(n, s, next(t))
local t = {} for i = 1, 50 do t["k" .. i] = i end
local s = 0 for k, v in pairs(t) do t[k] = v * 2 s = s + v end
local s2 = 0 for k, v in pairs(t) do s2 = s2 + v end
print(s, s2)
-->> array part comes first and in order
local t = {10, 20, 30, 40} local r = {} for k, v in pairs(t) do r[#r + 1] = k .. "=" .. v end print(table.concat(r, " "))
-->> next
print(next({})) print(next({5})) print(next({a = 1})) print(next({10, 20}, 1)) print(next({10, 20}, 2)) print(next({10}, nil))
print(pcall(next)) print(pcall(next, nil)) print(pcall(next, {}, 1)) print(pcall(next, {}, "x")) print(pcall(next, {}, {}))
-->> a loop over a table that is emptied stops
local t = {1, 2, 3} for i in ipairs(t) do t[i + 1] = nil print(i) end
-->> gmatch, then nested
for w in ("a b"):gmatch("%a") do for x in ("1 2"):gmatch("%d") do print(w, x) end end
-->> deep nesting of blocks
do do do do local a = 1 do do print(a) end end end end end end
if true then if true then if true then print("in") end end end
-->> the iterator of ipairs returns nothing at the end
local f, t, i = ipairs({10}) print(f(t, i)) print(select("#", f(t, 1)))
-->> the iterator of ipairs with a control that is no number
print(pcall(function() for i, v in ipairs({1}), {5} do print(i, v) end end))
print(pcall(function() local f = ipairs({}) for i, v in f, {5, 6}, {} do print(i, v) end end))
local f = ipairs({}) for i, v in f, {5, 6, 7}, "1" do print(i, v) end
