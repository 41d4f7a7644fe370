package sandbox

import "math"

var mathLib = []entry{
	{path: "math.abs", fn: math1, op: mathAbsOp},
	{path: "math.acos", fn: math1, op: mathAcosOp},
	{path: "math.asin", fn: math1, op: mathAsinOp},
	{path: "math.atan", fn: math1, op: mathAtanOp},
	{path: "math.atan2", fn: math2, op: mathAtan2Op},
	{path: "math.ceil", fn: math1, op: mathCeilOp},
	{path: "math.cos", fn: math1, op: mathCosOp},
	{path: "math.cosh", fn: math1, op: mathCoshOp},
	{path: "math.deg", fn: math1, op: mathDegOp},
	{path: "math.exp", fn: math1, op: mathExpOp},
	{path: "math.floor", fn: math1, op: mathFloorOp},
	{path: "math.fmod", fn: math2, op: mathFmodOp},
	{path: "math.frexp", fn: mathFrexp},
	{path: "math.huge", value: Number(math.Inf(1))},
	{path: "math.ldexp", fn: mathLdexp},
	{path: "math.log", fn: mathLog},
	{path: "math.log10", fn: math1, op: mathLog10Op},
	{path: "math.max", fn: mathExtreme, op: mathMaxOp},
	{path: "math.min", fn: mathExtreme, op: mathMinOp},
	{path: "math.modf", fn: mathModf},
	{path: "math.pi", value: Number(math.Pi)},
	{path: "math.pow", fn: math2, op: mathPowOp},
	{path: "math.rad", fn: math1, op: mathRadOp},
	{path: "math.random", fn: mathRandom},
	{path: "math.sin", fn: math1, op: mathSinOp},
	{path: "math.sinh", fn: math1, op: mathSinhOp},
	{path: "math.sqrt", fn: math1, op: mathSqrtOp},
	{path: "math.tan", fn: math1, op: mathTanOp},
	{path: "math.tanh", fn: math1, op: mathTanhOp},

	{path: "math.randomseed", fn: mathRandomseed, hidden: true},
}

// Functions of numbers only share one Go function by their number of
// arguments: each Go function costs half a kilobyte of a module beside its code.
const (
	mathAbsOp uint8 = iota
	mathAcosOp
	mathAsinOp
	mathAtanOp
	mathCeilOp
	mathCosOp
	mathCoshOp
	mathDegOp
	mathExpOp
	mathFloorOp
	mathLog10Op
	mathRadOp
	mathSinOp
	mathSinhOp
	mathSqrtOp
	mathTanOp
	mathTanhOp
	mathAtan2Op
	mathFmodOp
	mathPowOp
	mathMaxOp
	mathMinOp
)

func math1(c *Call) error {
	x, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	switch c.fn.op {
	case mathAbsOp:
		x = math.Abs(x)
	case mathAcosOp:
		x = math.Acos(x)
	case mathAsinOp:
		x = math.Asin(x)
	case mathAtanOp:
		x = math.Atan(x)
	case mathCeilOp:
		x = math.Ceil(x)
	case mathCosOp:
		x = math.Cos(x)
	case mathCoshOp:
		x = math.Cosh(x)
	case mathDegOp:
		x = x * (180 / math.Pi)
	case mathExpOp:
		x = math.Exp(x)
	case mathFloorOp:
		x = math.Floor(x)
	case mathLog10Op:
		x = math.Log10(x)
	case mathRadOp:
		x = x * (math.Pi / 180)
	case mathSinOp:
		x = math.Sin(x)
	case mathSinhOp:
		x = math.Sinh(x)
	case mathSqrtOp:
		x = math.Sqrt(x)
	case mathTanOp:
		x = math.Tan(x)
	case mathTanhOp:
		x = math.Tanh(x)
	}
	c.push(Number(x))
	return nil
}

