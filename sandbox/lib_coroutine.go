package sandbox

import "unsafe"

// Coroutines. resume, wrap's function and yield move between stacks, which
// calls.go does; no goroutine stands behind a coroutine.
var coroutineLib = []entry{
	{path: "coroutine.create", fn: coroutineCreate},
	{path: "coroutine.resume", special: spResume},
	{path: "coroutine.running", fn: coroutineRunning},
	{path: "coroutine.status", fn: coroutineStatus},
	{path: "coroutine.wrap", fn: coroutineWrap},
	{path: "coroutine.yield", special: spYield},
	{path: "coroutine.isyieldable", fn: coroutineIsyieldable},
}

func (c *Call) newCoroutine() (*thread, error) {
	f, err := c.CheckFunction(1)
	if err != nil {
		return nil, err
	}
	if c.r.coroutines <= 0 {
		return nil, errorText("too many coroutines")
	}
	c.r.coroutines--
	if err := c.Allocate(sizeThread); err != nil {
		return nil, err
	}
	if err := c.Charge(16); err != nil {
		return nil, err
	}
	t, err := c.r.newThread()
	if err != nil {
		return nil, err
	}
	t.stack[0] = f
	t.limit = 1
	return t, nil
}

func coroutineCreate(c *Call) error {
	t, err := c.newCoroutine()
	if err == nil {
		c.push(t.value())
	}
	return err
}

func coroutineWrap(c *Call) error {
	t, err := c.newCoroutine()
	if err != nil {
		return err
	}
	if err := c.Allocate(sizeClosure); err != nil {
		return err
	}
	c.push(objValue(unsafe.Pointer(&native{header: header{kind: kindNative}, special: spWrap, name: "wrap", up: t.value()})))
	return nil
}

func coroutineStatus(c *Call) error {
	v := c.Arg(1)
	if v.kind() != kindThread {
		return c.ArgError(1, "coroutine expected")
	}
	c.push(threadStatusValues[v.thread().status])
	return nil
}

var threadStatusValues = func() (v [len(threadStatusNames)]Value) {
	for i, n := range threadStatusNames {
		v[i] = strValue(newSharedStr(n))
	}
	return
}()

func coroutineRunning(c *Call) error {
	if c.th == c.r.main {
		c.push(Nil)
	} else {
		c.push(c.th.value())
	}
	return nil
}

func coroutineIsyieldable(c *Call) error {
	c.push(Bool(c.th.resumer != nil && c.th.nonYield == 0))
	return nil
}
