package sandbox

// The two budgets of a run. Every charge goes through charge or alloc; the
// machine counts its instructions down in a local and writes it back to
// r.steps before it calls anything.

// What library functions and the slow paths of the machine charge beside one
// instruction for each 16 bytes or 8 values that they move. The figures come
// from measurements in Wasm (BENCHMARKS.md), where such work is dearest.
const (
	objectCost   = 4 // a string, table or closure: the allocator and the collector
	numeralCost  = 4 // a number as text
	callbackCost = 8 // a call from Go into Lua
)

// Small functions with many callers are marked go:noinline, here and in all of
// the package, except where the machine's speed hangs on them: copies of them
// were a fifth of the Wasm code.

// charge takes n instructions.
//
//go:noinline
func (r *Run) charge(n int64) error {
	r.steps -= n
	if r.steps < 0 {
		return errInstructions
	}
	return nil
}

// alloc takes n bytes, before they are allocated.
//
//go:noinline
func (r *Run) alloc(n int64) error {
	if n > r.mem {
		r.mem = -1
		return errMemory
	}
	r.mem -= n
	return nil
}

// allocTable charges for the growth of a table: bytes, and the entries that
// are moved or cleared. r is nil while an Env is built.
func (r *Run) allocTable(bytes, entries int64) error {
	if r == nil {
		return nil
	}
	if err := r.alloc(bytes); err != nil {
		return err
	}
	return r.charge(entries >> 2)
}

// Stats returns what the run used so far. It is exact when the run is not
// Running, and for instructions at the time of a host function's call.
func (r *Run) Stats() Stats {
	if r.script == nil {
		return Stats{}
	}
	l := &r.script.prog.cfg.Limits
	s := Stats{Instructions: l.Instructions - r.steps, Memory: l.Memory - r.mem}
	s.Instructions = min(s.Instructions, max(l.Instructions, 0))
	s.Memory = min(s.Memory, max(l.Memory, 0))
	return s
}

// state is what a script keeps between runs.
type state struct {
	script  *Script
	globals *Table
	entry   Value
	started bool // entry is what the chunk returned
	lastID  uint32
	random  randomState

	size      int64 // as of the last walk
	allocated int64 // by runs since then
	epoch     uint32
}

func newState(s *Script) *state {
	st := &state{script: s}
	g := newTable(0, len(s.prog.env.globals)+8)
	for _, n := range s.prog.env.globals {
		g.rawSet(n.key, n.val)
	}
	g.rawSet(s.prog.env.str("_G"), g.value()) // freeze has made the string: nothing is written here
	st.globals = g
	st.entry = newClosure(s.prog.proto, g).value()
	st.random.seed(s.prog.cfg.Seed)
	return st
}

// id returns the number that stands for the address of an object.
func (st *state) id(h *header) uint32 {
	if h.id == 0 && !h.shared {
		st.lastID++
		h.id = st.lastID
	}
	return h.id
}

// settle looks at the size of the state after a run. It walks when the state
// could have outgrown its limit, and drops it if it has.
func (st *state) settle(allocated int64) {
	st.allocated += allocated
	limit := st.script.prog.cfg.Limits.State
	if st.size+st.allocated <= limit || st.allocated < limit/16 {
		return
	}
	if st.measure() > limit {
		st.script.dropState(st)
	}
}

func (s *Script) dropState(st *state) {
	if s.st != st {
		return // a parked run of a state that is gone already
	}
	s.drops++
	s.Reset()
	if f := s.prog.cfg.OnEvent; f != nil {
		f(s, EventStateDropped)
	}
}

// walker counts the bytes reachable from a state. It keeps its own stack, so
// that deep structures cost no Go stack.
type walker struct {
	epoch uint32
	size  int64
	todo  []Value
}

func (st *state) measure() int64 {
	st.epoch++
	w := walker{epoch: st.epoch}
	w.visit(st.globals.value())
	w.visit(st.entry)
	for len(w.todo) > 0 {
		v := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		w.expand(v)
	}
	st.size, st.allocated = w.size, 0
	return w.size
}

//go:noinline
func (w *walker) visit(v Value) {
	switch v.kind() {
	case kindString, kindTable, kindClosure, kindThread, kindUserdata, kindNative:
		h := (*header)(v.p)
		if h.shared || h.mark == w.epoch {
			return
		}
		h.mark = w.epoch
		if v.kind() == kindString {
			w.size += sizeString + int64(len(v.str().s))
			return
		}
		w.todo = append(w.todo, v)
	}
}

func (w *walker) expand(v Value) {
	switch v.kind() {
	case kindTable:
		t := v.table()
		w.size += sizeTable + int64(cap(t.arr))*sizeValue + int64(len(t.nodes))*sizeNode
		for _, x := range t.arr {
			w.visit(x)
		}
		for i := range t.nodes[:t.used] {
			w.visit(t.nodes[i].key)
			w.visit(t.nodes[i].val)
		}
		if t.meta != nil {
			w.visit(t.meta.value())
		}
	case kindClosure:
		c := v.closure()
		w.size += sizeClosure + int64(len(c.up))*8
		w.visit(c.env.value())
		for _, u := range c.up {
			if u.mark != w.epoch {
				u.mark = w.epoch
				w.size += sizeUpvalue
				w.visit(*u.p)
				if u.th != nil {
					w.visit(u.th.value())
				}
			}
		}
	case kindThread:
		t := v.thread()
		w.size += sizeThread + int64(len(t.stack))*sizeValue + int64(len(t.frames))*sizeFrame
		for _, x := range t.stack {
			w.visit(x)
		}
		for i := range t.frames[:t.n] {
			if c := t.frames[i].cl; c != nil {
				w.visit(c.value())
			}
		}
		if t.resumer != nil {
			w.visit(t.resumer.value())
		}
	case kindNative:
		w.size += sizeClosure
		w.visit(v.native().up)
	case kindUserdata:
		w.size += sizeUserdata
		if m := (*userdata)(v.p).meta; m != nil {
			w.visit(m.value())
		}
	}
}
