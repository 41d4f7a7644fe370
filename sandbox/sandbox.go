// Package sandbox is a Lua 5.1 machine for code that is not trusted: it can be
// metered, interrupted, parked and embedded.
//
// A [Program] is compiled once and shared. A [Script] is one state of it: its
// globals, its upvalues, its entry function. A [Run] is one execution, with an
// instruction budget and a memory budget of its own. Nothing a script does can
// exceed or reset them, and an overrun is an [*Error] of a kind of its own;
// the next run starts clean.
//
// The package knows nothing of Envoy, starts no goroutines, reads no clock and
// no file: what a script can reach beside the language is declared in an [Env].
//
// The language is Lua 5.1 by its reference manual with the syntax and the
// libraries that LuaJIT and OpenResty add; README.md lists where they differ.
package sandbox

// Limits bounds what a script may use. A field that is zero takes its value
// from [DefaultLimits]. Negative values mean none is left: the first use fails.
type Limits struct {
	// Instructions is the budget of one run. Each VM instruction costs one;
	// library functions charge for the work they do (README.md, "Charges").
	Instructions int64
	// Memory is how many bytes one run may allocate. Freed memory is not
	// credited back, so it also bounds what is live at any moment.
	Memory int64
	// State is how many bytes may stay reachable from a script between runs.
	// A script over it is dropped and starts anew: EventStateDropped.
	State int64
	// Source is the largest source text of a chunk, in bytes.
	Source int
	// Depth is how deep calls of Lua functions may nest in one coroutine.
	Depth int
	// Coroutines is how many coroutines one run may create.
	Coroutines int
}

