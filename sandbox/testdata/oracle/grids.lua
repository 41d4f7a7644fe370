-->> arithmetic of odd numbers
local v = {0, 1, -1, 0.5, -2.5, 3, 7, 1e15, -1e15, 2^53, 1e300, -1e300, 5e-324, 1/0, -1/0, 255, 1e-7}
local function p(n) if n ~= n then return "nan" end return tostring(n) end
for _, a in ipairs(v) do local r = {} for _, b in ipairs(v) do r[#r + 1] = p(a + b) r[#r + 1] = p(a - b) r[#r + 1] = p(a * b) r[#r + 1] = p(a / b) end print(table.concat(r, " ")) end
-->> modulo of odd numbers
local v = {1, -1, 0.5, -2.5, 3, -7, 5.25, 1e15, -1e15, 2^53, 1e10, 255, 1e-3}
for _, a in ipairs(v) do local r = {} for _, b in ipairs(v) do r[#r + 1] = tostring(a % b) end print(table.concat(r, " ")) end
-->> powers
local v = {0, 1, -1, 0.5, 2, -2, 3, 10, 1/0}
for _, a in ipairs(v) do local r = {} for _, b in ipairs(v) do local x = a ^ b r[#r + 1] = x ~= x and "nan" or tostring(x) end print(table.concat(r, " ")) end
-->> comparisons of odd numbers and texts
local v = {0, -0.5, 1e15, 1/0, -1/0, 0/0, 3}
for _, a in ipairs(v) do local r = {} for _, b in ipairs(v) do r[#r + 1] = (a < b and "1" or "0") .. (a <= b and "1" or "0") .. (a == b and "1" or "0") .. (a > b and "1" or "0") .. (a >= b and "1" or "0") end print(table.concat(r, " ")) end
local s = {"", "a", "A", "aa", "ab", "b", "\0", "a\0", "\255", "10", "9"}
for _, a in ipairs(s) do local r = {} for _, b in ipairs(s) do r[#r + 1] = (a < b and "1" or "0") .. (a <= b and "1" or "0") .. (a == b and "1" or "0") end print(table.concat(r, " ")) end
-->> numbers in all formats
local v = {0, 1, -1, 10, 123456, -123456, 0.1, -0.1, 1.05, 99.995, 1e5, 1e6, 1e15, 123456789.123, 1e-5, 1.5e-10, 2^31, 2^53, 1e100, 1/3, 2/3, 1e21, 0.00012345, 5e-324, 1.7976931348623157e308}
for _, f in ipairs{"%g", "%.3g", "%10.4g|", "%-12g|", "%+g", "%#g", "%e", "%.2e", "%E", "%12.3e|", "%.10g", "%.14g", "%.17g", "%G", "% g", "%012g"} do local r = {} for i, x in ipairs(v) do r[i] = f:format(x) end print(f, table.concat(r, " ")) end
for _, f in ipairs{"%f", "%.3f", "%10.2f|", "%-10.2f|", "%+f", "%010.3f", "%.6f"} do local r = {} for i, x in ipairs(v) do if math.abs(x) < 1e22 then r[#r + 1] = f:format(x) end end print(f, table.concat(r, " ")) end
-->> integers in all formats
local v = {0, 1, -1, 7, 8, 255, -255, 65535, 2^31, 2^32, 2^40, -2^31, 2^52}
for _, f in ipairs{"%d", "%5d|", "%-5d|", "%05d", "%+d", "% d", "%.4d", "%8.4d|", "%-8.4d|", "%i"} do local r = {} for i, x in ipairs(v) do r[i] = f:format(x) end print(f, table.concat(r, " ")) end
for _, f in ipairs{"%x", "%X", "%#x", "%08x", "%-8x|", "%o", "%#o", "%u", "%.6x"} do local r = {} for i, x in ipairs(v) do if x >= 0 then r[#r + 1] = f:format(x) end end print(f, table.concat(r, " ")) end
-->> texts in all formats
for _, f in ipairs{"%s", "%5s|", "%-5s|", "%.2s|", "%5.1s|", "%-5.1s|", "%.0s|", "%1s", "%10.10s|"} do local r = {} for i, x in ipairs{"", "a", "ab", "abcdef", "a b", "123"} do r[i] = f:format(x) end print(f, table.concat(r, " ")) end
-->> how numbers print
local v = {} for e = -20, 20 do v[#v + 1] = 10 ^ e v[#v + 1] = 1.2345678901234567 * 10 ^ e v[#v + 1] = -9.9999999999999 * 10 ^ e end
for i = 1, #v, 6 do print(v[i], v[i + 1], v[i + 2], v[i + 3], v[i + 4], v[i + 5]) end
for e = 0, 70 do io = nil print(2 ^ e, 2 ^ -e, 3 ^ e) end
for i = 1, 60 do print(i / 7, 1000 / i, i * 1e13 / 3) end
-->> texts as numbers
for _, s in ipairs{"0", "00", "1", "-1", "+1", " 1", "1 ", " 1 ", "\t1\n", "1 1", "1a", "a1", "", " ", "-", "+", ".", "-.", "1.", ".1", "-.1", "1.1.1", "1e", "1e1", "1E1", "1e+1", "1e-1", "1e+", "e1", "1e1.5", "0x", "0x1", "0X1", "0xa", "0xA", "0xg", "-0x1", "+0x1", "0x-1", "1x", "1e308", "1e309", "-1e309", "1e-400", "999999999999999999999", "0.000000000000000000001", "1,5", "1_0", "١", "--1", "- 1", "1-", "0x1e1", "1d", "1f", "0b", "1e1e1", "1 e1", "in", "na", "nil", "true", "0x7fffffffffffff", "1234567890", "3.14159", "  0x10  ", "0x 10"} do print(("%q"):format(s), tonumber(s), pcall(function() return s + 0 end)) end
-->> texts as numbers of other bases
for _, b in ipairs{2, 3, 8, 10, 16, 35, 36} do local r = {} for _, s in ipairs{"0", "1", "2", "10", "101", "77", "8", "ff", "FF", "z", "Z", "zz", " 11 ", "1.1", "", " ", "1 1", "12345678901234567890", "deadbeef", "g"} do r[#r + 1] = tostring(tonumber(s, b)) end print(b, table.concat(r, " ")) end
-->> sub over all indexes
for _, s in ipairs{"", "a", "hello"} do for i = -7, 7 do local r = {} for j = -7, 7 do r[#r + 1] = "[" .. s:sub(i, j) .. "]" end print(i, table.concat(r)) end end
-->> byte over all indexes
for _, s in ipairs{"", "a", "xyz"} do for i = -5, 5 do local r = {} for j = -5, 5 do r[#r + 1] = table.concat({s:byte(i, j)}, ",") end print(i, table.concat(r, "|")) end end
-->> find from all starts
for _, s in ipairs{"", "a", "aXbXc"} do for i = -7, 7 do print(i, s:find("X", i), "|", s:find("", i), "|", s:find(".", i), "|", s:find("X", i, true), "|", s:match("()X", i), "|", s:find("^.", i)) end end
-->> patterns over texts
local subjects = {"", "a", "hello world", "key=val; k2 = v2", "  spaces  ", "a.b.c", "(a(b)c)", "[[x]]", "123abc456", "aaa", "abcabc", "THE (Quick) fox", "a,b,,c", "%d^$", "\1\2\3tab\tnl\n", "x1y22z333", "\"quoted\" 'text'", "-5 +6", "äöü"}
local patterns = {"", "a", "a*", "a+", "a-", "a?", ".", ".*", ".-", ".+", "^", "$", "^$", "^a", "a$", "^.*$", "%a", "%a+", "%d+", "%s+", "%S+", "%w+", "%W", "%p", "%l+", "%u", "%c", "%x+", "[abc]+", "[^abc]+", "[a-c]+", "[%a_][%w_]*", "[^%s]+", "[%d.]+", "[]]", "[^]]", "[%]]", "[-a]", "[a-]", "(.)", "(.)(.)", "(.)%1", "()", "()a()", "(a)(b)", "((a)(b))", "%b()", "%b[]", "%b''", "%f[%w]%w+", "%f[%a]", "%f[%A]", "(%w+)%s*=%s*(%w+)", "(%w+), ?(%w+)", "%.", "%%", "%^", "%$", "^%s*(.-)%s*$", "([^,]*),", "a.-c", "a.*c", "(a.-)(c)", "%a%d", "%D+", "%w%W%w", "[^\n]+", "a*b*c*", "b*", "c-$", "(%d)(%d)(%d)", "l+o", "x?y?z?", "%z", "[%z]", "\"(.-)\"", "([\"'])(.-)%1", "[+-]?%d+", "[%w%-]+", "%S*$"}
local function show(...) local r = {} for i = 1, select("#", ...) do r[i] = tostring((select(i, ...))) end return (table.concat(r, ","):gsub("[%c\128-\255]", function(c) return "\\" .. c:byte() end)) end
for _, p in ipairs(patterns) do local r = {} for _, s in ipairs(subjects) do r[#r + 1] = show(s:find(p)) end print(show(p) .. "  " .. table.concat(r, " ")) end
-->> replacements over texts
local subjects = {"", "a", "hello world", "key=val; k2 = v2", "(a(b)c)", "aaa", "a,b,,c", "x1y22z333"}
local patterns = {"", "a", "a*", "a-", ".", "%w+", "(%w)(%w*)", "()", "%b()", "%f[%w]", "$", "^", "^a", "[,=]", "(%d+)", "(a)|?", "o?"}
local replacements = {"", "x", "<%0>", "%1", "[%1%1]", "%%"}
for _, p in ipairs(patterns) do for _, s in ipairs(subjects) do local r = {} for _, x in ipairs(replacements) do local ok, a, n = pcall(string.gsub, s, p, x) r[#r + 1] = ok and a .. ":" .. n or "E" end for _, n in ipairs{0, 1, 2} do local a, k = s:gsub(p, "-", n) r[#r + 1] = a .. ":" .. k end print(p, s, table.concat(r, " ")) end end
-->> gmatch over texts
local subjects = {"", "a", "hello world", "a,b,,c", "k=v, x=y", "aaa", "1 22 333"}
for _, p in ipairs{"", "a", "a*", "%w+", "[^,]*", "[^,]+", "(%w)=(%w)", "()", "%d+", ".", "%f[%w]%w", "$", "^a"} do for _, s in ipairs(subjects) do local r = {} for a, b in s:gmatch(p) do r[#r + 1] = tostring(a) .. (b and ":" .. b or "") if #r > 40 then break end end print(p, s, table.concat(r, " ")) end end
-->> unpack, select, concat over ranges
local t = {1, 2, 3} for i = -1, 4 do for j = -1, 4 do print(i, j, unpack(t, i, j)) end end
for i = 1, 4 do print(select(i, "a", "b", "c")) end for i = -3, -1 do print(select(i, "a", "b", "c")) end
for i = 1, 4 do for j = 0, 3 do print(i, j, pcall(table.concat, t, "-", i, j)) end end
-->> insert and remove over positions
for i = 1, 4 do local t = {"a", "b", "c"} table.insert(t, i, "x") print(i, table.concat(t, ",")) end
for i = 1, 3 do local t = {"a", "b", "c"} print(i, table.remove(t, i), table.concat(t, ",")) end
-->> floor, ceil, abs, modf, fmod over odd numbers
for _, x in ipairs{0, 0.5, -0.5, 1, -1, 1.5, -1.5, 2.5, 1e15, -1e15, 1e300, 2^52 + 0.5, 1/0, -1/0, 0.1, -7.9} do print(x, math.floor(x), math.ceil(x), math.abs(x), math.modf(x)) end
for _, a in ipairs{5, -5, 5.5, -5.5, 1e15, 0} do local r = {} for _, b in ipairs{3, -3, 0.5, 7, 1e10, 1/0} do r[#r + 1] = tostring(math.fmod(a, b)) end print(a, table.concat(r, " ")) end
-->> for loops over bounds
for _, l in ipairs{{1, 3, 1}, {3, 1, -1}, {1, 3, 2}, {1, 3, -1}, {0, 1, 0.25}, {1, 1, 1}, {1, 0, 1}, {-1, 1, 1}, {1.5, 3.5, 1}, {10, 1, -4}, {0, -1, -0.5}, {1, 2, 0.3}, {2^53 - 4, 2^53 - 2, 1}, {-3, -1, 1}, {5, 5, -1}, {1e15, 1e15 + 2, 1}} do local r = {} for i = l[1], l[2], l[3] do r[#r + 1] = string.format("%.17g", i) end print(l[1], l[2], l[3], table.concat(r, " ")) end
-->> truth of values in every place
for _, v in ipairs{0, 1, "", "x", true, false, {}, print} do local r = {} r[1] = v and "and" or "or" r[2] = tostring(not v) r[3] = tostring(not not v) if v then r[4] = "if" else r[4] = "else" end local n = 0 while v and n < 1 do n = n + 1 end r[5] = n repeat n = n + 1 until v or n > 3 r[6] = n print(type(v), table.concat(r, " ")) end
-->> equality of values of every type
local t, f, c = {}, print, coroutine.create(function() end) local v = {0, "0", 1, "1", true, false, "true", t, {}, f, c, "", 0.5} for i, a in ipairs(v) do local r = {} for j, b in ipairs(v) do r[#r + 1] = (a == b) and "1" or "0" end print(table.concat(r)) end
-->> errors of operators on values of every type
local t, f = {}, print local v = {1, "x", "5", true, t, f} local function try(g, a, b) local ok, e = pcall(g, a, b) if ok then return type(e) end return (tostring(e):gsub("^case:%d+: ", "")) end
for _, a in ipairs(v) do for _, b in ipairs(v) do print(type(a), type(b), try(function(a, b) return a + b end, a, b), try(function(a, b) return a .. b end, a, b), try(function(a, b) return a < b end, a, b), try(function(a, b) return a[b] end, a, b)) end print(type(a), try(function(a) return -a end, a), try(function(a) return #a end, a), try(function(a) local r = a() return r end, a == f and os.clock or a)) end
