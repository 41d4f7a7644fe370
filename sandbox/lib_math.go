package sandbox

import "math"

var mathLib = []entry{
	{path: "math.abs", fn: math1(math.Abs)},
	{path: "math.acos", fn: math1(math.Acos)},
	{path: "math.asin", fn: math1(math.Asin)},
	{path: "math.atan", fn: math1(math.Atan)},
	{path: "math.atan2", fn: math2(math.Atan2)},
	{path: "math.ceil", fn: math1(math.Ceil)},
	{path: "math.cos", fn: math1(math.Cos)},
	{path: "math.cosh", fn: math1(math.Cosh)},
	{path: "math.deg", fn: math1(func(x float64) float64 { return x * (180 / math.Pi) })},
	{path: "math.exp", fn: math1(math.Exp)},
	{path: "math.floor", fn: math1(math.Floor)},
	{path: "math.fmod", fn: math2(math.Mod)},
	{path: "math.frexp", fn: mathFrexp},
	{path: "math.huge", value: Number(math.Inf(1))},
	{path: "math.ldexp", fn: mathLdexp},
	{path: "math.log", fn: mathLog},
	{path: "math.log10", fn: math1(math.Log10)},
	{path: "math.max", fn: mathMax},
	{path: "math.min", fn: mathMin},
	{path: "math.modf", fn: mathModf},
	{path: "math.pi", value: Number(math.Pi)},
	{path: "math.pow", fn: math2(pow)},
	{path: "math.rad", fn: math1(func(x float64) float64 { return x * (math.Pi / 180) })},
	{path: "math.random", fn: mathRandom},
	{path: "math.sin", fn: math1(math.Sin)},
	{path: "math.sinh", fn: math1(math.Sinh)},
	{path: "math.sqrt", fn: math1(math.Sqrt)},
	{path: "math.tan", fn: math1(math.Tan)},
	{path: "math.tanh", fn: math1(math.Tanh)},

	{path: "math.randomseed", fn: mathRandomseed, hidden: true},
}

func math1(f func(float64) float64) Function {
	return func(c *Call) error {
		x, err := c.CheckNumber(1)
		if err == nil {
			c.push(Number(f(x)))
		}
		return err
	}
}

func math2(f func(x, y float64) float64) Function {
	return func(c *Call) error {
		x, err := c.CheckNumber(1)
		if err != nil {
			return err
		}
		y, err := c.CheckNumber(2)
		if err == nil {
			c.push(Number(f(x, y)))
		}
		return err
	}
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

// As in LuaJIT, a NaN or an equal zero that comes later replaces what was there.
func mathMax(c *Call) error { return extreme(c, func(best, x float64) bool { return best > x }) }
func mathMin(c *Call) error { return extreme(c, func(best, x float64) bool { return best < x }) }

func extreme(c *Call, keeps func(best, x float64) bool) error {
	best, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	for i := 2; i <= len(c.args); i++ {
		x, err := c.CheckNumber(i)
		if err != nil {
			return err
		}
		if !keeps(best, x) {
			best = x
		}
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
		if len(c.args) == 1 {
			d = math.Floor(d*a) + 1
		} else {
			b, err := c.CheckNumber(2)
			if err != nil {
				return err
			}
			d = math.Floor(d*(b-a+1)) + a
		}
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
