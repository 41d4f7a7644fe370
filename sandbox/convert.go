package sandbox

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxConvert is how deep tables may nest in what is converted. Conversion
// recurses, so this is also what bounds the Go stack.
const maxConvert = 100

// What a conversion charges for the Go values that it makes.
const (
	sizeAny      = 24 // an element of []any with what it points to
	sizeMapEntry = 64
)

var errDeep = errorText("nested deeper than " + strconv.Itoa(maxConvert) + " levels")

// convertible fails for a run that can no longer pay.
func (r *Run) convertible() error {
	if r.script == nil {
		return misuse("conversion in a run that is closed")
	}
	return nil
}

// toHost makes err an *Error where no script is running that could be told.
//
//go:noinline
func (r *Run) toHost(err error) error {
	if err == nil || r.script == nil || r.status == Running {
		return err
	}
	return r.hostError(err)
}

// FromGo converts x to a value, charged to the run: nil, bool, all integers
// and floats, string, []byte, []any, []string, map[string]any,
// map[string]string, *Table, Value. Integers over 2^53 are rounded. Keys of
// maps are taken in sorted order; nil in a map is an absent key. Other types
// are an error of Kind Misuse, nesting deeper than 100 too.
func (r *Run) FromGo(x any) (Value, error) {
	if err := r.convertible(); err != nil {
		return Value{}, err
	}
	v, err := r.fromGo(x, 0)
	return v, r.toHost(err)
}

func (r *Run) fromGo(x any, depth int) (Value, error) {
	if err := r.charge(1); err != nil {
		return Value{}, err
	}
	switch x := x.(type) {
	case nil:
		return Value{}, nil
	case Value:
		return x, nil
	case *Table:
		if x == nil {
			return Value{}, nil
		}
		return x.value(), nil
	case bool:
		return Bool(x), nil
	case string:
		return r.newStr(x)
	case []byte:
		if err := r.chargeString(len(x)); err != nil {
			return Value{}, err
		}
		return String(string(x)), nil
	}
	if n, ok := numberFromGo(x); ok {
		return Number(n), nil
	}
	if depth == maxConvert {
		return Value{}, misuse("FromGo of a value " + errDeep.Error())
	}
	switch x := x.(type) {
	case []any:
		return r.listFromGo(len(x), func(i int) (Value, error) { return r.fromGo(x[i], depth+1) })
	case []string:
		return r.listFromGo(len(x), func(i int) (Value, error) { return r.newStr(x[i]) })
	case map[string]any:
		if err := r.sortedMap(len(x)); err != nil {
			return Value{}, err
		}
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		return r.mapFromGo(keys, func(k string) (Value, error) { return r.fromGo(x[k], depth+1) })
	case map[string]string:
		if err := r.sortedMap(len(x)); err != nil {
			return Value{}, err
		}
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		return r.mapFromGo(keys, func(k string) (Value, error) { return r.newStr(x[k]) })
	}
	return Value{}, misuse("FromGo of a type that has no counterpart in Lua")
}

// numberFromGo converts the numeric types.
func numberFromGo(x any) (n float64, ok bool) {
	switch x := x.(type) {
	case float64:
		n = x
	case float32:
		n = float64(x)
	case int:
		n = float64(x)
	case int8:
		n = float64(x)
	case int16:
		n = float64(x)
	case int32:
		n = float64(x)
	case int64:
		n = float64(x)
	case uint:
		n = float64(x)
	case uint8:
		n = float64(x)
	case uint16:
		n = float64(x)
	case uint32:
		n = float64(x)
	case uint64:
		n = float64(x)
	case uintptr:
		n = float64(x)
	default:
		return 0, false
	}
	return n, true
}

// sortStrings is a heap sort: that of package slices is 19 KB of Wasm.
func sortStrings(s []string) {
	down := func(i, n int) {
		for {
			c := 2*i + 1
			if c >= n {
				return
			}
			if c+1 < n && s[c] < s[c+1] {
				c++
			}
			if s[i] >= s[c] {
				return
			}
			s[i], s[c] = s[c], s[i]
			i = c
		}
	}
	for i := len(s)/2 - 1; i >= 0; i-- {
		down(i, len(s))
	}
	for n := len(s) - 1; n > 0; n-- {
		s[0], s[n] = s[n], s[0]
		down(0, n)
	}
}

