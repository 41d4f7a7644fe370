package sandbox

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// string.format: the directives of Lua 5.1 and LuaJIT's %a, %A and %q of any
// value. Widths and precisions have two digits at most.

// directive is one % of a format.
type directive struct {
	minus, plus, space, alt, zero bool
	width, prec                   int // prec is -1 where there is none
	verb                          byte
}

func stringFormat(c *Call) error {
	format, err := c.CheckString(1)
	if err != nil {
		return err
	}
	_ = c.Charge(int64(len(format)) >> 6) // for flags, of which there may be many
	b := buffer{r: c.r}
	arg := 1
	for i := 0; i < len(format); {
		start := i
		for i < len(format) && format[i] != '%' {
			i++
		}
		if err := b.add(format[start:i]); err != nil {
			return err
		}
		if i == len(format) {
			break
		}
		if i+1 < len(format) && format[i+1] == '%' {
			if err := b.add("%"); err != nil {
				return err
			}
			i += 2
			continue
		}
		d, next, ok := parseDirective(format, i+1)
		if !ok {
			return errorText("invalid option '" + format[i:min(next, len(format))] + "' to 'format'")
		}
		i = next
		arg++
		if err := c.formatOne(&b, d, arg); err != nil {
			return err
		}
	}
	v, err := b.value()
	if err != nil {
		return err
	}
	c.push(v)
	return nil
}

// parseDirective reads what follows a %. next is where it ends.
func parseDirective(f string, i int) (d directive, next int, ok bool) {
	d.prec = -1
flags:
	for ; i < len(f); i++ {
		switch f[i] {
		case '-':
			d.minus = true
		case '+':
			d.plus = true
		case ' ':
			d.space = true
		case '#':
			d.alt = true
		case '0':
			d.zero = true
		default:
			break flags
		}
	}
	var fine bool
	if d.width, i, fine = twoDigits(f, i); !fine {
		return d, i + 1, false
	}
	if i < len(f) && f[i] == '.' {
		if d.prec, i, fine = twoDigits(f, i+1); !fine {
			return d, i + 1, false
		}
	}
	if i == len(f) {
		return d, i, false
	}
	d.verb = f[i]
	switch d.verb {
	case 'c', 'd', 'i', 'o', 'u', 'x', 'X', 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A', 'q', 's', 'p':
		return d, i + 1, true
	}
	return d, i + 1, false
}

func twoDigits(f string, i int) (n, next int, ok bool) {
	start := i
	for i < len(f) && isDigit(f[i]) {
		if i-start == 2 {
			return n, i, false
		}
		n = n*10 + int(f[i]-'0')
		i++
	}
	return n, i, true
}

func (c *Call) formatOne(b *buffer, d directive, arg int) error {
	if _, err := c.CheckAny(arg); err != nil {
		return err
	}
	switch d.verb {
	case 'q':
		return c.quote(b, arg)
	case 'p':
		return b.add(c.r.address(c.Arg(arg)))
	case 's':
		s, err := c.ToString(c.Arg(arg))
		if err != nil {
			return err
		}
		if d.prec >= 0 && len(s) > d.prec {
			s = s[:d.prec]
		}
		return b.pad(d, s, false)
	case 'c':
		n, err := c.CheckInt(arg)
		if err != nil {
			return err
		}
		return b.pad(d, string([]byte{byte(n)}), false)
	}
	n, err := c.CheckNumber(arg)
	if err != nil {
		return err
	}
	switch d.verb {
	case 'd', 'i':
		return b.integer(d, n)
	case 'u', 'o', 'x', 'X':
		return b.unsigned(d, n)
	}
	return b.float(d, n)
}

// pad adds text with blanks, or zeros behind the sign of a number, to the width.
func (b *buffer) pad(d directive, s string, number bool) error {
	fill := d.width - len(s)
	if fill <= 0 {
		return b.add(s)
	}
	if err := b.grow(d.width); err != nil {
		return err
	}
	blank := byte(' ')
	if d.zero && !d.minus && number {
		blank = '0'
		head := 0
		if len(s) > 0 && (s[0] == '-' || s[0] == '+' || s[0] == ' ') {
			head = 1
		}
		if len(s) > head+1 && s[head] == '0' && s[head+1]|0x20 == 'x' {
			head += 2
		}
		b.buf = append(b.buf, s[:head]...)
		s = s[head:]
	}
	if d.minus {
		b.buf = append(b.buf, s...)
	}
	for range fill {
		b.buf = append(b.buf, blank)
	}
	if !d.minus {
		b.buf = append(b.buf, s...)
	}
	return nil
}

func (d *directive) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case d.plus:
		return "+"
	case d.space:
		return " "
	}
	return ""
}

