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
//   - The names of functions, without a prefix; exports that nobody needs, and those
//     that take the place of others.
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
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	var o options
	without := flag.String("without", "", "callbacks that shall not be made: names of exports, separated by commas")
	flag.StringVar(&o.own, "own", "", "the `PREFIX` of exports that take the place of those with the prefix proxy_")
	flag.StringVar(&o.prefix, "prefix", "", "what to leave out in the names of functions")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: optimize [-without EXPORTS] [-own PREFIX] [-prefix PREFIX] MODULE RESULT")
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
	own     string   // prefix of exports that stand for those of the SDK
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
	return replace(result, wasm)
}

// replace writes a file in one step: an Envoy that starts meanwhile reads the old
// module or the new one, never an empty file, with which it fails to say why.
func replace(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close()) // readable as go build writes it
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
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
	exports, err := reexport(get(exportSection), o.without, o.own)
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

// reexport takes exports out of their section (5.5.10). Those with the prefix own,
// if it is not empty, take the names of the SDK's callbacks, which are left out: a
// Go package cannot export what another one exports.
func reexport(section []byte, without []string, own string) ([]byte, error) {
	const callbacks = "proxy_"
	type export struct{ name, what string }
	var theirs, ours []export
	r := reader{rest: section}
	for range r.number() {
		name := string(r.bytes())
		whole := r.rest
		r.byte() // the kind
		r.number()
		if r.err != nil {
			return nil, r.err
		}
		e := export{name, string(whole[:len(whole)-len(r.rest)])}
		if rest, ok := strings.CutPrefix(name, own); ok && own != "" {
			ours = append(ours, export{callbacks + rest, e.what})
		} else {
			theirs = append(theirs, e)
		}
	}
	named := func(name string) func(export) bool {
		return func(e export) bool { return e.name == name }
	}
	for _, e := range ours {
		i := slices.IndexFunc(theirs, named(e.name))
		if i < 0 {
			return nil, fmt.Errorf("no export has the name %s, which one of %s shall take", e.name, own)
		}
		theirs[i] = e
	}
	for _, name := range without {
		i := slices.IndexFunc(theirs, named(name))
		if i < 0 {
			return nil, fmt.Errorf("not exported: %s", name)
		}
		theirs = slices.Delete(theirs, i, i+1)
	}
	out := binary.AppendUvarint(nil, uint64(len(theirs)))
	for _, e := range theirs {
		out = binary.AppendUvarint(out, uint64(len(e.name)))
		out = append(append(out, e.name...), e.what...)
	}
	return out, nil
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
