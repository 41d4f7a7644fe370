// Command trace looks functions up by program counters in all the ways that a
// module has: it collects garbage with deep stacks, prints where calls, inlined
// calls and recovered panics come from, and ends with a traceback.
package main

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
)

func main() {
	kept := make([][]byte, 0)
	for i := range 1000 {
		kept = append(kept, make([]byte, i))
	}
	runtime.GC()

	inlined(3)
	for _, fault := range []func([]int, int){
		func(list []int, i int) { list[i]++ },
		func(list []int, i int) { fmt.Println(len(list[i:])) },
		func(list []int, i int) { fmt.Println(i / (len(list) - 2)) },
		func(list []int, i int) { var t *tree; t.left = &tree{value: i + len(list)} },
		func(list []int, i int) { fmt.Println(any(list).(fmt.Stringer), i) },
		func(list []int, i int) { fmt.Println(make([]int, len(list)-i)) },
		func(list []int, i int) {
			defer func() { panic(fmt.Sprint("once more: ", recover())) }()
			panic(list[1] + i)
		},
	} {
		caught(fault)
		f := runtime.FuncForPC(reflect.ValueOf(fault).Pointer())
		file, line := f.FileLine(f.Entry())
		fmt.Println(f.Name(), tail(file), line)
	}

	parked := make(chan int)
	for i := range 3 {
		go func() { deep(40+i, parked) }()
	}
	runtime.Gosched()
	runtime.GC()
	fmt.Println(stack(true))
	for range 3 {
		parked <- 1
	}
	fmt.Println(<-parked, <-parked, <-parked)
	for depth := range 12 {
		fmt.Println(grown(1<<depth, nil).sum())
	}
	fail(len(kept))
}

// inlined is called within itself by calls that are inlined.
func inlined(n int) {
	report := func() {
		pcs := make([]uintptr, 8)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
		for {
			f, more := frames.Next()
			if !strings.HasPrefix(f.Function, "runtime.") {
				fmt.Println(f.Function, tail(f.File), f.Line)
			}
			if !more {
				return
			}
		}
	}
	second := func() { report() }
	first := func(n int) {
		if n > 1 {
			second()
		}
		report()
	}
	for i := range n {
		first(i)
	}
	_, file, line, ok := runtime.Caller(0)
	fmt.Println(tail(file), line, ok)
}

// caught says what a fault panics with, and from where.
func caught(fault func([]int, int)) {
	defer func() {
		fmt.Println(recover())
		fmt.Println(stack(false))
	}()
	fault([]int{1, 2}, 5)
}

type tree struct {
	left, right *tree
	value       int
	rest        [10]string
}

func (t *tree) sum() int {
	if t == nil {
		return 0
	}
	return t.value + len(t.rest[3]) + t.left.sum() + t.right.sum()
}

// grown makes a tree in frames that hold the only references to its parts, while
// the stack grows and garbage is collected.
func grown(n int, parent *tree) *tree {
	if n == 0 {
		if parent.value%97 == 0 {
			runtime.GC()
		}
		return nil
	}
	t := &tree{value: n}
	t.rest[3] = strings.Repeat("x", n%7)
	left := grown(n/2, t)
	right := grown((n-1)/2, t)
	t.left, t.right = left, right
	return t
}

// deep parks at the end of a long stack.
func deep(n int, c chan int) {
	if n == 0 {
		c <- <-c
		return
	}
	var frame [64]int
	frame[n%64] = n
	deep(n-1, c)
	if frame[n%64] != n {
		panic("another frame")
	}
}

// stack is a traceback without addresses.
func stack(all bool) string {
	buf := make([]byte, 1<<20)
	if all {
		buf = buf[:runtime.Stack(buf, true)]
	} else {
		buf = debug.Stack()
	}
	lines := strings.Split(string(buf), "\n")
	for i, line := range lines {
		line, _, _ = strings.Cut(line, " +0x")
		if at := strings.LastIndex(line, "("); at > 0 && strings.Contains(line[at:], "0x") {
			line = line[:at]
		}
		lines[i] = strings.TrimSpace(tail(line))
	}
	return strings.Join(lines, "\n")
}

func tail(file string) string { return file[strings.LastIndex(file, "/")+1:] }

//go:noinline
func fail(n int) { panic(n) }
