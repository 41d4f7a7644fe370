package conf

import (
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// No module calls what is in this file, markdown.go and lint.go: the linker
// drops it.

// Schema writes the JSON Schema (2020-12) of a configuration, always the same
// bytes for the same fields. It accepts what Decode accepts, but for what
// schemas cannot say: bounds of durations and of sizes with a unit, rules given
// to Check without a Pattern, and rules across fields.
func Schema(title string, fields Fields) []byte {
	s := object{
		{"$schema", quoted("https://json-schema.org/draft/2020-12/schema")},
		{"title", quoted(title)},
	}
	return append(appendJSON(nil, append(s, fields.schema()...), 0), '\n')
}

// object, raw, and []any are the JSON that appendJSON writes.
type (
	object []member
	member struct {
		name  string
		value any
	}
	raw string
)

func quoted(s string) raw { return raw(jsonr.AppendString(nil, s)) }

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return out
}

func (fields Fields) schema() object {
	properties := object{}
	var required []string
	var rules []any
	for i := range fields {
		f := fields[i]
		if f.aliasOf != "" {
			properties = append(properties, member{f.name, fields.aliasSchema(f)})
			continue
		}
		properties = append(properties, member{f.name, f.schema()})
		names := []string{f.name}
		for _, a := range fields {
			if a.aliasOf == f.name {
				names = append(names, a.name)
			}
		}
		var any1 []any
		for i, name := range names {
			any1 = append(any1, object{{"required", texts([]string{name})}})
			for _, other := range names[i+1:] {
				rules = append(rules, object{{"not", object{{"required", texts([]string{name, other})}}}})
			}
		}
		switch {
		case !f.mustBeGiven():
		case len(names) == 1:
			required = append(required, f.name)
		default:
			rules = append(rules, object{{"anyOf", any1}})
		}
	}
	s := object{
		{"type", quoted("object")},
		{"properties", properties},
		{"additionalProperties", raw("false")},
	}
	if len(required) > 0 {
		s = append(s, member{"required", texts(required)})
	}
	if len(rules) > 0 {
		s = append(s, member{"allOf", rules})
	}
	return s
}

// mustBeGiven tells whether leaving the field out is a fault: that of a
// required member of a nested object is one too.
func (f *Field) mustBeGiven() bool {
	if o, ok := f.typ.(objectType); ok && o.set == nil && !f.required {
		for i := range o.fields {
			if o.fields[i].mustBeGiven() {
				return true
			}
		}
	}
	return f.required
}

func (fields Fields) aliasSchema(alias *Field) object {
	i := fields.find(alias.name)
	if i < 0 {
		return nil // see Lint
	}
	f := *fields[i]
	f.doc, f.def, f.example = alias.doc, "", alias.example
	return f.schema()
}

