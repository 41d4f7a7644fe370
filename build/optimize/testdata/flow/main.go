// Command flow goes through all ways that control takes in Go, and through what
// else optimize changes, and checks itself: each part returns a number that does
// not depend on how it was compiled. It ends with a panic.
package main

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sort"
	"strings"
	"unsafe"
)

// input keeps the compiler from computing anything in advance.
//
//go:noinline
func input(n int) int { return n }

var sink any

func main() {
	ok := true
	for _, part := range []struct {
		name string
		want int
		run  func() int
	}{
		{"nested loops that wait", 4950, waiting},
		{"select", 45, selecting},
		{"goto into the same loop twice", 55, gotos},
		{"labelled continue and break", 24, labels},
		{"switches", 1232, switches},
		{"recovered panics", 5596, recovered},
		{"deferred calls in a loop", 45, deferred},
		{"defers that wait, while a panic unwinds", 21, deferredWait},
		{"a deep stack, moved while it grows", 20100, deep},
		{"iterators", 69, iterators},
		{"not a number", 0b1000010001, floats},
		{"integers of each size", 0x6f, integers},
		{"copies", 0, copies},
		{"zeros", 0, zeros},
		{"comparisons", 0, comparisons},
		{"structs", 534, structs},
		{"maps, with collections between", 499500, maps},
		{"closures and interfaces", 385, closures},
		{"errors", 3, wrapped},
		{"callers", 2, callers},
	} {
		if got := part.run(); got != part.want {
			ok = false
			println(part.name, got, "want", part.want)
		}
	}
	if !ok {
		os.Exit(1)
	}
	println("all is well")
	panic("the end")
}

func waiting() (sum int) {
	c, back := make(chan int), make(chan int, 1)
	go func() {
		for n := range c {
			for range 3 {
				runtime.Gosched()
			}
			back <- n
		}
		close(back)
	}()
	for i := range input(10) {
		for j := range input(10) {
			if (i+j)%2 == 0 {
				c <- i*10 + j
			} else {
				runtime.Gosched()
				c <- i*10 + j
			}
			for n := range 2 {
				runtime.Gosched()
				if n == 1 {
					sum += <-back
				}
			}
		}
	}
	close(c)
	return sum
}

func selecting() (sum int) {
	a, b, done := make(chan int), make(chan int), make(chan bool)
	go func() {
		for i := range input(10) {
			if i%3 == 0 {
				a <- i
			} else {
				b <- i
			}
		}
		close(done)
	}()
	for {
		select {
		case n := <-a:
			sum += n
		case n := <-b:
			sum += n
		case <-done:
			return sum
		}
	}
}

func gotos() (sum int) {
	i := input(0)
	if i > 0 {
		goto middle
	}
top:
	i++
middle:
	sum += i
	if i < input(10) {
		if i%2 == 0 {
			goto top
		}
		i++
		goto middle
	}
	return sum
}

func labels() (n int) {
outer:
	for i := range input(10) {
		for j := range input(10) {
			switch {
			case j > i:
				continue outer
			case i == 7:
				break outer
			case j == 3:
				continue
			}
			runtime.Gosched()
			n++
		}
	}
	return n
}

func switches() (n int) {
	for i := range input(12) {
		switch input(i) {
		case 0, 5:
			n++
			fallthrough
		case 1:
			n += 10
		case 2:
			n += 100
		case 3, 4, 6, 7:
			n += 200
		case 8:
			switch s := strings.Repeat("x", i); s {
			case "xxxxxxxx":
				n += 300
			case "y":
				n++
			}
		}
	}
	var values = []any{1, "a", 2.5, nil, []byte{1}, errors.New("x")}
	for _, v := range values {
		switch v := v.(type) {
		case int:
			n += v
		case string, []byte:
			n++
		case error:
			n -= 1 - len(v.Error())
		case nil:
			n -= 3
		}
	}
	return n
}

type node struct {
	next  *node
	value [4]int
}

