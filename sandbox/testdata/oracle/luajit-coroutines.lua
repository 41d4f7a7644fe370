-- oracle: luajit
-->> yield across pcall
local co = coroutine.create(function() local ok, v = pcall(function() local x = coroutine.yield(1) if x == "err" then error("asked", 0) end return x end) coroutine.yield(ok, v) return "end" end)
print(coroutine.resume(co)) print(coroutine.resume(co, "fine")) print(coroutine.resume(co))
-->> an error after a yield is caught by the pcall around
local co = coroutine.wrap(function() print(pcall(function() coroutine.yield() error("late") end)) return "done" end) co() print(co())
-->> yield across xpcall keeps the handler
local co = coroutine.wrap(function() print(xpcall(function(...) coroutine.yield(...) error("late", 0) end, function(e) return "handled " .. e end, 1, 2)) end) print(co()) co()
-->> yield across nested pcalls
local co = coroutine.wrap(function() return pcall(pcall, pcall, function() return coroutine.yield("y") end) end) print(co()) print(co("back"))
-->> pcall of yield itself
local co = coroutine.wrap(function() return pcall(coroutine.yield, "a") end) print(co()) print(co("b", "c"))
-->> yield in a metamethod
local mt = {__add = function(a, b) return coroutine.yield("add") end, __index = function(t, k) return coroutine.yield(k) end, __lt = function() return coroutine.yield("lt") end, __concat = function() return coroutine.yield("cat") end, __call = function(_, x) return coroutine.yield(x) end, __eq = function() return coroutine.yield("eq") end, __newindex = function(t, k, v) coroutine.yield(v) end, __unm = function() return coroutine.yield("unm") end, __le = function() return coroutine.yield("le") end}
local co = coroutine.wrap(function() local t, u = setmetatable({}, mt), setmetatable({}, mt) print(t + 1) print(t.key) print(t < u) print(t .. "x") print(t(7)) print(t == u) t.z = 5 print(-t) print(t <= u) print("a" .. "b" .. t) if t < u then print("yes") else print("no") end return "end" end)
local v = co() while v ~= "end" do print(tostring(v)) v = co("r") end
-->> yield in an iterator of a for loop
local co = coroutine.wrap(function() for v in function() return coroutine.yield("next?") end do print("v", v) end return "end" end) print(co()) print(co(1)) print(co(2)) print(co(nil))
-->> yield across a callback of the library fails
local co = coroutine.create(function() table.sort({3, 2, 1}, function(a, b) coroutine.yield() return a < b end) end) print((coroutine.resume(co)))
local co = coroutine.create(function() return (("x"):gsub(".", function() coroutine.yield() end)) end) print((coroutine.resume(co)))
-->> isyieldable
print(coroutine.isyieldable()) print(coroutine.wrap(function() return coroutine.isyieldable() end)()) print(coroutine.wrap(function() return pcall(coroutine.isyieldable) end)())
-->> running in the main chunk is nil
print(coroutine.running())
-->> wrap of a library function
print(coroutine.wrap(math.max)(1, 5, 3)) print(coroutine.resume(coroutine.create(string.rep), "x", 3)) print(pcall(coroutine.wrap(error), "e"))
-->> xpcall with arguments and nil handler
print(xpcall(function(...) return select("#", ...), ... end, print, 1, nil, 3)) print(pcall(xpcall, error)) print(pcall(xpcall, error, nil))
-->> error in the handler, again and again
print(xpcall(error, function(e) error("h") end, "x"))
print(xpcall(error, nil, "x"))
