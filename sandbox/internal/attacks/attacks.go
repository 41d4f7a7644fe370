// Package attacks lists programs that want to harm their host: every known way
// out of a Lua sandbox, and every known way to take its time or its memory.
package attacks

import "strings"

func nest(open, core, shut string, n int) func() string {
	return func() string { return strings.Repeat(open, n) + core + strings.Repeat(shut, n) }
}

// labels makes a source of so many labels.
func labels(n int, between string) func() string {
	return func() string {
		var b strings.Builder
		for i := range n {
			b.WriteString("::l" + itoa(i) + "::" + between)
		}
		return b.String()
	}
}

func repeat(before, part string, n int, after string) func() string {
	return func() string { return before + strings.Repeat(part, n) + after }
}

// Attack is one program that wants to harm its host.
type Attack struct {
	src string
	// gen makes the source where it is long.
	gen func() string
	// want names the ends that are allowed, with bars between: the error kinds
	// of package sandbox and "done".
	want string
	// Out is what the chunk must return, where it returns at all and Out is set.
	Out string
	// Open gives the script every library function that there is.
	Open bool
}

// Source returns the program.
func (a Attack) Source() string {
	if a.gen != nil {
		return a.gen()
	}
	return a.src
}

// MayEnd tells whether the program may end so: "done" or the name of an error kind.
func (a Attack) MayEnd(how string) bool {
	for w := range strings.SplitSeq(a.want, "|") {
		if w == how {
			return true
		}
	}
	return false
}

// Want returns the allowed ends, with bars between.
func (a Attack) Want() string { return a.want }

