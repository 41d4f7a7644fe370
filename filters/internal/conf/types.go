package conf

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
)

// typ is the type of a field.
type typ interface {
	// want names what the field takes, after "want ".
	want() string
	// decode stores a value, or adds faults.
	decode(d *decoder, f *Field, path string, v jsonr.Value)
}

type (
	stringType   struct{ p *string }
	intType      struct{ p *int }
	boolType     struct{ p *bool }
	durationType struct{ p *time.Duration }
	sizeType     struct{ p *int }
	stringsType  struct{ p *[]string }
	enumType     struct {
		p      *string
		values []string
	}
	statusType   struct{ p *int }
	statusesType struct{ p *[]StatusRange }
	headerType   struct{ p *string }
	headersType  struct{ p *[]string }
	pairsType    struct{ p *[][2]string }
	secretType   struct{ p *secret.Value }
	pathType     struct{ p *string }
	objectType   struct {
		fields Fields
		set    *bool // nil: not optional
	}
	listType struct{ element func() Fields }
)

func (stringType) want() string   { return "a text" }
func (intType) want() string      { return "a whole number" }
func (boolType) want() string     { return "true or false" }
func (durationType) want() string { return `a duration such as "500ms"` }
func (sizeType) want() string     { return `a size such as "64KiB" or 65536` }
func (stringsType) want() string  { return "a list of texts" }
func (statusType) want() string   { return "an HTTP status" }
func (statusesType) want() string { return `a list of statuses such as 200, "2xx" or "200-204"` }
func (headerType) want() string   { return "a header name" }
func (headersType) want() string  { return "a list of header names" }
func (pairsType) want() string    { return "an object of header names and values" }
func (secretType) want() string   { return `a text or {"env": "NAME"}` }
func (pathType) want() string     { return "a JSON path such as user.id" }
func (objectType) want() string   { return "an object" }
func (listType) want() string     { return "a list of objects" }
func (t enumType) want() string {
	w := "one of "
	for i, v := range t.values {
		if i > 0 {
			w += ", "
		}
		w += strconv.Quote(v)
	}
	return w
}

func (t stringType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	if s, ok := d.text(f, path, v, "a text"); ok {
		*t.p = s
	}
}

func (t pathType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	s, ok := d.text(f, path, v, t.want())
	if !ok {
		return
	}
	if err := jsonr.CheckPath(s); err != nil {
		d.fault(path, "want "+t.want()+", got "+excerpt(v)+" ("+err.Error()+")")
		return
	}
	*t.p = s
}

func (t headerType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	if s, ok := d.header(f, path, v); ok {
		*t.p = s
	}
}

func (t enumType) decode(d *decoder, _ *Field, path string, v jsonr.Value) {
	s := v.String()
	for _, value := range t.values {
		if v.Kind() == jsonr.String && s == value {
			*t.p = value
			return
		}
	}
	d.wrong(path, t.want(), v)
}

func (t boolType) decode(d *decoder, _ *Field, path string, v jsonr.Value) {
	if v.Kind() != jsonr.Bool {
		d.wrong(path, t.want(), v)
		return
	}
	*t.p = v.Bool()
}

// maxInt is where doubles, which numbers may have passed through, stop telling
// neighbours apart.
const maxInt = 1<<53 - 1

func (t intType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	low, high := f.bounds(-maxInt, maxInt, parseInt)
	if n, ok := v.Int(); ok && low <= n && n <= high {
		*t.p = int(n)
		return
	}
	d.wrong(path, t.want()+f.span(""), v)
}

// The statuses that a filter can answer with: final responses (RFC 9110,
// section 15).
const lowStatus, highStatus = 200, 599

