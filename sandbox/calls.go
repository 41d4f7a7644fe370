package sandbox

// Calls, results and errors: all that moves frames outside of the fast paths
// of execute.

// precall calls the value in stack slot fn of the current thread with nargs
// arguments above it. A Lua function gets a frame; a Go function runs, and its
// results are delivered. kind, ret and nres say where results go.
func (r *Run) precall(fn, nargs int, kind uint8, ret, nres int) error {
	t := r.th
	for asked := false; ; {
		f := t.stack[fn]
		switch f.kind() {
		case kindClosure:
			return r.pushLua(t, f.closure(), frame{fn: int32(fn), ret: int32(ret), nres: int32(nres), kind: kind}, nargs)
		case kindNative:
			fr := frame{fn: int32(fn), base: int32(fn) + 1, ret: int32(ret), nres: int32(nres), kind: kind, special: f.native().special}
			if fr.special != spPcall && fr.special != spXpcall {
				return r.callGo(t, f.native(), fr, nargs)
			}
			// A loop, so that pcall(pcall, pcall, ...) does not nest in Go.
			if err := r.protect(t, fr, nargs); err != nil {
				return err
			}
			nargs = t.limit - fn - 2
			fn, kind, ret, nres = fn+1, toFrame, 0, -1
			if err := r.charge(1); err != nil {
				return err
			}
			continue
		}
		mm := r.metaOf(f).event(evCall)
		if !mm.IsFunction() || asked { // one level, as LuaJIT
			return r.typeError("call", f, fn-int(r.topBase()))
		}
		if err := r.grow(t, fn+nargs+2+window); err != nil {
			return err
		}
		copy(t.stack[fn+1:fn+nargs+2], t.stack[fn:fn+nargs+1])
		t.stack[fn] = mm
		asked = true
		nargs++
		if err := r.charge(int64(nargs)>>3 + 1); err != nil {
			return err
		}
	}
}

func (r *Run) topBase() int32 {
	if t := r.th; t.n > 0 {
		return t.frames[t.n-1].base
	}
	return 0
}

// pushLua makes the frame of a Lua function; f has all but what depends on it.
func (r *Run) pushLua(t *thread, cl *closure, f frame, nargs int) error {
	p := cl.proto
	base := int(f.fn) + 1
	if err := r.grow(t, base+nargs+p.nparams+window); err != nil {
		return err
	}
	stack := t.stack
	f.nvar = 0
	if p.vararg {
		// Extra arguments stay below the registers.
		if err := r.charge(int64(nargs) >> 3); err != nil {
			return err
		}
		if nargs > p.nparams {
			f.nvar = int32(nargs - p.nparams)
			copy(stack[base+nargs:], stack[base:base+p.nparams])
			base += nargs
		}
	}
	for i := nargs; i < p.nparams; i++ {
		stack[base+i] = Value{}
	}
	f.cl = cl
	f.base = int32(base)
	return r.push(t, f)
}

// protect pushes the frame of pcall or xpcall and leaves the protected function
// in the slot above it, with its arguments up to t.limit.
func (r *Run) protect(t *thread, f frame, nargs int) error {
	args := int(f.fn) + 1
	t.limit = args + nargs
	if err := r.grow(t, t.limit+window); err != nil {
		return err
	}
	if f.special == spPcall {
		if nargs == 0 {
			return r.raise(&argError{1, "value expected"})
		}
		return r.push(t, f)
	}
	if nargs == 0 {
		return r.raise(&argError{1, "value expected"})
	}
	if nargs == 1 {
		return r.raise(&argError{2, "function expected, got no value"})
	}
	if h := t.stack[args+1]; !h.IsFunction() {
		return r.raise(&argError{2, "function expected, got " + h.Type().String()})
	}
	// xpcall f handler args... becomes handler f args...
	t.stack[args-1] = t.stack[args+1]
	copy(t.stack[args+1:], t.stack[args+2:args+nargs])
	t.limit--
	return r.push(t, f)
}

