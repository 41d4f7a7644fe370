package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// What the runtime knows of a function (runtime._func), as offsets in bytes.
const (
	deferreturnAt = 12
	pcspAt        = 16
	pcfileAt      = 20
	pclnAt        = 24
	npcdataAt     = 28
	flagAt        = 41
	nfuncdataAt   = 43
	pcdataAt      = 44 // 4 bytes each, then as many for each of the funcdata

	unsafePoint  = 0 // abi.PCDATA_UnsafePoint
	inlTreeIndex = 2 // abi.PCDATA_InlTreeIndex
	inlTree      = 3 // abi.FUNCDATA_InlTree
	inlinedCall  = 16
	parentPCAt   = 8 // in one of these
)

// A stretch of program counters of a function, up to end, has the same value.
type stretch struct {
	value int32
	end   int
}

// tables writes the tables by program counter again, which lead to lines, to
// inlined calls and to what is live. Go's compiler writes them for each basic
// block, but the runtime asks only where a call is: other blocks take the value of
// their neighbours. What says where a goroutine may be preempted is left out, as
// nothing preempts one in Wasm. Functions that stay as they are keep their tables.
func (m *module) tables() error {
	at, size := m.word(m.data+pctab), m.word(m.data+pctab+8)
	t := tables{
		module: m,
		old:    slices.Clone(m.memory[at : at+size]),
		packed: []byte{0}, // the place 0 says that there is no table
		places: map[string]int{},
		calls:  map[int]bool{},
	}
	for n := range m.word(m.data+ftab+8) - 1 {
		place := n + m.word(m.data+minpc)>>16 - firstNumber
		if err := t.function(place); err != nil {
			return fmt.Errorf("function %s: %w", m.name(place), err)
		}
	}
	if len(t.packed) > size {
		return errors.New("the tables of program counters have grown")
	}
	clear(m.memory[at+copy(m.memory[at:], t.packed) : at+size])
	for call, used := range t.calls {
		if !used {
			clear(m.memory[call : call+inlinedCall])
		}
	}
	return nil
}

type tables struct {
	*module
	old, packed []byte
	places      map[string]int // in packed
	calls       map[int]bool   // by address of what is known of an inlined call: whether it is looked up
}

// function writes those of one.
func (t *tables) function(place int) error {
	description := t.describes(place)
	pcdata, count := description+pcdataAt, t.half(description+npcdataAt)
	pcs, thinned := t.asked[place]
	if count > inlTreeIndex {
		index, _, err := t.read(pcdata + 4*inlTreeIndex)
		if err != nil {
			return err
		}
		if pcs, err = t.inlined(description, index, pcs, thinned); err != nil {
			return err
		}
	}
	slices.Sort(pcs)
	entries := []int{description + pcspAt, description + pcfileAt, description + pclnAt}
	for i := range count {
		entries = append(entries, pcdata+4*i)
	}
	for _, entry := range entries {
		list, table, err := t.read(entry)
		if err != nil {
			return err
		}
		// The runtime looks for the greatest depth of the stack: none is left out.
		if thinned && entry != description+pcspAt && table != nil {
			list = thin(list, pcs)
			table = appendTable(nil, list)
		}
		if entry == pcdata+4*unsafePoint || len(list) == 1 && list[0].value == -1 {
			table = nil // -1 is what the runtime takes then
		}
		binary.LittleEndian.PutUint32(t.memory[entry:], uint32(t.put(table)))
	}
	return nil
}

// read reads the table that an entry leads to, if any.
func (t *tables) read(entry int) ([]stretch, []byte, error) {
	place := t.half(entry)
	if place == 0 {
		return nil, nil, nil
	}
	if place >= len(t.old) {
		return nil, nil, errors.New("a table of program counters is outside its place")
	}
	return readTable(t.old[place:])
}

// put returns the place of a table.
func (t *tables) put(table []byte) int {
	if table == nil {
		return 0
	}
	place, ok := t.places[string(table)]
	if !ok {
		place = len(t.packed)
		t.places[string(table)] = place
		t.packed = append(t.packed, table...)
	}
	return place
}

// inlined adds the program counters by which the runtime gets from a call that has
// been inlined to the one around it, and notes which of them it can get to.
func (t *tables) inlined(description int, index []stretch, pcs []int, thinned bool) ([]int, error) {
	count := 0
	for _, s := range index {
		count = max(count, int(s.value)+1)
	}
	if count == 0 {
		return pcs, nil
	}
	tree := t.word(t.data + gofunc)
	if int(t.memory[description+nfuncdataAt]) > inlTree {
		tree += t.half(description + pcdataAt + 4*(t.half(description+npcdataAt)+inlTree))
	}
	if tree < 0 || tree+count*inlinedCall > len(t.memory) {
		return nil, errors.New("a tree of inlined calls is outside the memory")
	}
	for i := range count {
		at := tree + i*inlinedCall
		t.calls[at] = t.calls[at] || !thinned
	}
	if !thinned {
		return nil, nil
	}
	pcs = slices.Clone(pcs)
	seen := map[int32]bool{-1: true}
	for more := true; more; {
		more = false
		slices.Sort(pcs)
		for _, s := range thin(index, pcs) {
			if !seen[s.value] {
				at := tree + int(s.value)*inlinedCall
				seen[s.value], t.calls[at], more = true, true, true
				pcs = append(pcs, t.half(at+parentPCAt))
			}
		}
	}
	return pcs, nil
}

// readTable reads a table as runtime.step does: differences of the value and of
// the program counter, up to a value that does not change.
func readTable(rest []byte) (list []stretch, table []byte, err error) {
	r := reader{rest: rest}
	value, end := int32(-1), 0
	for {
		u := uint32(r.number())
		if r.err != nil || u == 0 && list != nil {
			return list, rest[:len(rest)-len(r.rest)], r.err
		}
		value += int32(u>>1) ^ -int32(u&1)
		end += r.number()
		list = append(list, stretch{value, end})
	}
}

// appendTable writes a table.
func appendTable(out []byte, list []stretch) []byte {
	value, end := int32(-1), 0
	for _, s := range list {
		change := s.value - value
		out = binary.AppendUvarint(out, uint64(uint32(change<<1^change>>31)))
		out = binary.AppendUvarint(out, uint64(s.end-end))
		value, end = s.value, s.end
	}
	return append(out, 0)
}

// thin leaves the stretches that have one of the program counters, which are in
// order and begin with 0; the others belong to the one before.
func thin(list []stretch, pcs []int) (out []stretch) {
	start := 0
	for _, s := range list {
		begin := start
		start = s.end
		i, _ := slices.BinarySearch(pcs, begin)
		if i == len(pcs) || pcs[i] >= s.end || len(out) > 0 && out[len(out)-1].value == s.value {
			continue
		}
		if len(out) > 0 {
			out[len(out)-1].end = begin
		}
		out = append(out, s)
	}
	out[len(out)-1].end = start
	return out
}
