-->> locals with the names of library functions
local print, type = print, type
print(type(print))
local string = {format = function() return "own" end}
print(string.format("%d", 1), ("%d"):format(1))
-->> comment forms
--
--[
--[=
--[[
multi ]]
--[==[
]]
]=]
]==] print("after")
--[[]]print("same line")
-->> a long string drops its first newline only
print(#[[

]], [[
a
b]])
print([==[
]]]=]]==])
-->> line numbers go on through long strings and comments
local s = [[


]]
--[[


]]
error("line 9")
-->> line numbers go on through continued strings
local s = "a\
b\
c"
print(#s)
error("line 5")
-->> a semicolon ends a return
do return 1; end
-->> statements on one line
local a = 1 local b = 2 print(a + b) do local c = 3 print(c) end
-->> a call on the next line
local f = print
f
("next line")
-->> keywords as fields by brackets
local t = {["end"] = 1, ["function"] = 2}
print(t["end"], t["function"])
-->> numbers beside dots
print(1 ..2, 1. ..2, .1 ..2, 0xa ..1)
-->> a call on the next line is not ambiguous behind a name in a constructor
local function id(x) return x end
print(#{id
(5)}, ({id
(6)})[1])