func (r *Run) listFromGo(n int, at func(int) (Value, error)) (Value, error) {
	t, err := r.newTable(n, 0)
	if err != nil {
		return Value{}, err
	}
	for i := range n {
		v, err := at(i)
		if err != nil {
			return Value{}, err
		}
		if err := t.setInt(r, i+1, v); err != nil {
			return Value{}, err
		}
	}
	return t.value(), nil
}

// sortedMap charges for a map of n entries: its keys are listed and sorted.
func (r *Run) sortedMap(n int) error {
	if err := r.alloc(int64(n) * sizeValue); err != nil {
		return err
	}
	return r.charge(int64(n) * int64(bits.Len(uint(n))) >> 1)
}

// mapFromGo makes a table of a map, in the order of its sorted keys.
func (r *Run) mapFromGo(keys []string, convert func(string) (Value, error)) (Value, error) {
	t, err := r.newTable(0, len(keys))
	if err != nil {
		return Value{}, err
	}
	sortStrings(keys)
	for _, k := range keys {
		key, err := r.newStr(k)
		if err != nil {
			return Value{}, err
		}
		v, err := convert(k)
		if err != nil {
			return Value{}, err
		}
		if err := r.rawSet(t, key, v); err != nil {
			return Value{}, err
		}
	}
	return t.value(), nil
}

// ToGo converts v to nil, bool, float64, string, []any, map[string]any or what
// Opaque holds, charged to the run. Null becomes nil. A table whose keys are
// 1..n becomes []any, other tables and the empty one map[string]any, with
// numbers among the keys as tostring writes them. Functions and coroutines,
// keys that are neither strings nor numbers or that become the same text, and
// nesting deeper than 100 are errors. Metatables are not looked at.
func (r *Run) ToGo(v Value) (any, error) {
	if err := r.convertible(); err != nil {
		return nil, err
	}
	x, err := r.toGo(v, 0)
	return x, r.toHost(err)
}