// DefaultLimits returns the limits that apply where none are set.
func DefaultLimits() Limits {
	return Limits{
		Instructions: 1_000_000,
		Memory:       16 << 20,
		State:        4 << 20,
		Source:       256 << 10,
		Depth:        16_000,
		Coroutines:   1_000,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Instructions == 0 {
		l.Instructions = d.Instructions
	}
	if l.Memory == 0 {
		l.Memory = d.Memory
	}
	if l.State == 0 {
		l.State = d.State
	}
	if l.Source == 0 {
		l.Source = d.Source
	}
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Coroutines == 0 {
		l.Coroutines = d.Coroutines
	}
	return l
}

// Config is what a program is compiled with. The zero value is the safe
// choice: default limits, default names, no clock, no output.
type Config struct {
	Limits Limits
	// Env holds the names that the script sees; nil means NewEnv().
	// It is frozen by its first use.
	Env *Env
	// Now gives the time in nanoseconds since the Unix epoch to os.time,
	// os.clock and os.date. Without it they raise an error.
	Now func() int64
	// Print receives the lines of print, without line end. nil drops them.
	Print func(line string)
	// Seed is the seed of math.random. Scripts with the same seed see the same
	// numbers: those of LuaJIT after math.randomseed(seed).
	Seed float64
	// OnEvent is told what happens outside the script's own control flow.
	OnEvent func(*Script, Event)
}

// Event is something that the host may want to count or log.
type Event int

const (
	// EventStateDropped says that the state of a script was over Limits.State
	// after a run, or was left unfit by an internal error. The next run starts
	// from the chunk.
	EventStateDropped Event = iota + 1
)

// Program is a compiled chunk. It is never written to after Compile and may be
// shared by any number of scripts and goroutines.
type Program struct {
	name  string
	cfg   Config
	env   *frozenEnv
	proto *proto
}

// Compile translates source, which error messages call name. It takes time and
// memory in proportion to the length of source. Errors are of type [*Error]
// with Kind Syntax.
func Compile(name, source string, cfg Config) (*Program, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Env == nil {
		cfg.Env = NewEnv()
	}
	env := cfg.Env.freeze()
	p, err := compileChunk(name, source, cfg.Limits.Source, env.intern)
	if err != nil {
		return nil, err
	}
	return &Program{name: name, cfg: cfg, env: env, proto: p}, nil
}

// Name returns the name given to Compile.
func (p *Program) Name() string { return p.name }

// Script is one state of a program: a table of globals and what hangs on it.
// It may not be used by two goroutines at the same time. Several runs of one
// script may be parked at the same time; they share its globals and upvalues.
type Script struct {
	prog *Program
	st   *state

	drops int
	free  *Run
}

// NewScript returns a fresh state. The chunk itself runs in the first run.
func (p *Program) NewScript() *Script {
	s := &Script{prog: p}
	s.st = newState(s)
	return s
}

// Program returns the program that s is a state of.
func (s *Script) Program() *Program { return s.prog }

// Reset drops the state: globals, upvalues, coroutines. The next run starts
// from the chunk. Parked runs fail when they are resumed.
func (s *Script) Reset() { s.st = newState(s) }

// Drops returns how often the state was dropped for its size.
func (s *Script) Drops() int { return s.drops }

// StateSize walks the state and returns the bytes reachable from it.
func (s *Script) StateSize() int64 { return s.st.measure() }

// Global returns the value of a global variable between runs, nil if unset.
func (s *Script) Global(name string) Value { return s.st.globals.getString(name) }

// Run makes a run and starts it: shorthand for NewRun and Start.
// The caller looks at the status of the run, or at the error.
func (s *Script) Run(host any, args ...Value) (*Run, error) {
	r := s.NewRun(host)
	err := r.Start(args...)
	return r, err
}

// Status is the state of a run.
type Status int

const (
	// Ready is a run that was not started.
	Ready Status = iota
	// Running is a run seen from inside one of its host functions.
	Running
	// Parked is a run that waits for Resume or Fail.
	Parked
	// Done is a run that returned; Results holds its values.
	Done
	// Stopped is a run that a host function ended by Call.Stop.
	Stopped
	// Failed is a run that ended with an error; Err holds it.
	Failed
)

// Stats is what a run used.
type Stats struct {
	Instructions int64 // charged so far
	Memory       int64 // bytes charged so far
}

// NewRun prepares a run, so that arguments can be made with the run paying for
// them. host is handed to host functions by Call.Host.
func (s *Script) NewRun(host any) *Run { return newRun(s, host) }

// Start runs the entry function of the script with args. The entry function is
// the chunk; if the chunk returns a function as its first value, then that
// function becomes the entry function and is called at once with the same
// args, within the same budget.
//
// Start returns nil when the run is Done, Parked or Stopped.
func (r *Run) Start(args ...Value) error { return r.start(args) }

// StartFunction is Start with a function of this script in the place of the
// entry function, for scripts that hand out several. It fails for a function
// whose state has been dropped.
func (r *Run) StartFunction(fn Value, args ...Value) error { return r.startFunction(fn, args) }

// Resume goes on with a parked run: the host function that parked it returns
// values to the script. The budget goes on where it was.
func (r *Run) Resume(values ...Value) error { return r.resume(values) }

// Fail goes on with a parked run: the host function that parked it raises
// message as an error, which the script may catch.
func (r *Run) Fail(message string) error { return r.fail(message) }

// Close drops a run. For a parked one this ends it without running any more of
// it; there is nothing else to release. A closed run may not be used again.
// Inside a host function of the run it does nothing: see [Call.Stop].
func (r *Run) Close() { r.close() }

// Status tells how far the run is.
func (r *Run) Status() Status { return r.status }

// Parked returns what the host function gave to Call.Park, nil if r is not parked.
func (r *Run) Parked() any { return r.parkedOn }

// Results returns the values that the run returned. They stay valid.
func (r *Run) Results() []Value { return r.results }

// Err returns the error of a failed run, nil otherwise. It is an [*Error].
func (r *Run) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Host returns the value given to NewRun.
func (r *Run) Host() any { return r.host }

// Script returns the script of the run.
func (r *Run) Script() *Script { return r.script }

// Function is a function that the host gives to scripts. It reads arguments
// and hands over results by c, and charges for its work. An error that it
// returns is raised in the script with the position of the call, and may be
// caught there; errors made by Call.Park, Call.Stop and by failed charges are
// passed on as they are.
type Function func(c *Call) error