func math2(c *Call) error {
	x, y, err := c.twoNumbers()
	if err != nil {
		return err
	}
	switch c.fn.op {
	case mathAtan2Op:
		x = math.Atan2(x, y)
	case mathFmodOp:
		// It subtracts once for each binary place between them.
		places := math.Float64bits(x)>>52&0x7FF - math.Float64bits(y)>>52&0x7FF
		_ = c.Charge(max(int64(places), 0) >> 4)
		x = math.Mod(x, y)
	default:
		x = pow(x, y)
	}
	c.push(Number(x))
	return nil
}

//go:noinline
func (c *Call) twoNumbers() (x, y float64, err error) {
	if x, err = c.CheckNumber(1); err == nil {
		y, err = c.CheckNumber(2)
	}
	return x, y, err
}

func mathFrexp(c *Call) error {
	x, err := c.CheckNumber(1)
	if err == nil {
		frac, exp := math.Frexp(x)
		c.Return(Number(frac), Number(float64(exp)))
	}
	return err
}

func mathLdexp(c *Call) error {
	x, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	e, err := c.CheckInt(2)
	if err == nil {
		c.push(Number(math.Ldexp(x, min(max(e, -5000), 5000))))
	}
	return err
}

// mathLog takes a base, as LuaJIT's does.
func mathLog(c *Call) error {
	x, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	if len(c.args) < 2 {
		c.push(Number(math.Log(x)))
		return nil
	}
	b, err := c.CheckNumber(2)
	if err == nil {
		c.push(Number(math.Log2(x) * (1 / math.Log2(b))))
	}
	return err
}

func mathModf(c *Call) error {
	x, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	if math.IsInf(x, 0) {
		c.Return(Number(x), Number(math.Copysign(0, x)))
		return nil
	}
	i, f := math.Modf(x)
	c.Return(Number(i), Number(f))
	return nil
}

// mathExtreme is max and min. As in LuaJIT, a NaN or an equal zero that comes
// later replaces what was there.
func mathExtreme(c *Call) error {
	best, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	for i := 2; i <= len(c.args); i++ {
		x, err := c.CheckNumber(i)
		if err != nil {
			return err
		}
		if c.fn.op == mathMaxOp && best > x || c.fn.op == mathMinOp && best < x {
			continue
		}
		best = x
	}
	c.push(Number(best))
	return c.Charge(int64(len(c.args)) >> 2)
}

// randomState is LuaJIT's generator, a combined Tausworthe generator of period
// 2^223 (P. L'Ecuyer, "Tables of maximally equidistributed combined LFSR
// generators", 1991).
type randomState struct{ u [4]uint64 }

func (s *randomState) seed(d float64) {
	bits := [4]uint64{1 << 1, 1 << 6, 1 << 9, 1 << 17}
	for i, m := range bits {
		d = d*math.Pi + math.E
		u := math.Float64bits(d)
		if u < m {
			u += m
		}
		s.u[i] = u
	}
	for range 10 {
		s.next()
	}
}

func (s *randomState) next() uint64 {
	const all = ^uint64(0)
	var r uint64
	for i, g := range [4]struct{ k, q, s uint }{{63, 31, 18}, {58, 19, 28}, {55, 24, 7}, {47, 21, 8}} {
		z := s.u[i]
		z = ((z<<g.q)^z)>>(g.k-g.s) ^ (z&(all<<(64-g.k)))<<g.s
		r ^= z
		s.u[i] = z
	}
	return r
}

// float returns the next number of [0, 1).
func (s *randomState) float() float64 {
	return math.Float64frombits(s.next()&0x000fffffffffffff|0x3ff0000000000000) - 1
}

func mathRandom(c *Call) error {
	d := c.r.st.random.float()
	if len(c.args) > 0 {
		a, err := c.CheckNumber(1)
		if err != nil {
			return err
		}
		low, span := 1.0, a
		if len(c.args) > 1 {
			b, err := c.CheckNumber(2)
			if err != nil {
				return err
			}
			low, span = a, b-a+1
		}
		d = math.Floor(d*span) + low
	}
	c.push(Number(d))
	return c.Charge(2)
}

func mathRandomseed(c *Call) error {
	d, err := c.CheckNumber(1)
	if err == nil {
		c.r.st.random.seed(d)
	}
	return err
}