func (r *Run) toGo(v Value, depth int) (any, error) {
	if err := r.charge(1); err != nil {
		return nil, err
	}
	switch v.kind() {
	case 0:
		return nil, nil
	case kindFalse, kindTrue:
		return v.Truthy(), nil
	case kindNumber:
		return v.n, nil
	case kindString:
		return v.str().s, nil
	case kindUserdata:
		x, _ := v.AsOpaque()
		return x, nil
	case kindTable:
	default:
		return nil, errorText("cannot convert a " + v.Type().String())
	}
	if depth == maxConvert {
		return nil, errDeep
	}
	t := v.table()
	s, err := r.shape(t)
	if err != nil {
		return nil, err
	}
	if s.list && s.count > 0 {
		if err := r.alloc(int64(s.count) * sizeAny); err != nil {
			return nil, err
		}
		list := make([]any, s.count)
		for i := range list {
			if list[i], err = r.toGo(t.getInt(i+1), depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	size := s.count + 1
	if s.count > 0 { // a map has room for 8 at first
		size += 3
	}
	if err := r.alloc(sizeMapEntry * int64(size)); err != nil {
		return nil, err
	}
	m := make(map[string]any, s.count)
	for i := 0; ; {
		k, v, skipped := t.entryFrom(i)
		if k.IsNil() {
			return m, nil
		}
		i += skipped + 1
		key, err := r.fieldName(t, k)
		if err != nil {
			return nil, err
		}
		if m[key], err = r.toGo(v, depth+1); err != nil {
			return nil, err
		}
	}
}

// shape says what a table would be elsewhere.
type shape struct {
	count int  // of entries
	list  bool // the keys are 1..count
	gaps  bool // all keys are positive integers, but some below the last are absent
}

func (r *Run) shape(t *Table) (shape, error) {
	if err := r.charge(int64(len(t.arr)+int(t.used)) >> 2); err != nil {
		return shape{}, err
	}
	count, last, ints := 0, 0, true
	for i := range t.arr {
		if t.arr[i].p != nil {
			count++
			last = i + 1
		}
	}
	for i := range t.nodes[:t.used] {
		n := &t.nodes[i]
		if n.val.p == nil {
			continue
		}
		count++
		if k, ok := intKey(n.key.n); n.key.isNumber() && ok && k > 0 {
			last = max(last, k)
		} else {
			ints = false
		}
	}
	return shape{count: count, list: ints && last == count, gaps: ints && last != count}, nil
}

// fieldName returns key k of t as the name of a field. Different numbers give
// different names, so that only a string can be in the way.
func (r *Run) fieldName(t *Table, k Value) (string, error) {
	switch k.kind() {
	case kindString:
		r.chargeKey(k)
		return k.str().s, nil
	case kindNumber:
		if err := r.alloc(sizeString); err != nil {
			return "", err
		}
		_ = r.charge(numeralCost) // the next charge notices when nothing is left
		s := numberToString(k.n)
		if n, ok := parseNumber(s); !ok || n != k.n {
			s = strconv.FormatFloat(k.n, 'g', -1, 64)
		}
		if !t.getString(s).IsNil() {
			return "", errorText("keys " + s + " and \"" + s + "\" are the same field")
		}
		return s, nil
	}
	return "", errorText("cannot convert a key that is a " + k.Type().String())
}

// DecodeJSON reads JSON text (RFC 8259) into a value, charged to the run. null
// becomes Null, so that fields and list elements keep their places. Of a
// repeated key the last value counts. Bytes over 0x7F in strings are taken as
// they are; surrogates that are no pair and numbers that are not finite are
// errors, as is nesting deeper than 100. Errors name the byte, from 1.
func (r *Run) DecodeJSON(text string) (Value, error) {
	v, err := r.decodeJSON(text)
	return v, r.toHost(err)
}

func (r *Run) decodeJSON(text string) (Value, error) {
	if err := r.convertible(); err != nil {
		return Value{}, err
	}
	// For reading it once; what is made of it is charged where it is made.
	if err := r.charge(int64(len(text)) >> 3); err != nil {
		return Value{}, err
	}
	d := jsonReader{r: r, s: text}
	d.space()
	v, err := d.value(0)
	if err == nil {
		d.space()
		if d.i < len(text) {
			err = d.fail("want the end of the text")
		}
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

type jsonReader struct {
	r *Run
	s string
	i int
}

func (d *jsonReader) fail(text string) error {
	got := "the end of the text"
	if d.i < len(d.s) {
		if c := d.s[d.i]; c > ' ' && c < 0x7F {
			got = "'" + string(rune(c)) + "'"
		} else {
			got = "byte " + strconv.Itoa(int(c))
		}
	}
	return errorText("JSON, byte " + strconv.Itoa(d.i+1) + ": " + text + ", got " + got)
}

//go:noinline
func (d *jsonReader) space() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// skip moves over c if it is next, and the spaces behind it.
//
//go:noinline
func (d *jsonReader) skip(c byte) bool {
	if d.i < len(d.s) && d.s[d.i] == c {
		d.i++
		d.space()
		return true
	}
	return false
}

func (d *jsonReader) word(w string, v Value) (Value, error) {
	if strings.HasPrefix(d.s[d.i:], w) {
		d.i += len(w)
		return v, nil
	}
	return Value{}, d.fail("want a value")
}

func (d *jsonReader) value(depth int) (Value, error) {
	if err := d.r.charge(1); err != nil {
		return Value{}, err
	}
	if d.i == len(d.s) {
		return Value{}, d.fail("want a value")
	}
	switch d.s[d.i] {
	case '{', '[':
		if depth == maxConvert {
			return Value{}, errorText("JSON, byte " + strconv.Itoa(d.i+1) + ": " + errDeep.Error())
		}
		if d.s[d.i] == '[' {
			return d.array(depth + 1)
		}
		return d.object(depth + 1)
	case '"':
		return d.text()
	case 't':
		return d.word("true", Bool(true))
	case 'f':
		return d.word("false", Bool(false))
	case 'n':
		return d.word("null", Null)
	}
	return d.number()
}

func (d *jsonReader) array(depth int) (Value, error) {
	t, err := d.r.newTable(0, 0)
	if err != nil {
		return Value{}, err
	}
	d.skip('[')
	if d.skip(']') {
		return t.value(), nil
	}
	for n := 1; ; n++ {
		v, err := d.value(depth)
		if err != nil {
			return Value{}, err
		}
		if err := t.setInt(d.r, n, v); err != nil {
			return Value{}, err
		}
		d.space()
		if d.skip(',') {
			continue
		}
		if d.i < len(d.s) && d.s[d.i] == ']' {
			d.i++
			return t.value(), nil
		}
		return Value{}, d.fail("want ',' or ']'")
	}
}

func (d *jsonReader) object(depth int) (Value, error) {
	t, err := d.r.newTable(0, 0)
	if err != nil {
		return Value{}, err
	}
	d.skip('{')
	if d.skip('}') {
		return t.value(), nil
	}
	for {
		if d.i == len(d.s) || d.s[d.i] != '"' {
			return Value{}, d.fail("want a key in double quotes")
		}
		k, err := d.text()
		if err != nil {
			return Value{}, err
		}
		d.space()
		if !d.skip(':') {
			return Value{}, d.fail("want ':'")
		}
		v, err := d.value(depth)
		if err != nil {
			return Value{}, err
		}
		if err := d.r.rawSet(t, k, v); err != nil {
			return Value{}, err
		}
		d.space()
		if d.skip(',') {
			continue
		}
		if d.i < len(d.s) && d.s[d.i] == '}' {
			d.i++
			return t.value(), nil
		}
		return Value{}, d.fail("want ',' or '}'")
	}
}

// text reads a string. Escapes only make it shorter, so its length in the
// source is what is charged before the copy is made.
func (d *jsonReader) text() (Value, error) {
	d.i++
	start, escapes := d.i, false
	for ; d.i < len(d.s) && d.s[d.i] != '"'; d.i++ {
		if d.s[d.i] < ' ' {
			return Value{}, d.fail("want an escape for a control character")
		}
		if d.s[d.i] == '\\' {
			escapes = true
			d.i++
		}
	}
	if d.i >= len(d.s) {
		d.i = len(d.s)
		return Value{}, d.fail("want '\"'")
	}
	end := d.i
	d.i++
	if !escapes {
		return d.r.copyString(d.s[start:end])
	}
	if err := d.r.chargeString(end - start); err != nil {
		return Value{}, err
	}
	buf := make([]byte, 0, end-start)
	for i := start; i < end; i++ {
		c := d.s[i]
		if c != '\\' {
			buf = append(buf, c)
			continue
		}
		at := i
		i++
		switch d.s[i] {
		case '/':
			c = '/'
		case '"', '\\', 'b', 'f', 'n', 'r', 't':
			c = simpleEscape(d.s[i])
		case 'u':
			u := d.unit(i+1, end)
			i += 4
			if u >= 0xD800 && u < 0xDC00 {
				low := rune(-1)
				if i+2 < end && d.s[i+1] == '\\' && d.s[i+2] == 'u' {
					low = d.unit(i+3, end)
				}
				if low < 0xDC00 || low > 0xDFFF {
					u = -1
				} else {
					u = (u-0xD800)<<10 | (low - 0xDC00) + 0x10000
					i += 6
				}
			}
			if u < 0 || u >= 0xDC00 && u < 0xE000 {
				d.i = at
				return Value{}, d.fail("want \\u with four hexadecimal digits, surrogates in pairs")
			}
			buf = utf8.AppendRune(buf, u)
			continue
		default:
			d.i = i
			return Value{}, d.fail("want one of \"\\/bfnrtu")
		}
		buf = append(buf, c)
	}
	v := bytesValue(buf)
	if 2*len(buf) < cap(buf) { // the walk of the state does not know what it would keep
		return d.r.copyString(v.str().s)
	}
	return v, nil
}

// unit reads four hexadecimal digits, -1 if they are not there.
//
//go:noinline
func (d *jsonReader) unit(i, end int) rune {
	if i+4 > end {
		return -1
	}
	u := 0
	for _, c := range []byte(d.s[i : i+4]) {
		h := hexDigit(c)
		if h < 0 {
			return -1
		}
		u = u<<4 | h
	}
	return rune(u)
}

func (d *jsonReader) digits() bool {
	start := d.i
	for d.i < len(d.s) && isDigit(d.s[d.i]) {
		d.i++
	}
	return d.i > start
}

func (d *jsonReader) number() (Value, error) {
	start := d.i
	if d.s[d.i] == '-' {
		d.i++
	}
	if d.i < len(d.s) && d.s[d.i] == '0' {
		d.i++
	} else if !d.digits() {
		what := "want a value"
		if d.i > start {
			what = "want a digit"
		}
		return Value{}, d.fail(what)
	}
	if d.i < len(d.s) && d.s[d.i] == '.' {
		d.i++
		if !d.digits() {
			return Value{}, d.fail("want a digit")
		}
	}
	if d.i < len(d.s) && d.s[d.i]|0x20 == 'e' {
		d.i++
		if d.i < len(d.s) && (d.s[d.i] == '+' || d.s[d.i] == '-') {
			d.i++
		}
		if !d.digits() {
			return Value{}, d.fail("want a digit")
		}
	}
	t := d.s[start:d.i]
	_ = d.r.charge(longNumeral(t)) // the next charge notices when nothing is left
	neg := t[0] == '-'
	if neg {
		t = t[1:]
	}
	n, ok := parseMagnitude(t)
	if !ok || math.IsInf(n, 0) {
		d.i = start
		return Value{}, d.fail("want a number below 1.8e308")
	}
	if neg {
		n = -n
	}
	return Number(n), nil
}

// EncodeJSON writes v as JSON, charged to the run: strings byte by byte as they
// are but for what JSON escapes, numbers with 14 digits as Lua prints them, tables
// with keys 1..n as arrays, other tables and the empty one as objects. NaN,
// infinities, functions, sparse arrays and nesting deeper than 100 are errors.
// nil and Null are null. Fields are written in the order of insertion.
func (r *Run) EncodeJSON(v Value) (string, error) {
	if err := r.convertible(); err != nil {
		return "", err
	}
	w := jsonWriter{r: r}
	if err := w.value(v, 0); err != nil {
		return "", r.toHost(err)
	}
	s, _ := bytesValue(w.buf).AsString()
	return s, nil
}

type jsonWriter struct {
	r   *Run
	buf []byte
}

// room makes room for n bytes, charged before they are taken.
func (w *jsonWriter) room(n int) error {
	if len(w.buf)+n <= cap(w.buf) {
		return nil
	}
	size := max(64, 2*cap(w.buf), len(w.buf)+n)
	if err := w.r.alloc(int64(size)); err != nil {
		return err
	}
	if err := w.r.charge(int64(len(w.buf)) >> 4); err != nil {
		return err
	}
	buf := make([]byte, len(w.buf), size)
	copy(buf, w.buf)
	w.buf = buf
	return nil
}

//go:noinline
func (w *jsonWriter) add(s string) error {
	if err := w.room(len(s)); err != nil {
		return err
	}
	w.buf = append(w.buf, s...)
	return nil
}

func (w *jsonWriter) value(v Value, depth int) error {
	if err := w.r.charge(1); err != nil {
		return err
	}
	switch v.kind() {
	case 0:
		return w.add("null")
	case kindFalse:
		return w.add("false")
	case kindTrue:
		return w.add("true")
	case kindNumber:
		if v.n != v.n || math.IsInf(v.n, 0) {
			return errorText("JSON has no number " + numberToString(v.n))
		}
		if err := w.room(32); err != nil {
			return err
		}
		w.buf = appendNumber(w.buf, v.n)
		return nil
	case kindString:
		return w.text(v.str().s)
	case kindUserdata:
		if v == Null {
			return w.add("null")
		}
	case kindTable:
		if depth == maxConvert {
			return errDeep
		}
		return w.table(v.table(), depth+1)
	}
	return errorText("JSON has no " + v.Type().String())
}

func (w *jsonWriter) table(t *Table, depth int) error {
	s, err := w.r.shape(t)
	if err != nil {
		return err
	}
	if s.gaps {
		return errorText("JSON has no sparse arrays")
	}
	if s.list && s.count > 0 {
		sep := "["
		for i := range s.count {
			if err := w.add(sep); err != nil {
				return err
			}
			sep = ","
			if err := w.value(t.getInt(i+1), depth); err != nil {
				return err
			}
		}
		return w.add("]")
	}
	sep := "{"
	for i := 0; ; {
		k, v, skipped := t.entryFrom(i)
		if k.IsNil() {
			break
		}
		i += skipped + 1
		if err := w.add(sep); err != nil {
			return err
		}
		sep = ","
		name, err := w.r.fieldName(t, k)
		if err != nil {
			return err
		}
		if err := w.text(name); err != nil {
			return err
		}
		if err := w.add(":"); err != nil {
			return err
		}
		if err := w.value(v, depth); err != nil {
			return err
		}
	}
	if sep == "{" {
		return w.add("{}")
	}
	return w.add("}")
}

func (w *jsonWriter) text(s string) error {
	if err := w.r.charge(int64(len(s)) >> 3); err != nil {
		return err
	}
	// Together, for what most strings are.
	if err := w.room(len(s) + 2); err != nil {
		return err
	}
	w.buf = append(w.buf, '"')
	plain := 0 // start of what needs no escape
	for i := 0; i <= len(s); i++ {
		escape := `"`
		if i < len(s) {
			c := s[i]
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			escape = jsonEscape(c)
		}
		if err := w.add(s[plain:i]); err != nil {
			return err
		}
		if err := w.add(escape); err != nil {
			return err
		}
		plain = i + 1
	}
	return nil
}

func jsonEscape(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	return `\u00` + strconv.FormatUint(uint64(c)|1<<8, 16)[1:]
}
