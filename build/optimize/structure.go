package main

import (
	"errors"
	"slices"
)

var errIrreducible = errors.New("control enters a loop in two places")

// A graph has a node for each segment, then those that lead to where a function
// is resumed.
type graph struct {
	f     *function
	nodes [][]item

	root   int
	order  []int  // in reverse postorder
	number []int  // in order; -1 if control never gets there
	idom   []int  // immediate dominators
	header []int  // innermost loop of a node, by its first node; -1
	parent []int  // of a loop: the loop around it
	label  []bool // of a node: it is reached from more than the end of one other
}

// structured returns a body that does the same as f without the dispatch by
// program counter, but for where it is resumed.
func (f *function) structured(h *helpers) ([]byte, []hint, error) {
	g := &graph{f: f}
	for s, items := range f.segments {
		list := slices.Clone(items)
		if !ends(list) {
			if s+1 < len(f.segments) {
				list = append(list, item{kind: jump, target: s + 1})
			} else {
				list = append(list, item{kind: plain, code: []instr{plainInstr(opUnreachable)}}, item{kind: stop})
			}
		}
		g.nodes = append(g.nodes, list)
	}
	// Once with no resumption but those that nothing else leads to, for the loops.
	g.root = len(g.nodes)
	var start []item
	first := item{kind: jump, target: 0}
	g.nodes = append(g.nodes, []item{first})
	g.walk()
	for s := range f.segments {
		if f.resumed[s] && g.number[s] < 0 {
			start = append(start, item{kind: cond, then: []item{{kind: jump, target: s}}})
			g.nodes[g.root] = append(slices.Clone(start), first)
			g.walk()
		}
	}
	if err := g.loops(); err != nil {
		return nil, nil, err
	}
	g.resumptions(first)
	g.thread()
	g.walk()
	if err := g.loops(); err != nil {
		return nil, nil, err
	}
	return g.emit(h)
}

// resumptions adds the ways to where the function is resumed. They lead through
// the heads of the loops around it, so that each loop still has one entry: a node
// in front of the head sends on who is on such a way. To be on one is said by a
// local of its own, which the last of these nodes clears.
func (g *graph) resumptions(first item) {
	header, parent := g.header, g.parent
	type front struct{ dispatch, way int } // nodes: that in front of a head, and the way to it
	fronts := map[int]front{}              // by loop
	var heads []int
	for s := range g.f.segments {
		if g.f.resumed[s] && g.number[s] >= 0 {
			for loop := header[s]; loop >= 0; loop = parent[loop] {
				if _, ok := fronts[loop]; !ok {
					n := len(g.nodes)
					fronts[loop] = front{dispatch: n, way: n + 1}
					heads = append(heads, loop)
					g.nodes = append(g.nodes, nil, []item{{kind: underWay}, {kind: jump, target: n}})
				}
			}
		}
	}
	inFront := func(to int) int {
		if f, ok := fronts[to]; ok {
			return f.dispatch
		}
		return to
	}
	for s := range g.f.segments {
		retarget(g.nodes[s], inFront)
	}
	// targets are the nodes to go to next, by program counter, from a loop's head
	// or, if inside is -1, from the start of the function.
	targets := func(inside int) []item {
		list := make([]item, len(g.f.table))
		found := false
		for pc, s := range g.f.table {
			to := -1
			if g.f.resumed[s] && g.number[s] >= 0 {
				loop := header[s]
				for loop >= 0 && loop != inside && parent[loop] != inside {
					loop = parent[loop]
				}
				if loop == inside {
					to = s
				} else if loop >= 0 {
					to = fronts[loop].way
				}
			}
			list[pc] = item{kind: jump, target: to}
			found = found || to >= 0
		}
		if !found {
			return nil
		}
		return []item{{kind: dispatch, then: list, inLoop: inside >= 0}}
	}
	first.target = inFront(first.target)
	g.nodes[g.root] = append(targets(-1), first)
	for _, loop := range heads {
		g.nodes[fronts[loop].dispatch] = append(targets(loop), item{kind: jump, target: loop})
	}
}

// thread leads past nodes that do nothing but jump.
func (g *graph) thread() {
	past := func(to int) int {
		for range g.nodes { // they may jump in a circle
			list := g.nodes[max(to, 0)]
			if to < 0 || len(list) != 1 || list[0].kind != jump {
				break
			}
			to = list[0].target
		}
		return to
	}
	for _, list := range g.nodes {
		retarget(list, past)
	}
}

// retarget lets jumps lead elsewhere. What is within an item is copied: segments
// share it.
func retarget(list []item, elsewhere func(to int) int) {
	for i := range list {
		it := &list[i]
		if it.kind == jump {
			it.target = elsewhere(it.target)
		}
		it.then, it.orElse = slices.Clone(it.then), slices.Clone(it.orElse)
		retarget(it.then, elsewhere)
		retarget(it.orElse, elsewhere)
	}
}

