package sandbox

import (
	"strings"
	"unsafe"
)

// Env is the set of names that scripts see: the parts of the standard library
// that are allowed, and what the host adds. It is built once, frozen by the
// first Compile that uses it, and shared from then on; its tables are
// read-only to scripts. Until that Compile has returned it belongs to one
// goroutine.
type Env struct {
	paths   []string // in order of definition, so that pairs() is stable
	values  map[string]Value
	modules []module
	frozen  *frozenEnv
}

type module struct {
	name string
	path string // of a table in the Env, or empty
}

// entry is a function or constant of the standard library.
type entry struct {
	path    string
	fn      Function
	special uint8
	op      uint8 // for fn to know which of several names was called
	value   Value
	hidden  bool // absent unless the host calls Allow
}

// NewEnv returns the names that a script sees by default: those of Kong's
// sandbox, and beside them string.rep and require, which budgets make safe.
// README.md lists them.
func NewEnv() *Env {
	e := &Env{values: map[string]Value{}}
	for _, lib := range libraries {
		for i := range lib {
			if !lib[i].hidden {
				e.add(lib[i].path, lib[i].make())
			}
		}
	}
	return e
}

// NewEmptyEnv returns an Env without any name, for hosts that choose each.
func NewEmptyEnv() *Env { return &Env{values: map[string]Value{}} }

//go:noinline
func (d *entry) make() Value {
	if d.fn == nil && d.special == 0 {
		return d.value
	}
	return objValue(unsafe.Pointer(&native{header: header{kind: kindNative, shared: true}, special: d.special, op: d.op, name: d.path, fn: d.fn}))
}

// Allow adds names of the standard library, such as "setmetatable", "os.date"
// or "string" for all of a library that is visible by default. It fails for
// names that this machine does not have at all.
func (e *Env) Allow(names ...string) error {
	for _, name := range names {
		found := false
		for _, lib := range libraries {
			for i := range lib {
				if lib[i].path == name || !lib[i].hidden && strings.HasPrefix(lib[i].path, name+".") {
					e.add(lib[i].path, lib[i].make())
					found = true
				}
			}
		}
		if !found {
			return misuse(name + ": no such name in the standard library")
		}
	}
	return nil
}

// AllowAll adds every name of the standard library that this machine has.
// Budgets hold all the same; scripts can then write metatables.
func (e *Env) AllowAll() {
	for _, lib := range libraries {
		for i := range lib {
			e.add(lib[i].path, lib[i].make())
		}
	}
}

// Deny removes names: a function ("string.rep"), or a table with all that is
// in it ("os"). Names that are not there are no error.
func (e *Env) Deny(names ...string) {
	e.mustBeOpen()
	for _, name := range names {
		kept := e.paths[:0]
		for _, p := range e.paths {
			if p == name || strings.HasPrefix(p, name+".") {
				delete(e.values, p)
			} else {
				kept = append(kept, p)
			}
		}
		e.paths = kept
	}
}

// Define gives scripts the name path, such as "kong.log.err", with a value
// made by Func, String, Number, Bool or Opaque. Tables on the way are made as
// needed and are read-only. A last component that starts with two underscores
// goes to the metatable of its table: "kong.log.__call", "ngx.var.__index",
// "ngx.__newindex".
func (e *Env) Define(path string, v Value) {
	if k := v.kind(); k == kindTable && !v.table().readonly || k == kindClosure || k == kindThread {
		//nolint:forbidigo // a mistake of the host's code, made once when it starts
		panic("sandbox: Define " + path + ": a " + v.Type().String() + " of a script cannot be shared")
	}
	e.add(path, v)
}

// Module lets scripts call require(name) and get the table or function that
// Define built at path. The path may lie below a global, or below the name
// "package.", which no script sees.
func (e *Env) Module(name, path string) {
	e.mustBeOpen()
	e.modules = append(e.modules, module{name: name, path: path})
}

func (e *Env) mustBeOpen() {
	if e.frozen != nil {
		//nolint:forbidigo // a mistake of the host's code
		panic("sandbox: an Env cannot be changed after its first use")
	}
}

