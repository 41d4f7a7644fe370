package conf

import (
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// Decode reads a configuration into what fields point to. All faults are found
// at once: the error is an [Errors]; on error, what was written must not be
// used. env reads environment variables; nil has none. checks are rules across
// fields; they run when every field by itself is right, since they would trip
// over values that are not there.
func Decode(data []byte, fields Fields, env func(string) (string, bool), checks ...func(*Errors)) error {
	if strings.Trim(string(data), " \t\r\n") == "" {
		data = []byte("{}")
	}
	v, repeated, fault := jsonr.ParseAll(data, jsonr.Limits{})
	if fault != nil {
		return Errors{{Path: fault.Path, Text: "not JSON: " + fault.Text + " (" + fault.Place() + ")"}}
	}
	d := decoder{env: env}
	for i := range repeated {
		d.beyond(repeated[i].Path, repeated[i].Text)
	}
	objectType{fields: fields}.decode(&d, nil, "", v)
	if len(d.errs) == 0 {
		for _, check := range checks {
			check(&d.errs)
		}
	}
	return d.errs.Err()
}

type decoder struct {
	errs Errors
	env  func(string) (string, bool)
}

// fault adds a fault that the schema finds too.
func (d *decoder) fault(path, text string) { d.errs = append(d.errs, Fault{Path: path, Text: text}) }

// beyond adds a fault that is beyond the schema.
func (d *decoder) beyond(path, text string) { d.errs.Add(path, text) }

// wrong adds the fault of a value that is not what was wanted.
func (d *decoder) wrong(path, want string, got jsonr.Value) {
	d.fault(path, "want "+want+", got "+excerpt(got))
}

// misplaced is wrong for what is of another kind, which may be a secret that belongs
// beside it: only its kind is shown.
func (d *decoder) misplaced(path, want string, got jsonr.Value) {
	d.fault(path, "want "+want+", got "+kindName(got.Kind()))
}

// object decodes the members of v, and the defaults of what it does not have.
func (d *decoder) object(path string, fields Fields, v jsonr.Value) {
	given := make([]jsonr.Value, len(fields))
	names := make([]string, len(fields)) // as given; empty: not given
	v.Each(func(key string, e jsonr.Value) bool {
		i := fields.find(key)
		if i < 0 {
			text := "unknown field"
			if near, ok := Nearest(key, fields.names()); ok {
				text += "; did you mean " + near + "?"
			}
			d.fault(join(path, key), text)
			return true
		}
		if names[i] != "" && names[i] != key {
			d.fault(join(path, key), "given together with "+names[i]+", which is another name for it")
			return true
		}
		given[i], names[i] = e, key
		return true
	})
	for i := range fields {
		f := fields[i]
		switch {
		case f.aliasOf != "":
		case names[i] != "":
			f.typ.decode(d, f, join(path, names[i]), given[i])
		case f.required:
			d.fault(join(path, f.name), "missing; want "+f.typ.want())
		default:
			d.absent(f, join(path, f.name))
		}
	}
}

// absent gives a field that was left out its default.
func (d *decoder) absent(f *Field, path string) {
	if o, ok := f.typ.(objectType); ok {
		if o.set == nil {
			d.object(path, o.fields, jsonr.Value{})
		}
		return
	}
	if f.def == "" {
		return
	}
	v, err := jsonr.Parse([]byte(f.literal(f.def)), jsonr.Limits{})
	if err != nil {
		d.fault(path, "the default is not JSON")
		return
	}
	f.typ.decode(d, f, path, v)
}

// find returns the index of the field that key names, by itself or by an
// alias; -1 if there is none.
func (fields Fields) find(key string) int {
	for i := range fields {
		if fields[i].name != key {
			continue
		}
		if of := fields[i].aliasOf; of != "" {
			return fields.find(of)
		}
		return i
	}
	return -1
}

func (fields Fields) names() []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	return names
}

// literal turns a text of a declaration into JSON.
func (f *Field) literal(text string) string {
	switch f.typ.(type) {
	case sizeType:
		if _, ok := parseInt(text); ok {
			return text
		}
	case stringType, durationType, enumType, headerType, pathType, secretType:
	default:
		return text
	}
	return string(jsonr.AppendString(nil, text))
}

func join(path, name string) string {
	return string(jsonr.AppendPath([]byte(path), name))
}

func kindName(k jsonr.Kind) string {
	switch k {
	case jsonr.Bool:
		return "a boolean"
	case jsonr.Number:
		return "a number"
	case jsonr.String:
		return "a text"
	case jsonr.Array:
		return "a list"
	case jsonr.Object:
		return "an object"
	default:
		return "null"
	}
}

// excerpt shows a value in a message: short, and printable in any terminal.
func excerpt(v jsonr.Value) string {
	const most = 32
	switch v.Kind() {
	case jsonr.Bool:
		return v.Raw()
	case jsonr.Number:
		if raw := v.Raw(); len(raw) <= most {
			return "the number " + raw
		}
		return "a number of " + strconv.Itoa(len(v.Raw())) + " characters"
	case jsonr.String:
		runes := []rune(v.String())
		if len(runes) > most {
			return "the text " + strconv.QuoteToASCII(string(runes[:most])) + "..."
		}
		return "the text " + strconv.QuoteToASCII(string(runes))
	default:
		return kindName(v.Kind())
	}
}

// Fault is one fault of a configuration.
type Fault struct {
	Path string // names and indexes with dots: rules.0.path; empty for the whole
	Text string // what is wanted, then what was got
	// Beyond: a JSON Schema cannot say this, so a configuration without other
	// faults passes the schema.
	Beyond bool
}

// Errors is all faults of a configuration.
type Errors []Fault

// Add adds a fault, for rules across fields. text is lower-case, without a full
// stop, and holds no secret.
func (e *Errors) Add(path, text string) {
	*e = append(*e, Fault{Path: path, Text: text, Beyond: true})
}

// Err returns e as an error, nil without a fault.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// maxShown bounds the lines of a message: a log is no place for thousands.
const maxShown = 50

// Error gives one fault as "path: text", and several as their number and a
// line each.
func (e Errors) Error() string {
	switch len(e) {
	case 0:
		return "no faults"
	case 1:
		return e[0].String()
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(len(e)) + " faults")
	for i, f := range e {
		if i == maxShown {
			b.WriteString("\n  and " + strconv.Itoa(len(e)-i) + " more")
			break
		}
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// String gives a fault as "path: text".
func (f Fault) String() string {
	if f.Path == "" {
		return f.Text
	}
	return f.Path + ": " + f.Text
}
