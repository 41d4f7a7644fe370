package sandbox

import (
	"slices"
	"strings"
)

// Problem is what Check found.
type Problem struct {
	Line, Column int // from 1; columns count bytes
	Message      string
	// Name and Nearest are set for unknown names: the name, and the nearest
	// known one or "".
	Name, Nearest string
	// Fatal problems keep the chunk from compiling; the others are names that
	// are nil when the script reads them.
	Fatal bool
}

// maxProblems bounds what Check says about one chunk.
const maxProblems = 100

// Check reads source without running it. It reports the syntax error if there
// is one, else each use of a global that is neither assigned in the chunk nor
// in the Env, each field of an Env's table that is not there, and assignments
// to such tables, with the nearest known name. Tables with an __index or a
// __newindex of the host may have any field. At most 100 problems are
// reported, in the order of the source.
func Check(name, source string, cfg Config) []Problem {
	limit := cfg.Limits.withDefaults().Source
	if cfg.Env == nil {
		cfg.Env = NewEnv()
	}
	env := cfg.Env.freeze()
	_, ps, err := compileParsed(name, source, limit, env.intern)
	if err != nil {
		p := Problem{Line: 1, Column: 1, Message: err.Error(), Fatal: true}
		if e, ok := err.(*Error); ok {
			p.Line, p.Column = max(e.Line, 1), max(e.Column, 1)
			p.Message = strings.TrimPrefix(e.Message, e.Chunk+":")
			// The place has fields of its own.
			if at := strings.Index(p.Message, ": "); e.Line > 0 && at >= 0 {
				p.Message = p.Message[at+2:]
			}
			p.Message = strings.TrimSpace(p.Message)
		}
		return []Problem{p}
	}
	c := checker{env: env, assigned: map[string]bool{}, nearest: map[string]string{}}
	for i := range ps.globals {
		u := &ps.globals[i]
		if len(u.path) > 1 && u.path[0] == "_G" {
			u.path, u.places = u.path[1:], u.places[1:]
		}
		if u.assigned && len(u.path) == 1 {
			c.assigned[u.path[0]] = true
		}
	}
	for i := range ps.globals {
		if len(c.problems) == maxProblems {
			break
		}
		c.use(&ps.globals[i])
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return c.problems
}

type checker struct {
	env      *frozenEnv
	assigned map[string]bool // globals that the chunk assigns
	nearest  map[string]string
	problems []Problem
}

func (c *checker) report(u *globalUse, part int, what, note, nearest string) {
	name := strings.Join(u.path[:part+1], ".")
	text := what + " " + name
	if note != "" {
		text += ": " + note
	}
	if nearest != "" {
		text += "; did you mean " + nearest + "?"
	}
	c.problems = append(c.problems, Problem{
		Line: int(u.places[part][0]), Column: int(u.places[part][1]),
		Message: text, Name: name, Nearest: nearest,
	})
}

func (c *checker) use(u *globalUse) {
	name := u.path[0]
	if c.assigned[name] || name == "_G" {
		return
	}
	v := c.env.global(name)
	if v.IsNil() {
		if note := absence(name); note != "" {
			c.report(u, 0, "absent global", note, "")
			return
		}
		c.report(u, 0, "unknown global", "", c.near("", name, func(yield func(string)) {
			for i := range c.env.globals {
				yield(c.env.globals[i].key.str().s)
			}
			for n := range c.assigned {
				yield(n)
			}
		}))
		return
	}
	for i := 1; i < len(u.path); i++ {
		t := v.AsTable()
		if t == nil {
			return // a field of a string, a function or an opaque value
		}
		last := i == len(u.path)-1
		if u.assigned && last {
			if t.meta == nil || t.meta.getString("__newindex").IsNil() {
				c.report(u, i, "assignment to", "the table is read-only", "")
			}
			return
		}
		if v = t.getString(u.path[i]); !v.IsNil() {
			continue
		}
		if t.meta != nil && !t.meta.getString("__index").IsNil() {
			return
		}
		prefix := strings.Join(u.path[:i], ".") + "."
		if note := absence(prefix + u.path[i]); note != "" {
			c.report(u, i, "absent field", note, "")
			return
		}
		near := c.near(prefix, u.path[i], func(yield func(string)) {
			for j := range t.nodes[:t.used] {
				if s, ok := t.nodes[j].key.AsString(); ok {
					yield(s)
				}
			}
		})
		if near != "" {
			near = prefix + near
		}
		c.report(u, i, "unknown field", "", near)
		return
	}
}

// global returns what scripts find under a name, nil if nothing.
func (f *frozenEnv) global(name string) Value {
	for i := range f.globals {
		if f.globals[i].key.str().s == name {
			return f.globals[i].val
		}
	}
	return Value{}
}

// missing are names of Lua 5.1 and LuaJIT that this machine does not have.
var missing = [...]string{
	"collectgarbage", "debug", "dofile", "ffi", "gcinfo", "getfenv", "io", "jit", "load", "loadfile",
	"loadstring", "module", "newproxy", "package", "setfenv", "string.dump", "os.execute", "os.exit",
	"os.getenv", "os.remove", "os.rename", "os.setlocale", "os.tmpname",
}

// absence says why a name of the language is not there, "" for other names.
func absence(path string) string {
	for _, m := range missing {
		if m == path {
			return "the sandbox does not have it"
		}
	}
	for _, lib := range libraries {
		for i := range lib {
			if lib[i].path == path || strings.HasPrefix(lib[i].path, path+".") {
				return "the host does not allow it"
			}
		}
	}
	return ""
}

// Names further apart than this, or longer, are not compared, nor are more
// names than this: suggestions must not make Check slow.
const (
	maxNearLength = 40
	maxNearNames  = 500
)

// near returns the candidate that differs least from name, "" if all differ
// much. Of equals it is the first in the alphabet.
func (c *checker) near(prefix, name string, candidates func(yield func(string))) string {
	if len(name) > maxNearLength {
		return ""
	}
	if best, ok := c.nearest[prefix+name]; ok {
		return best
	}
	best, least := "", len(name)/3+2
	n := 0
	candidates(func(s string) {
		n++
		if n > maxNearNames || len(s) > maxNearLength {
			return
		}
		if d := distance(name, s); d < least || d == least && best != "" && s < best {
			best, least = s, d
		}
	})
	c.nearest[prefix+name] = best
	return best
}

// distance is the least number of bytes to insert, remove, replace or swap
// with their neighbour that makes b of a (optimal string alignment).
func distance(a, b string) int {
	var rows [3][maxNearLength + 1]int
	two, one, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		two, one, row = one, row, two
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] || a[i]^b[j] == 0x20 && isAlpha(a[i]) {
				cost = 0 // case hardly counts
			}
			d := min(one[j+1]+1, row[j]+1, one[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, two[j-1]+1)
			}
			row[j+1] = d
		}
	}
	return row[len(b)]
}
