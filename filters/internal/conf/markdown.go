package conf

import "strings"

// Markdown writes the table of a README: Field, Type, Default, Meaning. Nested
// names are joined by dots; [] stands for each element of a list.
func Markdown(fields Fields) string {
	var b strings.Builder
	b.WriteString("| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n")
	fields.markdown(&b, "")
	return b.String()
}

func (fields Fields) markdown(b *strings.Builder, prefix string) {
	for i := range fields {
		f := fields[i]
		typ, def := "", "–"
		switch {
		case f.aliasOf != "":
			if target := fields.find(f.name); target >= 0 {
				typ = fields[target].typeName()
			}
		default:
			typ = f.typeName()
			if f.required {
				def = "required"
			} else if f.def != "" {
				def = code(f.def)
			}
		}
		b.WriteString("| `" + prefix + f.name + "` | " + typ + " | " + def + " | " + cell(f.doc+f.boundsDoc("`")) + " |\n")
		switch t := f.typ.(type) {
		case objectType:
			t.fields.markdown(b, prefix+f.name+".")
		case listType:
			t.element().markdown(b, prefix+f.name+"[].")
		}
	}
}

// typeName is the type as the README calls it.
func (f *Field) typeName() string {
	switch t := f.typ.(type) {
	case stringType:
		return "text"
	case intType:
		return "integer"
	case boolType:
		return "boolean"
	case durationType:
		return "duration"
	case sizeType:
		return "size"
	case stringsType:
		return "list of texts"
	case enumType:
		values := make([]string, len(t.values))
		for i, v := range t.values {
			values[i] = code(v)
		}
		return strings.Join(values, ", ")
	case statusType:
		return "status"
	case statusesType:
		return "list of statuses"
	case headerType:
		return "header name"
	case headersType:
		return "list of header names"
	case pairsType:
		return "headers"
	case secretType:
		return "secret"
	case pathType:
		return "JSON path"
	case objectType:
		if t.set != nil {
			return "object, optional"
		}
		return "object"
	case listType:
		return "list of objects"
	}
	return ""
}

// cell keeps a text inside its cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}

func code(s string) string {
	if strings.Contains(s, "`") {
		return "`` " + cell(s) + " ``"
	}
	return "`" + cell(s) + "`"
}

// Paths lists the path of every field as the README writes it, in its order.
func (fields Fields) Paths() []string {
	var paths []string
	for i := range fields {
		f := fields[i]
		paths = append(paths, f.name)
		var inner Fields
		sep := "."
		switch t := f.typ.(type) {
		case objectType:
			inner = t.fields
		case listType:
			inner, sep = t.element(), "[]."
		}
		for _, p := range inner.Paths() {
			paths = append(paths, f.name+sep+p)
		}
	}
	return paths
}
