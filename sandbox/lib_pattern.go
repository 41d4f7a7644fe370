package sandbox

import (
	"strings"
	"unsafe"
)

// Lua's patterns: find, match, gmatch and gsub (lua 5.1 manual, 5.4.1). Each
// step of the matcher is charged, so a pattern that backtracks for ever ends
// with the budget. NUL is a character like any other.

const (
	maxCaptures = 32
	// maxMatchDepth bounds the recursion of the matcher, which nests once for
	// each quantifier and capture that is open, never for the length of the text.
	maxMatchDepth = 180

	capUnfinished = -1
	capPosition   = -2
)

// matchCost is what a search costs beside its steps; with the first step it is
// over the portion, so that none is free.
const matchCost = 15

type capture struct{ start, len int }

// matcher is one match of a pattern against a text. It works on indexes and
// allocates nothing.
type matcher struct {
	r        *Run
	src, pat string
	level    int
	depth    int
	steps    int
	err      error
	capture  [maxCaptures]capture
}

// step charges for one step.
func (m *matcher) step() bool {
	m.spend(1)
	return m.err == nil
}

// spend charges for n steps, in portions.
func (m *matcher) spend(n int) {
	if m.steps += n; m.steps >= 16 {
		if err := m.r.charge(int64(m.steps)); err != nil && m.err == nil {
			m.err = err
		}
		m.steps = 0
	}
}

func (m *matcher) fail(text string) int {
	if m.err == nil {
		m.err = errorText(text)
	}
	return -1
}

// match matches pat[p:] at src[s:] and returns where the match ends, -1 for no
// match or an error.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxMatchDepth {
		m.depth--
		return m.fail("pattern too complex")
	}
	end := m.matchHere(s, p)
	m.depth--
	return end
}