// All lists every known way out of a Lua sandbox and every known way to
// take its host's time or memory, by a sentence that says what is tried.
func All() map[string]Attack {
	const overrun = "instructions|memory"
	const ended = "done|runtime|instructions|memory"
	return map[string]Attack{
		// Time.
		"endless while":                            {src: `while true do end`, want: "instructions"},
		"endless repeat":                           {src: `repeat until false`, want: "instructions"},
		"endless goto":                             {src: `::a:: goto a`, want: "instructions"},
		"goto maze":                                {src: `local i = 0 ::a:: i = i + 1 goto b ::c:: i = i - 1 goto a ::b:: if i % 2 == 0 then goto c end goto a`, want: "instructions"},
		"endless for by an infinite limit":         {src: `for i = 1, math.huge do end`, want: "instructions"},
		"endless for by a tiny step":               {src: `for i = 1, 2, 1e-300 do end`, want: "instructions"},
		"for with NaN bounds":                      {src: `local n = 0 for i = 0/0, 0/0, 0/0 do n = n + 1 end return n`, want: "done", Out: "0"},
		"for with a zero step":                     {src: `for i = 1, 10, 0 do end`, want: "instructions|runtime|done"},
		"for with a step too small to count":       {src: `for i = 2^53, 2^53 + 2, 0.1 do end`, want: "instructions"},
		"for backwards from infinity":              {src: `for i = math.huge, 1, -1 do end`, want: "instructions"},
		"endless generic for":                      {src: `for x in function() return 1 end do end`, want: "instructions"},
		"endless recursion by tail calls":          {src: `local function f() return f() end f()`, want: "instructions"},
		"endless tail calls with arguments":        {src: `local function f(...) return f(1, ...) end return f()`, want: "instructions|memory|runtime"},
		"endless tail calls through __call":        {Open: true, src: `local t = setmetatable({}, {__call = function(self) return self() end}) t()`, want: "instructions|memory|runtime"},
		"endless mutual tail calls":                {src: `local a, b function a() return b() end function b() return a() end a()`, want: "instructions"},
		"endless tail calls of pcall":              {src: `local function f() return pcall(f) end return f()`, want: ended},
		"pcall swallows the budget":                {src: `while true do pcall(function() while true do end end) end`, want: "instructions"},
		"pcall of pcall swallows the budget":       {src: `local function f() while true do end end while true do pcall(pcall, pcall, f) end`, want: "instructions"},
		"pcall around an overrun goes on":          {src: `local ok = pcall(function() while true do end end) return "survived"`, want: "instructions"},
		"xpcall handler after an overrun":          {src: `xpcall(function() while true do end end, function() while true do end end) return "survived"`, want: "instructions"},
		"xpcall handler that loops":                {src: `xpcall(error, function() while true do end end)`, want: "instructions"},
		"xpcall handler that fails for ever":       {src: `local function h(e) return error(e) end for i = 1, 1e9 do xpcall(error, h, "x") end`, want: overrun},
		"xpcall handler that calls xpcall":         {src: `local function h() return (xpcall(error, h)) end return xpcall(error, h)`, want: ended},
		"coroutine swallows the budget":            {src: `while true do coroutine.resume(coroutine.create(function() while true do end end)) end`, want: overrun},
		"wrap swallows the budget":                 {src: `while true do pcall(coroutine.wrap(function() while true do end end)) end`, want: overrun},
		"coroutine inside pcall inside coroutine":  {src: `while true do coroutine.wrap(function() pcall(function() coroutine.wrap(function() while true do end end)() end) end)() end`, want: overrun},
		"yield ping-pong":                          {src: `local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end`, want: "instructions"},
		"sort with an endless comparator":          {src: `table.sort({3, 2, 1}, function() while true do end end)`, want: "instructions"},
		"pcall of sort with an endless comparator": {src: `while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end`, want: "instructions"},
		"gsub with an endless callback":            {src: `("x"):gsub(".", function() while true do end end)`, want: "instructions"},
		"metamethods that loop":                    {Open: true, src: `local t = setmetatable({}, {__index = function() while true do end end, __add = function() while true do end end}) pcall(function() return t + 1 end) return t.x`, want: "instructions"},
		"tostring that loops":                      {Open: true, src: `tostring(setmetatable({}, {__tostring = function() while true do end end}))`, want: "instructions"},
		"comparison that loops in sort":            {Open: true, src: `local mt = {__lt = function() while true do end end} table.sort({setmetatable({}, mt), setmetatable({}, mt)})`, want: "instructions"},
		"error with a message handler chain":       {src: `local function f(n) return xpcall(f, f, n) end f(1)`, want: ended},

		// Time in library functions.
		"pattern with nested repetition":               {src: `return ("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40))`, want: "instructions|done"},
		"pattern of many stars":                        {src: `return ("a"):rep(5000):find((".*"):rep(20) .. "b")`, want: "instructions"},
		"pattern of many lazy stars":                   {src: `return ("a"):rep(5000):match((".-"):rep(20) .. "b")`, want: "instructions"},
		"pattern of many captures":                     {src: `return ("a"):rep(5000):match(("(.-)"):rep(20) .. "b")`, want: "instructions"},
		"pattern in gsub over a long text":             {src: `return ("a"):rep(20000):gsub(".-b", "x")`, want: "instructions"},
		"pattern in gmatch over a long text":           {src: `for w in ("a"):rep(20000):gmatch("a*b") do end`, want: "instructions"},
		"pattern of optional items":                    {src: `return ("x"):rep(100000):find("x?x?x?x?x?x?x?x?x?x?y")`, want: "instructions"},
		"pattern with balance of long text":            {src: `return ("("):rep(20000):find("%b()")`, want: "instructions"},
		"pattern in pcall in a loop":                   {src: `while true do pcall(string.find, ("a"):rep(3000), (".*"):rep(10) .. "b") end`, want: "instructions"},
		"pattern nested in captures":                   {src: `return ("x"):rep(100):match(("("):rep(200) .. "x" .. (")"):rep(200))`, want: "runtime"},
		"pattern of a hundred thousand items":          {src: `return ("a"):rep(100000):match(("a"):rep(100000))`, want: ended},
		"pattern of a long maximal expansion":          {src: `return #("a"):rep(100000):match("a*a*a*a*$")`, want: ended},
		"pattern with deep single-character recursion": {src: `return ("a"):rep(200000):match(("a-"):rep(50) .. "$")`, want: ended},
		"pattern set without end":                      {src: `return pcall(string.find, ("a"):rep(100), ("["):rep(1000))`, want: "done|runtime"},
		"pattern of a long set":                        {src: `return ("b"):rep(20000):find("[" .. ("a"):rep(20000) .. "]")`, want: "instructions"},
		"pattern whose sets dodge the meter":           {src: `local s = ("a"):rep(100000) for n = 100, 160 do local p = "[^" .. ("b"):rep(n) .. "]*" for i = 1, 200 do s:find(p .. "c", i) s:find(p .. p .. "c", 99000) end end`, want: "instructions"},
		"pattern of a set of 100,000 characters":       {src: `local s, p = ("a"):rep(1000), "[" .. ("b"):rep(100000) .. "]" while true do s:find(p) s:gsub(p, "") end`, want: "instructions|memory"},
		"pattern with back references":                 {src: `return ("a"):rep(3000):match("(.-)(.-)%1%2b")`, want: "instructions"},
		"pattern with the frontier everywhere":         {src: `return ("a"):rep(3000):match(("%f[%w].-"):rep(30) .. "b")`, want: "instructions|done"},
		"plain find of a needle in a haystack":         {src: `local h, n = ("a"):rep(100000), ("a"):rep(50000) .. "b" while true do h:find(n, 1, true) end`, want: "instructions"},
		"upper of a long text in a loop":               {src: `local s = ("x"):rep(100000) while true do s:upper() end`, want: overrun},
		"reverse of a long text in a loop":             {src: `local s = ("x"):rep(100000) while true do s:reverse() end`, want: overrun},
		"byte of a long text in a loop":                {src: `local s = ("x"):rep(100000) while true do pcall(string.byte, s, 1, -1) end`, want: overrun},
		"comparison of long texts in a loop":           {src: `local a, b = ("x"):rep(100000) .. "a", ("x"):rep(100000) .. "b" while true do local _ = a < b end`, want: overrun},
		"equality of long texts in a loop":             {src: `local a, b = ("x"):rep(100000) .. "a", ("x"):rep(100000) .. "b" while true do local _ = a == b end`, want: overrun},
		"long texts as keys in a loop":                 {src: `local s = ("x"):rep(100000) local t = {} for i = 1, 1e9 do t[s .. i] = nil end`, want: overrun},
		"one long text as a key in a loop":             {src: `local s = ("x"):rep(100000) local u = ("x"):rep(99999) .. "x" local t = {[s] = 1} local n = 0 while true do n = n + t[u] end`, want: overrun},
		"length of nothing in a loop":                  {src: `local t = {} while true do local _ = #t end`, want: "instructions"},
		"next over a table that was emptied":           {src: `local t = {} for i = 1, 20000 do t["k" .. i] = 1 end for k in pairs(t) do t[k] = nil end while true do next(t) end`, want: "instructions"},
		"removal from the front":                       {src: `local t = {} for i = 1, 20000 do t[i] = i end while #t > 0 do table.remove(t, 1) end`, want: "instructions"},
		"insertion at the front":                       {src: `local t = {} while true do table.insert(t, 1, 0) end`, want: overrun},
		"insertion far away":                           {src: `local t = {} while true do table.insert(t, 1e15, 0) end`, want: ended},
		"concat over a huge range":                     {src: `return table.concat({}, "", 1, 1e15)`, want: "runtime|instructions"},
		"concat over a range around infinity":          {src: `return table.concat({}, "", -1e300, 1e300)`, want: "runtime|instructions"},
		"concat over present items of a huge range":    {src: `local t = {} for i = 1, 1000 do t[i] = "" end for i = 1, 1e9 do table.concat(t, "") end`, want: overrun},
		"move over a huge range":                       {Open: true, src: `return table.move({}, 1, 1e15, 2)`, want: "runtime|instructions|memory"},
		"move over a huge empty range":                 {Open: true, src: `return table.move({}, -1e15, 1e15, 0)`, want: "runtime|instructions|memory"},
		"maxn of a large table in a loop":              {Open: true, src: `local t = {} for i = 1, 10000 do t[i] = i end while true do if table.maxn then table.maxn(t) else t = #t end end`, want: ended},
		"nkeys of a large table in a loop":             {src: `local t = {} for i = 1, 10000 do t[i] = i end while true do table.nkeys(t) end`, want: "instructions"},
		"isarray of a large table in a loop":           {src: `local t = {} for i = 1, 10000 do t["k" .. i] = i end while true do table.isarray(t) end`, want: "instructions"},
		"clone of a large table in a loop":             {src: `local t = {} for i = 1, 10000 do t[i] = i end while true do table.clone(t) end`, want: overrun},
		"clear of a large table in a loop":             {src: `local t = {} for i = 1, 10000 do t[i] = i end while true do table.clear(t) end`, want: "instructions"},
		"sort of a large table in a loop":              {src: `local t = {} for i = 1, 5000 do t[i] = -i end while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end`, want: "instructions"},
		"sort with an order that lies":                 {src: `local t = {} for i = 1, 1000 do t[i] = i % 7 end while true do pcall(table.sort, t, function() return true end) end`, want: "instructions"},
		"sort with a random order":                     {src: `local t = {} for i = 1, 2000 do t[i] = i end while true do pcall(table.sort, t, function() return math.random() < 0.5 end) end`, want: "instructions"},
		"sort that shrinks its table":                  {src: `local t = {} for i = 1, 1000 do t[i] = -i end pcall(table.sort, t, function(a, b) for i = 1, 1000 do t[i] = nil end return false end)`, want: "done|instructions|runtime"},
		"sort that grows its table":                    {src: `local t = {3, 2, 1} pcall(table.sort, t, function(a, b) t[#t + 1] = 1 return true end)`, want: "done|instructions|runtime|memory"},
		"sort within sort":                             {src: `local function c(a, b) table.sort({3, 2, 1}, c) return a < b end table.sort({3, 2, 1}, c)`, want: ended},
		"gsub within gsub":                             {src: `local function f(s) return (("xx"):gsub(".", f)) end return (("x"):gsub(".", f))`, want: ended},
		"adversarial order for quicksort":              {src: `local n, t, solid, gas = 3000, {}, 0, 1e9 local v = {} for i = 1, n do t[i] = i v[i] = gas end local cand table.sort(t, function(x, y) if v[x] == gas and v[y] == gas then if x == cand then v[x] = solid else v[y] = solid end solid = solid + 1 end if v[x] == gas then cand = x elseif v[y] == gas then cand = y end return v[x] < v[y] end)`, want: "done|instructions"},
		"select with a huge count":                     {src: `return pcall(select, 1e300, 1), pcall(select, -1e300, 1)`, want: "done|runtime"},
		"select in a loop over many values":            {src: `local function f(...) for i = 1, 1e9 do select(2, ...) end end local t = {} for i = 1, 5000 do t[i] = i end f(unpack(t))`, want: overrun},
		"tonumber of a huge numeral in a loop":         {src: `local s = ("9"):rep(50000) while true do tonumber(s) end`, want: overrun},
		"tonumber of a huge fraction in a loop":        {src: `local s = "0." .. ("1"):rep(50000) .. "e-5" while true do local _ = s + 1 end`, want: overrun},
		"tonumber of a huge base-36 numeral":           {src: `local s = ("z"):rep(50000) while true do tonumber(s, 36) end`, want: overrun},
		"numerals with huge exponents":                 {src: `return tonumber("1e999999999"), tonumber("1e-999999999"), tonumber("0x1p999999999"), tonumber("1e" .. ("9"):rep(1000))`, want: "done"},
		"format of huge numbers in a loop":             {src: `while true do string.format("%.99f", 1e308) end`, want: overrun},
		"random in a loop":                             {src: `while true do math.random(1, 1e15) end`, want: "instructions"},
		"empty gmatch in a loop":                       {src: `while true do for _ in (""):gmatch("") do end end`, want: overrun},
		"gmatch over a huge text":                      {src: `local s = ("x"):rep(1e6) for _ in s:gmatch("") do end`, want: overrun},
		"require in a loop":                            {src: `while true do pcall(require, "x") end`, want: overrun},

		// Memory.
		"doubling of a string":                        {src: `local s = "x" while true do s = s .. s end`, want: "memory"},
		"doubling of a string in pcall":               {src: `local s = "x" while true do pcall(function() s = s .. s end) end`, want: overrun},
		"string that grows by one":                    {src: `local s = ("x"):rep(1e5) while true do s = s .. "x" end`, want: overrun},
		"rep of a gigabyte":                           {src: `return #("x"):rep(1e9)`, want: "memory|runtime"},
		"rep beyond all numbers":                      {src: `return #("x"):rep(1e300)`, want: "memory|runtime"},
		"rep whose length overflows":                  {src: `return #("xxxx"):rep(2^62)`, want: "memory|runtime"},
		"rep with a long separator":                   {src: `return #("x"):rep(1e5, ("y"):rep(1e5))`, want: "memory|runtime"},
		"rep of nothing, for ever":                    {src: `return #(""):rep(1e15)`, want: "done|instructions", Out: "0"},
		"rep of rep of rep":                           {src: `return #("x"):rep(1000):rep(1000):rep(1000)`, want: "memory|runtime"},
		"rep by a method on a number":                 {src: `local n = 5 return #string.rep(n, 1e9)`, want: "memory|runtime"},
		"gsub that expands":                           {src: `local s = ("x"):rep(1000) for i = 1, 100 do s = s:gsub("x", ("y"):rep(1000)):gsub("y", "x") end`, want: overrun},
		"gsub with %0 many times":                     {src: `local s = ("x"):rep(1000) for i = 1, 100 do s = s:gsub(".+", "%0%0%0%0") end`, want: overrun},
		"gsub with a long table value":                {src: `local v = ("y"):rep(1e5) return #("x"):rep(1e5):gsub("x", {x = v})`, want: "memory"},
		"gsub with a long callback result":            {src: `local v = ("y"):rep(1e5) return #("x"):rep(1e5):gsub("x", function() return v end)`, want: "memory"},
		"gsub of the empty pattern":                   {src: `return #("x"):rep(1e5):gsub("", ("y"):rep(1e4))`, want: "memory"},
		"concat with a long separator":                {src: `local t = {} for i = 1, 1000 do t[i] = "" end return #table.concat(t, ("x"):rep(1e5))`, want: "memory"},
		"concat of one long text many times":          {src: `local s, t = ("x"):rep(1e5), {} for i = 1, 1000 do t[i] = s end return #table.concat(t)`, want: "memory"},
		"concatenation of many operands":              {gen: repeat("local s = ('x'):rep(1e5) return #(", "s..", 200, "s)"), want: "memory"},
		"format with a huge width":                    {src: `return string.format("%99999d", 1)`, want: "runtime"},
		"format with a huge precision":                {src: `return string.format("%.99999f", 1)`, want: "runtime"},
		"format with a huge string width":             {src: `return string.format("%999999999s", "x")`, want: "runtime"},
		"format of one long text many times":          {src: `local s = ("x"):rep(1e5) return #string.format(("%s"):rep(200), unpack((function() local t = {} for i = 1, 200 do t[i] = s end return t end)()))`, want: "memory"},
		"format of many wide directives":              {src: `return #string.format(("%99d"):rep(30000), unpack((function() local t = {} for i = 1, 30000 do t[i] = i end return t end)()))`, want: "memory|runtime|instructions|done"},
		"quoting of a text of control characters":     {src: `local s = ("\1"):rep(3e6) return #string.format("%q", s)`, want: overrun},
		"a table of tables":                           {src: `local t = {} while true do t = {t} end`, want: overrun},
		"a table filled for ever":                     {src: `local t = {} for i = 1, 1e9 do t[i] = i end`, want: overrun},
		"a table filled by keys":                      {src: `local t = {} for i = 1, 1e9 do t["k" .. i] = i end`, want: overrun},
		"a table filled by fractions":                 {src: `local t = {} for i = 1, 1e9 do t[i + 0.5] = i end`, want: overrun},
		"a far index":                                 {src: `local t = {} t[60000000] = 1 return #t`, want: "done", Out: "0"},
		"a far index after some near ones":            {src: `local t = {1, 2, 3} t[60000000] = 1 t[2^52] = 2 t[-2^52] = 3 return t[60000000]`, want: "done", Out: "1"},
		"far indexes of each power of two":            {src: `local t = {} for i = 0, 52 do t[2^i] = i end return t[2^52]`, want: "done", Out: "52"},
		"a table made with a huge size":               {src: `return #table.new(1e9, 1e9)`, want: "memory|runtime"},
		"a table made with an endless size":           {src: `return table.new(math.huge, 0)`, want: "memory|runtime"},
		"a table made with a negative size":           {src: `return type(table.new(-1e300, -5))`, want: "done|runtime", Out: "table"},
		"a table made with a NaN size":                {src: `return type(table.new(0/0, 0/0))`, want: "done|runtime", Out: "table"},
		"a table that grows and shrinks":              {src: `while true do local t = {} for i = 1, 1000 do t[i] = {} end end`, want: overrun},
		"closures for ever":                           {src: `local t = {} while true do t[#t + 1] = function() return t end end`, want: overrun},
		"a chain of closures":                         {src: `local f while true do local g = f f = function() return g end end`, want: overrun},
		"coroutines for ever":                         {src: `local t = {} while true do t[#t + 1] = coroutine.create(function() end) end`, want: "instructions|memory|runtime"},
		"suspended coroutines by the million":         {src: `local t = {} for i = 1, 1e6 do local c = coroutine.wrap(function() coroutine.yield() end) c() t[i] = c end`, want: "instructions|memory|runtime"},
		"coroutines dropped while suspended":          {src: `for i = 1, 1e6 do coroutine.wrap(function() local x = {} coroutine.yield(x) end)() end`, want: "instructions|memory|runtime"},
		"coroutines with deep stacks":                 {src: `local function d(n) if n == 0 then coroutine.yield() end return 1 + d(n - 1) end local t = {} for i = 1, 1e6 do local c = coroutine.create(d) coroutine.resume(c, 500) t[i] = c end`, want: "instructions|memory|runtime"},
		"coroutines inside coroutines":                {src: `local function f() return coroutine.wrap(f)() end f()`, want: "runtime|memory|instructions"},
		"resume inside resume":                        {src: `local function f(n) return coroutine.resume(coroutine.create(f), n + 1) end return select("#", f(1))`, want: ended},
		"wrap inside pcall inside wrap":               {src: `local function f() return pcall(coroutine.wrap(function() return f() end)) end return f()`, want: ended},
		"coroutine as an iterator of itself":          {src: `local c c = coroutine.wrap(function() for x in c do end end) c()`, want: "runtime"},
		"recursion":                                   {src: `local function f() return 1 + f() end f()`, want: "runtime|memory|instructions"},
		"recursion with many locals":                  {src: `local function f(a) local b, c, d, e, g, h, i, j, k, l = a, a, a, a, a, a, a, a, a, a return 1 + f(a) end f(1)`, want: "runtime|memory|instructions"},
		"recursion with growing arguments":            {src: `local function f(...) return (f(1, ...)) end f()`, want: "runtime|memory|instructions"},
		"recursion through pcall":                     {src: `local function f() return (select(2, pcall(f))) end return type(f())`, want: ended},
		"recursion caught and repeated":               {src: `local function f() return 1 + f() end while true do pcall(f) end`, want: overrun},
		"recursion through sort":                      {src: `local function f() table.sort({1, 2}, f) end f()`, want: "runtime|memory|instructions"},
		"recursion through gsub":                      {src: `local function f() return (("x"):gsub("x", f)) end f()`, want: "runtime|memory|instructions"},
		"recursion through tostring":                  {Open: true, src: `local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) return tostring(t)`, want: "runtime|memory|instructions"},
		"recursion through concat metamethods":        {Open: true, src: `local t t = setmetatable({}, {__concat = function(a, b) return a .. b end}) return t .. "x"`, want: "runtime|memory|instructions"},
		"recursion through __index functions":         {Open: true, src: `local t t = setmetatable({}, {__index = function(_, k) return t[k] end}) return t.x`, want: "runtime|memory|instructions"},
		"recursion through __newindex":                {Open: true, src: `local t t = setmetatable({}, {__newindex = function(_, k, v) t[k] = v end}) t.x = 1`, want: "runtime|memory|instructions"},
		"recursion through __eq and __lt":             {Open: true, src: `local mt = {} local a, b = setmetatable({}, mt), setmetatable({}, mt) mt.__eq = function() return a == b end mt.__lt = function() return a < b end local _ = pcall(function() return a == b end) return a < b`, want: "runtime|memory|instructions"},
		"recursion through __call":                    {Open: true, src: `local t = setmetatable({}, {__call = function(s) return 1 + s() end}) t()`, want: "runtime|memory|instructions"},
		"__call that is itself callable, without end": {Open: true, src: `local t = {} setmetatable(t, {__call = t}) t()`, want: "runtime|memory|instructions"},
		"__index that is its own table":               {Open: true, src: `local t = {} t = setmetatable(t, {__index = t}) return t.x`, want: "runtime|done|instructions"},
		"__index chain of a hundred thousand":         {Open: true, src: `local t = {} for i = 1, 1e5 do t = setmetatable({}, {__index = t}) end return t.x`, want: ended},
		"__newindex chain in a circle":                {Open: true, src: `local a, b = {}, {} setmetatable(a, {__newindex = b}) setmetatable(b, {__newindex = a}) a.x = 1`, want: "runtime|instructions"},
		"error handler recursion":                     {src: `local function h() return h() + 1 end return xpcall(error, h)`, want: ended},
		"error in error in error":                     {src: `local function f(n) local ok, e = pcall(f, n + 1) error(tostring(e) .. "x", 0) end f(1)`, want: ended},
		"error messages that grow":                    {src: `local e = "x" while true do local _ _, e = pcall(error, e .. e) end`, want: overrun},
		"tracebacks of deep stacks":                   {src: `local function f(n) if n == 0 then error("deep") end return 1 + f(n - 1) end while true do pcall(f, 5000) end`, want: overrun},
		"unpack of a huge range":                      {src: `return select("#", unpack({}, 1, 1e8))`, want: "runtime|memory"},
		"unpack of an overflowing range":              {src: `return select("#", unpack({}, -2^53, 2^53))`, want: "runtime|memory"},
		"unpack near the ends of integers":            {src: `return select("#", unpack({}, 2^31 - 1, 2^31)), pcall(unpack, {}, -2^63, 2^63 - 1), pcall(unpack, {}, 0/0, 0/0)`, want: "done|runtime|memory"},
		"unpack into a constructor in a loop":         {src: `local t = {1} for i = 1, 60 do t = {unpack(t), unpack(t)} t = {unpack(t)} for j = 1, #t do t[#t + 1] = t[j] end end`, want: overrun + "|runtime"},
		"arguments that double":                       {src: `local function f(...) return f(..., ...) end local function g(n, ...) local t = {...} for i = 1, n do for j = 1, #t do t[#t + 1] = 1 end t = {unpack(t)} end end g(40, 1)`, want: overrun + "|runtime"},
		"byte of a long text":                         {src: `return select("#", ("x"):rep(1e7):byte(1, -1))`, want: "runtime|memory"},
		"byte of a long text within budget":           {src: `return pcall(function() return select("#", ("x"):rep(1e6):byte(1, -1)) end)`, want: "done|memory|instructions"},
		"char of very many arguments":                 {src: `local t = {} for i = 1, 2e5 do t[i] = 65 end return #string.char(unpack(t))`, want: ended},
		"print of long lines":                         {src: `local s = ("x"):rep(1e5) while true do print(s, s, s, s) end`, want: overrun},
		"concat of numbers":                           {src: `local s = "" for i = 1, 1e9 do s = s .. i .. "," end`, want: overrun},
		"upvalues by the thousand":                    {src: `local fs = {} for i = 1, 1e6 do local a, b, c, d = i, i, i, i fs[i] = function() return a, b, c, d end end`, want: overrun},
		"closures over 190 variables": {gen: func() string {
			names, sum := "local a0", ""
			for i := range 190 {
				if i > 0 {
					names += ", a" + itoa(i)
				}
				sum += "a" + itoa(i) + ";"
			}
			return names + " while true do local f = function() return {" + sum + "} end end"
		}, want: overrun + "|syntax"},
		"a sparse list":                               {src: `local t = {} for i = 1, 1e9 do t[i * 3] = i end`, want: overrun},
		"keys inserted and deleted at the edge":       {src: `local t = {} for i = 1, 1024 do t["k" .. i] = i end for i = 1025, 1e9 do t["k" .. i] = i t["k" .. (i - 1024)] = nil end`, want: overrun},
		"arms that alternate between list and fields": {src: `local t = {} for i = 1, 1e9 do t[i] = i t[i + 0.5] = i t[i] = nil end`, want: overrun},
		"chain of __index for every access":           {Open: true, src: `local t = {x = 1} for i = 1, 90 do t = setmetatable({}, {__index = t}) end local n = 0 while true do n = n + t.x end`, want: "instructions"},
		"numbers to text for ever":                    {src: `local n = 0 while true do n = n + #(n / 7 .. "") end`, want: overrun},
		"errors with positions for ever":              {src: `while true do pcall(function() error("x") end) end`, want: overrun},
		"errors of types for ever":                    {src: `while true do pcall(function() local x = nil; return x.y end) end`, want: overrun},
		"globals by the million":                      {src: `for i = 1, 1e7 do _G["g" .. i] = i end`, want: overrun},
		"state that grows from run to run":            {src: `big = big or {} for i = 1, 1000 do big[#big + 1] = ("x"):rep(100) .. #big end`, want: "done"},

		// The parser and the compiler.
		"nested parentheses":                 {gen: nest("(", "1", ")", 60000), want: "syntax"},
		"nested parentheses after return":    {gen: func() string { return "return " + nest("(", "1", ")", 60000)() }, want: "syntax"},
		"nested tables":                      {gen: func() string { return "return " + nest("{", "", "}", 60000)() }, want: "syntax"},
		"nested functions":                   {gen: nest("return function() ", "", " end", 8000), want: "syntax"},
		"nested calls":                       {gen: func() string { return "return " + nest("f(", "", ")", 60000)() }, want: "syntax"},
		"nested indexes":                     {gen: func() string { return "return " + nest("a[", "1", "]", 60000)() }, want: "syntax"},
		"nested blocks":                      {gen: nest("do ", "", " end ", 25000), want: "syntax"},
		"nested while loops":                 {gen: nest("while a do ", "", " end ", 12000), want: "syntax"},
		"nested for loops":                   {gen: nest("for i = 1, 2 do ", "", " end ", 10000), want: "syntax"},
		"nested if":                          {gen: nest("if a then ", "", " end ", 12000), want: "syntax"},
		"nested repeat":                      {gen: nest("repeat ", "", " until a ", 12000), want: "syntax"},
		"elseif by the thousand":             {gen: repeat("if a then ", "elseif a then b = 1 ", 10000, "end"), want: "done|syntax|runtime"},
		"unary minus by the thousand":        {gen: repeat("return ", "- ", 100000, "1"), want: "syntax"},
		"not by the thousand":                {gen: repeat("return ", "not ", 50000, "1"), want: "syntax"},
		"length by the thousand":             {gen: repeat("return ", "#", 100000, "x"), want: "syntax"},
		"a sum of 30,000 operands":           {gen: repeat("local a = 1 return ", "a+", 30000, "a"), want: "done|syntax"},
		"a sum of 30,000 constants":          {gen: repeat("return ", "1+", 30000, "1"), want: "done|syntax"},
		"a concatenation of 30,000 operands": {gen: repeat("local a = '' return ", "a..", 30000, "a"), want: "done|syntax"},
		"a power of 30,000 operands":         {gen: repeat("local a = 1 return ", "a^", 30000, "a"), want: "done|syntax"},
		"an and-chain of 30,000 operands":    {gen: repeat("local a = 1 return ", "a and ", 30000, "a"), want: "done|syntax"},
		"an or-chain of 30,000 operands":     {gen: repeat("local a = 1 return ", "nil or ", 30000, "a"), want: "done|syntax"},
		"a chain of comparisons":             {gen: repeat("local a = true return ", "a==", 30000, "a"), want: "done|syntax"},
		"a chain of calls":                   {gen: repeat("local function f() return f end f", "()", 60000, ""), want: "syntax|done|runtime|instructions"},
		"a chain of fields":                  {gen: repeat("local a = {} a.a = a return a", ".a", 60000, ""), want: "done|syntax|runtime"},
		"a chain of method calls":            {gen: repeat("return ('x')", ":upper()", 25000, ""), want: "done|syntax|runtime|instructions|memory"},
		"a constructor of 60,000 items":      {gen: repeat("local t = {", "1,", 60000, "} return #t"), want: "done|syntax"},
		"a constructor of 20,000 calls":      {gen: repeat("local function f() end local t = {", "f(),", 20000, "} return #t"), want: "done|syntax"},
		"30,000 different constants": {gen: func() string {
			var b strings.Builder
			b.WriteString("local t = {")
			for i := range 30000 {
				b.WriteString(itoa(i) + ".5,")
			}
			return b.String() + "} return #t"
		}, want: "done|syntax", Out: "30000"},
		"a thousand locals": {gen: func() string {
			var b strings.Builder
			for i := range 1000 {
				b.WriteString("local v" + itoa(i) + " = " + itoa(i) + " ")
			}
			return b.String() + "return v999"
		}, want: "syntax"},
		"a function of 300 parameters": {gen: func() string {
			var b strings.Builder
			for i := range 300 {
				b.WriteString("p" + itoa(i) + ",")
			}
			return "local function f(" + b.String() + "z) return z end return f()"
		}, want: "syntax"},
		"a thousand upvalues": {gen: func() string {
			var b strings.Builder
			for i := range 5 {
				for j := range 190 {
					b.WriteString("local u" + itoa(i) + "_" + itoa(j) + " = 1 ")
				}
				b.WriteString("return function() ")
			}
			b.WriteString("return 0")
			for i := range 5 {
				for j := range 190 {
					b.WriteString(" + u" + itoa(i) + "_" + itoa(j))
				}
			}
			return b.String() + strings.Repeat(" end", 5)
		}, want: "syntax"},
		"a call of 300 arguments":         {gen: repeat("return select('#', ", "1,", 300, "1)"), want: "syntax|done"},
		"an assignment to 300 places":     {gen: repeat("local t = {} ", "t.x,", 300, "t.x = 1"), want: "syntax|done"},
		"ten thousand assignment targets": {gen: repeat("", "a,", 60000, "a = 1"), want: "syntax|done|runtime"},
		"ten thousand returned values":    {gen: repeat("return ", "1,", 60000, "1"), want: "syntax|done|runtime"},
		"ten thousand functions":          {gen: repeat("", "local function f() end ", 190, ""), want: "done|syntax"},
		"ten thousand global functions":   {gen: repeat("", "function f() end ", 10000, ""), want: "done|memory|instructions"},
		"ten thousand labels":             {gen: labels(8000, " "), want: "done|syntax"},
		"ten thousand gotos to one label": {gen: repeat("", "goto e ", 30000, "::e::"), want: "done|syntax"},
		"gotos that cross many blocks":    {gen: repeat("", "do goto e end ", 15000, "::e::"), want: "done|syntax"},
		"gotos without a label":           {gen: repeat("", "goto e ", 30000, ""), want: "syntax"},
		"many gotos and many labels": {gen: func() string {
			var b strings.Builder
			for i := range 5000 {
				b.WriteString("goto l" + itoa(i) + " ")
			}
			for i := range 5000 {
				b.WriteString("::l" + itoa(4999-i) + ":: ")
			}
			return b.String()
		}, want: "done|syntax"},
		"breaks by the thousand":                  {gen: repeat("while true do ", "if a then break end ", 10000, "break end"), want: "done|syntax"},
		"a string literal of 200,000 bytes":       {gen: repeat("return #'", "x", 200000, "'"), want: "done", Out: "200000"},
		"a long string without end":               {gen: repeat("return [==[", "]=", 100000, ""), want: "syntax"},
		"a long comment without end":              {gen: repeat("--[==[", "]=", 100000, ""), want: "syntax"},
		"a long bracket of many signs":            {gen: repeat("return [", "=", 200000, "[x"), want: "syntax"},
		"a name of 200,000 letters":               {gen: repeat("local ", "n", 120000, " = 1"), want: "done|syntax"},
		"a numeral of 200,000 digits":             {gen: repeat("return ", "9", 200000, ""), want: "done|syntax"},
		"a hexadecimal numeral of 200,000 digits": {gen: repeat("return 0x", "f", 200000, ""), want: "done|syntax"},
		"numerals with gigantic exponents":        {src: `return 1e999999999999, 0x1p999999999999, 1e-999999999999`, want: "done|syntax"},
		"escapes by the thousand":                 {gen: repeat("return #'", `\x41\65\u{41}\z  `, 10000, "'"), want: "done|syntax", Out: "30000"},
		"a code point beyond Unicode":             {src: `return "\u{ffffffffffffffff}"`, want: "syntax"},
		"newlines by the thousand":                {gen: repeat("", "\n", 250000, "error('x')"), want: "runtime"},
		"source over the limit":                   {gen: repeat("", " ", 300000, ""), want: "syntax"},
		"only open quotes":                        {gen: repeat("", `"`, 100001, ""), want: "syntax"},
		"NUL bytes in the source":                 {src: "return 1\x00 + \x00 2", want: "syntax"},
		"a NUL byte in a string":                  {src: "return #'a\x00b'", want: "done", Out: "3"},
		"a NUL byte in a comment":                 {src: "-- \x00 while true do end\nreturn 1", want: "done", Out: "1"},
		"bytecode of lua5.1":                      {src: "\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00" + strings.Repeat("\x00", 64), want: "syntax"},
		"bytecode of LuaJIT":                      {src: "\x1bLJ\x02\x02\x1c\x02\x00\x02\x00\x00\x02", want: "syntax"},
		"only the mark of bytecode":               {src: "\x1b", want: "syntax"},
		"a shebang line":                          {src: "#!/usr/bin/lua\nreturn 1", want: "syntax|done"},
		"a byte order mark":                       {src: "\xef\xbb\xbfreturn 1", want: "syntax|done"},
		"invalid UTF-8":                           {src: "return '\xff\xfe\x80', #'\xc3'", want: "done"},
		"an empty source":                         {src: "", want: "done", Out: ""},

		// Ways out.
		"names that must be absent":                  {src: `local r = {} for _, n in ipairs{"load", "loadstring", "loadfile", "dofile", "setfenv", "getfenv", "setmetatable", "getmetatable", "rawget", "rawset", "rawequal", "collectgarbage", "newproxy", "debug", "io", "package", "module", "jit", "ffi", "gcinfo"} do if _G[n] ~= nil then r[#r + 1] = n end end return table.concat(r, " ")`, want: "done", Out: ""},
		"library functions that must be absent":      {src: `local r = {} if string.dump then r[#r + 1] = "string.dump" end if math.randomseed then r[#r + 1] = "math.randomseed" end for k in pairs(os) do if k ~= "clock" and k ~= "difftime" and k ~= "time" then r[#r + 1] = "os." .. k end end return table.concat(r, " ")`, want: "done", Out: ""},
		"require of what the host did not declare":   {src: `local r = {} for _, n in ipairs{"io", "os", "debug", "package", "ffi", "jit", "jit.util", "package.loaded", "_G", "/etc/passwd", "../x", ""} do if pcall(require, n) and n ~= "os" then r[#r + 1] = n end end return table.concat(r, " ")`, want: "done", Out: ""},
		"require with odd arguments":                 {src: `return (pcall(require)), (pcall(require, {})), (pcall(require, nil)), (pcall(require, 5)), (pcall(require, ("x"):rep(1e5)))`, want: "done", Out: "false false false false false"},
		"write to a library":                         {src: `string.format = function() return "owned" end`, want: "runtime"},
		"write to every library":                     {src: `local n = 0 for _, l in ipairs{string, table, math, os, coroutine, bit} do if pcall(function() l.new = 1 end) then n = n + 1 end for k in pairs(l) do if pcall(function() l[k] = nil end) then n = n + 1 end break end end return n`, want: "done", Out: "0"},
		"write to a library by library functions":    {src: `local n = 0 for _, f in ipairs{function() table.insert(string, 1) end, function() table.remove(table) table.insert(table, "x") end, function() table.sort(string) table.insert(string, 1, 1) end, function() table.clear(string) end, function() table.move({1}, 1, 1, 1, string) end, function() table.concat(string) string[1] = 1 end} do if pcall(f) then n = n + 1 end end return n, type(string.len), string[1]`, want: "done", Out: "0 function nil"},
		"write to a library by rawset":               {Open: true, src: `local ok = pcall(rawset, string, "format", nil) return ok, type(string.format)`, want: "done", Out: "false function"},
		"metatable onto a library":                   {Open: true, src: `local ok = pcall(setmetatable, string, {__index = function() return "owned" end}) return ok, string.nothing`, want: "done", Out: "false nil"},
		"string metatable by indexing":               {src: `local ok = pcall(function() ("").owned = 1 end) return ok, ("x").owned`, want: "done", Out: "false nil"},
		"string metatable by getmetatable":           {Open: true, src: `local m = getmetatable("") if type(m) ~= "table" then return "hidden" end local ok = pcall(function() m.__index = {} end) local ok2 = pcall(rawset, m, "__add", 1) local ok3 = pcall(setmetatable, m, {}) return ok or ok2 or ok3 and "changed" or "hidden"`, want: "done", Out: "hidden"},
		"string methods through _G":                  {src: `_G.string = {rep = "owned"} return ("x"):rep(2), string.rep`, want: "done", Out: "xx owned"},
		"writing _G.print and _ENV":                  {src: `print = nil if _G then _G._G = nil end _ENV = {} return type(string)`, want: "done", Out: "table"},
		"clearing _G":                                {src: `if pairs then for k in pairs(_G) do _G[k] = nil end end return ("x"):upper()`, want: "done", Out: "X"},
		"metatable onto _G":                          {Open: true, src: `setmetatable(_G, {__index = function(_, k) return k end}) return undefinedname`, want: "done", Out: "undefinedname"},
		"_G with a __newindex that loops":            {Open: true, src: `setmetatable(_G, {__newindex = function(t, k, v) t[k] = v end}) x = 1`, want: "runtime|memory|instructions"},
		"getfenv and setfenv by hand":                {src: `return type(getfenv), type(setfenv), type(_ENV), type(debug)`, want: "done", Out: "nil nil nil nil"},
		"environment through a coroutine":            {src: `return coroutine.wrap(function() return _G end)() == _G`, want: "done", Out: "true"},
		"host types through tostring":                {src: `return (tostring(print):match("^%a+: [%w#]+$") or tostring(print):match("^%a+: builtin: ?%x*$")) and "plain"`, want: "done"},
		"addresses of the host":                      {src: `local a = tostring({}):match("0x(%x+)") return a and #a > 0 and "text" or "none"`, want: "done"},
		"error objects with __tostring":              {Open: true, src: `error(setmetatable({}, {__tostring = function() while true do end end}))`, want: "runtime|instructions"},
		"error objects that are huge":                {src: `error(("x"):rep(1e6))`, want: "runtime|memory"},
		"error objects that are cyclic":              {src: `local t = {} t.t = t error(t)`, want: "runtime"},
		"error level out of range":                   {src: `return (pcall(error, "x", 1e15)), (pcall(error, "x", -1e15)), (pcall(error, "x", 0/0)), (pcall(error, "x", math.huge)), (pcall(error, "x", {}))`, want: "done", Out: "false false false false false"},
		"metatables with cyclic __metatable":         {Open: true, src: `local t = {} local m = {} m.__metatable = m setmetatable(t, m) return getmetatable(t) == m, (pcall(setmetatable, t, {}))`, want: "done", Out: "true false"},
		"__gc and __mode do nothing":                 {Open: true, src: `ran = false for i = 1, 100 do setmetatable({}, {__gc = function() ran = true end, __mode = "kv", __close = function() ran = true end}) end return ran`, want: "done", Out: "false"},
		"yield from the main chunk":                  {src: `coroutine.yield(1)`, want: "runtime"},
		"yield from a comparator":                    {src: `return (coroutine.resume(coroutine.create(function() table.sort({2, 1}, coroutine.yield) end)))`, want: "done|runtime", Out: "false"},
		"yield from a gsub callback":                 {src: `return (coroutine.resume(coroutine.create(function() return (("x"):gsub("x", coroutine.yield)) end)))`, want: "done|runtime", Out: "false"},
		"yield from an error handler":                {src: `return (coroutine.resume(coroutine.create(function() xpcall(error, coroutine.yield) end)))`, want: ended},
		"yield from tostring":                        {Open: true, src: `return (coroutine.resume(coroutine.create(function() return tostring(setmetatable({}, {__tostring = coroutine.yield})) end)))`, want: ended},
		"resume of a running coroutine":              {src: `local c c = coroutine.create(function() return coroutine.resume(c) end) local _, a = coroutine.resume(c) return a`, want: "done", Out: "false"},
		"resume of the main one":                     {src: `local m = coroutine.running() return (pcall(coroutine.resume, m))`, want: "done|runtime"},
		"resume of a dead one, for ever":             {src: `local c = coroutine.create(function() end) while true do coroutine.resume(c) end`, want: overrun},
		"wrap around library functions":              {src: `return (pcall(coroutine.wrap(coroutine.wrap), 1)), (pcall(coroutine.wrap(pcall), error)), (pcall(coroutine.wrap(coroutine.yield), 1))`, want: "done"},
		"next with a bad key":                        {src: `return (pcall(next, {}, "nope")), (pcall(next, {1}, 5)), (pcall(next, {}, 0/0)), (pcall(next, {}, {}))`, want: "done"},
		"table changed while traversed":              {src: `local t = {} for i = 1, 100 do t["k" .. i] = i end local n = 0 local ok = pcall(function() for k in pairs(t) do n = n + 1 t["new" .. n] = n if n > 5000 then error("endless") end end end) return n > 0`, want: "done|memory|instructions", Out: "true"},
		"keys deleted and collected while traversed": {src: `local t = {} for i = 1, 200 do t[{}] = i end local n = 0 for k in pairs(t) do t[k] = nil n = n + 1 end return n, next(t)`, want: "done", Out: "200 nil"},
		"NaN and infinity as keys":                   {src: `local t = {} t[math.huge] = 1 t[-math.huge] = 2 return t[math.huge], t[-math.huge], (pcall(function() t[0/0] = 1 end)), t[0/0]`, want: "done", Out: "1 2 false nil"},
		"huge shifts":                                {src: `return bit.lshift(1, 1e15), bit.rshift(1, -1e15), bit.tohex(1, 1e15) ~= nil, bit.tohex(1, -1e15) ~= nil`, want: "done|runtime"},
		"odd numbers to every library function":      {src: `local odd = {0/0, math.huge, -math.huge, 2^63, -2^63, 2^53, -0.5, 1e300, -1e300, 2^31, -2^31} local n = 0 for _, l in ipairs{string, table, math, bit} do for k, f in pairs(l) do if type(f) == "function" then for _, a in ipairs(odd) do for _, b in ipairs(odd) do pcall(f, a, b) pcall(f, "abc", a, b) pcall(f, {1, 2, 3}, a, b) n = n + 1 end end end end end return n > 100`, want: "done|memory|instructions"},
		"odd values to every function":               {Open: true, src: `local odd = {false, {}, "", "x", print, coroutine.create(function() end), 0, -1} local function each(l, d) for k, f in pairs(l) do if type(f) == "function" and k ~= "error" then pcall(f) for _, a in ipairs(odd) do pcall(f, a) for _, b in ipairs(odd) do pcall(f, a, b) pcall(f, a, b, nil, b) end end elseif type(f) == "table" and f ~= _G and d < 2 then each(f, d + 1) end end end local all = {} for k, v in pairs(_G) do all[k] = v end each(all, 0) return "still here"`, want: "done|memory|instructions|runtime"},
		"time that goes nowhere":                     {src: `return (pcall(os.time, {year = 1e300, month = 1e300, day = 0/0})), (pcall(os.time, {year = math.huge, month = 1, day = 1})), (pcall(os.difftime, 0/0, math.huge))`, want: "done"},
		"dates with odd formats":                     {Open: true, src: `return (pcall(os.date, ("%c"):rep(1000))), (pcall(os.date, "%")), (pcall(os.date, "%E")), (pcall(os.date, "*t", 1e300)), (pcall(os.date, "!*t", 0/0)), (pcall(os.date, "%Q", -1e15))`, want: "done"},
		"a returned function that loops":             {src: `return function() while true do end end`, want: "instructions"},
		"a returned function that returns functions": {src: `local function f() return f end return f`, want: "done"},

		// As an outsider would try.
		"gsub with a replacement of many captures":               {src: `local r=("%0"):rep(1e5) local s=("x"):rep(1e5) return #s:gsub(".+",r)`, want: overrun},
		"anchored gsub of nothing on a huge text":                {src: `local s=("x"):rep(1e6) for i=1,1e9 do s:gsub("^","y") end`, want: overrun},
		"concat whose result goes into the list":                 {src: `local t={} for i=1,100 do t[i]=("x"):rep(1e5) end for i=1,1e9 do t[1]=table.concat(t) end`, want: overrun},
		"rep of a rep with separators of reps":                   {src: `return #(("a"):rep(1e3,("b"):rep(1e3)):rep(1e3,("c"):rep(1e3)))`, want: overrun},
		"sort whose order function grows the list":               {src: `local t={} for i=1,100 do t[i]=i%7 end table.sort(t,function(a,b) for i=1,100 do t[#t+1]=i end return a<b end)`, want: ended},
		"sort whose order function empties the list":             {src: `local t={} for i=1,1000 do t[i]=i%7 end pcall(table.sort,t,function(a,b) for i=1,1000 do t[i]=nil end return a<b end) while true do end`, want: overrun},
		"sort whose order function clears the table":             {src: `local t={} for i=1,1000 do t[i]=i%7 end table.sort(t,function(a,b) table.clear(t) return (a or 0)<(b or 0) end)`, want: ended},
		"a chain of a million functions of wrap":                 {src: `local f=function() end for i=1,1e6 do local g=f f=coroutine.wrap(function() return g() end) end f()`, want: ended},
		"functions of wrap as callbacks, nested to the cap":      {src: `local function f(x) return (("xx"):gsub("x",coroutine.wrap(f))) end for i=1,1e9 do pcall(f) end`, want: overrun},
		"pcall of thousands of pcalls":                           {src: `local t={} for i=1,5000 do t[i]=pcall end while true do pcall(unpack(t)) end`, want: overrun},
		"arguments that double with each call":                   {src: `local function f(...) return f(..., ...) end f(1,2,3)`, want: overrun},
		"arguments that double through tables":                   {src: `local function f(...) local a={...,...} return f(unpack(a)) end f(1,2)`, want: overrun},
		"table.move of 10^15 elements":                           {src: `local t={} for i=1,1000 do t[i]=i end table.move(t,1,1e15,2)`, want: overrun},
		"table.move from far below zero":                         {src: `table.move({1},-1e15,1e15,1)`, want: overrun},
		"table.move to and from NaN and infinity":                {src: `table.move({1},0/0,0/0,0/0) table.move({1},math.huge,-math.huge,1)`, want: ended},
		"table.insert far outside of the list":                   {src: `local t={1,2,3} table.insert(t,1e15,1) table.insert(t,-1e15,1)`, want: ended},
		"table.remove at odd positions":                          {src: `local t={1,2,3} for i=-10,10 do table.remove(t,i) table.remove(t,i+0.5) end table.remove(t,math.huge) table.remove(t,-math.huge) while #t>0 do table.remove(t,1) end`, want: ended},
		"a pattern with a set of thousands of ranges":            {src: `return ("x"):rep(1e5):find("["..("a-b"):rep(1e4).."]*y")`, want: overrun},
		"a pattern with back references that grow":               {src: `return ("a"):rep(1e4):find("(.-)%1%1%1b")`, want: overrun},
		"a pattern of thousands of optional items":               {src: `local p=("a?"):rep(3e4) return pcall(string.find,("a"):rep(3e4),p)`, want: ended},
		"assignments to NaN in a loop":                           {src: `local t={} for i=1,1e9 do pcall(function() t[0/0]=i end) end`, want: overrun},
		"keys that share their low bits":                         {src: `local t={} for i=1,1e9 do t[i*2^32]=i end`, want: overrun},
		"tables and functions as keys for ever":                  {src: `local t={} for i=1,1e9 do t[{}]=i t[function() end]=i end`, want: overrun},
		"keys that are added and removed for ever":               {src: `local t={} for i=1,1e9 do t["a"..i]=1 t["a"..i]=nil end`, want: overrun},
		"next over thousands of dead entries":                    {src: `local t={} for i=1,20000 do t["a"..i]=1 end for i=1,20000 do t["a"..i]=nil end while true do next(t) end`, want: overrun},
		"bit operations on odd numbers":                          {src: `local n=0 for _,x in ipairs{0/0,1/0,-1/0,2^53,-2^53,1e300,0.5,-0.5,1.5,2^31,2^32,-2^31-1} do n=n+bit.band(x,-1)+bit.lshift(x,x)+bit.rol(x,33)+#bit.tohex(x,x) end return n==n`, want: ended},
		"bit.tohex with huge widths":                             {src: `while true do bit.tohex(1,-2^31) bit.tohex(1,2^53) end`, want: overrun},
		"__concat that gives a larger object":                    {Open: true, src: `local m={} m.__concat=function(a,b) return setmetatable({a,b},m) end local x=setmetatable({},m) while true do x=x..x end`, want: overrun},
		"__newindex that assigns ever longer keys":               {Open: true, src: `local t=setmetatable({}, {}) getmetatable(t).__newindex=function(t,k,v) t[k..k]=v end t.x=1`, want: overrun},
		"__call that adds an argument each time":                 {Open: true, src: `local m={} m.__call=function(f,...) return f(...,1) end setmetatable({},m)()`, want: overrun},
		"__eq that compares again":                               {Open: true, src: `local m={} m.__eq=function(a,b) return a==b end return setmetatable({},m)==setmetatable({},m)`, want: ended},
		"suspended coroutines that hold texts":                   {src: `local t={} for i=1,1e5 do t[i]=coroutine.wrap(function() local x=("x"):rep(1000) coroutine.yield() return x end) t[i]() end`, want: ended},
		"yields of thousands of values":                          {src: `local t={} for i=1,7000 do t[i]=i end local co=coroutine.wrap(function() while true do coroutine.yield(unpack(t)) end end) while true do co() end`, want: overrun},
		"error values that double":                               {src: `local s="x" while true do local ok,e=pcall(error,s) s=e..e end`, want: overrun},
		"os.date with a huge format":                             {Open: true, src: `return os.date(("%c"):rep(1e5))`, want: overrun},
		"dates far outside of the calendar":                      {Open: true, src: `return os.date("%Y",1e300),os.date("*t",-1e300).year,os.time{year=1e300,month=1e300,day=-1e300}`, want: ended},
		"tonumber of huge numerals in a base":                    {src: `return tonumber(("z"):rep(1e6),36), tonumber(("1"):rep(1e6),2)`, want: ended},
		"a table that grows while pairs walks it":                {src: `local t={1} for k in pairs(t) do t[#t+1]=1 t[k..""]=1 end`, want: overrun},
		"a table that is cleared while pairs walks it":           {src: `local t={} for i=1,1000 do t["k"..i]=i end for k in pairs(t) do table.clear(t) end return next(t)`, want: ended},
		"clones of clones":                                       {src: `local t={} for i=1,1e4 do t[i]=i end while true do t=table.clone(t) end`, want: overrun},
		"lengths of a table of powers of two":                    {src: `local t={} t[1]=1 for i=2,50 do t[2^i]=1 end while true do local n=#t end`, want: overrun},
		"an uncaught error object whose __tostring loops":        {Open: true, src: `error(setmetatable({}, {__tostring=function() while true do end end}))`, want: ended},
		"format of the widest numbers":                           {src: `local s="" for i=1,1e9 do s=s..string.format(("%99.99f"):rep(50),unpack((function() local t={} for j=1,50 do t[j]=1e308 end return t end)())) end`, want: overrun},
		"functions of wrap that fail, as callbacks of all kinds": {src: `for i = 1, 100 do pcall(string.gsub, "x", "x", coroutine.wrap(function() error({}) end)) pcall(table.sort, {2, 1}, coroutine.wrap(function() error("e") end)) pcall(table.foreach, {1}, coroutine.wrap(error)) end return "still here"`, want: "done", Out: "still here"},

		// Work that was free, or nearly so.
		"errors whose names are far away in a long function":   {gen: repeat("while true do pcall(function() missing(nil and {", "1,", 80000, "}) end) end"), want: "instructions"},
		"bad arguments whose names are far away":               {gen: repeat("while true do pcall(function() string.rep(nil and {", "1,", 80000, "}) end) end"), want: "instructions"},
		"errors in a function of thousands of locals in a row": {gen: repeat("while true do pcall(function() do goto e end ", "do local a end ", 16000, "::e:: local y y() end) end"), want: "instructions"},
		"next with a long key that only looks the same":        {src: `local a, b = ("x"):rep(4e6), ("x"):rep(4e6) local t = {[a] = 1} while true do next(t, b) end`, want: overrun},
		"a loop from a long key that only looks the same":      {src: `local a, b = ("x"):rep(4e6), ("x"):rep(4e6) local t = {[a] = 1} while true do for _ in next, t, b do break end end`, want: overrun},
		"__newindex and a long key that was deleted":           {Open: true, src: `local a, b = ("x"):rep(4e6), ("x"):rep(4e6) local h = type for i = 1, 3 do local u = {[a] = 1} u[a] = nil h = setmetatable(u, {__newindex = h}) end while true do h[b] = 1 end`, want: overrun},
		"long texts in the place of __eq and __lt":             {Open: true, src: `local a, b = ("x"):rep(4e6), ("x"):rep(4e6) local t, u = setmetatable({}, {__eq = a, __lt = a}), setmetatable({}, {__eq = b, __lt = b}) local function f() return t < u end local function g() return t == u end while true do pcall(f) pcall(g) end`, want: overrun},
		"find with a long pattern that is no plain text":       {src: `local p = ("x"):rep(1e6) .. "%" while true do (""):find(p) end`, want: overrun},
		"gsub with a replacement of many captures of nothing":  {src: `local r = ("%0"):rep(5e5) while true do (""):gsub("", r) end`, want: overrun},
		"format with a million flags":                          {src: `local f = "%" .. ("-"):rep(1e6) .. "d" while true do string.format(f, 1) end`, want: overrun},
		"format of integers with many leading zeros":           {src: `local f, t = ("%.99d"):rep(200), {} for i = 1, 200 do t[i] = 1 end while true do string.format(f, unpack(t)) end`, want: overrun},
		"format of a hexadecimal zero with many digits":        {src: `local f, t = ("%.99a"):rep(200), {} for i = 1, 200 do t[i] = 0 end while true do string.format(f, unpack(t)) end`, want: overrun},
		"a loop whose limit is a long text":                    {src: `local s = (" "):rep(1e6) .. "1" while true do for i = s, 0 do end end`, want: overrun},
		"numerals between two numbers, of many digits":         {src: `local s, f = "1.100000000000000132106e+300", bit.bor while true do f(s, s, s, s, s, s, s, s, s, s) end`, want: overrun},
		"fmod of the largest by nearly the smallest":           {src: `while true do math.fmod(1.79e308, 3.3e-320) end`, want: overrun},
		"bit operations on the largest numbers":                {src: `local x, f = 1.7e308, bit.bor while true do f(x, x, x, x, x, x, x, x, x, x) end`, want: overrun},
		"an uncaught error of megabytes, thirty calls deep":    {src: `local s = ("x"):rep(7e6) local function f(n) if n == 0 then error(s, 0) end return (f(n - 1)) end f(30)`, want: "runtime"},
		"thousands of gotos out of 180 blocks":                 {gen: repeat(strings.Repeat("do ", 180), "goto e ", 30000, strings.Repeat("end ", 180)+"::e::"), want: "done"},
		"thousands of labels in a row":                         {gen: labels(22000, ""), want: "done"},
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}