const (
	zeros64 = "0000000000000000000000000000000000000000000000000000000000000000"
	zeros   = zeros64 + zeros64 + zeros64 + zeros64
)

// digits gives an integer at least prec digits.
func (d *directive) digits(s string) string {
	if d.prec == 0 && s == "0" {
		return ""
	}
	return zeros[:max(d.prec-len(s), 0)] + s
}

// wholeNumber converts n as the machines of LuaJIT do.
func wholeNumber(n float64) int64 {
	if n != n || n >= 1<<63 || n < -1<<63 {
		return math.MinInt64
	}
	return int64(n)
}

func (b *buffer) integer(d directive, n float64) error {
	i := wholeNumber(n)
	text := strconv.FormatInt(i, 10)
	if i < 0 {
		text = text[1:]
	}
	if d.prec >= 0 {
		d.zero = false
	}
	return b.pad(d, d.sign(i < 0)+d.digits(text), true)
}

func (b *buffer) unsigned(d directive, n float64) error {
	if n >= 1<<63 {
		n -= 1 << 64
	}
	u := uint64(wholeNumber(n))
	base := 10
	prefix := ""
	switch d.verb {
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
		if d.alt && u != 0 {
			prefix = "0x"
		}
	}
	text := d.digits(strconv.FormatUint(u, base))
	if d.verb == 'o' && d.alt && (text == "" || text[0] != '0') {
		text = "0" + text
	}
	text = prefix + text
	if d.verb == 'X' {
		text = upper(text)
	}
	if d.prec >= 0 {
		d.zero = false
	}
	return b.pad(d, text, true)
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c-'a' < 26 {
			b[i] = c &^ 0x20
		}
	}
	return string(b)
}

func (b *buffer) float(d directive, n float64) error {
	if err := b.r.charge(8); err != nil {
		return err
	}
	negative := math.Signbit(n)
	capital := d.verb-'A' < 26
	if n != n || math.IsInf(n, 0) {
		text := "inf"
		if n != n {
			text, negative, d.plus = "nan", false, false
		}
		if capital {
			text = upper(text)
		}
		d.zero = false
		return b.pad(d, d.sign(negative)+text, true)
	}
	if err := b.r.charge(longDecimal(&d, n)); err != nil {
		return err
	}
	var text string
	switch verb := d.verb | 0x20; verb {
	case 'a':
		text = hexFloat(math.Abs(n), d.prec, d.alt)
	default:
		prec := d.prec
		if prec < 0 {
			prec = 6
		}
		if verb == 'g' {
			text = general(math.Abs(n), max(prec, 1), d.alt)
		} else {
			text = string(appendRounded(nil, math.Abs(n), verb, prec))
			if d.alt && prec == 0 {
				text = withPoint(text)
			}
		}
	}
	if capital {
		text = upper(text)
	}
	return b.pad(d, d.sign(negative)+text, true)
}

// longDecimal is what a float costs that takes arithmetic on decimals of any
// length: %f always, the others over 17 digits. It grows with the exponent.
func longDecimal(d *directive, n float64) int64 {
	if d.verb|0x20 == 'a' || d.verb|0x20 != 'f' && d.prec <= 17 {
		return 0
	}
	_, exp := math.Frexp(n)
	return int64(max(exp, -exp)) + int64(max(d.prec, 0))>>1
}

// withPoint puts a decimal point behind the digits, as the flag # asks.
func withPoint(s string) string {
	for i := range len(s) {
		if s[i] == 'e' {
			return s[:i] + "." + s[i:]
		}
	}
	return s + "."
}

// appendRounded writes n >= 0 by %e or %f. Like LuaJIT it rounds what lies
// exactly halfway away from zero, where strconv rounds to even.
func appendRounded(b []byte, n float64, verb byte, prec int) []byte {
	at := len(b)
	b = strconv.AppendFloat(b, n, verb, prec, 64)
	places := prec
	if verb == 'e' {
		places -= exponent(b[at:])
	}
	if !halfway(n, places) {
		return b
	}
	// With one digit more the text is exact and ends in 5. Where the digit
	// before is odd, strconv has rounded up.
	exact := strconv.AppendFloat(nil, n, verb, prec+1, 64)
	end := len(exact)
	if verb == 'e' {
		end = strings.IndexByte(string(exact), 'e')
	}
	last := end - 2
	if exact[last] == '.' {
		last--
	}
	if exact[last]&1 != 0 {
		return b
	}
	exact[last]++
	return append(append(b[:at], exact[:last+1]...), exact[end:]...)
}