func (m *matcher) matchHere(s, p int) int {
	for {
		if !m.step() {
			return -1
		}
		if p == len(m.pat) {
			return s
		}
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(s, p+2, capPosition)
			}
			return m.open(s, p+1, capUnfinished)
		case ')':
			return m.close(s, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(m.pat) {
				switch c := m.pat[p+1]; {
				case c == 'b':
					if s = m.balance(s, p+2); s < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					p += 2
					if p == len(m.pat) || m.pat[p] != '[' {
						return m.fail("missing '[' after '%f' in pattern")
					}
					end := m.classEnd(p)
					if end < 0 {
						return -1
					}
					var before, at byte
					if s > 0 {
						before = m.src[s-1]
					}
					if s < len(m.src) {
						at = m.src[s]
					}
					if m.inSet(before, p, end-1) || !m.inSet(at, p, end-1) {
						return -1
					}
					p = end
					continue
				case isDigit(c):
					if s = m.back(s, c); s < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		end := m.classEnd(p)
		if end < 0 {
			return -1
		}
		if end < len(m.pat) {
			switch m.pat[end] {
			case '?':
				if s < len(m.src) && m.single(m.src[s], p, end) {
					if res := m.match(s+1, end+1); res >= 0 || m.err != nil {
						return res
					}
				}
				p = end + 1
				continue
			case '*':
				return m.most(s, p, end, 0)
			case '+':
				return m.most(s, p, end, 1)
			case '-':
				for {
					if res := m.match(s, end+1); res >= 0 || m.err != nil {
						return res
					}
					if s == len(m.src) || !m.step() || !m.single(m.src[s], p, end) {
						return -1
					}
					s++
				}
			}
		}
		if s == len(m.src) || !m.single(m.src[s], p, end) {
			return -1
		}
		s++
		p = end
	}
}

// most matches as many repetitions as it can, at least least.
func (m *matcher) most(s, p, end, least int) int {
	n := 0
	for s+n < len(m.src) && m.single(m.src[s+n], p, end) {
		n++
		if !m.step() {
			return -1
		}
	}
	for ; n >= least; n-- {
		if res := m.match(s+n, end+1); res >= 0 || m.err != nil {
			return res
		}
	}
	return -1
}

func (m *matcher) open(s, p, what int) int {
	if m.level == maxCaptures {
		return m.fail("too many captures")
	}
	m.capture[m.level] = capture{s, what}
	m.level++
	res := m.match(s, p)
	if res < 0 {
		m.level--
	}
	return res
}

func (m *matcher) close(s, p int) int {
	l := m.level - 1
	for l >= 0 && m.capture[l].len != capUnfinished {
		l--
	}
	if l < 0 {
		return m.fail("invalid pattern capture")
	}
	m.capture[l].len = s - m.capture[l].start
	res := m.match(s, p)
	if res < 0 {
		m.capture[l].len = capUnfinished
	}
	return res
}

// balance matches %bxy.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		return m.fail("unbalanced pattern")
	}
	if s == len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	open, end, depth := m.pat[p], m.pat[p+1], 1
	for s++; s < len(m.src); s++ {
		if !m.step() {
			return -1
		}
		switch m.src[s] {
		case end:
			if depth--; depth == 0 {
				return s + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

// back matches %1 to %9, what a capture has matched.
func (m *matcher) back(s int, digit byte) int {
	l := int(digit) - '1'
	if l < 0 || l >= m.level || m.capture[l].len == capUnfinished {
		return m.fail("invalid capture index")
	}
	c := m.capture[l]
	n := c.len
	if n == capPosition {
		return -1
	}
	if err := m.r.charge(int64(n) >> 4); err != nil {
		m.err = err
		return -1
	}
	if len(m.src)-s < n || m.src[s:s+n] != m.src[c.start:c.start+n] {
		return -1
	}
	return s + n
}

// classEnd returns where the single-character class at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p == len(m.pat) {
			return m.fail("malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; ; first = false {
			if p >= len(m.pat) {
				return m.fail("malformed pattern (missing ']')")
			}
			c := m.pat[p]
			if c == ']' && !first {
				return p + 1
			}
			if !m.step() {
				return -1
			}
			p++
			if c == '%' && p < len(m.pat) {
				p++
			}
		}
	}
	return p
}

// single tells whether c belongs to the class pat[p:end].
func (m *matcher) single(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pat[p] == c
}

// inSet tells whether c belongs to the set that starts at p with '[' and has
// its ']' at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	m.spend((end - p) >> 1)
	found := true
	if m.pat[p+1] == '^' {
		found = false
		p++
	}
	for p++; p < end; p++ {
		switch {
		case m.pat[p] == '%': // after a range it may stand before the ']', which it then means
			p++
			if inClass(c, m.pat[p]) {
				return found
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return found
			}
			p += 2
		case m.pat[p] == c:
			return found
		}
	}
	return !found
}

// inClass tells whether c belongs to the class %cl. Classes are those of ASCII.
func inClass(c, cl byte) bool {
	var res bool
	switch cl | 0x20 {
	case 'a':
		res = isLetter(c)
	case 'c':
		res = c < 32 || c == 127
	case 'd':
		res = isDigit(c)
	case 'l':
		res = 'a' <= c && c <= 'z'
	case 'p':
		res = c > 32 && c < 127 && !isLetter(c) && !isDigit(c)
	case 's':
		res = isSpace(c)
	case 'u':
		res = 'A' <= c && c <= 'Z'
	case 'w':
		res = isLetter(c) || isDigit(c)
	case 'x':
		res = hexDigit(c) >= 0
	case 'z':
		res = c == 0
	case 'g':
		res = c > 32 && c < 127
	default:
		return cl == c
	}
	if cl&0x20 == 0 && isLetter(cl) {
		return !res
	}
	return res
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

// value returns capture i, or the whole match where the pattern has none.
func (m *matcher) value(i, s, e int) (Value, error) {
	if i >= m.level {
		if i != 0 {
			return Value{}, errorText("invalid capture index")
		}
		return m.r.copyString(m.src[s:e])
	}
	switch c := m.capture[i]; c.len {
	case capPosition:
		return Number(float64(c.start + 1)), nil
	case capUnfinished:
		return Value{}, errorText("unfinished capture")
	default:
		return m.r.copyString(m.src[c.start : c.start+c.len])
	}
}

// values returns all captures; whole gives the whole match where there are none.
func (m *matcher) values(c *Call, s, e int, whole bool) error {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		v, err := m.value(i, s, e)
		if err != nil {
			return err
		}
		c.push(v)
	}
	return nil
}

// search finds the first match at init or after it.
func (m *matcher) search(init int) (s, e int) {
	p := 0
	anchored := strings.HasPrefix(m.pat, "^")
	if anchored {
		p = 1
	}
	for s = init; s <= len(m.src); s++ {
		m.level = 0
		if e = m.match(s, p); e >= 0 {
			return s, e
		}
		if anchored || m.err != nil {
			break
		}
	}
	return -1, -1
}

func stringFind(c *Call) error  { return find(c, true) }
func stringMatch(c *Call) error { return find(c, false) }

func find(c *Call, positions bool) error {
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	p, err := c.CheckString(2)
	if err != nil {
		return err
	}
	init, err := c.OptInt(3, 1)
	if err != nil {
		return err
	}
	init = max(position(init, len(s))-1, 0)
	if init > len(s) {
		// LuaJIT starts at the end.
		init = len(s)
	}
	if positions { // for looking through p; the next charge notices when nothing is left
		_ = c.Charge(int64(len(p)) >> 6)
	}
	if positions && (c.Arg(4).Truthy() || !strings.ContainsAny(p, "^$*+?.([%-")) {
		// The plain search takes linear time.
		if err := c.Charge(int64(len(s)-init+len(p)) >> 4); err != nil {
			return err
		}
		if at := strings.Index(s[init:], p); at >= 0 {
			c.Return(Number(float64(init+at+1)), Number(float64(init+at+len(p))))
		} else {
			c.push(Nil)
		}
		return nil
	}
	m := matcher{r: c.r, src: s, pat: p, steps: matchCost}
	from, to := m.search(init)
	if m.err != nil {
		return m.err
	}
	if from < 0 {
		c.push(Nil)
		return nil
	}
	if positions {
		c.Return(Number(float64(from+1)), Number(float64(to)))
	}
	return m.values(c, from, to, !positions)
}

// position turns a position that may count from the end into one that counts
// from the start, from 1.
func position(pos, n int) int {
	if pos < 0 {
		return max(pos+n+1, 0)
	}
	return pos
}

func stringGmatch(c *Call) error {
	s, err := c.CheckString(1)
	if err != nil {
		return err
	}
	p, err := c.CheckString(2)
	if err != nil {
		return err
	}
	if err := c.Allocate(sizeClosure + sizeUserdata); err != nil {
		return err
	}
	// The text and the pattern hang on the iterator, where the walk of the state
	// finds them.
	holder, err := c.NewTable(2, 0)
	if err != nil {
		return err
	}
	for _, v := range [...]Value{String(s), String(p), Number(0)} {
		if err := holder.setInt(c.r, len(holder.arr)+1, v); err != nil {
			return err
		}
	}
	it := &native{header: header{kind: kindNative}, name: "gmatch_aux", fn: gmatchNext, up: holder.value()}
	c.push(objValue(unsafe.Pointer(it)))
	return nil
}

func gmatchNext(c *Call) error {
	state := c.fn.up.table()
	m := matcher{r: c.r, src: state.arr[0].str().s, pat: state.arr[1].str().s, steps: matchCost}
	for at := int(state.arr[2].n); at <= len(m.src); at++ {
		m.level = 0
		e := m.match(at, 0)
		if m.err != nil {
			return m.err
		}
		if e >= 0 {
			next := e
			if e == at {
				next++ // an empty match: go on by one
			}
			state.arr[2] = Number(float64(next))
			return m.values(c, at, e, true)
		}
	}
	state.arr[2] = Number(float64(len(m.src) + 1))
	return nil
}

func stringGsub(c *Call) error {
	src, err := c.CheckString(1)
	if err != nil {
		return err
	}
	p, err := c.CheckString(2)
	if err != nil {
		return err
	}
	repl := c.Arg(3)
	switch k := repl.kind(); k {
	case kindNumber, kindString, kindTable, kindClosure, kindNative:
	default:
		return c.ArgError(3, "string/function/table expected")
	}
	limit, err := c.OptInt(4, len(src)+1)
	if err != nil {
		return err
	}
	m := matcher{r: c.r, src: src, pat: p, steps: matchCost}
	start := 0
	if strings.HasPrefix(p, "^") {
		start = 1
	}
	text := ""
	if k := repl.kind(); k == kindNumber || k == kindString {
		if text, err = c.CheckString(3); err != nil {
			return err
		}
	}
	out := buffer{r: c.r}
	n, at, s := 0, 0, 0 // out holds src[:at], edited
	for n < limit {
		m.level = 0
		e := m.match(s, start)
		if m.err != nil {
			return m.err
		}
		if e >= 0 {
			n++
			if err := out.add(src[at:s]); err != nil {
				return err
			}
			if err := m.replace(c, &out, repl, text, s, e); err != nil {
				return err
			}
			at = e
		}
		if e > s {
			s = e
		} else if s < len(src) {
			s++
		} else {
			break
		}
		if start == 1 {
			break
		}
	}
	if n == 0 {
		v := c.Arg(1)
		if v.kind() != kindString {
			if v, err = c.String(src); err != nil {
				return err
			}
		}
		c.Return(v, Number(0))
		return nil
	}
	if err := out.add(src[at:]); err != nil {
		return err
	}
	v, err := out.value()
	if err != nil {
		return err
	}
	c.Return(v, Number(float64(n)))
	return nil
}

// replace adds what a match becomes.
func (m *matcher) replace(c *Call, out *buffer, repl Value, text string, s, e int) error {
	var v Value
	var err error
	switch repl.kind() {
	case kindNumber, kindString:
		return m.expand(out, text, s, e)
	case kindTable:
		key, err := m.value(0, s, e)
		if err != nil {
			return err
		}
		if v, err = c.r.indexNow(repl, key); err != nil {
			return err
		}
	default:
		level := len(c.ret)
		if err = m.values(c, s, e, true); err != nil {
			return err
		}
		args := append([]Value(nil), c.ret[level:]...)
		c.ret = c.ret[:level]
		if v, err = c.r.call1(repl, args...); err != nil {
			return err
		}
	}
	switch v.kind() {
	case 0, kindFalse:
		return out.add(m.src[s:e])
	case kindString:
		return out.add(v.str().s)
	case kindNumber:
		return out.add(numberToString(v.n))
	}
	return errorText("invalid replacement value (a " + v.Type().String() + ")")
}

// expand adds a replacement text with its %0 to %9.
func (m *matcher) expand(out *buffer, text string, s, e int) error {
	for i := 0; i < len(text); i++ {
		p := strings.IndexByte(text[i:], '%')
		if p < 0 {
			return out.add(text[i:])
		}
		if err := out.add(text[i : i+p]); err != nil {
			return err
		}
		i += p + 1
		switch {
		case i == len(text):
			return nil // LuaJIT adds the NUL behind the text
		case text[i] == '0':
			if s == e { // to add nothing is free otherwise
				_ = m.r.charge(1)
			}
			if err := out.add(m.src[s:e]); err != nil {
				return err
			}
		case isDigit(text[i]):
			v, err := m.value(int(text[i]-'1'), s, e)
			if err != nil {
				return err
			}
			if v.isNumber() {
				err = out.add(numberToString(v.n))
			} else {
				err = out.add(v.str().s)
			}
			if err != nil {
				return err
			}
		default:
			if err := out.add(text[i : i+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// buffer builds a string. What it grows to is charged before it is taken.
type buffer struct {
	r   *Run
	buf []byte
}

func (b *buffer) grow(n int) error {
	if err := b.r.charge(int64(n)>>4 + 1); err != nil {
		return err
	}
	if need := len(b.buf) + n; need > cap(b.buf) {
		size := max(64, 2*cap(b.buf), need)
		if err := b.r.alloc(int64(size)); err != nil {
			return err
		}
		buf := make([]byte, len(b.buf), size)
		copy(buf, b.buf)
		b.buf = buf
	}
	return nil
}

func (b *buffer) add(s string) error {
	if len(s) == 0 {
		return nil
	}
	if err := b.grow(len(s)); err != nil {
		return err
	}
	b.buf = append(b.buf, s...)
	return nil
}

// value makes a string of what was added; the buffer must not be used after.
//
//go:noinline
func (b *buffer) value() (Value, error) {
	if err := b.r.alloc(sizeString); err != nil {
		return Value{}, err
	}
	return bytesValue(b.buf), nil
}

// indexNow is obj[key] with metamethods, for Go functions.
func (r *Run) indexNow(obj, key Value) (Value, error) {
	v, f, err := r.lookup(obj, key)
	if err != nil || f.p == nil {
		return v, err
	}
	return r.call1(f, v, key)
}
