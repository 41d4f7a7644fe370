package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A module is what Go's runtime knows of itself, in the memory that it starts with.
type module struct {
	memory
	data    int           // address of runtime.moduledata
	imports int           // functions that are imported
	asked   map[int][]int // see function.asked; of those that have been rewritten, by their place
}

const firstNumber = 0x1000 // of a function; cmd/link/internal/wasm: funcValueOffset

// load reads the sections of data (5.5.14) and imports (5.5.5).
func load(data, imports []byte) (*module, error) {
	if data == nil {
		return nil, errors.New("the module has no data")
	}
	m := &module{asked: map[int][]int{}}
	var err error
	if m.memory, err = loadMemory(data); err != nil {
		return nil, err
	}
	r := reader{rest: imports}
	if imports != nil {
		m.imports = r.number() // Go imports functions only
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, m.check()
}

// check finds what the runtime knows of its functions, and proves that they have
// the numbers that follow from their places.
func (m *module) check() error {
	if m.data = m.moduledata(); m.data < 0 {
		return errors.New("Go's function table is not where it is expected: another version of Go?")
	}
	functions, entries := m.word(m.data+ftab), m.word(m.data+ftab+8)
	first := m.word(m.data+minpc) >> 16
	for i := range entries { // entryoff and funcoff, 4 bytes each
		at := functions + 8*i
		if at+8 > len(m.memory) || m.half(at) != first+i {
			return fmt.Errorf("function %d has another number", i)
		}
	}
	return nil
}

// function tells of the function with that place in the code section whether Go's
// compiler made it, and where it ends after a recovered panic.
func (m *module) function(i int) (deferreturn int, ok bool) {
	const (
		flagAsm = 4 // abi.FuncFlagAsm
	)
	at := m.describes(i)
	if at < 0 || m.memory[at+flagAt]&flagAsm != 0 {
		return 0, false
	}
	return m.half(at + deferreturnAt), true
}

// describes returns the address of the runtime's description (runtime._func).
func (m *module) describes(i int) int {
	first := m.word(m.data+minpc) >> 16
	n := firstNumber + i - first
	if n < 0 || n >= m.word(m.data+ftab+8)-1 {
		return -1
	}
	return m.word(m.data+pclntable) + m.half(m.word(m.data+ftab)+8*n+4)
}

func (m *module) name(i int) string {
	at := m.describes(i)
	if at < 0 {
		return ""
	}
	start := m.word(m.data+funcnametab) + m.half(at+4)
	end := start
	for m.memory[end] != 0 {
		end++
	}
	return string(m.memory[start:end])
}

// shorten takes the prefix of packages out of the names of functions, which have it
// within them too. Each stays where it is, with zeros behind it, which cost nothing
// in the file.
func (m *module) shorten(prefix string) {
	at, size := m.word(m.data+funcnametab), m.word(m.data+funcnametab+8)
	for names := m.memory[at : at+size]; len(names) > 0; {
		end := bytes.IndexByte(names, 0)
		if end < 0 {
			return
		}
		if name := names[:end]; prefix != "" {
			clear(name[copy(name, bytes.ReplaceAll(name, []byte(prefix), nil)):])
		}
		names = names[end+1:]
	}
}

// memory is what the linear memory holds at start.
type memory []byte

const most = 1 << 30 // bytes of memory; Envoy's bound

// loadMemory reads active segments.
func loadMemory(section []byte) (memory, error) {
	var m memory
	r := reader{rest: section}
	for count := r.number(); count > 0 && r.err == nil; count-- {
		if !r.next(0, opI32Const) { // memory 0, with an offset
			r.fail(errSegment)
		}
		offset := r.signed()
		if offset != int64(int32(offset)) {
			r.fail(errShort)
		}
		if !r.next(opEnd) {
			r.fail(errSegment)
		}
		at, data := int(uint32(offset)), r.bytes()
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

var errSegment = errors.New("a data segment of a kind that Go does not write")

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
		segments = append(segments, 0, opI32Const)
		segments = appendVarint(segments, int64(int32(at)))
		segments = append(segments, opEnd)
		segments = binary.AppendUvarint(segments, uint64(end-at))
		segments = append(segments, m[at:end]...)
		count++
		at = end
	}
	return append(binary.AppendUvarint(nil, uint64(count)), segments...)
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

// half reads 4 bytes, which must be there.
func (m memory) half(at int) int { return int(binary.LittleEndian.Uint32(m[at:])) }

// The start of runtime.moduledata (Go 1.26, runtime/symtab.go), in bytes.
const (
	funcnametab = 8 // after pcHeader
	pctab       = funcnametab + 3*24
	pclntable   = pctab + 24
	ftab        = pclntable + 24
	findfunctab = ftab + 24
	minpc       = findfunctab + 8
	maxpc       = minpc + 8
	gofunc      = maxpc + 19*8
)

// clearTable makes zeros of runtime.findfunctab, after a proof that it says
// nothing but that a function's number is the program counter >> 16.
func (m *module) clearTable() error {
	const (
		bucket     = 4096 // program counters; abi.FuncTabBucketSize
		subbuckets = 16
		size       = 4 + subbuckets // of a bucket in bytes
	)
	table, counters := m.word(m.data+findfunctab), m.word(m.data+maxpc)-m.word(m.data+minpc)
	buckets := (counters + bucket - 1) / bucket
	// The last bucket has no more subbuckets than it needs, and typelinks may follow.
	length := 4*buckets + (counters+bucket/subbuckets-1)/(bucket/subbuckets)
	if counters <= 0 || table <= 0 || table+length > len(m.memory) {
		return errors.New("the lookup table is outside the memory")
	}
	for b := range buckets {
		at := table + b*size
		for sub := range subbuckets {
			pc := b*bucket + sub*bucket/subbuckets
			if pc >= counters {
				break
			}
			if got := m.half(at) + int(m.memory[at+4+sub]); got != pc>>16 {
				return fmt.Errorf("the lookup table has function %d for the program counter %#x", got, pc)
			}
		}
	}
	clear(m.memory[table : table+length])
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
