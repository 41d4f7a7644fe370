package sandbox

import "math"

// The basic functions. pcall, xpcall, error and the iterators need the machine
// and are marked special; calls.go and machine.go carry them out.
var baseLib = []entry{
	{path: "assert", fn: baseAssert},
	{path: "error", fn: baseError, special: spError},
	{path: "ipairs", fn: baseIpairs},
	{path: "next", value: nextValue},
	{path: "pairs", fn: basePairs},
	{path: "pcall", fn: nil, special: spPcall},
	{path: "print", fn: basePrint},
	{path: "select", fn: baseSelect},
	{path: "tonumber", fn: baseTonumber},
	{path: "tostring", fn: baseTostring},
	{path: "type", fn: baseType},
	{path: "unpack", value: unpackValue},
	{path: "xpcall", fn: nil, special: spXpcall},
	{path: "require", fn: baseRequire},
	{path: "_VERSION", value: String("Lua 5.1")},

	{path: "getmetatable", fn: baseGetmetatable, hidden: true},
	{path: "setmetatable", fn: baseSetmetatable, hidden: true},
	{path: "rawget", fn: baseRawget, hidden: true},
	{path: "rawset", fn: baseRawset, hidden: true},
	{path: "rawequal", fn: baseRawequal, hidden: true},
}

func baseAssert(c *Call) error {
	v, err := c.CheckAny(1)
	if err != nil {
		return err
	}
	if v.Truthy() {
		c.ret = append(c.ret, c.args...)
		return c.Charge(int64(len(c.args)) >> 3)
	}
	if len(c.args) < 2 {
		return errorText("assertion failed!")
	}
	// A text gets the position in front, as by error.
	switch m := c.args[1]; m.kind() {
	case kindString, kindNumber:
		s, err := c.CheckString(2)
		if err != nil {
			return err
		}
		return errorText(s)
	default:
		return c.Raise(m)
	}
}

func baseError(c *Call) error {
	level, err := c.OptInt(2, 1)
	if err != nil {
		return err
	}
	v := c.Arg(1)
	if k := v.kind(); (k == kindString || k == kindNumber) && level > 0 {
		v, err = c.r.newStr(c.r.whereAt(level) + c.r.display(v))
		if err != nil {
			return err
		}
	}
	return &scriptError{value: v, line: c.r.currentLine()}
}

var ipairsIterator = &entry{path: "ipairs_aux", fn: baseIpairsNext, special: spIpairs}

var (
	nextValue   = (&entry{path: "next", fn: baseNext, special: spNext}).make()
	ipairsValue = ipairsIterator.make()
)

func baseIpairs(c *Call) error {
	if _, err := c.CheckAny(1); err != nil {
		return err
	}
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	c.Return(ipairsValue, t.value(), Number(0))
	return nil
}

func baseIpairsNext(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	i, err := c.CheckInt(2)
	if err != nil {
		return err
	}
	if v := t.getInt(i + 1); v.p != nil {
		c.Return(Number(float64(i+1)), v)
	}
	return nil
}

func baseNext(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	k, v, err := c.r.next(t, c.Arg(2))
	if err != nil {
		return err
	}
	c.push(k)
	if k.p != nil {
		c.push(v)
	}
	return nil
}

func basePairs(c *Call) error {
	if _, err := c.CheckAny(1); err != nil {
		return err
	}
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	c.Return(nextValue, t.value(), Nil)
	return nil
}

func basePrint(c *Call) error {
	var line []byte
	for i, v := range c.args {
		s, err := c.ToString(v)
		if err != nil {
			return err
		}
		if err := c.r.chargeString(len(s)); err != nil {
			return err
		}
		if i > 0 {
			line = append(line, '\t')
		}
		line = append(line, s...)
	}
	if f := c.r.script.prog.cfg.Print; f != nil {
		f(string(line))
	}
	return nil
}

func baseSelect(c *Call) error {
	if s, ok := c.Arg(1).AsString(); ok && s != "" && s[0] == '#' {
		c.push(Number(float64(len(c.args) - 1)))
		return nil
	}
	n, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	if n < 0 {
		n = len(c.args) + n
	}
	if n < 1 {
		return c.ArgError(1, "index out of range")
	}
	if n < len(c.args) {
		if err := c.Charge(int64(len(c.args)-n) >> 3); err != nil {
			return err
		}
		c.ret = append(c.ret, c.args[n:]...)
	}
	return nil
}