func (e *Env) add(path string, v Value) {
	e.mustBeOpen()
	if _, ok := e.values[path]; !ok {
		e.paths = append(e.paths, path)
	}
	e.values[path] = v
}

// frozenEnv is what a program needs of an Env.
type frozenEnv struct {
	globals    []node // copied into the globals of each script
	names      map[string]bool
	intern     map[string]*str
	modules    map[string]Value
	stringMeta *Table
	stringLib  *Table // its __index, nil if the Env has no string library
}

// hiddenRoot is where modules live that are no globals.
const hiddenRoot = "package"

func (e *Env) freeze() *frozenEnv {
	if e.frozen != nil {
		return e.frozen
	}
	f := &frozenEnv{names: map[string]bool{}, intern: map[string]*str{}, modules: map[string]Value{}}
	root := newTable(0, 32)
	ids := uint32(0)
	for _, path := range e.paths {
		t := root
		rest := path
		for {
			part, tail, more := strings.Cut(rest, ".")
			if strings.HasPrefix(part, "__") && t != root {
				if t.meta == nil {
					t.meta = newTable(0, 4)
					t.meta.rawSet(f.str("__metatable"), Bool(false))
				}
				t = t.meta
			}
			key := f.str(part)
			if !more {
				v := e.values[path]
				if old := t.getString(part).AsTable(); old != nil && !v.IsFunction() {
					break
				}
				if v.kind() == kindString {
					v = f.str(v.str().s)
				}
				t.rawSet(key, v)
				break
			}
			next := t.getString(part).AsTable()
			if next == nil {
				next = newTable(0, 8)
				t.rawSet(key, next.value())
			}
			t, rest = next, tail
		}
	}
	freezeTables(root, &ids)
	for _, name := range requirable {
		if v := root.at(name); !v.IsNil() {
			f.modules[name] = v
		}
	}
	for _, m := range e.modules {
		v := root.at(m.path)
		if v.IsNil() {
			//nolint:forbidigo // a mistake of the host's code, found by its first Compile
			panic("sandbox: module " + m.name + ": nothing is defined at " + m.path)
		}
		f.modules[m.name] = v
	}
	for i := range root.nodes[:root.used] {
		n := root.nodes[i]
		if n.key.str().s == hiddenRoot {
			continue
		}
		f.globals = append(f.globals, n)
		f.names[n.key.str().s] = true
	}
	f.names["_G"] = true
	f.str("_G")
	for _, name := range metaNames {
		f.str(name)
	}
	f.stringMeta = newTable(0, 2)
	f.stringMeta.rawSet(f.str("__index"), root.getString("string"))
	f.stringMeta.freeze()
	f.stringLib = root.getString("string").AsTable()
	e.frozen = f
	return f
}

// requirable are the names that LuaJIT and OpenResty give to require without a
// module of the host, as far as a script sees them anyway.
var requirable = [...]string{
	"string", "table", "math", "bit", "coroutine", "os",
	"table.new", "table.clear", "table.clone", "table.isarray", "table.isempty", "table.nkeys",
}

// at follows a dotted path.
func (t *Table) at(path string) Value {
	v := t.value()
	for part := range strings.SplitSeq(path, ".") {
		if t := v.AsTable(); t != nil {
			v = t.getString(part)
		} else {
			return Value{}
		}
	}
	return v
}

// str returns the one string object for s, so that constants of programs and
// keys of libraries compare by pointer.
func (f *frozenEnv) str(s string) Value {
	o := f.intern[s]
	if o == nil {
		o = newSharedStr(s)
		f.intern[s] = o
	}
	return strValue(o)
}

// freezeTables makes t and the tables below it read-only, and values of Opaque
// safe to share. Paths bound its depth.
func freezeTables(t *Table, ids *uint32) {
	if t.readonly {
		return
	}
	*ids++
	t.id = *ids
	t.freeze()
	for i := range t.nodes[:t.used] {
		v := t.nodes[i].val
		if sub := v.AsTable(); sub != nil {
			freezeTables(sub, ids)
		} else if h := (*header)(v.p); v.kind() == kindUserdata && !h.shared {
			*ids++
			h.shared, h.id = true, *ids
		}
	}
	if t.meta != nil {
		freezeTables(t.meta, ids)
	}
}
