package sandbox

import "strconv"

// Run is one execution of a script, with budgets of its own.
type Run struct {
	script *Script
	st     *state // at the time of Start; a later Reset of the script does not change it
	host   any

	steps int64 // instructions left
	mem   int64 // bytes left
	depth int   // nested calls allowed

	stringLib *Table // where methods of strings are

	th         *thread // the one that runs
	main       *thread
	coroutines int // that may still be created
	cstack     int // nested calls from Go
	inHandler  int // nested error handlers
	calls      []*Call
	exit       bool    // the frame that execute was entered with has returned
	entryRes   []Value // its results

	status   Status
	results  []Value
	err      *Error
	parkedOn any
	tail     struct { // the last tail call, for the position of an overrun
		proto *proto
		pc    int32
	}
	starting bool // the chunk itself is running, its result may be the entry function
	args     []Value
}

// maxGoDepth bounds calls from Go functions back into Lua (comparison
// functions, gsub callbacks, __tostring, error handlers, Call.Call). Lua has
// 200; the machine's own frames are large, and V8's stack is what must hold
// them (README.md, "Limits").
const maxGoDepth = 100

// maxResumes bounds coroutines that resume each other.
const maxResumes = 200

// What a run starts with and is not charged for.
const (
	startStack  = window + 64
	startFrames = 16
)

func newRun(s *Script, host any) *Run {
	l := &s.prog.cfg.Limits
	r := s.free
	if r != nil {
		s.free = nil
		*r = Run{main: r.main, calls: r.calls}
	} else {
		r = &Run{main: &thread{header: header{kind: kindThread}, stack: make([]Value, startStack), frames: make([]frame, startFrames)}}
	}
	r.script, r.st, r.host = s, s.st, host
	r.steps, r.mem, r.depth, r.coroutines = l.Instructions, l.Memory, l.Depth, l.Coroutines
	r.stringLib = s.prog.env.stringLib
	r.th = r.main
	r.main.frames = r.main.frames[:min(startFrames, max(l.Depth, 0))]
	return r
}

func (r *Run) start(args []Value) error {
	if r.script == nil || r.status != Ready {
		return misuse("the run has been started before")
	}
	if r.st != r.script.st {
		r.st = r.script.st
	}
	r.starting = !r.st.started
	if r.starting {
		r.args = args
	}
	return r.begin(r.st.entry, args)
}

func (r *Run) startFunction(fn Value, args []Value) error {
	if r.script == nil || r.status != Ready {
		return misuse("the run has been started before")
	}
	if !fn.IsFunction() {
		return misuse("StartFunction with a " + fn.Type().String() + " value")
	}
	if fn.kind() == kindClosure && fn.closure().env != r.st.globals {
		return misuse("StartFunction with a function of another state")
	}
	return r.begin(fn, args)
}

// begin calls fn on the main thread.
func (r *Run) begin(fn Value, args []Value) error {
	r.status = Running
	r.main.status = thRunning
	return r.step(func() error { return r.enter(fn, args) })
}

func (r *Run) enter(fn Value, args []Value) error {
	t := r.main
	if err := r.grow(t, len(args)+1+window); err != nil {
		return err
	}
	t.stack[0] = fn
	copy(t.stack[1:], args)
	return r.precall(0, len(args), toEntry, 0, -1)
}

func (r *Run) resume(values []Value) error {
	if r.status != Parked {
		return misuse("Resume of a run that is not parked")
	}
	return r.wake(func(f *frame) error { return r.deliver(f, values) })
}

func (r *Run) fail(message string) error {
	if r.status != Parked {
		return misuse("Fail of a run that is not parked")
	}
	return r.wake(func(*frame) error { return r.raise(&plainError{message}) })
}

func (r *Run) wake(do func(*frame) error) error {
	r.parkedOn = nil
	r.status = Running
	return r.step(func() error {
		if r.st != r.script.st {
			// No error of Lua, which the script could catch.
			return misuse("the state of the script was dropped while it was parked")
		}
		t := r.th
		f := t.frames[t.n-1]
		t.n--
		return do(&f)
	})
}