func (f *Field) schema() object {
	doc := f.doc
	s := object{}
	add := func(name string, value any) { s = append(s, member{name, value}) }
	number := func(low, high int64) {
		low, high = f.bounds(low, high, parseSize)
		add("minimum", raw(strconv.FormatInt(low, 10)))
		add("maximum", raw(strconv.FormatInt(high, 10)))
	}
	// count bounds characters, elements or members.
	count := func(low, high string) {
		if n, ok := parseInt(f.low); ok {
			add(low, raw(strconv.FormatInt(n, 10)))
		} else if f.required {
			add(low, raw("1"))
		}
		if n, ok := parseInt(f.high); ok {
			add(high, raw(strconv.FormatInt(n, 10)))
		}
	}
	list := func(element object) {
		add("type", quoted("array"))
		add("items", element)
		count("minItems", "maxItems")
	}
	text := func(pattern string) object {
		o := object{{"type", quoted("string")}}
		if pattern != "" {
			o = append(o, member{"pattern", quoted(pattern)})
		}
		if f.pattern != "" {
			// Beside the type's own pattern, this one goes into allOf.
			if pattern != "" {
				return append(o, member{"allOf", []any{object{{"pattern", quoted(f.pattern)}}}})
			}
			o = append(o, member{"pattern", quoted(f.pattern)})
		}
		return o
	}
	if f.check != nil && f.pattern == "" {
		doc += " Must be " + f.wants + "."
	}
	switch t := f.typ.(type) {
	case stringType:
		s = text("")
		count("minLength", "maxLength")
	case pathType:
		s = text(pathPattern)
		count("minLength", "maxLength")
	case headerType:
		s = text(tokenPattern)
	case enumType:
		add("enum", texts(t.values))
	case boolType:
		add("type", quoted("boolean"))
	case intType:
		add("type", quoted("integer"))
		number(-maxInt, maxInt)
	case statusType:
		add("type", quoted("integer"))
		number(lowStatus, highStatus)
	case durationType:
		s = text(durationPattern)
		doc += f.boundsDoc("")
	case sizeType:
		add("type", []any{quoted("integer"), quoted("string")})
		add("pattern", quoted(sizePattern))
		number(0, maxInt)
		doc += f.boundsDoc("")
	case stringsType:
		list(text(""))
	case headersType:
		list(text(tokenPattern))
	case statusesType:
		list(object{
			{"type", []any{quoted("integer"), quoted("string")}},
			{"pattern", quoted(statusesPattern)},
			{"minimum", raw("100")},
			{"maximum", raw("599")},
		})
	case pairsType:
		add("type", quoted("object"))
		add("propertyNames", object{{"pattern", quoted(tokenPattern)}})
		add("additionalProperties", object{{"type", quoted("string")}, {"pattern", quoted(fieldValuePattern)}})
		count("minProperties", "maxProperties")
	case secretType:
		value := text("")
		low := "1"
		if f.low != "" {
			low = f.low
		}
		value = append(value, member{"minLength", raw(low)})
		if f.high != "" {
			value = append(value, member{"maxLength", raw(f.high)})
		}
		add("writeOnly", raw("true"))
		add("oneOf", []any{value, object{
			{"type", quoted("object")},
			{"properties", object{{"env", object{
				{"description", quoted("Name of the environment variable of the proxy that holds the secret.")},
				{"type", quoted("string")},
				{"pattern", quoted(envPattern)},
			}}}},
			{"additionalProperties", raw("false")},
			{"required", texts([]string{"env"})},
		}})
	case objectType:
		s = t.fields.schema()
	case listType:
		list(t.element().schema())
	}
	head := object{{"description", quoted(doc)}}
	s = append(head, s...)
	if f.def != "" {
		add("default", raw(f.literal(f.def)))
	}
	if f.example != "" {
		add("examples", []any{raw(f.literal(f.example))})
	}
	return s
}

// boundsDoc is a sentence on the bounds of Between, or nothing; code stands
// around values.
func (f *Field) boundsDoc(code string) string {
	low, high := code+f.low+code, code+f.high+code
	unit := ""
	switch f.typ.(type) {
	case stringType, pathType, secretType:
		unit = " characters"
	case stringsType, headersType, statusesType, listType, pairsType:
		unit = " elements"
	}
	switch {
	case f.low == "" && f.high == "":
		return ""
	case f.high == "":
		return " At least " + low + unit + "."
	case f.low == "":
		return " At most " + high + unit + "."
	case f.low == f.high:
		return " Exactly " + low + unit + "."
	default:
		return " From " + low + " to " + high + unit + "."
	}
}

// pathPattern is the syntax of jsonr.CheckPath.
const pathPattern = `^([^.\\*?#|@!{}\[\]()]|\\[!-/:-@\[-` + "`" + `{-~])+(\.([^.\\*?#|@!{}\[\]()]|\\[!-/:-@\[-` + "`" + `{-~])+)*$`

// appendJSON writes with two spaces a level; what is short and flat stays on
// one line.
func appendJSON(dst []byte, v any, depth int) []byte {
	indent := func(n int) { dst = append(append(dst, '\n'), strings.Repeat("  ", n)...) }
	switch v := v.(type) {
	case raw:
		return append(dst, v...)
	case object:
		if len(v) == 0 {
			return append(dst, "{}"...)
		}
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			indent(depth + 1)
			dst = append(jsonr.AppendString(dst, m.name), ": "...)
			dst = appendJSON(dst, m.value, depth+1)
		}
		indent(depth)
		return append(dst, '}')
	case []any:
		flat := true
		for _, e := range v {
			_, isRaw := e.(raw)
			flat = flat && isRaw
		}
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
				if flat {
					dst = append(dst, ' ')
				}
			}
			if !flat {
				indent(depth + 1)
			}
			dst = appendJSON(dst, e, depth+1)
		}
		if !flat {
			indent(depth)
		}
		return append(dst, ']')
	}
	return dst
}
