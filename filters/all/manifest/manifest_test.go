package manifest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/all/golden"
)

// TestFind runs testdata/find/*.txt: a file, a line of ten dashes, the mounts.
func TestFind(t *testing.T) {
	t.Parallel()
	golden.Cases(t, "testdata/find", ".txt", func(_ *testing.T, input string) string {
		mounts, err := Find([]byte(input))
		if err != nil {
			return "error: " + err.Error()
		}
		var b strings.Builder
		for _, m := range mounts {
			fmt.Fprintf(&b, "line %d: %s (%s)", m.Line, m.Filter, m.Name)
			if m.BufferLimit > 0 {
				fmt.Fprintf(&b, ", buffer limit %d", m.BufferLimit)
			}
			fmt.Fprintf(&b, "\n%s\n", m.Config)
		}
		fmt.Fprintf(&b, "%d mounts, manifest %v", len(mounts), IsManifest([]byte(input)))
		return b.String()
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, want string }{
		"order of keys":           {"b: 1\na: 2\n", `{"b":1,"a":2}`},
		"repeated keys stay":      {"a: 1\na: 2\n", `{"a":1,"a":2}`},
		"kinds":                   {"[1, -2.5, 1e3, true, null, ~, text, 'yes', yes, \"1\"]", `[1,-2.5,1000,true,null,null,"text","yes","yes","1"]`},
		"other notations":         {"[0x1F, 0o17, 1_000, 1.0]", `[31,15,1000,1]`},
		"dates are texts":         {"2001-01-01", `"2001-01-01"`},
		"keys that are no texts":  {"1: a\ntrue: b\n", `{"1":"a","true":"b"}`},
		"aliases":                 {"a: &x {k: 1}\nb: *x\n", `{"a":{"k":1},"b":{"k":1}}`},
		"block texts":             {"a: |\n  x\n  y\n", `{"a":"x\ny\n"}`},
		"nothing":                 {"", `{}`},
		"a comment alone":         {"# x\n", `{}`},
		"control characters":      {`"\u0001<"`, `"\u0001\u003c"`},
		"large numbers":           {"[9007199254740993, 18446744073709551615]", `[9007199254740993,18446744073709551615]`},
		"infinity":                {".inf", "line 1: .inf is no JSON number"},
		"merge keys":              {"a: &x {k: 1}\nb: {<<: *x}\n", "line 2: merge keys (<<) are not supported"},
		"two documents":           {"a: 1\n---\nb: 1\n", "want one YAML document, got 2"},
		"aliases that multiply":   {bomb(), "too large, or nested too deeply, once its aliases are followed"},
		"an alias inside its own": {"&a [*a]", "too large, or nested too deeply, once its aliases are followed"},
		"too deep":                {strings.Repeat("[", 300) + strings.Repeat("]", 300), "too large, or nested too deeply, once its aliases are followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := JSON([]byte(test.in))
			got := string(out)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// bomb doubles a list twenty-five times.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x]\n")
	for i := range 25 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

func FuzzFind(f *testing.F) {
	f.Add("kind: WasmPlugin\nspec: {pluginConfig: {a: 1}}")
	f.Add("- &a {\"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {root_id: x, configuration: *a}}")
	f.Add("spec: {wasm: [a, [b], {config: }]}\nkind: EnvoyExtensionPolicy")
	f.Add("virtual_hosts: [{domains: [a], routes: [{match: {headers: [{name: X}]}, route: {}, metadata: {filter_metadata: {gatehouse.x: {config: '{}'}}}}]}]")
	f.Add("spec: {jsonPatches: [{operation: {op: add, path: /routes/0/metadata/filter_metadata/gatehouse.x, value: {config: []}}}]}")
	f.Add("spec: {configPatches: [{applyTo: HTTP_ROUTE, patch: {value: {metadata: {filter_metadata: {gatehouse.: }}}}}]}")
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := Find([]byte(text))
		for _, m := range mounts {
			if err != nil || m.Line < 1 || m.BufferLimit < 0 {
				t.Fatalf("%+v, %v", m, err)
			}
		}
		overlays, hosts, err := FindOverlays([]byte(text))
		for _, o := range overlays {
			if err != nil || o.Line < 1 || (o.Fault == "") == (len(o.Config) == 0) {
				t.Fatalf("%+v, %v", o, err)
			}
		}
		for _, h := range hosts {
			if h.Line < 1 || h.Differ("") {
				t.Fatalf("%+v", h)
			}
		}
		if out, err := JSON([]byte(text)); err == nil && !json.Valid(out) {
			t.Fatalf("%q is no JSON", out)
		}
	})
}