// ends tells whether control never comes past the items.
func ends(list []item) bool {
	if len(list) == 0 {
		return false
	}
	last := list[len(list)-1]
	return last.kind == stop || last.kind == jump || last.kind == ret || last.kind == ending ||
		last.kind == cond && len(last.orElse) > 0 && ends(last.then) && ends(last.orElse)
}

// exits calls yield with each node that the items lead to, and whether that is
// the last thing that they do.
func exits(list []item, yield func(to int, last bool)) {
	for i := range list {
		switch list[i].kind {
		case jump:
			yield(list[i].target, i == len(list)-1)
		case cond, dispatch:
			inner := func(to int, _ bool) {
				if to >= 0 {
					yield(to, false)
				}
			}
			exits(list[i].then, inner)
			exits(list[i].orElse, inner)
		}
	}
}

// walk numbers the nodes in reverse postorder.
func (g *graph) walk() {
	g.number = make([]int, len(g.nodes))
	for i := range g.number {
		g.number[i] = -1
	}
	type frame struct {
		node int
		to   []int
	}
	successors := func(n int) (to []int) {
		exits(g.nodes[n], func(t int, _ bool) { to = append(to, t) })
		return to
	}
	g.order = g.order[:0]
	seen := make([]bool, len(g.nodes))
	seen[g.root] = true
	stack := []frame{{g.root, successors(g.root)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.to) == 0 {
			g.order = append(g.order, top.node)
			stack = stack[:len(stack)-1]
			continue
		}
		t := top.to[0]
		top.to = top.to[1:]
		if !seen[t] {
			seen[t] = true
			stack = append(stack, frame{t, successors(t)})
		}
	}
	slices.Reverse(g.order)
	for i, n := range g.order {
		g.number[n] = i
	}
}

// loops finds dominators and loops.
func (g *graph) loops() error {
	n := len(g.nodes)
	before := make([][]int, n)
	for _, x := range g.order {
		exits(g.nodes[x], func(to int, _ bool) { before[to] = append(before[to], x) })
	}
	// Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm.
	g.idom = make([]int, n)
	for i := range g.idom {
		g.idom[i] = -1
	}
	g.idom[g.root] = g.root
	for changed := true; changed; {
		changed = false
		for _, x := range g.order[1:] {
			dom := -1
			for _, p := range before[x] {
				if g.idom[p] < 0 {
					continue
				}
				if dom < 0 {
					dom = p
					continue
				}
				a, b := p, dom
				for a != b {
					for g.number[a] > g.number[b] {
						a = g.idom[a]
					}
					for g.number[b] > g.number[a] {
						b = g.idom[b]
					}
				}
				dom = a
			}
			if g.idom[x] != dom {
				g.idom[x] = dom
				changed = true
			}
		}
	}
	dominates := func(a, b int) bool {
		for g.number[b] > g.number[a] {
			b = g.idom[b]
		}
		return a == b
	}
	g.header = make([]int, n)
	g.parent = make([]int, n)
	entries := make([]int, n) // edges that lead to a node, but for those back
	g.label = make([]bool, n)
	for i := range g.header {
		g.header[i], g.parent[i] = -1, -1
	}
	// From the last head to the first, so that inner loops come first.
	for _, h := range slices.Backward(g.order) {
		var work []int
		for _, p := range before[h] {
			if g.number[p] < g.number[h] {
				entries[h]++
				continue
			}
			if !dominates(h, p) {
				return errIrreducible
			}
			work = append(work, p)
		}
		if len(work) == 0 {
			continue
		}
		in := map[int]bool{h: true}
		for len(work) > 0 {
			x := work[len(work)-1]
			work = work[:len(work)-1]
			if in[x] {
				continue
			}
			in[x] = true
			work = append(work, before[x]...)
		}
		for x := range in {
			if x == h {
				continue
			}
			if g.header[x] < 0 {
				g.header[x] = h
			} else {
				// The outermost loop that is known around x lies in this one.
				l := g.header[x]
				for g.parent[l] >= 0 && g.parent[l] != h {
					l = g.parent[l]
				}
				if l != h {
					g.parent[l] = h
				}
			}
		}
		if g.header[h] < 0 {
			g.header[h] = h
		}
	}
	for _, x := range g.order {
		exits(g.nodes[x], func(to int, last bool) {
			if g.number[to] > g.number[x] && !last {
				g.label[to] = true
			}
		})
	}
	for x := range g.label {
		g.label[x] = g.label[x] || entries[x] > 1
	}
	return nil
}

// within tells whether a loop holds a node.
func (g *graph) within(loop, x int) bool {
	for l := g.header[x]; l >= 0; l = g.parent[l] {
		if l == loop {
			return true
		}
	}
	return false
}
