// Command trace ends with a traceback and, before it, collects garbage: both look
// functions up by program counters.
package main

import "runtime"

func main() {
	kept := make([][]byte, 0)
	for i := range 1000 {
		kept = append(kept, make([]byte, i))
	}
	runtime.GC()
	fail(len(kept))
}

//go:noinline
func fail(n int) { panic(n) }