func (t statusType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	low, high := f.bounds(lowStatus, highStatus, parseInt)
	if n, ok := v.Int(); ok && low <= n && n <= high {
		*t.p = int(n)
		return
	}
	d.wrong(path, t.want()+" from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10), v)
}

func (t durationType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	n, ok := int64(0), v.Kind() == jsonr.String
	if ok {
		n, ok = parseDuration(v.String())
	}
	if !ok {
		d.wrong(path, t.want(), v)
		return
	}
	if low, high := f.bounds(0, tooLong-1, parseDuration); n < low || n > high {
		d.beyond(path, "want a duration"+f.span("")+", got "+excerpt(v))
		return
	}
	*t.p = time.Duration(n)
}

func (t sizeType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	var n int64
	var ok bool
	if v.Kind() == jsonr.String {
		n, ok = parseSizeUnit(v.String())
	} else {
		n, ok = v.Int()
	}
	if !ok || n < 0 {
		d.wrong(path, t.want(), v)
		return
	}
	if low, high := f.bounds(0, maxInt, parseSize); n < low || n > high {
		fault := d.fault
		if v.Kind() == jsonr.String {
			fault = d.beyond
		}
		fault(path, "want a size"+f.span("")+", got "+excerpt(v))
		return
	}
	*t.p = int(n)
}

func (t stringsType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	var list []string
	d.elements(t.want(), f, path, v, func(path string, e jsonr.Value) {
		if e.Kind() != jsonr.String {
			d.wrong(path, "a text", e)
		} else if d.checked(f, path, e) {
			list = append(list, e.String())
		}
	})
	*t.p = list
}

func (t headersType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	var list []string
	d.elements(t.want(), f, path, v, func(path string, e jsonr.Value) {
		if s, ok := d.header(f, path, e); ok {
			list = append(list, s)
		}
	})
	*t.p = list
}

func (t statusesType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	var list []StatusRange
	d.elements(t.want(), f, path, v, func(path string, e jsonr.Value) {
		r, ok := StatusRange{}, false
		switch e.Kind() {
		case jsonr.String:
			r, ok = parseStatuses(e.String())
		case jsonr.Number:
			n, whole := e.Int()
			r, ok = StatusRange{int(n), int(n)}, whole && 100 <= n && n <= 599
		}
		if !ok {
			d.wrong(path, `a status such as 200, "2xx" or "200-204"`, e)
			return
		}
		if r.Low > r.High {
			d.beyond(path, "want a range that goes up, got "+excerpt(e))
			return
		}
		list = append(list, r)
	})
	*t.p = list
}

func (t pairsType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	if v.Kind() != jsonr.Object {
		d.wrong(path, t.want(), v)
		return
	}
	if !d.counted(t.want(), f, path, v, "headers") {
		return
	}
	var list [][2]string
	v.Each(func(key string, e jsonr.Value) bool {
		at := join(path, key)
		name := lower(key)
		switch value := e.String(); {
		case !isToken(key):
			d.fault(at, "want a header name")
		case has(list, name):
			d.beyond(at, "repeated header")
		case e.Kind() != jsonr.String || !isFieldValue(value):
			// Header values are credentials often enough: not shown.
			d.fault(at, "want a header value: a text without control characters or space at its ends")
		default:
			list = append(list, [2]string{name, value})
		}
		return true
	})
	*t.p = list
}

func has(list [][2]string, name string) bool {
	for _, pair := range list {
		if pair[0] == name {
			return true
		}
	}
	return false
}

func (t secretType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	switch v.Kind() {
	case jsonr.String:
		d.secret(t.p, f, path, v.String(), d.fault)
	case jsonr.Object:
		name, ok := d.envName(path, v)
		if !ok {
			return
		}
		value, ok := "", false
		if d.env != nil {
			value, ok = d.env(name)
		}
		if !ok {
			d.beyond(path, variable(name)+" is not set")
			return
		}
		if value == "" {
			d.beyond(path, variable(name)+" is empty")
			return
		}
		d.secret(t.p, f, path, value, d.beyond)
	default:
		d.misplaced(path, t.want(), v)
	}
}

// envName reads {"env": "NAME"}. What stands there in place of a name may be the
// secret itself, so it is not shown.
func (d *decoder) envName(path string, v jsonr.Value) (name string, ok bool) {
	before := len(d.errs)
	v.Each(func(key string, _ jsonr.Value) bool {
		if key != "env" {
			d.fault(path, `want {"env": NAME} and no other key`)
			return false
		}
		return true
	})
	if len(d.errs) == before {
		d.object(path, Fields{field("env", "", envNameType{&name}).Required()}, v)
	}
	return name, len(d.errs) == before
}

// variable names an environment variable, unless its name may be the secret itself.
func variable(name string) string {
	if strings.ToUpper(name) != name {
		return "the environment variable that it names"
	}
	return "environment variable " + name
}

type envNameType struct{ p *string }

func (envNameType) want() string { return "the name of an environment variable" }

func (t envNameType) decode(d *decoder, _ *Field, path string, v jsonr.Value) {
	if v.Kind() != jsonr.String || !isEnvName(v.String()) {
		d.fault(path, "want "+t.want())
		return
	}
	*t.p = v.String()
}

// secret stores the text of a secret, or adds a fault by the function given.
func (d *decoder) secret(p *secret.Value, f *Field, path, text string, fault func(path, text string)) {
	if text == "" {
		fault(path, "want a text that is not empty")
		return
	}
	if low, high := f.bounds(0, maxInt, parseInt); !within(utf8.RuneCountInString(text), low, high) {
		fault(path, "want a text"+f.span("characters"))
		return
	}
	if f.check != nil && f.check(text) != nil {
		if f.pattern == "" {
			fault = d.beyond
		}
		fault(path, "want "+f.wants)
		return
	}
	*p = secret.New(text)
}

func (t objectType) decode(d *decoder, _ *Field, path string, v jsonr.Value) {
	if v.Kind() != jsonr.Object {
		d.misplaced(path, t.want(), v)
		return
	}
	if t.set != nil {
		*t.set = true
	}
	d.object(path, t.fields, v)
}

func (t listType) decode(d *decoder, f *Field, path string, v jsonr.Value) {
	d.elements(t.want(), f, path, v, func(path string, e jsonr.Value) {
		objectType{fields: t.element()}.decode(d, f, path, e)
	})
}

// elements calls one for each element of a list whose length is within bounds.
func (d *decoder) elements(want string, f *Field, path string, v jsonr.Value, one func(string, jsonr.Value)) {
	if v.Kind() != jsonr.Array {
		d.misplaced(path, want, v)
		return
	}
	if !d.counted(want, f, path, v, "elements") {
		return
	}
	v.Each(func(index string, e jsonr.Value) bool {
		one(join(path, index), e)
		return true
	})
}

// counted checks the number of elements or members.
func (d *decoder) counted(want string, f *Field, path string, v jsonr.Value, unit string) bool {
	n := v.Len()
	if f.required && n == 0 {
		d.fault(path, "want "+want+", got none")
		return false
	}
	if low, high := f.bounds(0, maxInt, parseInt); !within(n, low, high) {
		d.fault(path, "want "+want+f.span(unit)+", got "+strconv.Itoa(n))
		return false
	}
	return true
}

// text checks a text against kind, required, bounds and Check.
func (d *decoder) text(f *Field, path string, v jsonr.Value, want string) (string, bool) {
	if v.Kind() != jsonr.String {
		d.wrong(path, want, v)
		return "", false
	}
	s := v.String()
	if f.required && s == "" {
		d.wrong(path, want+" that is not empty", v)
		return "", false
	}
	if low, high := f.bounds(0, maxInt, parseInt); !within(utf8.RuneCountInString(s), low, high) {
		d.wrong(path, want+f.span("characters"), v)
		return "", false
	}
	return s, d.checked(f, path, v)
}

// checked runs Check.
func (d *decoder) checked(f *Field, path string, v jsonr.Value) bool {
	if f.check == nil {
		return true
	}
	err := f.check(v.String())
	if err == nil {
		return true
	}
	text := "want " + f.wants + ", got " + excerpt(v)
	if why := err.Error(); why != "" {
		text += " (" + why + ")"
	}
	if f.pattern == "" {
		d.beyond(path, text)
	} else {
		d.fault(path, text)
	}
	return false
}

func (d *decoder) header(f *Field, path string, v jsonr.Value) (string, bool) {
	if v.Kind() != jsonr.String || !isToken(v.String()) {
		d.wrong(path, "a header name", v)
		return "", false
	}
	return lower(v.String()), d.checked(f, path, v)
}

func within(n int, low, high int64) bool { return low <= int64(n) && int64(n) <= high }

// bounds are those of Between, or the type's own.
func (f *Field) bounds(low, high int64, parse func(string) (int64, bool)) (int64, int64) {
	// A bound that does not parse is a fault of the declaration: see Lint.
	if n, ok := parse(f.low); ok {
		low = n
	}
	if n, ok := parse(f.high); ok {
		high = n
	}
	return low, high
}

// span says the bounds of Between, to follow what they bound; unit is what is
// counted, if anything is.
func (f *Field) span(unit string) string {
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case f.low == "" && f.high == "":
		return ""
	case f.high == "":
		return " of at least " + f.low + unit
	case f.low == "":
		return " of at most " + f.high + unit
	case unit != "":
		return " of " + f.low + " to " + f.high + unit
	default:
		return " from " + f.low + " to " + f.high
	}
}
