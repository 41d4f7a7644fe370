// Package jsonr reads JSON strictly. The whole text is checked before any of it
// is looked at: RFC 8259 syntax, valid UTF-8, nothing after the value, bounded
// size and nesting, and no repeated keys (RFC 8259 section 4 leaves those open,
// so two parsers can disagree about what a message says). Only then does gjson
// find its way in it, which by itself accepts almost anything.
//
// It is the only importer of gjson.
package jsonr

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Limits bounds what Parse accepts. A zero field means the default.
type Limits struct {
	Size  int // bytes of text; default DefaultSize
	Depth int // nested objects and arrays; default DefaultDepth, at most MaxDepth
}

// The default limits, and the bound of what can be asked for: V8's stack ends
// at about 15,000 small Go frames, and Merge recurses once a level.
const (
	DefaultSize  = 1 << 20
	DefaultDepth = 64
	MaxDepth     = 512
)

// Error is one fault of a JSON text.
type Error struct {
	Path   string // where, in the syntax of [CheckPath]; empty for the whole text
	Offset int    // bytes from the start of the text
	Line   int    // from 1
	Column int    // bytes, from 1
	Text   string // what is wrong; holds nothing of the text but short key names
}

func newError(path, text string, offset int, fault string) *Error {
	before := text[:offset]
	return &Error{
		Path:   path,
		Offset: offset,
		Line:   1 + strings.Count(before, "\n"),
		Column: offset - strings.LastIndexByte(before, '\n'),
		Text:   fault,
	}
}

// Place is where the fault is, as messages say it.
func (e *Error) Place() string {
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column)
}

// Error gives the path first, then the fault, then the place.
func (e *Error) Error() string {
	s := e.Text + " (" + e.Place() + ")"
	if e.Path == "" {
		return s
	}
	return e.Path + ": " + s
}

// Kind is the type of a value.
type Kind uint8

// The kinds of a value.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one value of a checked text. The zero Value is null. It keeps the
// whole text alive.
type Value struct {
	r gjson.Result
}

// Parse checks a text and returns its value. The error is an *Error: the first
// fault. Empty text is an error.
func Parse(data []byte, l Limits) (Value, error) {
	v, repeated, fault := ParseAll(data, l)
	if fault != nil {
		return Value{}, fault
	}
	if len(repeated) > 0 {
		return Value{}, &repeated[0]
	}
	return v, nil
}

// ParseAll is Parse for a caller that reports all faults at once: repeated keys
// (at most 20 of them) are listed beside the value instead of failing. A caller
// that finds any must not act on the value.
func ParseAll(data []byte, l Limits) (v Value, repeated []Error, fault *Error) {
	text := string(data)
	c := checker{text: text, maxDepth: l.depth()}
	if n := l.size(); len(text) > n {
		return Value{}, nil, newError("", text, n, "larger than "+strconv.Itoa(n)+" bytes")
	}
	if e := c.document(); e != nil {
		return Value{}, nil, e
	}
	return Value{gjson.Parse(text)}, c.repeated, nil
}

func (l Limits) size() int {
	if l.Size <= 0 {
		return DefaultSize
	}
	return l.Size
}

func (l Limits) depth() int {
	if l.Depth <= 0 {
		return DefaultDepth
	}
	return min(l.Depth, MaxDepth)
}

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	switch v.r.Type {
	case gjson.True, gjson.False:
		return Bool
	case gjson.Number:
		return Number
	case gjson.String:
		return String
	case gjson.JSON:
		if v.r.Raw[0] == '{' {
			return Object
		}
		return Array
	default:
		return Null
	}
}

// Raw returns the value as it stands in the text, without space around it.
func (v Value) Raw() string {
	if v.r.Raw == "" {
		return "null"
	}
	if v.r.Type == gjson.JSON {
		// gjson takes all that follows a container at the top of the text.
		return strings.TrimRight(v.r.Raw, " \t\r\n")
	}
	return v.r.Raw
}

// String returns the text of a string, and "" for any other kind. A lone
// surrogate escape becomes U+FFFD, as in encoding/json.
func (v Value) String() string {
	if v.r.Type != gjson.String {
		return ""
	}
	return unquote(v.r.Raw)
}

// Bool returns the value of a boolean, and false for any other kind.
func (v Value) Bool() bool { return v.r.Type == gjson.True }

// Float returns a number; ok is false for any other kind, and for a number
// beyond the range of a float64.
func (v Value) Float() (f float64, ok bool) {
	if v.r.Type != gjson.Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.r.Raw, 64)
	return f, err == nil
}

// Int returns a whole number in any notation (8080, 8080.0, 8.08e3: numbers
// that passed a protobuf Struct come as doubles); ok is false for any other
// kind, a fraction, and a number that an int64 does not hold exactly.
func (v Value) Int() (n int64, ok bool) {
	if v.r.Type != gjson.Number {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.r.Raw, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53 // from here on doubles skip whole numbers
	f, ok := v.Float()
	if !ok || f != float64(int64(f)) || f < -exact || f > exact {
		return 0, false
	}
	return int64(f), true
}

// Len returns the number of elements of an array or members of an object, and
// 0 for any other kind.
func (v Value) Len() int {
	n := 0
	v.Each(func(string, Value) bool { n++; return true })
	return n
}

// Each calls f for the members of an object (key and value) or the elements of
// an array (index as text, and value), in the order of the text, until f
// returns false. Other kinds have none.
func (v Value) Each(f func(key string, v Value) bool) {
	if v.r.Type != gjson.JSON {
		return
	}
	object := v.r.Raw[0] == '{'
	i := 0
	v.r.ForEach(func(k, e gjson.Result) bool {
		if object {
			return f(unquote(k.Raw), Value{e})
		}
		i++
		return f(strconv.Itoa(i-1), Value{e})
	})
}
