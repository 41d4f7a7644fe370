-- oracle: luajit
-->> continue
for i = 1, 5 do if i % 2 == 0 then goto continue end print(i) ::continue:: end
-->> backward
local i = 1 ::top:: print(i) i = i + 1 if i <= 3 then goto top end
-->> out of nested loops
for i = 1, 3 do for j = 1, 3 do if i * j == 4 then goto done end print(i, j) end end ::done:: print("done")
-->> closures get a fresh variable on each way back
local f = {} do local k = 0 ::a:: local x = k f[#f + 1] = function() x = x + 1 return x end k = k + 1 if k < 3 then goto a end end
print(f[1](), f[1](), f[2](), f[3]())
-->> a label at the end of a block may be reached past locals
do goto last local x = 5 print(x) ::last:: end print("ok")
-->> a label followed by void statements
do goto last local x = 5 ::last:: ; ; ::other:: end print("ok")
-->> into the scope of a local
goto skip local x = 1 ::skip:: print(x)
-->> no such label
goto nowhere
-->> a label in an inner block is not seen
do ::inner:: end goto inner
-->> a label twice
::a:: ::a::
-->> the same label in sibling blocks
do goto a print("no") ::a:: end do goto a print("no") ::a:: end print("yes")
-->> a label in a function is not seen from an inner function
::out:: local function f() goto out end
-->> goto as a name
local goto = 5 print(goto) goto = goto + 1 print(goto)
-->> goto is a field and a call
local t = {} t.goto = 1 function t.f() return 2 end print(t.goto)
-->> break as goto within while, repeat, for
local n = 0 while true do n = n + 1 if n > 2 then goto out end end ::out:: print(n)
repeat goto fin until true ::fin:: print("fin")
-->> repeat until sees a local declared before continue
local i = 0 repeat i = i + 1 local x = i if x == 2 then goto cont end print(x) ::cont:: until i >= 3
-->> state machine
local s, n = "a", 0
::a:: n = n + 1 if n > 6 then goto e end if n % 2 == 0 then goto b end goto a
::b:: s = s .. "b" goto a
::e:: print(s, n)
-->> nested continue labels of the same name
for i = 1, 2 do for j = 1, 2 do if j == 1 then goto continue end print(i, j) ::continue:: end if i == 1 then goto continue end print("outer", i) ::continue:: end
-->> a label at the end with an upvalue open
local fs = {} for i = 1, 3 do local v = i fs[i] = function() return v end if i == 2 then goto next end v = v * 10 ::next:: end print(fs[1](), fs[2](), fs[3]())
-->> goto out of a closure's scope closes it
local g do local v = 1 g = function() v = v + 1 return v end goto o end ::o:: print(g(), g())
-->> break in the middle of a block
for i = 1, 2 do break print("no") end
-->> label before return
do goto r ::r:: return end
-->> label at the very end of a chunk
goto e do print("no") end ::e::
-->> the end of a repeat block lies within the scope of its locals
repeat goto a local x = 1 ::a:: until true
-->> the end of a block within repeat does not
local n = 0 repeat n = n + 1 do if n < 3 then goto a end local x = n print(x) ::a:: end until n == 4
-->> a later label of the block comes before an earlier one outside
local n = 0
::continue::
n = n + 1
for i = 1, 3 do
  local v = i
  local f = function() return v end
  if i == 2 and n < 3 then goto continue end
  print(n, f())
  ::continue::
end
do
  local k = n
  local f = function() k = k + 1 return k end
  print(f())
  do do if n < 3 then goto continue end end end
end
print(n)