func try(n int, f func()) (got int) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(runtime.Error); ok {
				got = n
			} else {
				got = 10 * n
			}
		}
	}()
	f()
	return -1
}

func recovered() (sum int) {
	list, none, zero := make([]int, input(3)), (*node)(nil), input(0)
	var m map[string]int
	var any any = "text"
	for range 3 {
		sum = 0
		for i, f := range []func(){
			func() { list[input(3)]++ },
			func() { sink = list[input(2):input(1)] },
			func() { sink = list[:input(4)] },
			func() { sink = none.value[input(2)] },
			func() { none.next = none },
			func() { sink = 1 / zero },
			func() { sink = 1 << input(-1) },
			func() { m["a"] = 1 },
			func() { sink = any.(int) },
			func() { sink = make([]int, input(-1)) },
			func() { sink = (*[4]int)(list) },
			func() { panic("mine") },
			func() { panic(errors.New("mine")) },
			func() {
				defer func() { panic("second") }()
				runtime.Gosched()
				panic("first")
			},
		} {
			sum += (i + 1) * try(i+1, f)
		}
	}
	return sum
}

func deferred() (sum int) {
	for i := range input(10) {
		defer func() { sum += i }()
	}
	return 0
}

func deferredWait() (sum int) {
	c := make(chan int)
	go func() {
		for i := range 7 {
			runtime.Gosched()
			c <- i
		}
	}()
	func() {
		defer func() {
			if recover() != nil {
				sum += <-c
			}
		}()
		for range 6 {
			defer func() {
				runtime.Gosched()
				sum += <-c
			}()
		}
		runtime.Gosched()
		panic("unwinds")
	}()
	return sum
}

func deep() int { return descend(input(200), nil) }

func descend(n int, parent *node) int {
	var here node
	here.next = parent
	here.value[n%4] = n
	if n == 0 {
		runtime.GC()
		sum := 0
		for p := &here; p != nil; p = p.next {
			for _, v := range p.value {
				sum += v
			}
		}
		return sum
	}
	return descend(n-1, &here)
}