// exponent reads the digits behind the e of a number.
func exponent(text []byte) int {
	_, tail, _ := strings.Cut(string(text), "e")
	exp, err := strconv.Atoi(tail)
	if err != nil {
		return 0 // there is always an exponent
	}
	return exp
}

// oddPart returns odd m and e with n = m * 2^e, and size with 2^(size-1) <= n <
// 2^size. m is 0 for 0.
func oddPart(n float64) (m uint64, e, size int) {
	frac, size := math.Frexp(n)
	m = uint64(frac * (1 << 53))
	if m == 0 {
		return 0, 0, 0
	}
	shift := bits.TrailingZeros64(m)
	return m >> shift, size - 53 + shift, size
}

// halfway tells whether n lies exactly between two numbers of places digits
// behind the point: whether n is an odd number of halves of 10^-places.
func halfway(n float64, places int) bool {
	m, e, _ := oddPart(n)
	if m == 0 || e != -places-1 {
		return false
	}
	for ; places < 0; places++ {
		if m%5 != 0 {
			return false
		}
		m /= 5
	}
	return true
}

// general is %g for n >= 0.
func general(n float64, prec int, alt bool) string {
	if n == 0 {
		if alt {
			return string(appendRounded(nil, 0, 'f', prec-1))
		}
		return "0"
	}
	e := appendRounded(nil, n, 'e', prec-1)
	exp := exponent(e)
	text, tail, _ := strings.Cut(string(e), "e")
	tail = "e" + tail
	if exp >= -4 && exp < prec {
		text, tail = string(appendRounded(nil, n, 'f', prec-1-exp)), ""
	}
	if alt {
		if strings.IndexByte(text, '.') < 0 {
			text += "."
		}
		return text + tail
	}
	for i := range len(text) {
		if text[i] == '.' {
			end := len(text)
			for text[end-1] == '0' {
				end--
			}
			if text[end-1] == '.' {
				end--
			}
			text = text[:end]
			break
		}
	}
	return text + tail
}

// hexFloat is %a for n >= 0: 0x1.8p+1.
func hexFloat(n float64, prec int, alt bool) string {
	if n == 0 {
		s := "0x0"
		if prec > 0 {
			s += "."
		}
		return s + zeros[:max(prec, 0)] + "p+0"
	}
	s := strconv.FormatFloat(n, 'x', prec, 64)
	if prec >= 0 {
		// C rounds 1.8p+0 to 2p+0, strconv to 1p+1.
		if exact := strconv.FormatFloat(n, 'x', -1, 64); tail(exact) != tail(s) {
			s = "0x2" + s[3:len(s)-len(tail(s))] + tail(exact)
		}
	}
	// strconv writes two digits of exponent at least.
	for i := range len(s) {
		if s[i] == 'p' {
			if len(s) == i+4 && s[i+2] == '0' {
				s = s[:i+2] + s[i+3:]
			}
			if alt && s[3] != '.' {
				s = s[:i] + "." + s[i:]
			}
			break
		}
	}
	return s
}

// tail is the exponent of a hexadecimal text, with its p.
func tail(s string) string {
	i := len(s) - 1
	for s[i] != 'p' {
		i--
	}
	return s[i:]
}

// quote is %q.
func (c *Call) quote(b *buffer, arg int) error {
	v := c.Arg(arg)
	if v.kind() != kindString {
		s, err := c.ToString(v)
		if err != nil {
			return err
		}
		return c.quoteText(b, s)
	}
	return c.quoteText(b, v.str().s)
}

func (c *Call) quoteText(b *buffer, s string) error {
	if err := b.grow(len(s) + 2); err != nil {
		return err
	}
	b.buf = append(b.buf, '"')
	for i := range len(s) {
		ch := s[i]
		esc := ""
		switch {
		case ch == '"':
			esc = `\"`
		case ch == '\\':
			esc = `\\`
		case ch == '\n':
			esc = "\\\n"
		case ch < 32 || ch == 127:
			esc = strconv.Itoa(int(ch))
			if i+1 < len(s) && isDigit(s[i+1]) {
				for len(esc) < 3 {
					esc = "0" + esc
				}
			}
			esc = `\` + esc
		}
		if esc == "" {
			b.buf = append(b.buf, ch)
		} else if err := b.add(esc); err != nil {
			return err
		} else if err := b.grow(len(s) - i + 1); err != nil {
			return err
		}
	}
	return b.add(`"`)
}

// address is what %p shows: a number of the object's own, NULL for a value that
// is no object.
func (r *Run) address(v Value) string {
	switch v.kind() {
	case 0, kindFalse, kindTrue, kindNumber:
		return "NULL"
	}
	id := strconv.FormatUint(uint64(r.st.id((*header)(v.p))), 16)
	return "0x" + "00000000"[min(len(id), 8):] + id
}
