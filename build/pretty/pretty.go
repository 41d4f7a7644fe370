// Package pretty stands in for github.com/tidwall/pretty inside our modules.
//
// gjson calls these functions only for its @pretty and @ugly modifiers, which
// internal/jsonr turns off; the real package links encoding/json and adds
// about 1 MB to each module (RATIONALE.md).
package pretty

// Options mirrors the fields that gjson sets.
type Options struct {
	Width    int
	Prefix   string
	Indent   string
	SortKeys bool
}

// Pretty returns its input.
func Pretty(json []byte) []byte { return json }

// PrettyOptions returns its input.
func PrettyOptions(json []byte, _ *Options) []byte { return json }

// Ugly returns its input.
func Ugly(json []byte) []byte { return json }

// DefaultOptions is what gjson copies before it changes a field.
var DefaultOptions = &Options{Width: 80, Indent: "  "}