func count(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func iterators() (sum int) {
	for i := range count(input(12)) {
		defer func() { sum += 2 }()
		for j := range count(i) {
			if j == 5 {
				break
			}
			runtime.Gosched()
			sum++
		}
	}
	return sum
}

func floats() (bits int) {
	nan, one := math.NaN(), float64(input(1))
	for i, b := range []bool{nan != nan, nan == nan, nan < one, nan > one, !(nan < one), nan <= one, nan >= one, one != one, one == one == (nan == one), !(nan >= one)} {
		if b {
			bits |= 1 << i
		}
	}
	f := float32(nan)
	if f == f || f < 1 || !(f != f) {
		return -1
	}
	return bits
}

func integers() (bits int) {
	x := int64(input(-1))
	small, bytes := []int32{int32(x), 5}, []byte{255, 1}
	for i, b := range []bool{
		small[0] == -1, uint32(small[0]) == 1<<32-1, int64(small[0]) == x, bytes[0] == 255,
		int8(bytes[0]) != -1, int(uint16(x)) == 1<<16-1, uint64(x)>>32 == 1<<32-1,
	} {
		if b {
			bits |= 1 << i
		}
	}
	return bits
}

// copies moves each number of bytes up to 200 within a buffer, forwards and
// backwards, and returns how many went wrong.
func copies() (wrong int) {
	var buf, want [640]byte
	for n := range 200 {
		for _, from := range []int{200, 203} {
			for _, by := range []int{-150, -33, -8, -3, -1, 0, 1, 2, 7, 16, 31, 64, 150} {
				for i := range buf {
					buf[i] = byte(i * 7)
				}
				want = buf
				for i := range n {
					want[from+by+i] = buf[from+i]
				}
				copy(buf[from+by:from+by+n], buf[from:from+n])
				if !same(buf[:], want[:]) {
					wrong++
				}
			}
		}
	}
	return wrong
}

// same compares without the runtime.
//
//go:noinline
func same(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

func zeros() (wrong int) {
	var buf [400]byte
	for n := range 200 {
		for _, from := range []int{64, 67} {
			for i := range buf {
				buf[i] = 0xff
			}
			clear(buf[from : from+n])
			for i, b := range buf {
				if (b == 0) != (i >= from && i < from+n) {
					wrong++
				}
			}
		}
	}
	return wrong
}

func comparisons() (wrong int) {
	a, b := make([]byte, 300), make([]byte, 300)
	for n := range 100 {
		for _, at := range []int{0, 1, 5} {
			for differ := -1; differ < n; differ++ {
				for i := range a {
					a[i], b[i] = byte(i), byte(i)
				}
				b[at+n], a[at+n] = 1, 2 // behind the end
				if differ >= 0 {
					b[at+differ] ^= 0x80
				}
				x, y := string(a[at:at+n]), string(b[at:at+n])
				if (x == y) != (differ < 0) || same([]byte(x), []byte(y)) != (x == y) {
					wrong++
				}
			}
		}
	}
	return wrong
}

type (
	s16 struct{ a, b int }
	s24 struct{ a, b, c int }
	s40 struct{ a [5]int }
	s51 struct{ a [51]byte }
	s64 struct{ a [8]int }
	s72 struct{ a [9]int }
	all struct {
		a s16
		b s24
		c s40
		d s51
		e s64
		f s72
	}
)

//go:noinline
func fill(x *all) {
	p := unsafe.Slice((*byte)(unsafe.Pointer(x)), unsafe.Sizeof(*x))
	for i := range p {
		p[i] = 2
	}
}

//go:noinline
func swap(x, y *all) {
	x.a, y.a = y.a, x.a
	x.b, y.b = y.b, x.b
	x.c, y.c = y.c, x.c
	x.d, y.d = y.d, x.d
	x.e, y.e = y.e, x.e
	x.f, y.f = y.f, x.f
}

//go:noinline
func reset(x *all) {
	x.a, x.b, x.c, x.d, x.e, x.f = s16{}, s24{}, s40{}, s51{}, s64{}, s72{}
}

func structs() (sum int) {
	var x, y all
	fill(&x)
	swap(&x, &y)
	p := unsafe.Slice((*byte)(unsafe.Pointer(&y)), unsafe.Sizeof(y))
	for _, b := range p {
		sum += int(b)
	}
	reset(&y)
	if y != (all{}) {
		return -1
	}
	return sum
}

func maps() (sum int) {
	m := map[string][]int{}
	for i := range input(1000) {
		k := string(rune('a'+i%26)) + strings.Repeat("k", i%40)
		m[k] = append(m[k], i)
		if i%250 == 0 {
			runtime.GC()
		}
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		for _, i := range m[k] {
			sum += i
		}
		delete(m, k)
	}
	return sum + len(m)
}

type shape interface{ area() int }
type square int

func (s square) area() int { return int(s) * int(s) }

func closures() (sum int) {
	var shapes []shape
	for i := range input(10) {
		shapes = append(shapes, square(i+1))
	}
	add := func(s shape) { sum += s.area() }
	for _, s := range shapes {
		add(s)
	}
	return sum
}

func wrapped() (n int) {
	base := errors.New("base")
	for _, err := range []error{base, errors.Join(base, nil), nil, &pathError{base}} {
		if errors.Is(err, base) {
			n++
		}
	}
	return n
}

type pathError struct{ err error }

func (p *pathError) Error() string { return "path: " + p.err.Error() }
func (p *pathError) Unwrap() error { return p.err }

// callers finds itself and main by program counters, as tracebacks do.
func callers() (found int) {
	pcs := make([]uintptr, 8)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.File, "flow/main.go") && f.Line > 0 {
			found++
		}
		if !more {
			return found
		}
	}
}
