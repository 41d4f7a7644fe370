// Package oracle reads and writes the packed test programs of the sandbox and
// the output that real Lua engines gave for them.
//
// A pack is one file of programs in testdata/oracle, in one of two forms:
//
//   - NAME.lua: programs of several lines, each headed by a line
//     "-->> sentence that names the case";
//   - NAME.lines: one program a line, which is its own name; blank lines and
//     lines that start with "#" are not programs.
//
// A line "-- oracle: luajit" before the first program says which engines were
// asked (default: both; "none": the output was written by hand, since no engine
// at hand has the function). The output lies beside it in NAME.out: a head line
// as in a .lua pack, then what the engines wrote. Where they disagree there are
// two entries, whose heads end in " [lua5.1]" and " [luajit]".
//
// Output is escaped: bytes outside of printable ASCII, but for newline and tab,
// are written \xNN and a backslash is doubled, so that the files stay text.
package oracle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// The two engines whose word is recorded. Where they differ LuaJIT counts.
const (
	Lua51  = "lua5.1"
	LuaJIT = "luajit"
)

const head = "-->> "

// Case is one program of a pack.
type Case struct {
	Pack   string // file name without directory, such as "numbers.lines"
	Name   string
	Source string
}

// ID names the case in differences.txt: pack and name.
func (c Case) ID() string { return c.Pack + ": " + c.Name }

// Pack is a file of programs.
type Pack struct {
	File    string   // name without directory
	Engines []string // which were asked, in the order of recording
	Cases   []Case
}

// Output is what the engines wrote for one case. LuaJIT is empty and One true
// when both agree, or when one engine only was asked.
type Output struct {
	One   bool
	Text  string // the only or common output
	Lua51 string
	JIT   string
}

// Want is the output that counts.
func (o Output) Want() string {
	if o.One {
		return o.Text
	}
	return o.JIT
}

// ReadPack reads a file of programs.
func ReadPack(path string) (Pack, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Pack{}, err
	}
	p := Pack{File: filepath.Base(path), Engines: []string{Lua51, LuaJIT}}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) > 0 && strings.HasPrefix(lines[0], "-- oracle: ") {
		p.Engines = strings.Fields(strings.TrimPrefix(lines[0], "-- oracle: "))
		if len(p.Engines) == 1 && p.Engines[0] == "none" {
			p.Engines = nil
		}
		lines = lines[1:]
	}
	seen := map[string]bool{}
	add := func(name, src string) error {
		if seen[name] {
			return fmt.Errorf("%s: %q is there twice", path, name)
		}
		seen[name] = true
		p.Cases = append(p.Cases, Case{Pack: p.File, Name: name, Source: src})
		return nil
	}
	if strings.HasSuffix(path, ".lines") {
		for _, l := range lines {
			if strings.TrimSpace(l) == "" || strings.HasPrefix(l, "#") {
				continue
			}
			if err := add(l, l); err != nil {
				return p, err
			}
		}
		return p, nil
	}
	for _, s := range split(lines) {
		if err := add(s.name, s.text); err != nil {
			return p, err
		}
	}
	return p, nil
}

type section struct{ name, text string }

func split(lines []string) []section {
	var out []section
	var b strings.Builder
	for _, l := range lines {
		if strings.HasPrefix(l, head) {
			if len(out) > 0 {
				out[len(out)-1].text = b.String()
			}
			b.Reset()
			out = append(out, section{name: strings.TrimPrefix(l, head)})
			continue
		}
		b.WriteString(l)
		b.WriteByte('\n')
	}
	if len(out) > 0 {
		out[len(out)-1].text = b.String()
	}
	return out
}

// OutPath is where the outputs of a pack lie.
func OutPath(packPath string) string { return packPath + ".out" }

// ReadOut reads the outputs of a pack, by case name.
func ReadOut(path string) (map[string]Output, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := map[string]Output{}
	for _, s := range split(strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")) {
		if name, ok := strings.CutSuffix(s.name, " ["+Lua51+"]"); ok {
			o := m[name]
			o.Lua51 = s.text
			m[name] = o
		} else if name, ok := strings.CutSuffix(s.name, " ["+LuaJIT+"]"); ok {
			o := m[name]
			o.JIT = s.text
			m[name] = o
		} else {
			m[s.name] = Output{One: true, Text: s.text}
		}
	}
	return m, nil
}

// WriteOut writes the outputs of a pack in the order of its cases.
func WriteOut(path string, cases []Case, outs map[string]Output) error {
	var b strings.Builder
	for _, c := range cases {
		o, ok := outs[c.Name]
		if !ok {
			return errors.New(c.ID() + ": no output")
		}
		if o.One {
			b.WriteString(head + c.Name + "\n" + o.Text)
			continue
		}
		b.WriteString(head + c.Name + " [" + Lua51 + "]\n" + o.Lua51)
		b.WriteString(head + c.Name + " [" + LuaJIT + "]\n" + o.JIT)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// Packs lists the pack files of a folder, sorted.
func Packs(dir string) ([]string, error) {
	var out []string
	for _, pat := range []string{"*.lua", "*.lines"} {
		m, err := filepath.Glob(filepath.Join(dir, pat))
		if err != nil {
			return nil, err
		}
		out = append(out, m...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no packs", dir)
	}
	sort.Strings(out)
	return out, nil
}

// Escape turns output into text: see the package comment. A newline is added
// when the last line has none.
func Escape(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n', c == '\t', c >= 0x20 && c < 0x7f:
			b.WriteByte(c)
		default:
			b.WriteString(`\x`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}

// Difference says why a case is not compared with what both engines wrote.
type Difference struct {
	Counts string // LuaJIT, Lua51 or Own: whose output the sandbox gives
	Reason string
}

// Own marks a case where the sandbox follows neither engine; its output is
// written by hand in testdata/oracle/own.out.
const Own = "own"

// Differences reads differences.txt: reasons, each a line that starts with
// "# ", and below it the IDs of the cases that differ for that reason. A reason
// that starts with "[lua5.1] " or "[own] " says that LuaJIT does not count
// there.
func Differences(path string) (map[string]Difference, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := map[string]Difference{}
	var d Difference
	for i, l := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(l, "# "):
			d = Difference{Counts: LuaJIT, Reason: l[2:]}
			for _, who := range []string{Lua51, Own} {
				if r, ok := strings.CutPrefix(d.Reason, "["+who+"] "); ok {
					d = Difference{Counts: who, Reason: r}
				}
			}
		case l == "":
		case d.Reason == "":
			return nil, fmt.Errorf("%s:%d: a case without a reason above it", path, i+1)
		case m[l].Reason != "":
			return nil, fmt.Errorf("%s:%d: %q is there twice", path, i+1, l)
		default:
			m[l] = d
		}
	}
	return m, nil
}