func baseTonumber(c *Call) error {
	base, err := c.OptInt(2, 10)
	if err != nil {
		return err
	}
	if base == 10 {
		v, err := c.CheckAny(1)
		if err != nil {
			return err
		}
		if n, ok := c.r.number(v); ok {
			c.push(Number(n))
		} else {
			c.push(Nil)
		}
		return nil
	}
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	if base < 2 || base > 36 {
		return c.ArgError(2, "base out of range")
	}
	if err := c.Charge(int64(len(s)) >> 3); err != nil {
		return err
	}
	if n, ok := parseInBase(s, base); ok {
		c.push(Number(n))
	} else {
		c.push(Nil)
	}
	return nil
}

// parseInBase reads a whole number, as tonumber with a base does.
func parseInBase(s string, base int) (float64, bool) {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	neg := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	if base == 16 && i+1 < len(s) && s[i] == '0' && s[i+1]|0x20 == 'x' {
		i += 2
	}
	n, digits := 0.0, 0
	for ; i < len(s); i++ {
		var d int
		switch c := s[i]; {
		case isDigit(c):
			d = int(c - '0')
		case c|0x20-'a' < 26:
			d = int(c|0x20-'a') + 10
		default:
			d = base
		}
		if d >= base {
			break
		}
		n = n*float64(base) + float64(d)
		digits++
	}
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if digits == 0 || i < len(s) {
		return 0, false
	}
	if n = min(n, math.MaxUint64); neg { // C's strtoul, which LuaJIT asks, stops there
		n = -n
	}
	return n, true
}

func baseTostring(c *Call) error {
	v, err := c.CheckAny(1)
	if err != nil {
		return err
	}
	if v.kind() == kindString {
		c.push(v)
		return nil
	}
	if f := c.r.metaOf(v).event(evTostring); f.p != nil {
		// What __tostring returns is taken as it is, of any type.
		res, err := c.r.call1(f, v)
		c.push(res)
		return err
	}
	s, err := c.ToString(v)
	if err != nil {
		return err
	}
	return c.ReturnString(s)
}

var typeNameValues = func() (v [len(typeNames)]Value) {
	for i, n := range typeNames {
		v[i] = strValue(newSharedStr(n))
	}
	return
}()

func baseType(c *Call) error {
	v, err := c.CheckAny(1)
	if err != nil {
		return err
	}
	c.push(typeNameValues[v.Type()])
	return nil
}

func baseRequire(c *Call) error {
	name, err := c.CheckString(1)
	if err != nil {
		return err
	}
	v, ok := c.r.script.prog.env.modules[name]
	if !ok {
		if err := c.Charge(int64(len(name)) >> 3); err != nil {
			return err
		}
		return errorText("module '" + name + "' not found")
	}
	c.push(v)
	return nil
}

func baseGetmetatable(c *Call) error {
	v, err := c.CheckAny(1)
	if err != nil {
		return err
	}
	m := c.r.metaOf(v)
	if m == nil {
		c.push(Nil)
		return nil
	}
	if p := m.event(evMetatable); p.p != nil {
		c.push(p)
		return nil
	}
	c.push(m.value())
	return nil
}

func baseSetmetatable(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	m := c.Arg(2)
	if m.kind() != kindTable && (!m.IsNil() || len(c.args) < 2) {
		return c.ArgError(2, "nil or table expected")
	}
	if t.readonly {
		return errReadOnly
	}
	if t.meta.event(evMetatable).p != nil {
		return errorText("cannot change a protected metatable")
	}
	t.meta = m.AsTable()
	c.push(t.value())
	return nil
}

func baseRawget(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	k, err := c.CheckAny(2)
	if err != nil {
		return err
	}
	c.r.chargeKey(k)
	c.push(t.get(k))
	return nil
}

func baseRawset(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	for i := 2; i <= 3; i++ {
		if _, err := c.CheckAny(i); err != nil {
			return err
		}
	}
	if err := c.r.rawSet(t, c.Arg(2), c.Arg(3)); err != nil {
		return err
	}
	c.push(t.value())
	return nil
}

func baseRawequal(c *Call) error {
	a, err := c.CheckAny(1)
	if err != nil {
		return err
	}
	b, err := c.CheckAny(2)
	if err != nil {
		return err
	}
	c.r.chargeKey(a)
	c.push(Bool(rawEqual(a, b)))
	return nil
}
