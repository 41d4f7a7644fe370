package sandbox

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

// Check reads source without running it. It reports the syntax error if there
// is one, else each use of a global that is neither assigned in the chunk nor
// in the Env, and each field of an Env's table that is not there, with the
// nearest known name.
func Check(name, source string, cfg Config) []Problem { return nil }
