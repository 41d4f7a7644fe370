package all_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-proxy/gatehouse/filters/all"
	"github.com/gatehouse-proxy/gatehouse/filters/all/golden"
	"github.com/gatehouse-proxy/gatehouse/filters/all/manifest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf/conftest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/host"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// The rules that hold for every filter. Whoever adds a filter meets them here.

const (
	root   = "../.."
	module = "github.com/gatehouse-proxy/gatehouse/"
	sdk    = "github.com/proxy-wasm/proxy-wasm-go-sdk"
)

// forbidden is what no package of ours that is linked into a module imports:
// each adds 0.35 to 2.6 MB, which every Envoy pays when it loads the module.
var forbidden = []string{
	"fmt", "reflect", "encoding/json", "encoding/xml", "net/http", "net/url", "regexp",
	"log/slog", "text/template", "math/big", "crypto/ecdsa",
}

// mayImport are the exceptions.
var mayImport = map[string][]string{
	"filters/script": {"regexp"}, // ngx.re
}

// dependencies are the modules that may be linked into ours. A new one is added
// here, deliberately.
var dependencies = []string{
	sdk,
	"github.com/tidwall/gjson",
	"github.com/tidwall/match",
	"github.com/tidwall/pretty", // the stub in build/pretty
}

// sdkImporters are the packages that may touch the proxy, in tests or not.
// The benchmarks have modules without a filter of ours in them.
var sdkImporters = []string{
	"filters/internal/host", "filters/internal/vmtest",
	"e2e/bench/empty", "e2e/bench/callout", "sandbox/internal/envoyprobe/wasm", "sandbox/internal/size",
}

// leaves import nothing of ours but what is listed.
var leaves = map[string][]string{
	"filters/internal/filter": {},
	"filters/internal/jsonr":  {},
	"filters/internal/secret": {},
	"filters/internal/conf":   {"filters/internal/jsonr", "filters/internal/secret"},
	"sigv4":                   {"sigv4/sha256"},
	"sigv4/sha256":            {},
	"sigv4/credentials":       {"sigv4"},
	"sandbox":                 {},
}

type pkg struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
	Module       *struct{ Path string }
}

// ours is the path of a package inside the repository; ok is false for others.
func ours(path string) (rel string, ok bool) { return strings.CutPrefix(path, module) }

func list(t *testing.T, wasm bool, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,TestImports,XTestImports,Module"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	if wasm {
		cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

func TestImportsOfModules(t *testing.T) {
	t.Parallel()
	mains := glob(t, root+"/build/wasm/*/main.go")
	if len(mains) < 2 {
		t.Fatalf("modules found: %v", mains)
	}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range list(t, true, "-deps", "./build/wasm/"+name) {
				rel, our := ours(p.ImportPath)
				if !our {
					if !p.Standard && (p.Module == nil || !slices.Contains(dependencies, p.Module.Path)) {
						t.Errorf("%s is of a module that is not in the list of dependencies", p.ImportPath)
					}
					continue
				}
				for _, imported := range p.Imports {
					if slices.Contains(forbidden, imported) && !slices.Contains(mayImport[rel], imported) {
						t.Errorf("%s imports %s", rel, imported)
					}
				}
				if rel == "filters/all" {
					t.Errorf("links filters/all, and so every filter")
				}
				parts := strings.Split(rel, "/")
				other := len(parts) == 2 && parts[0] == "filters" && parts[1] != name
				if other && name != "gatehouse" {
					t.Errorf("links %s", rel)
				}
			}
		})
	}
}

func TestDependenciesPointOneWay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range list(t, false, "./...") {
		rel, _ := ours(p.ImportPath)
		seen[rel] = true
		everything := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
		for _, imported := range everything {
			if (imported == sdk || strings.HasPrefix(imported, sdk+"/")) && !slices.Contains(sdkImporters, rel) {
				t.Errorf("%s imports the SDK", rel)
			}
		}
		for _, imported := range p.Imports {
			if imported == "github.com/tidwall/gjson" && rel != "filters/internal/jsonr" {
				t.Errorf("%s imports gjson", rel)
			}
			to, our := ours(imported)
			if allowed, leaf := leaves[rel]; leaf && our && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s", rel, to)
			}
			if our && strings.HasPrefix(rel, "e2e") && to != "e2e" {
				t.Errorf("%s imports %s: it may use the modules and the samples only", rel, to)
			}
		}
	}
	for _, must := range []string{"filters/internal/host", "filters/internal/conf", "filters/internal/jsonr"} {
		if !seen[must] {
			t.Errorf("%s was not listed", must)
		}
	}
}

