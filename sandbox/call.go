package sandbox

import (
	"strings"
	"unsafe"
)

// Call is one call of a host function: its arguments, its results, and the
// run that pays for it. It is only valid until the function returns.
type Call struct {
	r    *Run
	th   *thread
	fn   *native
	args []Value
	ret  []Value
}

// Run returns the run that the call belongs to.
func (c *Call) Run() *Run { return c.r }

// Host returns the value that the host gave to NewRun.
func (c *Call) Host() any { return c.r.host }

// NArgs returns the number of arguments.
func (c *Call) NArgs() int { return len(c.args) }

// Arg returns argument i, counted from 1; nil where there is none.
func (c *Call) Arg(i int) Value {
	if uint(i-1) < uint(len(c.args)) {
		return c.args[i-1]
	}
	return Value{}
}

// Return adds values to the results of the call.
func (c *Call) Return(v ...Value) { c.ret = append(c.ret, v...) }

func (c *Call) push(v Value) { c.ret = append(c.ret, v) }

// Charge takes n instructions from the budget of the run. The error must be
// returned as it is.
func (c *Call) Charge(n int64) error { return c.r.charge(n) }

// Allocate takes n bytes from the memory budget of the run. Call it before the
// memory is taken. The error must be returned as it is.
func (c *Call) Allocate(n int64) error { return c.r.alloc(n) }

// String returns a new string value, charged: its bytes, 4 instructions and one
// for every 16 bytes.
func (c *Call) String(s string) (Value, error) {
	if err := c.r.chargeString(len(s)); err != nil {
		return Value{}, err
	}
	return String(s), nil
}

// ReturnString adds a string to the results, charged as by String.
func (c *Call) ReturnString(s string) error {
	v, err := c.String(s)
	if err == nil {
		c.push(v)
	}
	return err
}

// ReturnError adds nil and text to the results: how Lua functions report what
// a script is expected to handle.
func (c *Call) ReturnError(text string) error {
	c.push(Value{})
	return c.ReturnString(text)
}

// Park suspends the run: Start or Resume returns to the host with status
// Parked, and Run.Parked returns token. The values given to Run.Resume become
// the results of this call. Usage: return c.Park(token).
//
// A script cannot be parked inside a callback of table.sort or string.gsub,
// inside an error handler of xpcall, or in a function called by Call.Call:
// there, Park is the error "attempt to yield across C-call boundary".
func (c *Call) Park(token any) error {
	if c.th.nonYield > 0 || c.r.cstack > 1 {
		return errorText("attempt to yield across C-call boundary")
	}
	c.r.parkedOn = token
	return errPark
}

// Stop ends the run: status Stopped. No pcall of the script can keep it from
// ending. Usage: return c.Stop().
func (c *Call) Stop() error { return errStop }

// Error returns an error with text, to be returned by the host function; the
// script sees it with chunk and line in front.
func (c *Call) Error(text string) error { return errorText(text) }

// Raise returns an error with v as the error value.
func (c *Call) Raise(v Value) error { return &scriptError{value: v} }

// ArgError returns the error "bad argument #i to 'name' (text)".
func (c *Call) ArgError(i int, text string) error { return &argError{i, text} }

// TypeError returns the error for argument i not being a want.
func (c *Call) TypeError(i int, want string) error {
	got := "no value"
	if i <= len(c.args) {
		got = c.Arg(i).Type().String()
	}
	return &argError{i, want + " expected, got " + got}
}

// CheckString returns argument i as a string; numbers are converted, as Lua does.
func (c *Call) CheckString(i int) (string, error) {
	v := c.Arg(i)
	switch v.kind() {
	case kindString:
		return v.str().s, nil
	case kindNumber:
		if err := c.r.charge(numeralCost); err != nil {
			return "", err
		}
		return numberToString(v.n), nil
	}
	return "", c.TypeError(i, "string")
}

// OptString is CheckString with a default for nil and none.
func (c *Call) OptString(i int, def string) (string, error) {
	if c.Arg(i).IsNil() {
		return def, nil
	}
	return c.CheckString(i)
}

