package sandbox

// FromGo converts x to a value, charged to the run: nil, bool, all integers
// and floats, string, []byte, []any, []string, map[string]any,
// map[string]string, Value. Keys of maps are taken in sorted order. Other
// types are an error of Kind Misuse, nesting deeper than 100 too.
func (r *Run) FromGo(x any) (Value, error) { return Value{}, nil }

// ToGo converts v to nil, bool, float64, string, []any, map[string]any or what
// Opaque holds, charged to the run. A table whose keys are 1..n becomes []any;
// an empty table becomes map[string]any. Functions and coroutines, keys that are neither
// strings nor numbers, and nesting deeper than 100 are errors.
func (r *Run) ToGo(v Value) (any, error) { return nil, nil }

// DecodeJSON reads JSON text (RFC 8259) into a value, charged to the run. null
// becomes Null. Nesting deeper than 100 is an error.
func (r *Run) DecodeJSON(text string) (Value, error) { return Value{}, nil }

// EncodeJSON writes v as JSON, charged to the run: strings byte by byte as they
// are but for what JSON escapes, numbers with 14 digits as Lua prints them, tables
// with keys 1..n as arrays, other tables and the empty one as objects. NaN,
// infinities, functions, sparse arrays and nesting deeper than 100 are errors.
func (r *Run) EncodeJSON(v Value) (string, error) { return "", nil }
