-->> values both ways
local co = coroutine.create(function(a, b) print("start", a, b) local c = coroutine.yield(a + b) print("got", c) local d, e = coroutine.yield(c * 2) print("got", d, e) return "end", 99 end)
print(coroutine.resume(co, 1, 2)) print(coroutine.status(co)) print(coroutine.resume(co, 10)) print(coroutine.resume(co, "x", "y")) print(coroutine.status(co)) print(coroutine.resume(co))
-->> wrap
local f = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(f(), f(), f()) print(f()) print(pcall(f))
for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do print(v) end
-->> status of each kind
local co co = coroutine.create(function() print(coroutine.status(co)) local inner = coroutine.create(function() print("outer is", coroutine.status(co)) end) coroutine.resume(inner) print(coroutine.status(inner)) coroutine.yield() end)
print(coroutine.status(co)) coroutine.resume(co) print(coroutine.status(co)) coroutine.resume(co) print(coroutine.status(co))
-->> resume of itself and of a running one
local co co = coroutine.create(function() return coroutine.resume(co) end) print(coroutine.resume(co))
local co co = coroutine.wrap(function() return pcall(co) end) print(co())
local outer outer = coroutine.create(function() local inner = coroutine.create(function() return coroutine.resume(outer) end) return coroutine.resume(inner) end) print(coroutine.resume(outer))
-->> running
local co = coroutine.create(function() return type(coroutine.running()) end) print(coroutine.resume(co))
local c c = coroutine.create(function() return coroutine.running() == c end) print(coroutine.resume(c))
-->> yield outside of a coroutine fails
print((pcall(coroutine.yield, 1)))
-->> yield through nested Lua calls
local function rec(n) if n == 0 then coroutine.yield("bottom") return "up" end return (rec(n - 1)) end
local co = coroutine.create(rec) print(coroutine.resume(co, 50)) print(coroutine.resume(co))
-->> generators of permutations
local function permgen(a, n) n = n or #a if n <= 1 then coroutine.yield(a) else for i = 1, n do a[n], a[i] = a[i], a[n] permgen(a, n - 1) a[n], a[i] = a[i], a[n] end end end
for p in coroutine.wrap(function() permgen{1, 2, 3} end) do print(table.concat(p, " ")) end
-->> producer and consumer
local function producer() return coroutine.create(function() for _, v in ipairs{"a", "b", "c"} do coroutine.yield(v) end end) end
local function filter(p) return coroutine.create(function() local n = 1 while true do local _, x = coroutine.resume(p) if not x then return end coroutine.yield(n .. ":" .. x) n = n + 1 end end) end
local f = filter(producer()) while true do local _, v = coroutine.resume(f) if not v then break end print(v) end
-->> many values
local t = {} for i = 1, 200 do t[i] = i end
local co = coroutine.create(function(...) local n = select("#", ...) local m = select("#", coroutine.yield(...)) return n, m end)
print(select("#", coroutine.resume(co, unpack(t)))) print(coroutine.resume(co, unpack(t)))
-->> closures over a coroutine's locals outlive it
local get local co = coroutine.create(function() local x = 1 get = function() x = x + 1 return x end coroutine.yield() x = 10 end)
coroutine.resume(co) print(get(), get()) coroutine.resume(co) print(get())
-->> upvalues shared between main and coroutine
local n = 0 local co = coroutine.wrap(function() while true do n = n + 1 coroutine.yield(n) end end) co() n = 10 print(co(), n)
-->> an error leaves it dead with its message
local co = coroutine.create(function() local x = nil; return x.y end) print(coroutine.resume(co)) print(coroutine.status(co)) print(coroutine.resume(co))
-->> pcall inside a coroutine without yield
local co = coroutine.create(function() local ok, e = pcall(error, "inner", 0) coroutine.yield(e) error("outer", 0) end) print(coroutine.resume(co)) print(coroutine.resume(co)) print(coroutine.status(co))
-->> wrap passes errors on with their position
local w = coroutine.wrap(function() error("msg") end) print(pcall(w)) local w = coroutine.wrap(function() error({c = 5}) end) local ok, e = pcall(w) print(ok, e.c)
-->> a dead wrap
local w = coroutine.wrap(function() end) w() print(pcall(w))
-->> scheduler round robin
local tasks, out = {}, {}
for i = 1, 3 do tasks[i] = coroutine.create(function() for j = 1, i do out[#out + 1] = i .. "." .. j coroutine.yield() end end) end
while #tasks > 0 do for i = #tasks, 1, -1 do coroutine.resume(tasks[i]) if coroutine.status(tasks[i]) == "dead" then table.remove(tasks, i) end end end
print(table.concat(out, " "))
-->> resume passes nothing
local co = coroutine.create(function(...) print(select("#", ...)) print(select("#", coroutine.yield())) end) coroutine.resume(co) coroutine.resume(co, nil, nil)
-->> tail calls in coroutines
local function loop(n) if n == 0 then return coroutine.yield("y") end return loop(n - 1) end local co = coroutine.create(loop) print(coroutine.resume(co, 10000)) print(coroutine.resume(co, 1, 2))
-->> coroutine per item
local s = 0 for i = 1, 500 do local co = coroutine.wrap(function(x) local y = coroutine.yield(x * 2) s = s + y end) co(co(i) or 0) end print(s)
-->> nested wraps as iterators
local function walk(t) if t then walk(t.l) coroutine.yield(t.v) walk(t.r) end end
local tree = {v = 4, l = {v = 2, l = {v = 1}, r = {v = 3}}, r = {v = 6, l = {v = 5}}} local r = {} for v in coroutine.wrap(function() walk(tree) end) do r[#r + 1] = v end print(table.concat(r, ","))
-->> checks of arguments
print(pcall(coroutine.status, 1)) print(pcall(coroutine.wrap, 1)) print(pcall(coroutine.create)) print(pcall(coroutine.resume))