// step does what begins or resumes the run, then executes up to the end or to
// the next Park, and settles.
func (r *Run) step(first func() error) (err error) {
	finished := false
	defer func() {
		if !finished {
			// A fault of this package or of a host function: the error is ours
			// to report, and what it left behind is not to be used again.
			e := recover()
			r.internal(e)
			err = r.err
		}
	}()
	r.cstack = 1
	err = first()
	for {
		if err != nil {
			err = r.unwind(err)
		}
		if err == nil {
			err = r.execute()
		}
		if err == nil && r.starting {
			// The chunk has returned.
			r.starting = false
			r.st.started = true
			if len(r.entryRes) > 0 && r.entryRes[0].kind() == kindClosure {
				r.st.entry = r.entryRes[0]
				r.th = r.main
				if err = r.enter(r.st.entry, r.args); !isControl(err) {
					continue
				}
			}
		}
		break
	}
	finished = true
	return r.settle(err)
}

// close drops what the run holds.
func (r *Run) close() {
	if r.script == nil || r.status == Running {
		return
	}
	s := r.script
	if r.status == Parked {
		r.killThreads()
		r.status = Stopped
	}
	m := r.main
	m.n, m.open, m.resumer, m.nonYield, m.top, m.limit = 0, nil, nil, 0, 0, 0
	r.script, r.results, r.args, r.host = nil, nil, nil, nil
	if cap(m.stack) <= 4096 && cap(m.frames) <= 1024 && s.free == nil {
		// The next run finds the room, but is charged for growing into it as
		// the first one was.
		m.stack, m.frames = m.stack[:cap(m.stack)], m.frames[:cap(m.frames)]
		clear(m.stack)
		clear(m.frames)
		m.stack = m.stack[:startStack]
		for i, c := range r.calls {
			if c != nil && cap(c.ret) <= window {
				clear(c.ret[:cap(c.ret)])
				*c = Call{ret: c.ret[:0]}
			} else {
				r.calls[i] = nil
			}
		}
		s.free = r
	}
}

// killThreads ends the coroutines that were running, which belong to this run;
// others can find them in a variable.
func (r *Run) killThreads() {
	for t := r.th; t != nil; {
		up := t.resumer
		if t != r.main {
			t.kill()
		} else {
			t.closeUpvalues(0)
			t.n = 0
		}
		t = up
	}
	r.th = r.main
}

// settle turns the outcome of step into the status of the run.
func (r *Run) settle(err error) error {
	r.exit = false
	switch err {
	case nil:
		r.status = Done
		clear(r.entryRes[len(r.entryRes):cap(r.entryRes)]) // of callbacks
		r.results, r.entryRes = r.entryRes, nil
	case errPark:
		r.status = Parked
		return nil
	case errStop:
		r.killThreads()
		r.status = Stopped
	default:
		r.status = Failed
		r.err = r.hostError(err)
		r.killThreads()
	}
	r.args = nil
	limit := r.script.prog.cfg.Limits.Memory
	if r.st == r.script.st {
		r.st.settle(limit - max(r.mem, 0))
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

func (r *Run) internal(cause any) {
	text := "unknown"
	switch c := cause.(type) {
	case error:
		text = c.Error()
	case string:
		text = c
	}
	r.status = Failed
	r.err = &Error{Kind: Internal, Message: "sandbox: internal error: " + text, Chunk: r.script.prog.name}
	r.exit = false
	r.th = r.main
	if r.st == r.script.st {
		r.script.dropState(r.st)
	}
}

// hostError makes the error that the host sees.
func (r *Run) hostError(err error) *Error {
	e := &Error{Chunk: r.script.prog.name}
	switch x := err.(type) {
	case *control:
		e.Kind = Instructions
		if x == errMemory {
			e.Kind = Memory
		}
		e.Line = r.currentLine()
		if e.Line == 0 && r.tail.proto != nil { // a tail call gave up the last frame
			e.Line = r.tail.proto.lineAt(r.tail.pc)
		}
		e.Message = x.text
		if e.Line > 0 {
			e.Message = e.Chunk + ":" + strconv.Itoa(e.Line) + ": " + x.text
		}
		e.Traceback = r.traceback(x.text, 0)
	case *scriptError:
		e.Kind = Runtime
		e.Value = x.value
		e.Line = x.line
		e.Traceback = x.traceback
		switch x.value.kind() {
		case kindString:
			e.Message = x.value.str().s
		case kindNumber:
			e.Message = numberToString(x.value.n)
		default:
			e.Message = e.Chunk + ": error object is a " + x.value.Type().String() + " value"
		}
	case *Error:
		return x
	default:
		e.Kind = Runtime
		e.Message = err.Error()
	}
	return e
}
