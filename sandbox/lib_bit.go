package sandbox

import (
	"math"
	"math/bits"
	"strconv"
)

// The bit library of LuaJIT (bitop.luajit.org): results are signed 32-bit
// numbers.
var bitLib = []entry{
	{path: "bit.tobit", fn: bit1(func(x uint32) uint32 { return x })},
	{path: "bit.bnot", fn: bit1(func(x uint32) uint32 { return ^x })},
	{path: "bit.bswap", fn: bit1(bits.ReverseBytes32)},
	{path: "bit.band", fn: bitN(func(x, y uint32) uint32 { return x & y })},
	{path: "bit.bor", fn: bitN(func(x, y uint32) uint32 { return x | y })},
	{path: "bit.bxor", fn: bitN(func(x, y uint32) uint32 { return x ^ y })},
	{path: "bit.lshift", fn: bitShift(func(x uint32, n uint) uint32 { return x << n })},
	{path: "bit.rshift", fn: bitShift(func(x uint32, n uint) uint32 { return x >> n })},
	{path: "bit.arshift", fn: bitShift(func(x uint32, n uint) uint32 { return uint32(int32(x) >> n) })},
	{path: "bit.rol", fn: bitShift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, int(n)) })},
	{path: "bit.ror", fn: bitShift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, -int(n)) })},
	{path: "bit.tohex", fn: bitTohex},
}

// CheckBits returns argument i as 32 bits: rounded, and reduced modulo 2^32.
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
	return uint32(int64(math.Mod(x, 1<<32))), nil
}

func (c *Call) pushBits(x uint32) { c.push(Number(float64(int32(x)))) }

func bit1(f func(uint32) uint32) Function {
	return func(c *Call) error {
		x, err := c.checkBits(1)
		if err == nil {
			c.pushBits(f(x))
		}
		return err
	}
}

func bitN(f func(x, y uint32) uint32) Function {
	return func(c *Call) error {
		x, err := c.checkBits(1)
		if err != nil {
			return err
		}
		for i := 2; i <= len(c.args); i++ {
			y, err := c.checkBits(i)
			if err != nil {
				return err
			}
			x = f(x, y)
		}
		c.pushBits(x)
		return c.Charge(int64(len(c.args)) >> 2)
	}
}

func bitShift(f func(x uint32, n uint) uint32) Function {
	return func(c *Call) error {
		x, err := c.checkBits(1)
		if err != nil {
			return err
		}
		n, err := c.checkBits(2)
		if err == nil {
			c.pushBits(f(x, uint(n&31)))
		}
		return err
	}
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
	if n > 8 || n < 0 {
		n = 8
	}
	text := strconv.FormatUint(uint64(x)|1<<32, 16)[1:]
	text = text[8-n:]
	if capital {
		text = upper(text)
	}
	return c.ReturnString(text)
}