// callGo runs a Go function. Those that the machine itself carries out may
// leave a frame of their own.
func (r *Run) callGo(t *thread, fn *native, f frame, nargs int) error {
	args := int(f.fn) + 1
	if t.limit = args + nargs; t.limit+window > len(t.stack) {
		if err := r.grow(t, t.limit+window); err != nil {
			return err
		}
	}
	switch fn.special {
	case spResume:
		if nargs == 0 || t.stack[args].kind() != kindThread {
			return r.raise(&argError{1, "coroutine expected"})
		}
		if err := r.push(t, f); err != nil {
			return err
		}
		return r.switchTo(t.stack[args].thread(), t.stack[args+1:args+nargs])
	case spWrap:
		if err := r.push(t, f); err != nil {
			return err
		}
		return r.switchTo(fn.up.thread(), t.stack[args:args+nargs])
	case spYield:
		if t.resumer == nil || t.nonYield > 0 {
			return r.raise(&plainError{"attempt to yield across C-call boundary"})
		}
		if err := r.push(t, f); err != nil {
			return err
		}
		values := t.stack[args : args+nargs]
		t.status = thSuspended
		return r.backToResumer(t, values)
	}
	c := r.callFrame()
	c.th, c.fn = t, fn
	c.args = t.stack[args : args+nargs : args+nargs]
	c.ret = c.ret[:0]
	if err := fn.fn(c); err != nil {
		if err == errPark {
			f.special = spPark
			if err := r.push(t, f); err != nil {
				return err
			}
			return errPark
		}
		return r.raise(err)
	}
	return r.deliver(&f, c.ret)
}

// callFrame returns the Call for the current nesting of calls from Go.
func (r *Run) callFrame() *Call {
	for len(r.calls) <= r.cstack {
		r.calls = append(r.calls, nil)
	}
	c := r.calls[r.cstack]
	if c == nil {
		c = &Call{ret: make([]Value, 0, 8)}
		r.calls[r.cstack] = c
	}
	c.r = r
	return c
}

// deliver hands the results of a function to whom they are for. f is the frame
// of the function, which is already off the stack.
func (r *Run) deliver(f *frame, values []Value) error {
	for {
		t := r.th
		switch f.kind {
		case toCall:
			return r.place(t, int(f.ret), int(f.nres), values)
		case toJump:
			caller := &t.frames[t.n-1]
			i := caller.cl.proto.code[caller.pc-1]
			truth := len(values) > 0 && values[0].Truthy()
			if f.nres == 1 {
				truth = !truth
			}
			if truth != negated(i.op) {
				caller.pc = i.c
			}
			return nil
		case toConcat:
			caller := &t.frames[t.n-1]
			i := caller.cl.proto.code[caller.pc-1]
			t.stack[f.ret] = Value{}
			if len(values) > 0 {
				t.stack[f.ret] = values[0]
			}
			base := int(caller.base)
			return r.concat(t, base+int(i.b), int(f.ret), base+int(i.a))
		case toEntry:
			if err := r.alloc(int64(len(values)) * sizeValue); err != nil {
				return err
			}
			r.entryRes = append([]Value(nil), values...)
			r.exit = true
			return nil
		case toThread:
			t.status = thDead
			t.closeUpvalues(0)
			res := t.resumer
			t.resumer = nil
			res.status = thRunning
			r.th = res
			t.stack, t.frames = nil, nil // values still holds the old one
		}
		// A Go frame takes the results.
		t = r.th
		g := t.frames[t.n-1]
		t.n--
		if g.special != spWrap && g.special != spNone {
			// pcall, xpcall and resume put true in front.
			n := len(values)
			at := int(g.fn)
			if err := r.charge(int64(n) >> 3); err != nil {
				return err
			}
			if err := r.grow(t, at+n+1+window); err != nil {
				return err
			}
			copy(t.stack[at+1:], values)
			t.stack[at] = Bool(true)
			values = t.stack[at : at+n+1]
		}
		*f = g
	}
}

// place puts results on the stack of t.
func (r *Run) place(t *thread, ret, want int, values []Value) error {
	n := len(values)
	if want < 0 {
		want = n
		if err := r.charge(int64(n) >> 3); err != nil {
			return err
		}
		if err := r.grow(t, ret+n+window); err != nil {
			return err
		}
		t.top = ret + n
	}
	if n > want {
		n = want
	}
	to := t.stack[ret : ret+want]
	copy(to, values[:n])
	clear(to[n:])
	return nil
}

// openVarargs copies all extra arguments to stack slot to and sets top.
func (r *Run) openVarargs(t *thread, from, to, count int) error {
	if err := r.charge(int64(count) >> 3); err != nil {
		return err
	}
	if err := r.grow(t, to+count+window); err != nil {
		return err
	}
	copy(t.stack[to:to+count], t.stack[from:])
	t.top = to + count
	return nil
}

