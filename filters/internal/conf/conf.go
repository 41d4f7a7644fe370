// Package conf declares the settings of a filter. The declaration, a list of
// [Field], is the parser: [Decode] walks it in the module, and natively the
// JSON Schema and the README table are written from the same list, so they
// cannot drift.
//
// A setting is snake_case in JSON. A field that is not given gets its default,
// given as text; an empty configuration equals {}; null is not a value.
package conf

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
)

// Fields are the settings of one JSON object, in the order of the README.
type Fields []*Field

// Field is one setting. Make one with String, Int, ...; the methods change it and
// return it, so they chain.
type Field struct {
	name     string
	doc      string
	typ      typ
	def      string // empty: none
	low      string
	high     string
	required bool
	wants    string // the name of check
	check    func(string) error
	pattern  string
	example  string
	aliasOf  string
	buffered *bool
}

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct{ Low, High int }

// Contains tells whether a status is in one of the ranges.
func Contains(ranges []StatusRange, status int) bool {
	for _, r := range ranges {
		if r.Low <= status && status <= r.High {
			return true
		}
	}
	return false
}

// String is a text.
func String(name string, p *string, doc string) *Field { return field(name, doc, stringType{p}) }

// Int is a whole number, in any JSON notation.
func Int(name string, p *int, doc string) *Field { return field(name, doc, intType{p}) }

// Bool is true or false.
func Bool(name string, p *bool, doc string) *Field { return field(name, doc, boolType{p}) }

// Duration is a text of numbers with units, such as "500ms" or "1h30m"; the
// units are us, ms, s, m and h.
func Duration(name string, p *time.Duration, doc string) *Field {
	return field(name, doc, durationType{p})
}

// Size is a number of bytes: a whole number, or a text with a unit such as
// "64KiB" or "1MiB"; the units are B, KiB, MiB and GiB.
func Size(name string, p *int, doc string) *Field { return field(name, doc, sizeType{p}) }

// Strings is a list of texts.
func Strings(name string, p *[]string, doc string) *Field { return field(name, doc, stringsType{p}) }

// Enum is one of the texts listed.
func Enum(name string, p *string, doc string, values ...string) *Field {
	return field(name, doc, enumType{p, values})
}

// StatusCode is the HTTP status of a final response: 200 to 599 unless
// narrowed by Between.
func StatusCode(name string, p *int, doc string) *Field { return field(name, doc, statusType{p}) }

// Statuses is a list of HTTP status codes (200 or "200"), classes ("2xx") and
// ranges ("200-204").
func Statuses(name string, p *[]StatusRange, doc string) *Field {
	return field(name, doc, statusesType{p})
}

// HeaderName is a field name (RFC 9110, section 5.1: a token), kept in lower
// case. Pseudo-headers are not field names.
func HeaderName(name string, p *string, doc string) *Field { return field(name, doc, headerType{p}) }

// HeaderNames is a list of field names, kept in lower case.
func HeaderNames(name string, p *[]string, doc string) *Field {
	return field(name, doc, headersType{p})
}

// Pairs is a JSON object of header names and values, kept in the order of the
// text and in lower case; values hold no control characters (RFC 9110, 5.5).
func Pairs(name string, p *[][2]string, doc string) *Field { return field(name, doc, pairsType{p}) }

// Secret is a text, or {"env": "NAME"} for the environment variable NAME. No
// error ever shows its value.
func Secret(name string, p *secret.Value, doc string) *Field { return field(name, doc, secretType{p}) }

// JSONPath is a path into a JSON document, in the syntax of jsonr.CheckPath.
func JSONPath(name string, p *string, doc string) *Field { return field(name, doc, pathType{p}) }

// Object is a nested object. When it is not given, its fields get their
// defaults.
func Object(name string, f Fields, doc string) *Field { return field(name, doc, objectType{fields: f}) }

// Optional is a nested object that may be left out: then its fields are not
// touched and *set is false. Given, even as {}, it is decoded and *set is true.
func Optional(name string, set *bool, f Fields, doc string) *Field {
	return field(name, doc, objectType{fields: f, set: set})
}

// List is a list of objects. element appends one element to the caller's slice
// and returns the fields that point into it; an element is decoded before the
// next one is asked for, so the slice may move.
func List(name string, doc string, element func() Fields) *Field {
	return field(name, doc, listType{element})
}

// Alias is another accepted name of the field of, which is in the same Fields.
// Giving both is an error.
func Alias(name, of, doc string) *Field { return &Field{name: name, doc: doc, aliasOf: of} }

// Default is the value of a field that is not given: what one would write in
// JSON, without the quotes of a text.
func (f *Field) Default(text string) *Field { f.def = text; return f }

// Between bounds the value, both ends included, written like a default. For
// texts it bounds the number of characters, for lists that of elements. An
// empty end is open.
func (f *Field) Between(low, high string) *Field { f.low, f.high = low, high; return f }

// Required makes a field that must be given; a required text must not be empty,
// and a required list neither.
func (f *Field) Required() *Field { f.required = true; return f }

// Check adds a rule for a text or each text of a list. name says what is
// wanted, after "want " (such as "a path that starts with /"); the text of
// check's error, which must not quote the value, is added if there is any.
func (f *Field) Check(name string, check func(string) error) *Field {
	f.wants, f.check = name, check
	return f
}

// Pattern is the regular expression (ECMA 262) by which the schema says what
// Check says; the module does not run it.
func (f *Field) Pattern(re string) *Field { f.pattern = re; return f }

// Buffered marks a Size up to which Envoy must hold a request's body, so that
// its own buffer limit must not be lower. It counts while *on is true.
func (f *Field) Buffered(on *bool) *Field { f.buffered = on; return f }

// Example is a value for the schema, written like a default.
func (f *Field) Example(text string) *Field { f.example = text; return f }

func field(name, doc string, t typ) *Field { return &Field{name: name, doc: doc, typ: t} }
