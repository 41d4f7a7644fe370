package sandbox

import "unsafe"

// closure is a Lua function: code, globals and upvalues.
type closure struct {
	header
	proto *proto
	env   *Table
	up    []*upvalue
}

// upvalue is a variable that closures share. While its function runs, p points
// into the stack; after that to closed.
type upvalue struct {
	p      *Value
	closed Value
	next   *upvalue // the next open one, further down the stack
	th     *thread  // whose stack p keeps alive, all of it, while open
	index  int32    // in the stack, while open
	mark   uint32
}

func newClosure(p *proto, env *Table) *closure {
	return &closure{header: header{kind: kindClosure}, proto: p, env: env, up: make([]*upvalue, len(p.upvalues))}
}

func (c *closure) value() Value { return Value{p: unsafe.Pointer(c)} }

type threadStatus uint8

const (
	thSuspended threadStatus = iota
	thRunning
	thNormal // it resumed another one
	thDead
)

var threadStatusNames = [...]string{"suspended", "running", "normal", "dead"}

// thread is a coroutine: a stack and frames of its own. The main part of a run
// is one too. No goroutine stands behind it.
type thread struct {
	header
	status   threadStatus
	stack    []Value
	frames   []frame
	n        int // frames in use
	top      int // end of an open list of values
	limit    int // first stack slot that a nested call may use
	used     int // stack slots that were ever used, for clearing
	open     *upvalue
	resumer  *thread
	depth    int // of nested resumes
	nonYield int // nested calls from Go on this stack
}

func (t *thread) value() Value { return Value{p: unsafe.Pointer(t)} }

// window is how many slots above its base every frame may address: all that an
// 8-bit operand can name, so that no access needs a check.
const window = 256

// What becomes of the results of a function.
const (
	toCall   uint8 = iota // nres values to the stack at ret; nres < 0: all, and set top
	toJump                // the comparison in the frame below jumps or does not
	toConcat              // the concatenation in the frame below goes on
	toFrame               // the frame below is a Go frame, which takes them
	toEntry               // out of execute
	toThread              // the coroutine ends with them
)

// What a Go frame waits for.
const (
	spNone uint8 = iota
	spPcall
	spXpcall
	spResume
	spWrap
	spYield
	spPark
	spNext
	spIpairs
	spError
)

// frame is a call in progress. Go functions have none, but for those that wait
// for others: pcall, resume, yield and parked host functions (cl is nil).
type frame struct {
	cl      *closure
	base    int32 // of the registers
	fn      int32 // stack slot of the function
	ret     int32 // where results go
	pc      int32
	nres    int32 // results wanted, -1 for all; 1 inverts toJump
	nvar    int32 // extra arguments, right below base
	kind    uint8
	special uint8
}

func (r *Run) newThread() (*thread, error) {
	t := &thread{header: header{kind: kindThread}}
	return t, r.grow(t, window+16)
}

// grow makes the stack of t at least want slots long.
func (r *Run) grow(t *thread, want int) error {
	if want <= len(t.stack) {
		return nil
	}
	n := max(want+64, len(t.stack)*2)
	if err := r.alloc(int64(n) * sizeValue); err != nil {
		return err
	}
	if err := r.charge(int64(n) >> 3); err != nil {
		return err
	}
	if n <= cap(t.stack) { // of a run that was closed
		t.stack = t.stack[:n]
		return nil
	}
	stack := make([]Value, n)
	copy(stack, t.stack)
	t.stack = stack
	for u := t.open; u != nil; u = u.next {
		u.p = &stack[u.index]
	}
	return nil
}

var errStackOverflow = errorText("stack overflow")

// push adds a frame.
func (r *Run) push(t *thread, f frame) error {
	if t.n == len(t.frames) {
		if err := r.growFrames(t); err != nil {
			return err
		}
	}
	t.frames[t.n] = f
	t.n++
	return nil
}

func (r *Run) growFrames(t *thread) error {
	limit := r.depth
	if r.inHandler > 0 {
		limit += 64 // an error handler can look at a stack overflow
	}
	if t.n >= limit {
		return errStackOverflow
	}
	n := min(max(8, 2*t.n), limit)
	if err := r.alloc(int64(n) * sizeFrame); err != nil {
		return err
	}
	if n <= cap(t.frames) {
		t.frames = t.frames[:n]
		return nil
	}
	frames := make([]frame, n)
	copy(frames, t.frames)
	t.frames = frames
	return nil
}

// findUpvalue returns the open upvalue of a stack slot.
func (r *Run) findUpvalue(t *thread, index int) (*upvalue, error) {
	at := &t.open
	passed := int64(0)
	for *at != nil && int((*at).index) > index {
		at = &(*at).next
		passed++
	}
	if err := r.charge(passed >> 2); err != nil {
		return nil, err
	}
	if u := *at; u != nil && int(u.index) == index {
		return u, nil
	}
	if err := r.alloc(sizeUpvalue); err != nil {
		return nil, err
	}
	u := &upvalue{p: &t.stack[index], th: t, index: int32(index), next: *at}
	*at = u
	return u, nil
}

// closeUpvalues gives upvalues from a stack slot on a place of their own.
//
//go:noinline
func (t *thread) closeUpvalues(index int) {
	for u := t.open; u != nil && int(u.index) >= index; u = t.open {
		u.closed = *u.p
		u.p = &u.closed
		t.open = u.next
		u.next, u.th = nil, nil
	}
}

// kill ends a coroutine that will not be resumed.
func (t *thread) kill() {
	t.closeUpvalues(0)
	t.status = thDead
	t.n = 0
	t.resumer = nil
	t.stack, t.frames = nil, nil
}
