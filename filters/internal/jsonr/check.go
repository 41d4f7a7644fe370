package jsonr

import (
	"strconv"
	"unicode/utf8"
)

// maxRepeated bounds the list of repeated keys of one text.
const maxRepeated = 20

// checker runs once over a text. It keeps its own stack instead of recursing:
// nesting costs memory of ours, never stack of the host.
type checker struct {
	text     string
	pos      int
	maxDepth int
	stack    []level
	keys     []string // of all open objects, innermost last
	repeated []Error
}

// level is one open object or array.
type level struct {
	object bool
	first  int                 // index in checker.keys of the object's first key
	seen   map[string]struct{} // the object's keys, once there are many
	index  int                 // of the array's current element
}

// fewKeys is up to where comparing keys one by one beats a map.
const fewKeys = 16

func (c *checker) fail(text string) *Error {
	return newError(c.path(), c.text, c.pos, text)
}

// path is where the checker stands.
func (c *checker) path() string {
	var p []byte
	for i, l := range c.stack {
		var seg string
		switch end := len(c.keys); {
		case !l.object:
			seg = strconv.Itoa(l.index)
		default:
			for _, next := range c.stack[i+1:] {
				if next.object {
					end = next.first
					break
				}
			}
			if end == l.first {
				continue // before the first key
			}
			seg = c.keys[end-1]
		}
		p = AppendPath(p, seg)
	}
	return string(p)
}