// tailCall gives up the frame of the caller before the call.
func (r *Run) tailCall(t *thread, fr *frame, fn, nargs int) error {
	t.closeUpvalues(int(fr.base))
	r.tail.proto, r.tail.pc = fr.cl.proto, fr.pc
	f := t.stack[fn]
	if f.kind() != kindClosure && f.kind() != kindNative && r.metaOf(f).event(evCall).p == nil {
		return r.typeError("call", f, fn-int(fr.base))
	}
	if err := r.charge(int64(nargs) >> 3); err != nil {
		return err
	}
	to := int(fr.fn)
	copy(t.stack[to:], t.stack[fn:fn+nargs+1])
	kind, ret, nres := fr.kind, int(fr.ret), int(fr.nres)
	t.n--
	if kind == toEntry && f.kind() != kindClosure {
		// Errors of a Go function must find where this execute began.
		if err := r.push(t, frame{fn: int32(to), base: int32(to) + 1, ret: int32(ret), nres: int32(nres), kind: kind}); err != nil {
			return err
		}
		kind = toFrame
	}
	return r.precall(to, nargs, kind, ret, nres)
}

// Coroutines

// switchTo resumes co with values; the frame of resume or wrap is on top.
func (r *Run) switchTo(co *thread, values []Value) error {
	t := r.th
	switch {
	case co.status == thDead:
		return r.refuse("cannot resume dead coroutine")
	case co.status != thSuspended || co == r.main:
		// LuaJIT calls one that waits for another running as well.
		return r.refuse("cannot resume running coroutine")
	case t.depth >= maxResumes:
		return r.refuse("C stack overflow")
	}
	if err := r.charge(int64(len(values)) >> 3); err != nil {
		return err
	}
	co.resumer, co.depth = t, t.depth+1
	co.status, t.status = thRunning, thNormal
	r.th = co
	if co.n == 0 { // its function has not started
		if err := r.grow(co, len(values)+1+window); err != nil {
			return err
		}
		copy(co.stack[1:], values)
		return r.precall(0, len(values), toThread, 0, -1)
	}
	f := co.frames[co.n-1]
	co.n--
	return r.deliver(&f, values)
}

// refuse ends a resume that cannot be: false and a text, or for wrap an error.
func (r *Run) refuse(text string) error {
	t := r.th
	f := t.frames[t.n-1]
	t.n--
	if f.special == spWrap {
		return r.raise(&plainError{text})
	}
	v, err := r.newStr(text)
	if err != nil {
		return err
	}
	return r.deliver(&f, []Value{Bool(false), v})
}

// backToResumer leaves the current coroutine, which yields values.
func (r *Run) backToResumer(t *thread, values []Value) error {
	res := t.resumer
	t.resumer = nil
	res.status = thRunning
	r.th = res
	// The frame of resume is now on top; a frame that delivers to it hands
	// the values over.
	f := frame{kind: toFrame}
	return r.deliver(&f, values)
}

// Errors

// raise makes err an error that scripts can see: text gets the position of the
// function that called the Go function which is running.
func (r *Run) raise(err error) error {
	switch e := err.(type) {
	case *control, *Error:
		return err
	case *scriptError:
		return err
	case *argError:
		return r.scriptErr(r.where() + r.argText(e))
	}
	return r.scriptErr(r.where() + err.Error())
}

// scriptErr makes an error with a string value, charged.
func (r *Run) scriptErr(text string) error {
	v, err := r.newStr(text)
	if err != nil {
		return err
	}
	return &scriptError{value: v, line: r.currentLine()}
}