// CheckNumber returns argument i as a number; strings that are numerals are
// converted, as Lua does.
func (c *Call) CheckNumber(i int) (float64, error) {
	v := c.Arg(i)
	if v.isNumber() {
		return v.n, nil
	}
	if v.kind() == kindString {
		if n, ok := c.r.stringToNumber(v.str()); ok {
			return n, nil
		}
	}
	return 0, c.TypeError(i, "number")
}

// CheckInt returns argument i as an integer, truncated toward zero and clamped
// to 53 bits.
func (c *Call) CheckInt(i int) (int, error) {
	n, err := c.CheckNumber(i)
	return clampInt(n), err
}

// OptInt is CheckInt with a default for nil and none.
func (c *Call) OptInt(i, def int) (int, error) {
	if c.Arg(i).IsNil() {
		return def, nil
	}
	return c.CheckInt(i)
}

func clampInt(n float64) int {
	const most = 1 << 53
	switch {
	case n >= most:
		return most
	case n <= -most:
		return -most
	case n != n:
		return 0
	}
	return int(n)
}

// CheckTable returns argument i as a table.
func (c *Call) CheckTable(i int) (*Table, error) {
	if t := c.Arg(i).AsTable(); t != nil {
		return t, nil
	}
	return nil, c.TypeError(i, "table")
}

// CheckFunction returns argument i, which must be a function.
func (c *Call) CheckFunction(i int) (Value, error) {
	if v := c.Arg(i); v.IsFunction() {
		return v, nil
	}
	return Value{}, c.TypeError(i, "function")
}

// CheckAny returns argument i, which may be nil but must be given.
func (c *Call) CheckAny(i int) (Value, error) {
	if i > len(c.args) {
		return Value{}, &argError{i, "value expected"}
	}
	return c.args[i-1], nil
}

// NewTable returns a new table with room for narr list elements and nhash other
// fields, charged.
func (c *Call) NewTable(narr, nhash int) (*Table, error) { return c.r.newTable(narr, nhash) }

// Set assigns t[key] = v without metamethods, charged where the table grows.
// It fails for nil and NaN keys and for tables of an Env.
func (c *Call) Set(t *Table, key, v Value) error { return c.r.rawSet(t, key, v) }

// SetString is Set with a string key.
func (c *Call) SetString(t *Table, key string, v Value) error {
	k, err := c.String(key)
	if err != nil {
		return err
	}
	return c.r.rawSet(t, k, v)
}

// Call calls fn, which may be any callable value, and returns its results. An
// error of fn must be returned as it is, or be given to Caught first.
func (c *Call) Call(fn Value, args ...Value) ([]Value, error) { return c.r.call(fn, args) }

// Caught tells whether err, which Call.Call returned, may be handled by the
// host function, and the value that was raised. Overruns may not.
func (c *Call) Caught(err error) (Value, bool) { return c.r.caught(err) }

// ToString converts v as Lua's tostring does, with __tostring and charged.
func (c *Call) ToString(v Value) (string, error) { return c.r.toString(v) }

// native is a Go function as a Lua value.
type native struct {
	header
	special uint8 // for those that the machine itself carries out
	name    string
	fn      Function
	up      Value // of closures made by the libraries
}

// Func returns fn as a value. name is what tracebacks call it.
func Func(name string, fn Function) Value {
	return objValue(unsafe.Pointer(&native{header: header{kind: kindNative, shared: true}, name: name, fn: fn}))
}

func (r *Run) chargeString(n int) error {
	if err := r.alloc(int64(n) + sizeString); err != nil {
		return err
	}
	return r.charge(objectCost + int64(n)>>4)
}

// newString charges for s, which must already have been charged for if it was
// built; copies so that a short string does not keep a long one alive.
func (r *Run) copyString(s string) (Value, error) {
	if err := r.chargeString(len(s)); err != nil {
		return Value{}, err
	}
	return String(strings.Clone(s)), nil
}
