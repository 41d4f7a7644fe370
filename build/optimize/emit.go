package main

import (
	"encoding/binary"
	"errors"
	"slices"
)

// An emitter writes nodes as nested blocks: Ramsey, Beyond Relooper
// (https://doi.org/10.1145/3547621).
type emitter struct {
	*graph
	writer
	helpers *helpers
	err     error
	kids    [][]int // of a node: those that it dominates and that have a label
	labels  []label
	endings []item // calls that never come back, one for each function
	returns int    // bytes of the frame that the common return gives up; -1
}

// A label is the start of a node: of what comes behind a block or, if back is
// set, of a loop. The nodes below 0 are no segments.
type label struct {
	node int
	back bool
}

const (
	toUnwind  = -1
	toReturn  = -2
	unnamed   = -3
	noNode    = -4
	toEndings = -5 // and below
)

func (g *graph) emit(h *helpers) ([]byte, []hint, error) {
	f := g.f
	e := &emitter{graph: g, helpers: h, kids: make([][]int, len(g.nodes)), returns: -1}
	e.locals = f.count
	for _, x := range g.order {
		if x != g.root && g.label[x] {
			d := g.idom[x]
			e.kids[d] = append(e.kids[d], x)
		}
	}
	e.common()
	e.push(withUint(opGlobalGet, globalSP))
	e.push(withUint(opLocalSet, localSP))
	if f.unwinds {
		e.open(opBlock, label{node: toUnwind})
	}
	for i := range slices.Backward(e.endings) {
		e.open(opBlock, label{node: toEndings - i})
	}
	if e.returns >= 0 {
		e.open(opBlock, label{node: toReturn})
		e.tree(g.root, toReturn)
		e.close()
		e.ret(e.returns)
	} else {
		e.tree(g.root, noNode)
		e.push(plainInstr(opUnreachable))
	}
	for i := range e.endings {
		e.close()
		e.ending(&e.endings[i], true)
	}
	if f.unwinds {
		e.close()
		e.push(i32Const(1))
	}
	e.push(plainInstr(opEnd))

	// Declarations of locals, with those that have come.
	groups := f.groups
	declared := slices.Clone(f.locals)
	for _, typ := range e.types {
		groups++
		declared = append(declared, 1, typ)
	}
	return e.append(append(binary.AppendUvarint(nil, uint64(groups)), declared...)), e.hints, e.err
}

// common finds what several places of the function end in.
func (e *emitter) common() {
	returns, endings := map[int]int{}, map[int]int{}
	var count func(list []item)
	count = func(list []item) {
		for i := range list {
			it := &list[i]
			switch it.kind {
			case ret:
				returns[it.target]++
				if returns[it.target] == 2 {
					e.returns = it.target
				}
			case ending:
				endings[it.target]++
				if endings[it.target] == 2 {
					e.endings = append(e.endings, *it)
				}
			case cond:
				count(it.then)
				count(it.orElse)
			}
		}
	}
	for _, x := range e.order {
		count(e.nodes[x])
	}
}

func (e *emitter) open(op byte, l label) {
	e.push(instr{op, []byte{op, typeVoid}})
	e.labels = append(e.labels, l)
}

func (e *emitter) close() {
	e.push(plainInstr(opEnd))
	e.labels = e.labels[:len(e.labels)-1]
}

func (e *emitter) branch(op byte, l label) { e.push(withUint(op, e.depth(l))) }

// depth counts the blocks that a branch leaves before it comes to a label.
func (e *emitter) depth(l label) int {
	for i := range slices.Backward(e.labels) {
		if e.labels[i] == l {
			return len(e.labels) - 1 - i
		}
	}
	e.err = errors.New("a branch to where no block ends") // a mistake in this command
	return 0
}

// to is the label by which x reaches another node.
func (e *emitter) to(x, node int) label {
	return label{node: node, back: node >= 0 && e.number[node] <= e.number[x]}
}

// tree writes a node and all that it dominates; after it comes next.
func (e *emitter) tree(x, next int) {
	// What is behind a loop comes behind it, though its head dominates it.
	var inner, outer []int
	loop := e.header[x] == x
	for _, k := range e.kids[x] {
		if loop && !e.within(x, k) {
			outer = append(outer, k)
		} else {
			inner = append(inner, k)
		}
	}
	at := func(list []int, i, next int) int {
		if i < len(list) {
			return list[i]
		}
		return next
	}
	for _, k := range slices.Backward(outer) {
		e.open(opBlock, label{node: k})
	}
	behind := at(outer, 0, next)
	if loop {
		e.open(opLoop, label{node: x, back: true})
	}
	for _, k := range slices.Backward(inner) {
		e.open(opBlock, label{node: k})
	}
	e.items(x, e.nodes[x], at(inner, 0, behind), true)
	for i, k := range inner {
		e.close()
		e.tree(k, at(inner, i+1, behind))
	}
	if loop {
		e.close()
	}
	for i, k := range outer {
		e.close()
		e.tree(k, at(outer, i+1, next))
	}
}