// unwind looks for who catches err. With nil the machine goes on; an error
// leaves execute.
func (r *Run) unwind(err error) error {
	if isControl(err) {
		return err
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	se, ok := err.(*scriptError)
	if !ok {
		err = r.raise(err)
		if se, ok = err.(*scriptError); !ok {
			return err
		}
	}
	if se.line == 0 {
		se.line = r.currentLine()
	}
	if se.traceback == "" && !r.catchable() {
		se.traceback = r.traceback(se.Error(), 0)
	}
search:
	for {
		t := r.th
		if h, ok := r.handlerOf(t); ok {
			v, herr := r.handle(h, se.value)
			if herr != nil {
				return herr
			}
			se.value = v
		}
		for t.n > 0 {
			f := t.frames[t.n-1]
			t.n--
			if f.cl == nil && (f.special == spPcall || f.special == spXpcall) {
				t.closeUpvalues(int(f.fn))
				derr := r.deliver(&f, []Value{Bool(false), se.value})
				if derr != nil && !isControl(derr) {
					if se, ok = derr.(*scriptError); ok {
						continue search
					}
				}
				return derr
			}
			if f.kind == toEntry {
				t.closeUpvalues(int(f.fn))
				return se
			}
		}
		// A coroutine ends by an error.
		res := t.resumer
		if res == nil {
			return se
		}
		t.kill()
		res.status = thRunning
		r.th = res
		f := res.frames[res.n-1]
		res.n--
		if f.special == spResume {
			return r.deliver(&f, []Value{Bool(false), se.value})
		}
		if s, ok := se.value.AsString(); ok {
			// LuaJIT puts the position of the call of wrap's function in front.
			v, err := r.newStr(r.where() + s)
			if err != nil {
				return err
			}
			se = &scriptError{value: v, traceback: se.traceback, line: se.line}
		}
	}
}

// handlerOf returns the handler of the innermost xpcall that would catch an
// error of t.
func (r *Run) handlerOf(t *thread) (Value, bool) {
	for i := t.n - 1; i >= 0; i-- {
		f := &t.frames[i]
		if f.cl == nil {
			switch f.special {
			case spPcall:
				return Value{}, false
			case spXpcall:
				return t.stack[f.fn], true
			}
		}
		if f.kind == toEntry {
			break
		}
	}
	return Value{}, false
}

// handle calls an error handler where the error happened. An error of the
// handler itself gives Lua's fixed text.
func (r *Run) handle(h, v Value) (Value, error) {
	if r.inHandler >= 8 {
		return r.newStr("error in error handling")
	}
	t := r.th
	if t.n > 0 {
		if f := &t.frames[t.n-1]; f.cl != nil {
			t.limit = max(t.limit, int(f.base)+f.cl.proto.maxStack)
		}
	}
	r.inHandler++
	res, err := r.call(h, []Value{v})
	r.inHandler--
	if err != nil {
		if isControl(err) {
			return Value{}, err
		}
		return r.newStr("error in error handling")
	}
	if len(res) == 0 {
		return Value{}, nil
	}
	return res[0], nil
}

// catchable reports whether some pcall or resume of the script would catch an
// error; if none would, the traceback is worth taking.
func (r *Run) catchable() bool {
	for t := r.th; t != nil; t = t.resumer {
		for i := t.n - 1; i >= 0; i-- {
			if f := &t.frames[i]; f.cl == nil && (f.special == spPcall || f.special == spXpcall || f.special == spResume) {
				return true
			}
		}
	}
	return false
}

// call runs fn from a Go function and waits for its results.
func (r *Run) call(fn Value, args []Value) ([]Value, error) {
	t := r.th
	at := t.limit
	if r.cstack >= maxGoDepth {
		return nil, errorText("C stack overflow")
	}
	if err := r.charge(callbackCost); err != nil {
		return nil, err
	}
	if err := r.grow(t, at+len(args)+1+window); err != nil {
		return nil, err
	}
	t.stack[at] = fn
	copy(t.stack[at+1:], args)
	r.cstack++
	t.nonYield++
	frames := t.n
	err := r.precall(at, len(args), toEntry, 0, -1)
	if err != nil {
		// A Go function that failed has no frame: its error is the caller's.
		// One that pushed some may have someone to catch it.
		if t.n > frames && !isControl(err) {
			err = r.unwind(err)
		}
	}
	if err == nil && !r.exit {
		err = r.execute()
	}
	r.exit = false
	t.nonYield--
	r.cstack--
	t.limit = at
	if err != nil {
		return nil, err
	}
	res := r.entryRes
	r.entryRes = nil
	return res, nil
}

// caught tells whether a host function may handle err.
func (r *Run) caught(err error) (Value, bool) {
	if isControl(err) {
		return Value{}, false
	}
	if se, ok := r.raise(err).(*scriptError); ok {
		return se.value, true
	}
	return Value{}, false
}

func (r *Run) newStr(s string) (Value, error) {
	if err := r.chargeString(len(s)); err != nil {
		return Value{}, err
	}
	return String(s), nil
}