func (c *checker) space() {
	for c.pos < len(c.text) {
		switch c.text[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

func (c *checker) next() byte {
	if c.pos < len(c.text) {
		return c.text[c.pos]
	}
	return 0
}

// document checks the whole text.
func (c *checker) document() *Error {
	c.space()
	if c.pos == len(c.text) {
		return c.fail("want a value, got nothing")
	}
	for {
		// Before a value.
		opened, err := c.value()
		if err != nil {
			return err
		}
		if opened {
			continue
		}
		// After a value: close what ends here, or go on to the next value.
		for {
			c.space()
			if len(c.stack) == 0 {
				if c.pos < len(c.text) {
					return c.fail("text after the value")
				}
				return nil
			}
			more, err := c.separator()
			if err != nil {
				return err
			}
			if more {
				break
			}
		}
	}
}

// value checks a scalar, or opens a container (and, where it is empty, closes
// it again). opened tells that a value must follow.
func (c *checker) value() (opened bool, err *Error) {
	switch b := c.next(); {
	case b == '{' || b == '[':
		if len(c.stack) == c.maxDepth {
			return false, c.fail("nested deeper than " + strconv.Itoa(c.maxDepth) + " levels")
		}
		c.pos++
		c.space()
		if c.next() == b+2 { // '}' and ']' follow two after their openers in ASCII
			c.pos++
			return false, nil
		}
		c.stack = append(c.stack, level{object: b == '{', first: len(c.keys)})
		if b == '{' {
			return true, c.key()
		}
		return true, nil
	case b == '"':
		_, err := c.string()
		return false, err
	case b == '-' || '0' <= b && b <= '9':
		return false, c.number()
	case b == 't':
		return false, c.literal("true")
	case b == 'f':
		return false, c.literal("false")
	case b == 'n':
		return false, c.literal("null")
	case c.pos == len(c.text):
		return false, c.fail("the text ends where a value should be")
	default:
		return false, c.fail("want a value")
	}
}

// separator checks what follows a value in a container. more tells that another
// value follows; otherwise the container was closed.
func (c *checker) separator() (more bool, err *Error) {
	top := &c.stack[len(c.stack)-1]
	switch b := c.next(); {
	case b == ',':
		c.pos++
		c.space()
		if top.object {
			return true, c.key()
		}
		top.index++
		return true, nil
	case top.object && b == '}' || !top.object && b == ']':
		c.pos++
		c.keys = c.keys[:top.first]
		c.stack = c.stack[:len(c.stack)-1]
		return false, nil
	case c.pos == len(c.text):
		return false, c.fail("the text ends inside an object or array")
	case top.object:
		return false, c.fail("want a comma or }")
	default:
		return false, c.fail("want a comma or ]")
	}
}

// key checks a member's name and colon, and leaves the checker at its value.
func (c *checker) key() *Error {
	if c.next() != '"' {
		return c.fail("want a key in double quotes")
	}
	start := c.pos
	raw, err := c.string()
	if err != nil {
		return err
	}
	key := unquote(raw)
	top := &c.stack[len(c.stack)-1]
	own := c.keys[top.first:]
	found := false
	if top.seen == nil && len(own) >= fewKeys {
		top.seen = make(map[string]struct{}, 2*fewKeys)
		for _, k := range own {
			top.seen[k] = struct{}{}
		}
	}
	if top.seen != nil {
		_, found = top.seen[key]
		top.seen[key] = struct{}{}
	} else {
		for _, k := range own {
			found = found || k == key
		}
	}
	c.keys = append(c.keys, key)
	if found && len(c.repeated) < maxRepeated {
		c.repeated = append(c.repeated, *newError(c.path(), c.text, start, "repeated key"))
	}
	c.space()
	if c.next() != ':' {
		return c.fail("want a colon")
	}
	c.pos++
	c.space()
	return nil
}

func (c *checker) literal(word string) *Error {
	if len(c.text)-c.pos < len(word) || c.text[c.pos:c.pos+len(word)] != word {
		return c.fail("want a value")
	}
	c.pos += len(word)
	return nil
}

// number checks the grammar of RFC 8259, section 6.
func (c *checker) number() *Error {
	if c.next() == '-' {
		c.pos++
	}
	if c.next() == '0' {
		c.pos++
	} else if !c.digits() {
		return c.fail("want a digit")
	}
	if c.next() == '.' {
		c.pos++
		if !c.digits() {
			return c.fail("want a digit")
		}
	}
	if b := c.next(); b == 'e' || b == 'E' {
		c.pos++
		if b := c.next(); b == '+' || b == '-' {
			c.pos++
		}
		if !c.digits() {
			return c.fail("want a digit")
		}
	}
	if b := c.next(); '0' <= b && b <= '9' {
		return c.fail("number with a leading zero")
	}
	return nil
}

func (c *checker) digits() bool {
	start := c.pos
	for b := c.next(); '0' <= b && b <= '9'; b = c.next() {
		c.pos++
	}
	return c.pos > start
}

// string checks a string and returns it as it stands, quotes included.
func (c *checker) string() (raw string, err *Error) {
	start := c.pos
	for c.pos++; c.pos < len(c.text); {
		switch b := c.text[c.pos]; {
		case b == '"':
			c.pos++
			return c.text[start:c.pos], nil
		case b < ' ':
			return "", c.fail("control character in a string")
		case b == '\\':
			if err := c.escape(); err != nil {
				return "", err
			}
		case b < utf8.RuneSelf:
			c.pos++
		default:
			r, n := utf8.DecodeRuneInString(c.text[c.pos:])
			if r == utf8.RuneError && n == 1 {
				return "", c.fail("invalid UTF-8")
			}
			c.pos += n
		}
	}
	return "", c.fail("the text ends inside a string")
}

func (c *checker) escape() *Error {
	rest := c.text[c.pos+1:]
	if rest == "" {
		c.pos = len(c.text)
		return c.fail("the text ends inside a string")
	}
	switch rest[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.pos += 2
		return nil
	case 'u':
		if _, ok := hex4(rest[1:]); ok {
			c.pos += 6
			return nil
		}
	}
	return c.fail("invalid escape in a string")
}

// hex4 reads the four digits of a \u escape.
func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		b := s[i]
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b && b <= 'f':
			b -= 'a' - 10
		case 'A' <= b && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}
