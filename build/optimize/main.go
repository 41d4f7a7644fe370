// Command optimize rewrites a module that Go has linked, so that it is smaller and
// faster and does the same:
//
//   - Control flow. Go's compiler lets each jump within a function go through one
//     table at its start, by a program counter, since a function may be resumed in
//     the middle. Here jumps are jumps again; the table stays for resumption.
//     Calls that never come back, such as those of panics, are made in one place.
//     (flow.go, structure.go, emit.go)
//   - Instructions: shorter ones that do the same, and no calls into the engine for
//     small copies (peephole.go); hints for branches that are hardly ever taken.
//   - The table that finds the function of a program counter. The runtime that
//     build/runtime makes needs none: the function's number is in the counter.
//     (memory.go)
//   - The tables by program counter, for those counters that are looked up (tables.go).
//   - The names of functions, without a prefix, and exports that nobody needs.
//
// RATIONALE.md, "Modules are rewritten", has the figures. What has not the form that
// Go 1.26 gives it stays as it is, or the module is refused.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	var o options
	without := flag.String("without", "", "callbacks that shall not be made: names of exports, separated by commas")
	flag.StringVar(&o.prefix, "prefix", "", "what to leave out in the names of functions")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: optimize [-without EXPORTS] [-prefix PREFIX] MODULE RESULT")
		os.Exit(2)
	}
	if *without != "" {
		o.without = strings.Split(*without, ",")
	}
	if err := optimizeFile(flag.Arg(0), flag.Arg(1), o); err != nil {
		fmt.Fprintf(os.Stderr, "optimize: %s: %v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

// options say what a module can do without.
type options struct {
	without []string // exports
	prefix  string   // of packages, in names of functions
}

func optimizeFile(name, result string, o options) error {
	wasm, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if wasm, err = optimize(wasm, o); err != nil {
		return err
	}
	return os.WriteFile(result, wasm, 0o644) //nolint:gosec // as go build writes it
}

func optimize(wasm []byte, o options) ([]byte, error) {
	const header = 8 // magic number and version
	if !bytes.HasPrefix(wasm, []byte("\x00asm\x01\x00\x00\x00")) {
		return nil, errors.New("not a WebAssembly module")
	}
	sections, err := split(wasm[header:])
	if err != nil {
		return nil, err
	}
	get := func(id byte) []byte {
		i := slices.IndexFunc(sections, func(s section) bool { return s.id == id })
		if i < 0 {
			return nil
		}
		return sections[i].body
	}
	m, err := load(get(dataSection), get(importSection))
	if err != nil {
		return nil, err
	}
	functions, code, hints, err := m.restructure(get(functionSection), get(codeSection))
	if err != nil {
		return nil, err
	}
	exports, err := leaveOut(get(exportSection), o.without)
	if err != nil {
		return nil, err
	}
	if err := m.clearTable(); err != nil {
		return nil, err
	}
	m.shorten(o.prefix)
	if err := m.tables(); err != nil {
		return nil, err
	}

	out := append([]byte(nil), wasm[:header]...)
	for _, s := range sections {
		switch s.id {
		case functionSection:
			s.body = functions
		case exportSection:
			s.body = exports
		case codeSection:
			out = section{customSection, hints}.append(out) // the proposal wants them in front
			s.body = code
		case dataSection:
			s.body = m.pack()
		}
		out = s.append(out)
	}
	return out, nil
}

// WebAssembly Core Specification, 5.5.2.
const (
	customSection   = 0
	importSection   = 2
	functionSection = 3
	exportSection   = 7
	codeSection     = 10
	dataSection     = 11
)

// A section of a module (5.5.2).
type section struct {
	id   byte
	body []byte
}

func split(rest []byte) (sections []section, err error) {
	for len(rest) > 0 {
		r := reader{rest: rest[1:]}
		sections = append(sections, section{rest[0], r.bytes()})
		if r.err != nil {
			return nil, r.err
		}
		rest = r.rest
	}
	return sections, nil
}

func (s section) append(out []byte) []byte {
	out = append(out, s.id)
	out = binary.AppendUvarint(out, uint64(len(s.body)))
	return append(out, s.body...)
}

// leaveOut takes exports out of their section (5.5.10).
func leaveOut(section []byte, names []string) ([]byte, error) {
	if len(names) == 0 {
		return section, nil
	}
	r := reader{rest: section}
	var out []byte
	count := r.number()
	left := 0
	for range count {
		whole := r.rest
		name := r.bytes()
		r.byte() // the kind
		r.number()
		if r.err != nil {
			return nil, r.err
		}
		if !slices.Contains(names, string(name)) {
			out = append(out, whole[:len(whole)-len(r.rest)]...)
			left++
		}
	}
	if left != count-len(names) {
		return nil, fmt.Errorf("not all of these are exported, once: %s", strings.Join(names, ", "))
	}
	return append(binary.AppendUvarint(nil, uint64(left)), out...), nil
}

// reader reads a section or a function; after an error everything is zero.
type reader struct {
	rest []byte
	err  error
}

var errShort = errors.New("the module ends too early")

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

// number reads an unsigned LEB128 number.
func (r *reader) number() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > 1<<31 {
		r.fail(errShort)
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// signed reads a signed LEB128 number.
func (r *reader) signed() int64 {
	n := int64(0)
	for shift := 0; shift < 70; shift += 7 {
		b := r.byte()
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift += 7; shift < 64 {
				n = n << (64 - shift) >> (64 - shift)
			}
			return n
		}
	}
	r.fail(errShort)
	return 0
}

// bytes reads a length and as many bytes.
func (r *reader) bytes() []byte { return r.skip(r.number()) }

// skip reads a number of bytes.
func (r *reader) skip(n int) []byte {
	if n > len(r.rest) {
		r.fail(errShort)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// byte reads one byte.
func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail(errShort)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// next tells whether these bytes follow, and reads them if so.
func (r *reader) next(want ...byte) bool {
	if !bytes.HasPrefix(r.rest, want) {
		return false
	}
	r.rest = r.rest[len(want):]
	return true
}

// appendVarint appends a signed LEB128 number, which is not encoding/binary's
// signed form.
func appendVarint(b []byte, n int64) []byte {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