// items writes items of the node x; top says that nothing of x comes behind.
func (e *emitter) items(x int, list []item, next int, top bool) {
	for i := range list {
		it := &list[i]
		last := top && i == len(list)-1
		switch it.kind {
		case plain:
			for _, in := range it.code {
				e.plain(in)
			}
		case unwind:
			e.branch(opBrIf, label{node: toUnwind})
		case cond:
			e.cond(x, it)
			e.hintColds(it, list[i+1:])
		case jump:
			l := e.to(x, it.target)
			switch {
			case last && !l.back && !e.label[it.target]:
				e.tree(it.target, next)
			case last && !l.back && it.target == next:
			default:
				e.branch(opBr, l)
			}
		case ret:
			switch {
			case it.target != e.returns:
				e.ret(it.target)
			case last && next == toReturn:
			default:
				e.branch(opBr, label{node: toReturn})
			}
		case ending:
			e.ending(it, false)
		case dispatch:
			e.dispatch(x, it.then, it.inLoop)
		case underWay:
			e.push(i32Const(1))
			e.push(withUint(opLocalSet, e.onWay()))
		}
	}
}

// cond writes an if, or a branch where that is all that it does.
func (e *emitter) cond(x int, it *item) {
	if len(it.then) == 1 && len(it.orElse) == 0 {
		then := &it.then[0]
		switch shared := e.shared(then); {
		case then.kind == jump:
			e.branch(opBrIf, e.to(x, then.target))
			return
		case then.kind == ending && shared >= 0:
			e.remember(then)
			e.branch(opBrIf, label{node: toEndings - shared})
			return
		case then.kind == ret && then.target == e.returns:
			e.branch(opBrIf, label{node: toReturn})
			return
		}
	}
	e.push(instr{opIf, []byte{opIf, it.typ}})
	e.labels = append(e.labels, label{node: unnamed})
	e.items(x, it.then, noNode, false)
	if len(it.orElse) > 0 {
		e.push(plainInstr(opElse))
		e.items(x, it.orElse, noNode, false)
	}
	e.close()
}

// hintColds tells V8 which way a branch goes where the other leads to code that is
// hardly ever run, and on from there: V8 puts such code at the end of the function.
// It finds by itself what ends there.
func (e *emitter) hintColds(it *item, rest []item) {
	if len(it.then) != 1 || it.then[0].kind != jump || len(it.orElse) > 0 {
		return
	}
	if e.f.cold[it.then[0].target] {
		e.hint(false)
	} else if len(rest) == 1 && rest[0].kind == jump && e.f.cold[rest[0].target] {
		e.hint(true)
	}
}

// ret gives up the frame and the return address.
func (e *emitter) ret(frame int) {
	e.push(withUint(opLocalGet, localSP))
	e.push(i32Const(int32(frame + pointer)))
	e.push(plainInstr(opI32Add))
	e.push(withUint(opGlobalSet, globalSP))
	e.push(i32Const(0))
	e.push(plainInstr(opReturn))
}

// shared returns the number of the common call that an item is; -1.
func (e *emitter) shared(it *item) int {
	if it.kind != ending {
		return -1
	}
	return slices.IndexFunc(e.endings, func(other item) bool { return other.target == it.target })
}

// remember keeps the program counter for the return address of a common call.
func (e *emitter) remember(it *item) {
	e.push(i32Const(int32(it.pc)))
	e.push(withUint(opLocalSet, e.scratch()))
}

// ending writes a call that never comes back, or the way to it.
func (e *emitter) ending(it *item, common bool) {
	n := e.shared(it)
	switch address := e.f.number << numberBit; {
	case common:
		e.push(withUint(opLocalGet, e.scratch()))
		e.push(i32Const(int32(address)))
		e.push(plainInstr(opI32Or))
	case n >= 0:
		e.remember(it)
		e.branch(opBr, label{node: toEndings - n})
		return
	default:
		e.push(i32Const(int32(address | it.pc)))
	}
	e.push(withUint(opCall, e.helpers.of(it.target)))
	e.push(plainInstr(opReturn))
}

// dispatch writes the way to a node by program counter. One that is not in the
// table is none where the function is resumed.
func (e *emitter) dispatch(x int, targets []item, inLoop bool) {
	some := func(t item) bool { return t.target >= 0 }
	first := slices.IndexFunc(targets, some)
	targets = targets[first:]
	for !some(targets[len(targets)-1]) {
		targets = targets[:len(targets)-1]
	}
	single := !slices.ContainsFunc(targets, func(t item) bool { return some(t) && t.target != targets[0].target })
	if inLoop {
		e.push(withUint(opLocalGet, e.onWay()))
	} else {
		e.push(withUint(opLocalGet, localPC))
		if single {
			e.branch(opBrIf, e.to(x, targets[0].target))
			e.hint(false)
			return
		}
	}
	e.open(opIf, label{node: unnamed})
	e.hint(false)
	if inLoop {
		e.push(i32Const(0))
		e.push(withUint(opLocalSet, e.onWay()))
	}
	if single {
		e.branch(opBr, e.to(x, targets[0].target))
		e.close()
		return
	}
	e.open(opBlock, label{node: unnamed})
	e.push(withUint(opLocalGet, localPC))
	if first > 0 {
		e.push(i32Const(int32(first)))
		e.push(plainInstr(opI32Sub))
	}
	table := binary.AppendUvarint([]byte{opBrTable}, uint64(len(targets)))
	for _, t := range append(slices.Clip(targets), item{target: -1}) {
		depth := 0 // out of the block
		if some(t) {
			depth = e.depth(e.to(x, t.target))
		}
		table = binary.AppendUvarint(table, uint64(depth))
	}
	e.push(instr{opBrTable, table})
	e.close()
	e.push(plainInstr(opUnreachable))
	e.close()
}
