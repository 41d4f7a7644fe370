package sandbox

import (
	"math"
	"math/bits"
	"strconv"
)

// The bit library of LuaJIT (bitop.luajit.org): results are signed 32-bit
// numbers.
var bitLib = []entry{
	{path: "bit.tobit", fn: bit1, op: bitTobitOp},
	{path: "bit.bnot", fn: bit1, op: bitBnotOp},
	{path: "bit.bswap", fn: bit1, op: bitBswapOp},
	{path: "bit.band", fn: bitN, op: bitBandOp},
	{path: "bit.bor", fn: bitN, op: bitBorOp},
	{path: "bit.bxor", fn: bitN, op: bitBxorOp},
	{path: "bit.lshift", fn: bitShift, op: bitLshiftOp},
	{path: "bit.rshift", fn: bitShift, op: bitRshiftOp},
	{path: "bit.arshift", fn: bitShift, op: bitArshiftOp},
	{path: "bit.rol", fn: bitShift, op: bitRolOp},
	{path: "bit.ror", fn: bitShift, op: bitRorOp},
	{path: "bit.tohex", fn: bitTohex},
}

const (
	bitTobitOp uint8 = iota
	bitBnotOp
	bitBswapOp
	bitBandOp
	bitBorOp
	bitBxorOp
	bitLshiftOp
	bitRshiftOp
	bitArshiftOp
	bitRolOp
	bitRorOp
)

// checkBits returns argument i as 32 bits: rounded, and reduced modulo 2^32.
func (c *Call) checkBits(i int) (uint32, error) {
	x, err := c.CheckNumber(i)
	if err != nil {
		return 0, err
	}
	if x != x || math.IsInf(x, 0) {
		return 0, nil
	}
	x = math.RoundToEven(x)
	if math.Abs(x) < 1<<52 {
		return uint32(int64(x)), nil
	}
	// The mantissa is whole and only shifted: modulo 2^32 by hand, as math.Mod
	// takes a step for each place.
	f := math.Float64bits(x)
	u := uint32((f&(1<<52-1) | 1<<52) << (f>>52&0x7FF - 1075))
	if x < 0 {
		u = -u
	}
	return u, nil
}

func (c *Call) pushBits(x uint32) { c.push(Number(float64(int32(x)))) }

func bit1(c *Call) error {
	x, err := c.checkBits(1)
	if err != nil {
		return err
	}
	switch c.fn.op {
	case bitBnotOp:
		x = ^x
	case bitBswapOp:
		x = bits.ReverseBytes32(x)
	}
	c.pushBits(x)
	return nil
}

func bitN(c *Call) error {
	x, err := c.checkBits(1)
	if err != nil {
		return err
	}
	for i := 2; i <= len(c.args); i++ {
		y, err := c.checkBits(i)
		if err != nil {
			return err
		}
		switch c.fn.op {
		case bitBandOp:
			x &= y
		case bitBorOp:
			x |= y
		default:
			x ^= y
		}
	}
	c.pushBits(x)
	return c.Charge(int64(len(c.args)) >> 2)
}

func bitShift(c *Call) error {
	x, err := c.checkBits(1)
	if err != nil {
		return err
	}
	y, err := c.checkBits(2)
	if err != nil {
		return err
	}
	n := int(y & 31)
	switch c.fn.op {
	case bitLshiftOp:
		x <<= n
	case bitRshiftOp:
		x >>= n
	case bitArshiftOp:
		x = uint32(int32(x) >> n)
	case bitRolOp:
		x = bits.RotateLeft32(x, n)
	default:
		x = bits.RotateLeft32(x, -n)
	}
	c.pushBits(x)
	return nil
}

func bitTohex(c *Call) error {
	x, err := c.checkBits(1)
	if err != nil {
		return err
	}
	n := int32(8)
	if len(c.args) > 1 {
		u, err := c.checkBits(2)
		if err != nil {
			return err
		}
		n = int32(u)
	}
	capital := n < 0
	if capital {
		n = -n
	}
	// LuaJIT's number of digits is a byte, of which 255 stands for none given.
	n = max(n, 0) // the least number has no opposite
	prec := int(n+1)&255 - 1
	if n < 8 {
		x &= 1<<(4*n) - 1
	}
	text := strconv.FormatUint(uint64(x), 16)
	if x == 0 && prec == 0 {
		text = ""
	}
	text = zeros[:max(prec-len(text), 0)] + text
	if capital {
		text = upper(text)
	}
	return c.ReturnString(text)
}
