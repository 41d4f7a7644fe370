package sandbox

// libraries is all of the standard library, in the order in which pairs(_G)
// shows it.
var libraries = [][]entry{baseLib, stringLib, tableLib, mathLib, bitLib, coroutineLib, osLib}

var stringLib = []entry{
	{path: "string.byte", fn: stringByte},
	{path: "string.char", fn: stringChar},
	{path: "string.find", fn: stringFind},
	{path: "string.format", fn: stringFormat},
	{path: "string.gmatch", fn: stringGmatch},
	{path: "string.gsub", fn: stringGsub},
	{path: "string.len", fn: stringLen},
	{path: "string.lower", fn: stringLower},
	{path: "string.match", fn: stringMatch},
	{path: "string.rep", fn: stringRep},
	{path: "string.reverse", fn: stringReverse},
	{path: "string.sub", fn: stringSub},
	{path: "string.upper", fn: stringUpper},
}

func stringLen(c *Call) error {
	if len(c.args) == 0 {
		return c.ArgError(1, "string expected, got nil") // as LuaJIT has it
	}
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	c.push(Number(float64(len(s))))
	return nil
}

// span turns the positions i and j of arguments at and at+1 into src[from:to].
func span(c *Call, at, n, defI, defJ int) (from, to int, err error) {
	i, err := c.OptInt(at, defI)
	if err != nil {
		return 0, 0, err
	}
	if defJ == sameAsI {
		defJ = i
	}
	j, err := c.OptInt(at+1, defJ)
	if err != nil {
		return 0, 0, err
	}
	from, to = max(position(i, n), 1)-1, min(position(j, n), n)
	if from >= to {
		return 0, 0, nil
	}
	return from, to, nil
}

const sameAsI = -1 << 62

func stringSub(c *Call) error {
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	if _, err := c.CheckInt(2); err != nil {
		return err
	}
	from, to, err := span(c, 2, len(s), 1, -1)
	if err != nil {
		return err
	}
	if v := c.Arg(1); from == 0 && to == len(s) && v.kind() == kindString {
		c.push(v)
		return nil
	}
	v, err := c.r.copyString(s[from:to])
	if err != nil {
		return err
	}
	c.push(v)
	return nil
}

func stringByte(c *Call) error {
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	from, to, err := span(c, 2, len(s), 1, sameAsI)
	if err != nil {
		return err
	}
	if err := c.spread(to - from); err != nil {
		return err
	}
	for ; from < to; from++ {
		c.push(Number(float64(s[from])))
	}
	return nil
}

// maxResults bounds how many values a library function hands over at once, as
// LuaJIT's stack does.
const maxResults = 8000

// spread charges for n results.
func (c *Call) spread(n int) error {
	if n > maxResults {
		return errorText("too many results to unpack")
	}
	if err := c.Allocate(int64(n) * sizeValue); err != nil {
		return err
	}
	return c.Charge(int64(n) >> 2)
}

func stringChar(c *Call) error {
	b := buffer{r: c.r}
	if err := b.grow(len(c.args)); err != nil {
		return err
	}
	for i := range c.args {
		n, err := c.CheckInt(i + 1)
		if err != nil {
			return err
		}
		if n < 0 || n > 255 {
			return c.ArgError(i+1, "invalid value")
		}
		b.buf = append(b.buf, byte(n))
	}
	v, err := b.value()
	if err != nil {
		return err
	}
	c.push(v)
	return nil
}

func stringRep(c *Call) error {
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	n, err := c.CheckInt(2)
	if err != nil {
		return err
	}
	sep, err := c.OptString(3, "")
	if err != nil {
		return err
	}
	if n <= 0 || len(s)+len(sep) == 0 {
		return c.ReturnString("")
	}
	// The size may not overflow before the budget refuses it.
	if n > c.r.memLeft()/(len(s)+len(sep))+1 {
		return errMemory
	}
	size := n*len(s) + (n-1)*len(sep)
	if err := c.r.chargeString(size); err != nil {
		return err
	}
	buf := make([]byte, size)
	// The first unit, then what is there as often as it fits.
	for n := copy(buf, s); n < size; {
		if n == len(s) {
			n += copy(buf[n:], sep)
			n += copy(buf[n:], s)
			continue
		}
		n += copy(buf[n:], buf[len(s):n])
	}
	c.push(bytesValue(buf))
	return nil
}

// memLeft is what is left of the memory budget, as an int.
func (r *Run) memLeft() int { return int(max(r.mem, 0)) }

// mapped gives back a string of the same length.
func mapped(c *Call, f func(dst []byte, s string)) error {
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	if err := c.r.chargeString(len(s)); err != nil {
		return err
	}
	buf := make([]byte, len(s))
	f(buf, s)
	c.push(bytesValue(buf))
	return c.Charge(int64(len(s)) >> 4)
}

func stringLower(c *Call) error {
	return mapped(c, func(dst []byte, s string) {
		for i := range dst {
			b := s[i]
			if b-'A' < 26 {
				b |= 0x20
			}
			dst[i] = b
		}
	})
}

func stringUpper(c *Call) error {
	return mapped(c, func(dst []byte, s string) {
		for i := range dst {
			b := s[i]
			if b-'a' < 26 {
				b &^= 0x20
			}
			dst[i] = b
		}
	})
}

func stringReverse(c *Call) error {
	return mapped(c, func(dst []byte, s string) {
		for i := range dst {
			dst[i] = s[len(s)-1-i]
		}
	})
}
