package sandbox

import (
	"math"
	"strconv"
)

// appendNumber writes n as %.14g does, with LuaJIT's names for what is not finite.
func appendNumber(b []byte, n float64) []byte {
	if i := int64(n); float64(i) == n && i > -1e14 && i < 1e14 && (i != 0 || !math.Signbit(n)) {
		return strconv.AppendInt(b, i, 10)
	}
	switch {
	case n != n:
		return append(b, "nan"...)
	case math.IsInf(n, 1):
		return append(b, "inf"...)
	case math.IsInf(n, -1):
		return append(b, "-inf"...)
	}
	// A number halfway between two texts of 14 digits, 10^x <= n < 10^(x+1), is
	// an odd multiple of 2^(x-14). Few numbers come near that.
	if _, e, size := oddPart(math.Abs(n)); math.Abs(float64(14+e)-float64(size)*math.Log10E*math.Ln2) < 2 {
		if n < 0 {
			b = append(b, '-')
		}
		return append(b, general(math.Abs(n), 14, false)...)
	}
	return strconv.AppendFloat(b, n, 'g', 14, 64)
}

//go:noinline
func numberToString(n float64) string {
	var b [32]byte
	return string(appendNumber(b[:0], n))
}

// parseNumber reads a numeral as LuaJIT does: decimal, hexadecimal with or
// without fraction and exponent, binary (0b), inf and nan; spaces around it.
func parseNumber(s string) (float64, bool) {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if len(s) == 0 {
		return 0, false
	}
	neg := false
	t := s
	if t[0] == '-' || t[0] == '+' {
		neg = t[0] == '-'
		t = t[1:]
	}
	if len(t) == 0 {
		return 0, false
	}
	n, ok := parseMagnitude(t)
	if neg {
		n = -n
	}
	return n, ok && !farExponent(t)
}

// longNumeral is what a numeral costs beside its length: with more than 19
// digits, strconv may have to compute with decimals of any length.
//
//go:noinline
func longNumeral(s string) int64 {
	digits := 0
	for i := 0; len(s) >= 20 && i < len(s) && s[i]|0x20 != 'e'; i++ {
		if isDigit(s[i]) && (digits > 0 || s[i] != '0') {
			if digits++; digits == 20 {
				return 64
			}
		}
	}
	return 0
}

// maxExponent is where LuaJIT takes an exponent for a mistake.
const maxExponent = 1 << 20

// farExponent reports whether a decimal numeral has an exponent that LuaJIT
// does not take. JSON has no such limit.
func farExponent(t string) bool {
	i := len(t)
	exp, unit := 0, 1
	for i > 0 && isDigit(t[i-1]) {
		i--
		if d := int(t[i] - '0'); d > 0 {
			if unit > maxExponent {
				exp = maxExponent
			}
			exp += d * unit
		}
		if unit <= maxExponent {
			unit *= 10
		}
	}
	if i > 0 && (t[i-1] == '+' || t[i-1] == '-') {
		i--
	}
	return exp >= maxExponent && i > 0 && t[i-1]|0x20 == 'e' && !(len(t) > 1 && t[1]|0x20 == 'x')
}

func parseMagnitude(t string) (float64, bool) {
	if len(t) > 1 && t[0] == '0' {
		switch t[1] | 0x20 {
		case 'x':
			return parseHex(t[2:])
		case 'b':
			return parseBinary(t[2:])
		}
	}
	if c := t[0]; !isDigit(c) && c != '.' {
		switch lower(t) {
		case "inf", "infinity":
			return math.Inf(1), true
		case "nan":
			return math.NaN(), true
		}
		return 0, false
	}
	// Whole numbers of up to 15 digits need no rounding.
	if len(t) <= 15 {
		n := 0
		for i := 0; ; i++ {
			if i == len(t) {
				return float64(n), true
			}
			if !isDigit(t[i]) {
				break
			}
			n = n*10 + int(t[i]-'0')
		}
	}
	for i := 0; i < len(t); i++ { // ParseFloat takes more than Lua does
		switch c := t[i]; {
		case isDigit(c), c == '.', c|0x20 == 'e':
		case (c == '+' || c == '-') && i > 0 && t[i-1]|0x20 == 'e':
		default:
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil {
		if e, ok := err.(*strconv.NumError); !ok || e.Err != strconv.ErrRange {
			return 0, false
		}
	}
	return n, true
}

func lower(s string) string {
	if len(s) > 8 {
		return ""
	}
	var b [8]byte
	for i := range len(s) {
		c := s[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		b[i] = c
	}
	return string(b[:len(s)])
}

func parseBinary(t string) (float64, bool) {
	if len(t) == 0 {
		return 0, false
	}
	n := 0.0
	for i := range len(t) {
		if t[i] != '0' && t[i] != '1' {
			return 0, false
		}
		n = n*2 + float64(t[i]-'0')
	}
	return n, true
}

func parseHex(t string) (float64, bool) {
	var mant uint64
	exp, digits := 0, 0
	i := 0
	point := false
	for ; i < len(t); i++ {
		if t[i] == '.' {
			if point {
				return 0, false
			}
			point = true
			continue
		}
		d := hexDigit(t[i])
		if d < 0 {
			break
		}
		digits++
		if mant>>58 != 0 { // keep the first digits, and that there were more
			exp += 4
			if d != 0 {
				mant |= 1
			}
		} else {
			mant = mant<<4 | uint64(d)
		}
		if point {
			exp -= 4
		}
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(t) {
		if t[i]|0x20 != 'p' {
			return 0, false
		}
		i++
		neg := false
		if i < len(t) && (t[i] == '+' || t[i] == '-') {
			neg = t[i] == '-'
			i++
		}
		if i == len(t) {
			return 0, false
		}
		e := 0
		for ; i < len(t); i++ {
			if !isDigit(t[i]) {
				return 0, false
			}
			if e = e*10 + int(t[i]-'0'); e >= maxExponent {
				return 0, false
			}
		}
		if neg {
			e = -e
		}
		exp += e
	}
	return math.Ldexp(float64(mant), exp), true
}
