-->> insert and remove
local t = {} table.insert(t, "a") table.insert(t, "c") table.insert(t, 2, "b") table.insert(t, 1, "z") print(table.concat(t, ","))
print(table.remove(t), table.concat(t, ",")) print(table.remove(t, 1), table.concat(t, ",")) print(table.remove(t, 5)) print(table.remove({})) print(table.remove({}, 1), #t)
print(select("#", table.remove({}))) print(select("#", table.insert({}, 1)))
-->> insert at odd places
local t = {1, 2, 3} table.insert(t, 4, "end") print(table.concat(t, ",")) table.insert(t, 0, "zero") print(t[0], t[1])
-->> concat
print(table.concat({}), table.concat({"a"}), table.concat({"a", "b"}), table.concat({1, 2, 3}, ", ")) print(table.concat({1, 2, 3}, ",", 2), table.concat({1, 2, 3}, ",", 2, 2), table.concat({1, 2, 3}, ",", 3, 2)) print(table.concat({1.5, "x", 2}, 0)) print(pcall(table.concat, {1, nil, 3}, ",", 1, 3)) print(pcall(table.concat, {true})) print(table.concat({[5] = "five", [6] = "six"}, "-", 5, 6))
-->> sort of numbers and strings
local t = {5, 2, 8, 1, 9, 3} table.sort(t) print(table.concat(t, " ")) table.sort(t, function(a, b) return a > b end) print(table.concat(t, " "))
local t = {"pear", "apple", "fig", "Banana", "10", "9"} table.sort(t) print(table.concat(t, " ")) table.sort(t, function(a, b) return #a < #b or #a == #b and a < b end) print(table.concat(t, " "))
local t = {} table.sort(t) print(#t) t = {1} table.sort(t) print(t[1]) t = {2, 1} table.sort(t) print(t[1], t[2])
local t = {3, 3, 1, 1, 2, 2} table.sort(t) print(table.concat(t, " "))
-->> sort of many
local t, x = {}, 42 for i = 1, 1000 do x = (x * 1103515245 + 12345) % 2147483648 t[i] = x end table.sort(t) local ok = true for i = 2, #t do if t[i - 1] > t[i] then ok = false end end print(ok, #t, t[1], t[1000])
table.sort(t, function(a, b) return a > b end) for i = 2, #t do if t[i - 1] < t[i] then ok = false end end print(ok, t[1])
local t = {} for i = 1, 500 do t[i] = i end table.sort(t) print(t[1], t[250], t[500]) local t = {} for i = 1, 500 do t[i] = 501 - i end table.sort(t) print(t[1], t[250], t[500]) local t = {} for i = 1, 500 do t[i] = 7 end table.sort(t) print(t[1], t[500])
-->> sort of records by several keys
local t = {{n = "b", v = 2}, {n = "a", v = 2}, {n = "c", v = 1}} table.sort(t, function(x, y) if x.v ~= y.v then return x.v < y.v end return x.n < y.n end) for _, r in ipairs(t) do print(r.n, r.v) end
-->> sort by metamethod
local mt = {__lt = function(a, b) return a.v < b.v end} local t = {} for i, v in ipairs{3, 1, 2} do t[i] = setmetatable({v = v}, mt) end table.sort(t) print(t[1].v, t[2].v, t[3].v)
-->> sort of what cannot be compared
print(pcall(table.sort, {1, "x"})) print(pcall(table.sort, {{}, {}})) print(pcall(table.sort, {1, 2, nil, 4}, function() error("cmp", 0) end)) print(pcall(table.sort, 5)) print(pcall(table.sort, {2, 1}, 5))
-->> an order function that is always true or always false ends
print((pcall(table.sort, {1, 2, 3}, function() return true end)) ~= nil) print(pcall(table.sort, {3, 1, 2}, function() return false end))
-->> an order function that changes the table ends
local t = {5, 4, 3, 2, 1} print((pcall(table.sort, t, function(a, b) t[1] = 0 return a < b end)) ~= nil)
-->> the length of tables without holes
print(#{}, #{1}, #{1, 2, 3}, #{n = 1}, #"abc") local t = {} for i = 1, 100 do t[i] = i print = print if #t ~= i then error() end end for i = 100, 1, -1 do t[i] = nil if #t ~= i - 1 then error() end end print(#t)
local t = {} t[1] = 1 t[2] = 2 t[4] = 4 print(#t == 2 or #t == 4) t[3] = 3 print(#t)
-->> appending far and filling backwards
local t = {} for i = 10, 1, -1 do t[i] = i end print(#t, t[5]) local s = 0 for k, v in pairs(t) do s = s + v end print(s)
-->> negative, zero and fractional keys
local t = {[0] = "zero", [-1] = "minus", [1.5] = "frac"} print(t[0], t[-1], t[1.5], #t) t[1] = "one" print(#t)
-->> keys of every type
local f, c = function() end, coroutine.create(function() end) local t = {[true] = 1, [f] = 2, [c] = 3, [1] = 4, ["1"] = 5, [print] = 6} print(t[true], t[f], t[c], t[1], t["1"], t[print], t[false])
-->> deletion and reinsertion
local t = {} for r = 1, 5 do for i = 1, 100 do t[i .. "k"] = i end for i = 1, 100 do t[i .. "k"] = nil end end print(next(t)) t.x = 1 print(next(t))
-->> getn, maxn, foreach as they still are in 5.1
print(table.maxn({1, 2, 3}), table.maxn({[10] = 1, [2.5] = 1}), table.maxn({}), table.maxn({x = 1}))
print(table.getn({1, 2, 3})) table.foreach({10, 20}, print) table.foreachi({10, 20}, function(i, v) print(i, v) if i == 1 then return "stop" end end) print(table.foreachi({1}, function() return 5 end)) print(table.foreach({x = 1}, function(k, v) return k end))
-->> queue and stack
local q = {} for i = 1, 5 do q[#q + 1] = i end local s = "" while #q > 0 do s = s .. table.remove(q, 1) end print(s) for i = 1, 5 do table.insert(q, i) end s = "" while #q > 0 do s = s .. table.remove(q) end print(s)
-->> matrix
local m = {} for i = 1, 3 do m[i] = {} for j = 1, 3 do m[i][j] = i * j end end for i = 1, 3 do print(table.concat(m[i], " ")) end
-->> unpack with odd ranges
print(unpack({1, 2, 3}, -1, 1)) print(unpack({}, 0, 0)) print(select("#", unpack({}, 1, 0))) print(unpack({1, 2}, 2, 1)) print(pcall(unpack, {}, 1, 1e7) == false) print(unpack({1, 2, 3}, "2", "3"))
-->> insert moves nil holes the same
local t = {1, 2, 3} t[5] = 5 table.insert(t, 1, 0) print(t[1], t[2], t[3], t[4])
-->> copying deep structures with cycles
local function copy(o, seen) seen = seen or {} if type(o) ~= "table" then return o end if seen[o] then return seen[o] end local c = {} seen[o] = c for k, v in pairs(o) do c[copy(k, seen)] = copy(v, seen) end return c end
local a = {x = {1, 2}} a.self = a local b = copy(a) print(b.self == b, b ~= a, b.x[2], b.x ~= a.x)
-->> equal elements stay in the order of the same algorithm
local t, order, n = {}, {}, 0
for i = 1, 60 do t[i] = {k = (i * 7) % 13, i = i} end
table.sort(t, function(a, b) n = n + 1 return a.k < b.k end)
for i = 1, #t do order[i] = t[i].i end
print(n, table.concat(order, " "))
-->> the comparisons of a sort
local log = {}
table.sort({5, 2, 9, 1, 7, 3, 8}, function(a, b) log[#log + 1] = a .. "<" .. b return a < b end)
print(table.concat(log, " "))
-->> what a library has may be assigned to it again
table.unpack = table.unpack or unpack
string.format = string.format
math.none = nil
print(table.unpack == unpack, math.none, ("%d"):format(1))
