package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// programs say what they found by themselves, collect garbage, switch goroutines,
// and end with a panic that says where it came from.
var programs = map[string][]string{
	"trace": {"panic: 1000", "main.fail(", "trace/main.go:161"},
	"flow":  {"all is well", "panic: the end", "flow/main.go:"},
}

// TestReplace: who has opened a module reads it to its end while another is made.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "one.wasm")
	if err := replace(name, []byte("the old one")); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := replace(name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || string(got) != "the old one" {
		t.Errorf("who had opened it reads %q, %v", got, err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "new" {
		t.Errorf("who opens it reads %q, %v", got, err)
	}
	if info, err := os.Stat(name); err != nil {
		t.Error(err)
	} else if info.Mode() != 0o644 {
		t.Errorf("mode %v, want a file that all may read", info.Mode())
	}
	if err := replace(filepath.Join(dir, "none", "one.wasm"), nil); err == nil {
		t.Error("no error without a folder")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v, want the module alone", files, err)
	}
}

// TestPrograms runs programs before and after.
func TestPrograms(t *testing.T) {
	overlay, err := exec.Command("../runtime").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range programs {
		t.Run(name, func(t *testing.T) {
			linked, before := link(t, name, "-overlay="+strings.TrimSpace(string(overlay)))
			want := run(t, before)
			for _, line := range says {
				if !strings.Contains(want, line) {
					t.Fatalf("the program says\n%s\nwithout %q", want, line)
				}
			}
			result := linked + ".optimized"
			if err := optimizeFile(linked, result, options{prefix: "ain"}); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(result)
			if err != nil {
				t.Fatal(err)
			}
			if len(after) > len(before)*80/100 {
				t.Errorf("%d bytes of %d are left", len(after), len(before))
			}
			// Names of functions lose it, main.go does not.
			shortened := regexp.MustCompile(`ain(\.go)?`).ReplaceAllString(want, "$1")
			shortened = strings.ReplaceAll(shortened, "m.go", "main.go")
			wants, gots := strings.Split(shortened, "\n"), strings.Split(run(t, after), "\n")
			for i, want := range wants {
				if i >= len(gots) || gots[i] != want {
					t.Fatalf("line %d of the optimized program's: %q, want %q", i+1, gots[min(i, len(gots)-1)], want)
				}
			}
			if len(gots) > len(wants) {
				t.Errorf("the optimized program says more: %q", gots[len(wants):])
			}
		})
	}
}

// link builds a program of testdata.
func link(t testing.TB, name string, flags ...string) (file string, module []byte) {
	t.Helper()
	file = filepath.Join(t.TempDir(), name+".wasm")
	build := exec.Command("go", append(append([]string{"build", "-trimpath", "-ldflags=-s", "-o", file}, flags...), "./testdata/"+name)...)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	module, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, module
}

// TestChangedTable: a table that says anything else than what replaces it stays.
func TestChangedTable(t *testing.T) {
	const (
		header, function, table, at = 0x1000, 0x2000, 0x3000, 0x4000
		functions                   = 3
		first                       = 0x1000 // the number of the first
	)
	good := func() *module {
		m := &module{memory: make(memory, 0x5000), data: at}
		put := m.put
		copy(m.memory[header:], "\xf1\xff\xff\xff\x00\x00\x01\x08")
		put(at, header)
		for slice := at + 8; slice < at+findfunctab; slice += 24 {
			put(slice, function, functions, functions)
		}
		put(at+findfunctab, table, first<<16, (first+functions)<<16)
		for i := range functions {
			binary.LittleEndian.PutUint32(m.memory[function+8*i:], uint32(first+i))
		}
		for b := range functions * 16 {
			binary.LittleEndian.PutUint32(m.memory[table+20*b:], uint32(b/16))
		}
		return m
	}
	// The last bucket has one subbucket, and then typelinks follow.
	const end = table + 20*16*functions - 15*20 - 15
	m := good()
	m.put(at+maxpc, (first+functions-1)<<16+200)
	m.memory[end] = 7
	if err := m.clearTable(); err != nil {
		t.Fatal(err)
	}
	if left := bytes.Trim(m.memory[table:end], "\x00"); len(left) > 0 {
		t.Errorf("%d bytes of the table are left", len(left))
	}
	if m.memory[end] != 7 {
		t.Error("what is behind the table is cleared")
	}
	for name, tt := range map[string]struct {
		change func(memory)
		want   string
	}{
		"another function in a bucket":    {func(m memory) { m[table+20*17] = 2 }, "the lookup table has function 2 for the program counter 0x11000"},
		"another function in a subbucket": {func(m memory) { m[table+20*17+4+3] = 1 }, "the lookup table has function 2 for the program counter 0x11300"},
		"a function without a number":     {func(m memory) { m[function+8] = 7 }, "function 1 has another number"},
		"a table outside the memory":      {func(m memory) { m[at+findfunctab+1] = 0x4f }, "the lookup table is outside the memory"},
		"no magic number":                 {func(m memory) { m[header] = 0 }, "another version of Go?"},
	} {
		m := good()
		tt.change(m.memory)
		before := bytes.Clone(m.memory)
		err := m.check()
		if err == nil {
			err = m.clearTable()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if !bytes.Equal(m.memory, before) {
			t.Errorf("%s: the memory was changed", name)
		}
	}
}

func (m *module) put(at int, words ...uint64) {
	for i, w := range words {
		binary.LittleEndian.PutUint64(m.memory[at+8*i:], w)
	}
}

// TestRuntimeRefuses: with a Go whose lines are others there is no overlay.
func TestRuntimeRefuses(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "src", "runtime"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "src", "runtime", "mgcmark.go"), []byte("package runtime\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("../runtime")
	cmd.Env = append(os.Environ(), "GOROOT="+root)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "has another mgcmark.go") || !strings.Contains(string(out), "GOTOOLCHAIN=") {
		t.Errorf("%v, %s", err, out)
	}
}

// run runs a program under wazero and returns what it writes.
func run(t *testing.T, module []byte) string {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer func() {
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	var out bytes.Buffer
	_, err := r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithStdout(&out).WithStderr(&out))
	if err == nil || !strings.Contains(err.Error(), "exit_code(2)") {
		t.Errorf("the program ended with %v", err)
	}
	return out.String()
}

// TestRefuses leaves alone what Go has not linked, or not as expected.
func TestRefuses(t *testing.T) {
	const header = "\x00asm\x01\x00\x00\x00"
	for name, tt := range map[string]struct{ module, want string }{
		"empty":             {"", "not a WebAssembly module"},
		"text":              {"hello", "not a WebAssembly module"},
		"no data":           {header, "the module has no data"},
		"a cut section":     {header + "\x0b\x05\x00", "the module ends too early"},
		"a cut length":      {header + "\x0b\xff", "the module ends too early"},
		"a passive segment": {header + "\x0b\x04\x01\x01\x01x", "of a kind that Go does not write"},
		"a cut address":     {header + "\x0b\x04\x01\x00\x41\xff", "the module ends too early"},
		"data far beyond":   {header + "\x0b\x0b\x01\x00\x41\xff\xff\xff\xff\x07\x0b\x01x", "data beyond 1 GiB"},
		"no table":          {header + "\x0b\x07\x01\x00\x41\x08\x0b\x01x", "Go's function table is not where it is expected"},
		"a cut segment":     {header + "\x0b\x06\x01\x00\x41\x08\x0b\x05", "the module ends too early"},
	} {
		got, err := optimize([]byte(tt.module), options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || got != nil {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// TestReexport takes callbacks out of the exports, puts others in their place, and
// knows all that it is told.
func TestReexport(t *testing.T) {
	const (
		first  = "\x0bproxy_first\x00\x01"
		second = "\x0cproxy_second\x00\x02"
		memory = "\x06memory\x02\x00"
		plain  = "\x03" + first + second + memory
	)
	for name, tt := range map[string]struct {
		exports string
		without []string
		own     string
		want    string
		err     string
	}{
		"nothing":           {plain, nil, "", plain, ""},
		"nothing is own":    {plain, nil, "our_", plain, ""},
		"one less":          {plain, []string{"proxy_second"}, "", "\x02" + first + memory, ""},
		"two less":          {plain, []string{"proxy_second", "proxy_first"}, "", "\x01" + memory, ""},
		"one that is not":   {plain, []string{"proxy_second", "third"}, "", "", "not exported: third"},
		"one twice":         {plain, []string{"proxy_second", "proxy_second"}, "", "", "not exported: proxy_second"},
		"own before theirs": {"\x03" + "\x0aour_second\x00\x09" + first + second, nil, "our_", "\x02" + first + "\x0cproxy_second\x00\x09", ""},
		"own after theirs":  {"\x03" + first + second + "\x09our_first\x00\x07", nil, "our_", "\x02" + "\x0bproxy_first\x00\x07" + second, ""},
		"own, and less":     {"\x03" + first + second + "\x09our_first\x00\x07", []string{"proxy_first"}, "our_", "\x01" + second, ""},
		"own for nothing":   {"\x02" + first + "\x09our_third\x00\x07", nil, "our_", "", "no export has the name proxy_third, which one of our_ shall take"},
		"cut":               {"\x03" + first, nil, "", "", "the module ends too early"},
	} {
		got, err := reexport([]byte(tt.exports), tt.without, tt.own)
		if string(got) != tt.want || err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