func TestEveryFilterIsListed(t *testing.T) {
	t.Parallel()
	var folders []string
	for _, path := range glob(t, "../*") {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(path); info.IsDir() && name != "all" && name != "internal" {
			folders = append(folders, name)
		}
	}
	names := slices.Sorted(slices.Values(all.Names()))
	if !slices.Equal(folders, names) {
		t.Errorf("folders %v, listed %v", folders, names)
	}
}

// eachFilter runs a test for each filter; dir is its folder.
func eachFilter(t *testing.T, run func(t *testing.T, e all.Entry, dir string)) {
	t.Helper()
	if len(all.Entries) == 0 {
		t.Fatal("no filters")
	}
	for _, e := range all.Entries {
		t.Run(e.Plugin.Name, func(t *testing.T) { run(t, e, "../"+e.Plugin.Name) })
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		name := e.Plugin.Name
		if !regexp.MustCompile(`^[a-z]+$`).MatchString(name) {
			t.Errorf("the name %q is not one lower-case word", name)
		}
		must := []string{
			name + ".go", "config.go", "metrics.go", "README.md", "schema.json",
			"config_test.go", name + "_test.go", "fuzz_test.go", "wasm_test.go", "bench_test.go", "testdata",
		}
		nouns := 0
		for _, path := range glob(t, dir+"/*") {
			file := filepath.Base(path)
			switch {
			case slices.Contains(must, file):
				must = slices.DeleteFunc(must, func(s string) bool { return s == file })
			case strings.HasSuffix(file, "_test.go"):
			case strings.HasSuffix(file, ".go"):
				nouns++
			default:
				t.Errorf("%s has no place in the folder of a filter", file)
			}
		}
		for _, file := range must {
			t.Errorf("%s is missing", file)
		}
		if nouns == 0 {
			t.Error("no file of pure pieces (request.go, verdict.go ...)")
		}
		if len(glob(t, dir+"/testdata/config/*.txt")) == 0 {
			t.Error("no cases in testdata/config")
		}
		for _, file := range []string{"/build/wasm/" + name + "/main.go", "/envoy/" + name + "/envoy.yaml", "/envoy/" + name + "/istio.yaml", "/envoy/" + name + "/gateway.yaml", "/e2e/" + name + "_test.go"} {
			if _, err := os.Stat(root + file); err != nil {
				t.Errorf("%s is missing", file)
			}
		}
	})
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	eachFilter(t, func(t *testing.T, e all.Entry, _ string) {
		if err := conf.Lint(e.Fields()); err != nil {
			t.Errorf("settings: %v", err)
		}
		seen := map[string]bool{}
		for _, v := range slices.Concat(e.Plugin.Verdicts, filter.SharedVerdicts) {
			w := string(v.Word)
			if !word.MatchString(w) || seen[w] {
				t.Errorf("the word %q is not in snake_case, or there twice", w)
			}
			seen[w] = true
			if !strings.HasSuffix(v.When, ".") {
				t.Errorf("%s: want a sentence, got %q", w, v.When)
			}
		}
		seen = map[string]bool{}
		for _, m := range slices.Concat(host.SharedMetrics, e.Plugin.Metrics) {
			base, label, _ := strings.Cut(m.Name, ".")
			if !word.MatchString(base) || label != "" && !strings.HasPrefix(label, "<") || seen[base] {
				t.Errorf("the metric %q is not in snake_case, or there twice", m.Name)
			}
			seen[base] = true
			if !strings.HasSuffix(m.Help, ".") {
				t.Errorf("%s: want a sentence, got %q", m.Name, m.Help)
			}
		}
	})
}

