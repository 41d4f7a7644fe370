package sandbox

import "strconv"

// ErrorKind says what an Error is about.
type ErrorKind int

const (
	// Syntax: the source is not Lua, or over a limit of the compiler.
	Syntax ErrorKind = iota + 1
	// Runtime: the script raised an error and did not catch it.
	Runtime
	// Instructions: the instruction budget of the run is used up.
	Instructions
	// Memory: the memory budget of the run is used up.
	Memory
	// Misuse: the host asked for what cannot be, such as to resume a run that
	// is not parked.
	Misuse
	// Internal: a fault of this package or a panic of a host function. The
	// state of the script has been dropped.
	Internal
)

var errorKindNames = [...]string{"", "syntax", "runtime", "instructions", "memory", "misuse", "internal"}

// String returns the name of the kind in lower case, fit for a metric.
func (k ErrorKind) String() string {
	if k > 0 && int(k) < len(errorKindNames) {
		return errorKindNames[k]
	}
	return "unknown"
}

// Error is every error that this package returns.
type Error struct {
	Kind ErrorKind
	// Message is the text with its position in front ("chunk:line: ..."), as
	// Lua shows it. For errors raised with a value that is no string it says so.
	Message string
	// Value is what the script raised.
	Value Value
	// Chunk and Line tell where; Line is 0 where there is no line.
	Chunk string
	Line  int
	// Column counts bytes from 1. Only Kind Syntax has it.
	Column int
	// Near is the source text at which a syntax error was noticed.
	Near string
	// Traceback is the stack of calls in Lua's own form, empty for Syntax.
	Traceback string
}

func (e *Error) Error() string { return e.Message }

// Overrun reports whether a budget ran out.
func (e *Error) Overrun() bool { return e.Kind == Instructions || e.Kind == Memory }

//go:noinline
func misuse(text string) *Error { return &Error{Kind: Misuse, Message: "sandbox: " + text} }

// scriptError is an error on its way through the machine: value is what pcall
// gives the script. traceback is taken where the error leaves its stack.
type scriptError struct {
	value     Value
	traceback string
	line      int
}

func (e *scriptError) Error() string {
	if s, ok := e.value.AsString(); ok {
		return s
	}
	return "(error object is a " + e.value.Type().String() + " value)"
}

// control is an error that no script can catch. The four values are told
// apart by identity.
type control struct{ text string }

func (c *control) Error() string { return c.text }

var (
	errInstructions = &control{"instruction budget used up"}
	errMemory       = &control{"memory budget used up"}
	errStop         = &control{"stopped by the host"}
	errPark         = &control{"parked by the host"}
)

func isControl(err error) bool {
	_, ok := err.(*control)
	return ok
}

// plainError is an error whose text gets the position of the call in front.
type plainError struct{ text string }

func (e *plainError) Error() string { return e.text }

//go:noinline
func errorText(text string) error { return &plainError{text} }

// Errorf is not here on purpose: fmt is too large for a Wasm module.

// argError is a bad argument; the name of the function is filled in from the call.
type argError struct {
	arg  int // 1-based
	text string
}

func (e *argError) Error() string {
	return "bad argument #" + strconv.Itoa(e.arg) + " (" + e.text + ")"
}
