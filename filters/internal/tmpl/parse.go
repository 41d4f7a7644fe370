package tmpl

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// operators lists the names; those with an argument in parentheses need it.
var operators = [...]struct {
	name     string
	op       operator
	argument bool
}{
	{"REQ", req, true},
	{"QUERY_PARAM", queryParam, true},
	{"METHOD", method, false},
	{"SCHEME", scheme, false},
	{"AUTHORITY", authority, false},
	{"PATH", path, false},
	{"RAW_QUERY", rawQuery, false},
	{"CLIENT_IP", clientIP, false},
	{"PROPERTY", property, true},
	{"CLAIM", claim, true},
}

// Option adds to what a template may hold.
type Option uint8

// Claims lets it hold %CLAIM%.
const Claims Option = 1

// maxLimit bounds ":n".
const maxLimit = 1 << 20

// Parse reads a template. An error names the column in bytes, from 1, and the
// nearest operator. For JSON, the text must be valid JSON and each operator must
// stand inside a string that is a value, not a key: a client could repeat
// another key.
func Parse(text string, esc Escape, options ...Option) (*Template, error) {
	p := parser{text: text}
	for _, o := range options {
		p.claims = p.claims || o == Claims
	}
	t := &Template{esc: esc}
	// The text with "x" for every byte of an operator: valid JSON if the filled
	// text is, and of the same columns.
	blank := []byte(text)
	var literal []byte
	for p.pos < len(text) {
		start := p.pos
		if text[start] != '%' {
			if esc == Header && !msg.ValidHeaderValue("x"+text[start:start+1]+"x") {
				return nil, at(start, "control character in a header value")
			}
			literal = append(literal, text[start])
			p.pos++
			continue
		}
		if strings.HasPrefix(text[start:], "%%") {
			literal = append(literal, '%')
			p.pos += 2
			continue
		}
		op, err := p.operator()
		if err != nil {
			return nil, err
		}
		for i := start; i < p.pos; i++ {
			blank[i] = 'x'
		}
		op.literal = string(literal)
		literal = literal[:0]
		t.parts = append(t.parts, op)
	}
	if len(literal) > 0 {
		t.parts = append(t.parts, part{literal: string(literal)})
	}
	if esc.json() {
		if err := checkJSON(text, blank); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// ParseJSON is Parse for JSON.
func ParseJSON(text string) (*Template, error) { return Parse(text, JSON) }

// at makes an error about the byte at an offset.
func at(offset int, fault string) error {
	return errors.New("column " + strconv.Itoa(offset+1) + ": " + fault)
}

type parser struct {
	text   string
	pos    int
	claims bool
}

// operator reads from one "%" to the other.
func (p *parser) operator() (part, error) {
	start := p.pos
	p.pos++
	name := p.while(func(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_' })
	if name == "" {
		return part{}, at(start, "want an operator such as %METHOD% after %, or %% for a percent sign")
	}
	o := -1
	for i := range operators {
		if operators[i].name == name && p.knows(operators[i].op) {
			o = i
		}
	}
	if o < 0 {
		return part{}, at(start, "unknown operator %"+name+"%; "+p.hint(name)+" (%% is a percent sign)")
	}
	out := part{op: operators[o].op}
	if operators[o].argument {
		if err := p.argument(name, &out); err != nil {
			return part{}, err
		}
	} else if p.has('(') {
		return part{}, at(p.pos, "%"+name+"% takes no argument")
	}
	if p.has(':') {
		p.pos++
		from := p.pos
		digits := p.while(func(c byte) bool { return '0' <= c && c <= '9' })
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > maxLimit {
			return part{}, at(from, "want a limit from 1 to "+strconv.Itoa(maxLimit)+" after :")
		}
		out.limit = n
	}
	if !p.has('%') {
		return part{}, at(p.pos, "want % at the end of %"+name)
	}
	p.pos++
	return out, nil
}

func (p *parser) knows(op operator) bool { return op != claim || p.claims }

func (p *parser) has(c byte) bool { return p.pos < len(p.text) && p.text[p.pos] == c }

func (p *parser) while(in func(byte) bool) string {
	start := p.pos
	for p.pos < len(p.text) && in(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// argument reads "(...)".
func (p *parser) argument(name string, out *part) error {
	if !p.has('(') {
		return at(p.pos, "want ( after %"+name)
	}
	p.pos++
	from := p.pos
	switch out.op {
	case property:
		if err := p.attribute(out); err != nil {
			return err
		}
	case claim:
		// A ")" in the name of a claim is written "\)", as in any JSON path.
		out.name = p.while(func(c byte) bool { return c != ')' && c != '%' })
		for strings.HasSuffix(out.name, `\`) && p.has(')') {
			p.pos++
			out.name += ")" + p.while(func(c byte) bool { return c != ')' && c != '%' })
		}
		if err := jsonr.CheckPath(out.name); err != nil {
			return at(from, "want the path of a claim: "+err.Error())
		}
	default:
		arg := p.while(func(c byte) bool { return c != ')' && c != '%' })
		if out.op == queryParam {
			if arg == "" {
				return at(from, "want the name of a query parameter")
			}
			out.name = arg
		} else {
			main, other, two := strings.Cut(arg, "?")
			out.name, out.other = msg.Lower(main), msg.Lower(other)
			if !headerName(out.name) {
				return at(from, "want the name of a header")
			}
			if two && !headerName(out.other) {
				return at(from+len(main)+1, "want the name of a header after ?")
			}
		}
	}
	if !p.has(')') {
		return at(p.pos, "want ) after the argument of %"+name)
	}
	p.pos++
	return nil
}

// headerName takes pseudo-headers too.
func headerName(s string) bool { return msg.ValidHeaderName(strings.TrimPrefix(s, ":")) }

// attribute reads a.b['c.d'].
func (p *parser) attribute(out *part) error {
	plain := func(c byte) bool { return c > ' ' && c != 0x7f && strings.IndexByte(".[]()'\"%", c) < 0 }
	quoted := func(c byte) bool { return c >= ' ' && c != 0x7f && c != '\'' }
	for {
		from := p.pos
		segment := p.while(plain)
		if segment == "" {
			return at(from, "want the name of an attribute")
		}
		out.path = append(out.path, segment)
		for p.has('[') {
			p.pos++
			if !p.has('\'') {
				return at(p.pos, "want a name in single quotes after [")
			}
			p.pos++
			from = p.pos
			if segment = p.while(quoted); segment == "" {
				return at(from, "want a name in single quotes after [")
			}
			if !strings.HasPrefix(p.text[p.pos:], "']") {
				return at(p.pos, "want '] after the name")
			}
			p.pos += 2
			out.path = append(out.path, segment)
		}
		if !p.has('.') {
			out.kind = attributeOf(out.path)
			return nil
		}
		p.pos++
	}
}

// checkJSON checks that blank is JSON and that operators, where blank and text
// differ, are parts of string values.
func checkJSON(text string, blank []byte) error {
	if _, err := jsonr.Parse(blank, jsonr.Limits{}); err != nil {
		if e, ok := errors.AsType[*jsonr.Error](err); ok {
			return at(e.Offset, "not valid JSON once filled: "+e.Text+"; operators stand inside quotes")
		}
		return err
	}
	// blank is valid, so a quote outside a string opens one, and a string is a
	// key if a colon follows.
	for i := 0; i < len(blank); i++ {
		if blank[i] != '"' {
			continue
		}
		op := -1
		for i++; blank[i] != '"'; i++ {
			if blank[i] == '\\' {
				i++
			} else if op < 0 && blank[i] != text[i] {
				op = i
			}
		}
		after := i + 1
		for after < len(blank) && strings.IndexByte(" \t\r\n", blank[after]) >= 0 {
			after++
		}
		if op >= 0 && after < len(blank) && blank[after] == ':' {
			return at(op, "operator in the key of a JSON object; only values can be filled")
		}
	}
	return nil
}

// hint names the operator that a name is near to, or all of them.
func (p *parser) hint(name string) string {
	var all []string
	for i := range operators {
		if p.knows(operators[i].op) {
			all = append(all, operators[i].name)
		}
	}
	if near, ok := conf.Nearest(strings.ToUpper(name), all); ok {
		return "did you mean %" + near + "%?"
	}
	return "there are " + strings.Join(all, ", ")
}