func TestOverviewsListTheFilters(t *testing.T) {
	t.Parallel()
	for file, folder := range map[string]string{"README.md": "filters/", "filters/README.md": ""} {
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^\| \[([a-z]+)\]\(([^)]*)\) \|`).FindAllStringSubmatch(readFile(t, root+"/"+file), -1) {
			if want := folder + m[1] + "/README.md"; m[2] != want {
				t.Errorf("%s: %s leads to %s, want %s", file, m[1], m[2], want)
			}
			got = append(got, m[1])
		}
		if !slices.Equal(got, all.Names()) {
			t.Errorf("%s: the table lists %v, want %v", file, got, all.Names())
		}
	}
}

// Words are declared as constants of type filter.Word; each must be documented.
func TestWordsAreDocumented(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		var documented []string
		for _, v := range slices.Concat(e.Plugin.Verdicts, filter.SharedVerdicts) {
			documented = append(documented, string(v.Word))
		}
		found := 0
		for _, path := range glob(t, dir+"/*.go") {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok {
					return true
				}
				typ, ok := spec.Type.(*ast.SelectorExpr)
				if !ok || typ.Sel.Name != "Word" {
					return true
				}
				for _, v := range spec.Values {
					literal, ok := v.(*ast.BasicLit)
					if !ok {
						continue
					}
					w, err := strconv.Unquote(literal.Value)
					if err != nil || !slices.Contains(documented, w) {
						t.Errorf("%s: the word %s is not in Plugin.Verdicts", path, literal.Value)
					}
					found++
				}
				return true
			})
		}
		if found < len(e.Plugin.Verdicts) {
			t.Errorf("%d words in Plugin.Verdicts, %d constants of type filter.Word", len(e.Plugin.Verdicts), found)
		}
	})
}

var sections = []string{"Name", "Description", "Configuration", "Examples", "Replies", "Metrics", "Limits", "See also"}

func TestREADME(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		text := readFile(t, dir+"/README.md")
		if !strings.HasPrefix(text, "# "+e.Plugin.Name+"\n") {
			t.Errorf("does not start with \"# %s\"", e.Plugin.Name)
		}
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(withoutCode(text), -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, sections) {
			t.Errorf("sections %q, want %q", got, sections)
		}
		fresh := text
		fresh = replace(t, fresh, "configuration", conf.Markdown(e.Fields()))
		fresh = replace(t, fresh, "replies", replies(e.Plugin.Verdicts))
		fresh = replace(t, fresh, "metrics", metrics(e.Plugin.Metrics))
		golden.File(t, dir+"/README.md", []byte(fresh))
	})
}

func replies(own []filter.Verdict) string {
	var b strings.Builder
	b.WriteString("| Word | Status | When |\n| --- | --- | --- |\n")
	for _, v := range slices.Concat(own, filter.SharedVerdicts) {
		status := v.Status
		if status == "" {
			status = "passes"
		}
		b.WriteString("| `" + string(v.Word) + "` | " + status + " | " + v.When + " |\n")
	}
	return b.String()
}

func metrics(own []filter.Metric) string {
	var b strings.Builder
	b.WriteString("| Name | Meaning |\n| --- | --- |\n")
	for _, m := range slices.Concat(host.SharedMetrics, own) {
		b.WriteString("| `" + m.Name + "` | " + m.Help + " |\n")
	}
	return b.String()
}

// replace puts a table between its markers, which must be there.
func replace(t *testing.T, text, name, table string) string {
	t.Helper()
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		t.Errorf("the marker %q is missing", strings.TrimSpace(begin))
		return text
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Errorf("%q has no %q", strings.TrimSpace(begin), end)
		return text
	}
	return before + begin + table + end + after
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

func withoutCode(text string) string { return fence.ReplaceAllString(text, "") }

func TestSchemaFile(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		golden.File(t, dir+"/schema.json", e.Schema())
	})
}

func TestWrappedSchemas(t *testing.T) {
	t.Parallel()
	const dir = root + "/envoy/schema/"
	var want []string
	eachFilter(t, func(t *testing.T, e all.Entry, _ string) {
		for _, kind := range all.Wraps {
			text, err := e.Wrap(kind, all.SchemaRef(e.Plugin.Name))
			if err != nil {
				t.Fatal(err)
			}
			file := e.Plugin.Name + "." + kind + ".json"
			want = append(want, dir+file)
			golden.File(t, dir+file, text)
		}
	})
	for _, file := range glob(t, dir+"*") {
		if slices.Contains(want, file) {
			continue
		}
		if !golden.Update() {
			t.Errorf("%s belongs to no filter", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// example is a configuration that users may copy, or a case of a test.
type example struct {
	from string
	text []byte
}

// readmeExamples are the fenced JSON blocks.
func readmeExamples(t *testing.T, dir string) []example {
	t.Helper()
	var out []example
	for i, m := range fence.FindAllStringSubmatch(readFile(t, dir+"/README.md"), -1) {
		if m[1] == "json" {
			out = append(out, example{"README.md, block " + strconv.Itoa(i+1), []byte(m[2])})
		}
	}
	return out
}

// cases are the configurations of testdata/config.
func cases(t *testing.T, dir string) []example {
	t.Helper()
	var out []example
	for _, path := range glob(t, dir+"/testdata/config/*.txt") {
		input, _, _ := strings.Cut(readFile(t, path), golden.Separator)
		out = append(out, example{filepath.Base(path), []byte(input)})
	}
	return out
}

// mounts are the configurations in envoy/<filter>/*.yaml.
func mounts(t *testing.T, name string) []example {
	t.Helper()
	var out []example
	for _, path := range glob(t, root+"/envoy/"+name+"/*.yaml") {
		found, err := manifest.Find([]byte(readFile(t, path)))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		n := len(out)
		for _, m := range found {
			if m.Filter == name {
				out = append(out, example{filepath.Base(path), m.Config})
			}
		}
		if len(out) == n {
			t.Errorf("%s does not mount the filter", path)
		}
	}
	return out
}

// placeholder stands for every variable of the environment.
func placeholder(string) (string, bool) { return strings.Repeat("placeholder", 8), true }

// The YAML in the READMEs mounts a filter, gives routes overlays, or both.
func TestYAMLExamplesLoad(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		checked := 0
		for _, file := range []string{root + "/README.md", "../README.md", dir + "/README.md"} {
			for i, m := range fence.FindAllStringSubmatch(readFile(t, file), -1) {
				if m[1] != "yaml" {
					continue
				}
				from := file + ", block " + strconv.Itoa(i+1)
				mounts, err := manifest.Find([]byte(m[2]))
				if err != nil {
					t.Errorf("%s: %v", from, err)
				}
				var bases [][]byte
				for _, mount := range mounts {
					if mount.Filter == e.Plugin.Name {
						bases = append(bases, mount.Config)
						if err := all.Validate(e.Plugin.Name, mount.Config, placeholder); err != nil {
							t.Errorf("%s: line %d: %v", from, mount.Line, err)
						}
					}
				}
				overlays, _, err := manifest.FindOverlays([]byte(m[2]))
				if err != nil {
					t.Errorf("%s: %v", from, err)
				}
				checked += len(bases)
				for _, o := range overlays {
					if o.Filter != e.Plugin.Name {
						continue
					}
					checked++
					err := e.CheckOverlay(o.Config, placeholder)
					if len(bases) == 1 {
						_, err = e.LoadOverlay(bases[0], o.Config, placeholder)
					}
					if o.Fault != "" || err != nil {
						t.Errorf("%s: line %d: %s %v", from, o.Line, o.Fault, err)
					}
				}
			}
		}
		if checked == 0 {
			t.Error("no YAML example mounts the filter or configures a route")
		}
	})
}

func TestExamplesLoad(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		readme, mounted := readmeExamples(t, dir), mounts(t, e.Plugin.Name)
		if len(readme) == 0 || len(mounted) == 0 {
			t.Fatalf("%d examples in README.md, %d in envoy/%s", len(readme), len(mounted), e.Plugin.Name)
		}
		for _, x := range slices.Concat(readme, mounted) {
			if err := all.Validate(e.Plugin.Name, x.text, placeholder); err != nil {
				t.Errorf("%s: %v", x.from, err)
			}
		}
	})
}

// The schema accepts and refuses what the filter's own decoder does, but for
// the faults that are beyond schemas.
func TestSchemaAgreesWithDecoder(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		schema, err := conftest.Compile(e.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range slices.Concat(readmeExamples(t, dir), mounts(t, e.Plugin.Name), cases(t, dir)) {
			t.Run(x.from, func(t *testing.T) {
				conftest.Agree(t, schema, x.text, all.Validate(e.Plugin.Name, x.text, placeholder))
			})
		}
	})
}

func TestEveryFieldIsUsed(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		used := map[string]bool{}
		for _, x := range slices.Concat(readmeExamples(t, dir), mounts(t, e.Plugin.Name), cases(t, dir)) {
			if all.Validate(e.Plugin.Name, x.text, placeholder) != nil {
				continue
			}
			if v, err := jsonr.Parse(x.text, jsonr.Limits{}); err == nil {
				collect(used, "", v)
			}
		}
		for _, path := range e.Fields().Paths() {
			if !used[path] {
				t.Errorf("%s occurs in no example and no valid case of testdata/config", path)
			}
		}
	})
}

// collect notes the paths of all members, elements as [].
func collect(used map[string]bool, path string, v jsonr.Value) {
	v.Each(func(key string, e jsonr.Value) bool {
		at := path + "[]"
		if v.Kind() == jsonr.Object {
			at = strings.TrimPrefix(path+"."+key, ".")
		}
		used[at] = true
		collect(used, at, e)
		return true
	})
}

// The samples for Kubernetes pass the wrapped schema that their comment names,
// and no sample asks for bodies above Envoy's buffer limit.
func TestSamples(t *testing.T) {
	t.Parallel()
	eachFilter(t, func(t *testing.T, e all.Entry, _ string) {
		name := e.Plugin.Name
		for _, kind := range all.Wraps {
			text, err := e.Wrap(kind, "schema.json")
			if err != nil {
				t.Fatal(err)
			}
			wrapped := compileWrapped(t, text, e.Schema())
			path := root + "/envoy/" + name + "/" + kind + ".yaml"
			sample := readFile(t, path)
			comment := "# yaml-language-server: $schema=../schema/" + name + "." + kind + ".json\n"
			if !strings.HasPrefix(sample, comment) {
				t.Errorf("%s does not start with %q", path, comment)
			}
			for d := yaml.NewDecoder(strings.NewReader(sample)); ; {
				var doc any
				if d.Decode(&doc) != nil {
					break
				}
				if doc == nil {
					continue
				}
				// The validator takes what encoding/json makes.
				text, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				if err := wrapped.Validate(value); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
		for _, path := range glob(t, root+"/envoy/"+name+"/*.yaml") {
			found, err := manifest.Find([]byte(readFile(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range found {
				if m.Filter == name && m.BufferLimit > 0 {
					for _, warning := range e.OverBuffer(m.Config, placeholder, m.BufferLimit) {
						t.Errorf("%s: %s", path, warning)
					}
				}
			}
		}
	})
}

func compileWrapped(t *testing.T, wrapped, plain []byte) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for name, text := range map[string][]byte{"wrapped.json": wrapped, "schema.json": plain} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("wrapped.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The table of filters/README.md says of each filter what its own README does.
func TestOverview(t *testing.T) {
	t.Parallel()
	overview := readFile(t, "../README.md")
	eachFilter(t, func(t *testing.T, e all.Entry, dir string) {
		name := e.Plugin.Name
		m := regexp.MustCompile(`(?s)\n## Name\n\n\*` + name + `\* (.*?)\.\n\n## `).FindStringSubmatch(readFile(t, dir+"/README.md"))
		if m == nil {
			t.Fatalf("README.md: the section Name does not start with *%s*", name)
		}
		if row := "\n| [" + name + "](" + name + "/README.md) | " + m[1] + " |"; !strings.Contains(overview, row) {
			t.Errorf("filters/README.md has no row that starts with%s", row)
		}
	})
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
