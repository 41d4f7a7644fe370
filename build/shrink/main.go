// Command shrink takes the lookup table of functions out of modules that Go has
// linked: a tenth of their size, and nine in ten of their data segments.
//
// The table (runtime.findfunctab) finds the function of a program counter. Go's
// linker makes 16 buckets for each function of a Wasm module, since a function
// takes 64 Ki program counters there. The runtime that build/runtime makes needs
// none of them: the function's number is in the program counter. What is taken
// out becomes zeros, which cost nothing in a file, and no memory that is touched.
//
// A module in which the table, or what leads to it, is not where it is expected,
// is refused and stays as it is.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: shrink MODULE...")
		os.Exit(2)
	}
	for _, name := range os.Args[1:] {
		if err := shrinkFile(name); err != nil {
			fmt.Fprintf(os.Stderr, "shrink: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

func shrinkFile(name string) error {
	module, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if module, err = shrink(module); err != nil {
		return err
	}
	return os.WriteFile(name, module, 0o644) //nolint:gosec // as go build writes it
}

const dataSection = 11 // WebAssembly Core Specification, 5.5.2

var errShort = errors.New("the module ends too early")

// shrink returns the module without the table.
func shrink(module []byte) ([]byte, error) {
	const header = 8 // magic number and version
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		return nil, errors.New("not a WebAssembly module")
	}
	out := append([]byte(nil), module[:header]...)
	done := false
	for rest := module[header:]; len(rest) > 0; {
		r := reader{rest: rest[1:]}
		body := r.bytes()
		if r.err != nil {
			return nil, r.err
		}
		if rest[0] == dataSection {
			memory, err := load(body)
			if err != nil {
				return nil, err
			}
			if err := memory.clearTable(); err != nil {
				return nil, err
			}
			packed := memory.pack()
			out = append(out, dataSection)
			out = binary.AppendUvarint(out, uint64(len(packed)))
			out = append(out, packed...)
			done = true
		} else {
			out = append(out, rest[:len(rest)-len(r.rest)]...)
		}
		rest = r.rest
	}
	if !done {
		return nil, errors.New("the module has no data")
	}
	return out, nil
}

// reader reads a section; after an error everything is zero.
type reader struct {
	rest []byte
	err  error
}

// number reads an unsigned LEB128 number.
func (r *reader) number() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > 1<<31 {
		r.rest, r.err = nil, errShort
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// address reads the operand of i32.const, a signed LEB128 number.
func (r *reader) address() int {
	n, shift := int64(0), 0
	for i, b := range r.rest {
		n |= int64(b&0x7f) << shift
		shift += 7
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return int(uint32(n << (64 - shift) >> (64 - shift)))
		}
		if shift > 28 {
			break
		}
	}
	r.rest, r.err = nil, errShort
	return 0
}

// bytes reads a length and as many bytes.
func (r *reader) bytes() []byte {
	n := r.number()
	if n > len(r.rest) {
		r.rest, r.err = nil, errShort
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// expect reads one certain byte.
func (r *reader) expect(want byte) {
	if r.err == nil && (len(r.rest) == 0 || r.rest[0] != want) {
		r.err = errors.New("a data segment of a kind that Go does not write")
	}
	if r.err == nil {
		r.rest = r.rest[1:]
	}
}

// memory is what the linear memory holds at start.
type memory []byte

const most = 1 << 30 // bytes of memory; Envoy's bound

// load reads the active segments of a data section (5.5.14).
func load(section []byte) (memory, error) {
	const (
		i32Const = 0x41
		end      = 0x0b
	)
	var m memory
	r := reader{rest: section}
	for count := r.number(); count > 0 && r.err == nil; count-- {
		r.expect(0) // memory 0, with an offset
		r.expect(i32Const)
		at := r.address()
		r.expect(end)
		data := r.bytes()
		if at+len(data) > most {
			return nil, errors.New("data beyond 1 GiB")
		}
		if grow := at + len(data) - len(m); grow > 0 {
			m = append(m, make([]byte, grow)...)
		}
		copy(m[at:], data)
	}
	return m, r.err
}

// pack writes the section again, without longer runs of zeros.
func (m memory) pack() []byte {
	const overhead = 8 // bytes that a segment of its own costs
	var segments []byte
	count := 0
	for at := 0; ; {
		for at < len(m) && m[at] == 0 {
			at++
		}
		if at == len(m) {
			break
		}
		end, zeros := at, 0
		for i := at; i < len(m) && zeros < overhead; i++ {
			if m[i] != 0 {
				end, zeros = i+1, 0
			} else {
				zeros++
			}
		}
		segments = append(segments, 0, 0x41)
		segments = appendVarint(segments, int32(at))
		segments = append(segments, 0x0b)
		segments = binary.AppendUvarint(segments, uint64(end-at))
		segments = append(segments, m[at:end]...)
		count++
		at = end
	}
	return append(binary.AppendUvarint(nil, uint64(count)), segments...)
}

// appendVarint appends a signed LEB128 number, which is not encoding/binary's
// signed form.
func appendVarint(b []byte, n int32) []byte {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// word reads an address or a length, 8 bytes; it is -1 if it can be neither.
func (m memory) word(at int) int {
	if at < 0 || at+8 > len(m) {
		return -1
	}
	n := binary.LittleEndian.Uint64(m[at:])
	if n > most {
		return -1
	}
	return int(n)
}

// The start of runtime.moduledata (Go 1.26, runtime/symtab.go), in bytes.
const (
	pclntable   = 8 + 4*24 // after pcHeader and four slices
	ftab        = pclntable + 24
	findfunctab = ftab + 24
	minpc       = findfunctab + 8
	maxpc       = minpc + 8
)

// clearTable makes zeros of runtime.findfunctab, after a proof that it says
// nothing but that a function's number is the program counter >> 16.
func (m memory) clearTable() error {
	data := m.moduledata()
	if data < 0 {
		return errors.New("Go's function table is not where it is expected: another version of Go?")
	}
	functions, entries := m.word(data+ftab), m.word(data+ftab+8)
	first := m.word(data+minpc) >> 16
	for i := range entries { // entryoff and funcoff, 4 bytes each
		at := functions + 8*i
		if at+4 > len(m) || int(binary.LittleEndian.Uint32(m[at:])) != first+i {
			return fmt.Errorf("function %d has another number", i)
		}
	}
	const (
		bucket     = 4096 // program counters; abi.FuncTabBucketSize
		subbuckets = 16
		size       = 4 + subbuckets // of a bucket in bytes
	)
	table, counters := m.word(data+findfunctab), m.word(data+maxpc)-m.word(data+minpc)
	buckets := (counters + bucket - 1) / bucket
	if counters <= 0 || table <= 0 || table+buckets*size > len(m) {
		return errors.New("the lookup table is outside the memory")
	}
	if len(bytes.Trim(m[table:table+buckets*size], "\x00")) == 0 {
		return nil // go build found the module up to date, and left it as it was
	}
	for b := range buckets {
		at := table + b*size
		for sub := range subbuckets {
			pc := b*bucket + sub*bucket/subbuckets
			if pc >= counters {
				break
			}
			if got := int(binary.LittleEndian.Uint32(m[at:])) + int(m[at+4+sub]); got != pc>>16 {
				return fmt.Errorf("the lookup table has function %d for the program counter %#x", got, pc)
			}
		}
	}
	clear(m[table : table+buckets*size])
	return nil
}

// moduledata finds runtime.moduledata, -1 if there is none. It begins with the
// address of the table of program counters, which has a magic number.
func (m memory) moduledata() int {
	magic := []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8} // abi.CurrentPCLnTabMagic, quantum 1, pointers of 8 bytes
	for at := 0; at < len(m); at += 8 {
		header := m.word(at)
		if header > 0 && header < len(m) && bytes.HasPrefix(m[header:], magic) && m.isModuledata(at) {
			return at
		}
	}
	return -1
}

// isModuledata tells whether six slices follow on the first word, each within the
// memory, and the last two at the same place.
func (m memory) isModuledata(at int) bool {
	for slice := at + 8; slice < at+findfunctab; slice += 24 {
		address, length, capacity := m.word(slice), m.word(slice+8), m.word(slice+16)
		if address <= 0 || length <= 0 || length != capacity || address+length > len(m) {
			return false
		}
	}
	return m.word(at+pclntable) == m.word(at+ftab) && m.word(at+maxpc) > m.word(at+minpc)
}
