package conf

import (
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// Lint finds faults of a declaration itself: those that no configuration can be
// blamed for. Tests call it; a module does not.
func Lint(fields Fields) error {
	var errs Errors
	fields.lint(&errs, "")
	return errs.Err()
}

// Partial makes fields take a part of a configuration: what is required may be
// missing, but not inside the elements of a list. It changes the fields.
func Partial(fields Fields) Fields {
	for _, f := range fields {
		f.required = false
		if o, ok := f.typ.(objectType); ok {
			Partial(o.fields)
		}
	}
	return fields
}

func (fields Fields) lint(errs *Errors, prefix string) {
	seen := map[string]bool{}
	for i := range fields {
		f := fields[i]
		path := prefix + f.name
		fault := func(text string) { errs.Add(path, text) }
		if seen[f.name] {
			fault("declared twice")
		}
		seen[f.name] = true
		if f.name == "" || strings.Trim(f.name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || f.name[0] < 'a' {
			fault("want a name in snake_case")
		}
		if !strings.HasSuffix(f.doc, ".") {
			fault("want a doc that ends in a full stop")
		}
		if f.aliasOf != "" {
			if t := fields.find(f.name); t < 0 || fields[t].name != f.aliasOf {
				fault("want an alias of a field, got " + f.aliasOf)
			}
			continue
		}
		f.lint(errs, path)
		switch t := f.typ.(type) {
		case objectType:
			t.fields.lint(errs, path+".")
		case listType:
			t.element().lint(errs, path+"[].")
		}
	}
}

func (f *Field) lint(errs *Errors, path string) {
	if f.def != "" && f.required {
		errs.Add(path, "a required field has a default")
	}
	f.lintBounds(errs, path)
	checked, whole := false, false
	switch f.typ.(type) {
	case stringType, pathType, headerType, headersType, stringsType, secretType:
		checked = true
	case objectType, listType:
		whole = true
	}
	if _, isSize := f.typ.(sizeType); f.buffered != nil && !isSize {
		errs.Add(path, "Buffered is for sizes")
	}
	if f.check != nil && !checked {
		errs.Add(path, "Check is for texts")
	}
	if f.pattern != "" && f.check == nil {
		errs.Add(path, "a Pattern without a Check is not enforced")
	}
	if _, isSecret := f.typ.(secretType); (whole || isSecret) && f.def != "" {
		errs.Add(path, "an object, a list of objects or a secret has a default")
	}
	for _, text := range []string{f.def, f.example} {
		if text == "" || whole {
			continue
		}
		v, err := jsonr.Parse([]byte(f.literal(text)), jsonr.Limits{})
		if err != nil {
			errs.Add(path, "the default or example "+text+" is not JSON")
			continue
		}
		d := decoder{}
		f.typ.decode(&d, f, path, v)
		*errs = append(*errs, d.errs...)
	}
}

func (f *Field) lintBounds(errs *Errors, path string) {
	parse := parseInt
	switch f.typ.(type) {
	case durationType:
		parse = parseDuration
	case sizeType:
		parse = parseSize
	case boolType, enumType, headerType, objectType:
		parse = func(string) (int64, bool) { return 0, false }
	}
	low, ok1 := parse(f.low)
	high, ok2 := parse(f.high)
	if f.low != "" && !ok1 || f.high != "" && !ok2 || ok1 && ok2 && low > high {
		errs.Add(path, "wrong bounds "+f.low+" to "+f.high)
	}
}
