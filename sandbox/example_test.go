package sandbox_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

// A chunk that returns a function is run once; the function is what the runs
// call from then on, and its upvalues keep state.
func Example() {
	program, err := sandbox.Compile("counter", `
		local n = 0
		return function(step)
			n = n + step
			return n
		end`, sandbox.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	script := program.NewScript()
	for range 3 {
		run, err := script.Run(nil, sandbox.Number(2))
		if err != nil {
			fmt.Println(err)
			return
		}
		n, _ := run.Results()[0].AsNumber()
		fmt.Println(n)
		run.Close()
	}
	// Output:
	// 2
	// 4
	// 6
}

// An Env declares what scripts see beside the language; a host function charges
// for its work before it does it.
func ExampleEnv_Define() {
	env := sandbox.NewEnv()
	env.Define("text.shout", sandbox.Func("shout", func(c *sandbox.Call) error {
		s, err := c.CheckString(1)
		if err != nil {
			return err
		}
		if err := c.Charge(int64(len(s)) / 8); err != nil {
			return err
		}
		return c.ReturnString(strings.ToUpper(s) + "!") // charges for the string
	}))
	env.Module("acme.text", "text")
	env.Deny("string.rep")

	program, err := sandbox.Compile("hello", `
		local text = require("acme.text")
		print(text.shout("hello"), string.rep)
		print(pcall(text.shout))`, sandbox.Config{
		Env:    env,
		Limits: sandbox.Limits{Instructions: 10_000, Memory: 64 << 10},
		Print:  func(line string) { fmt.Println(line) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := program.NewScript().Run(nil); err != nil {
		fmt.Println(err)
	}
	// Output:
	// HELLO!	nil
	// false	bad argument #1 to '?' (string expected, got no value)
}

// A host function parks the run; the host resumes it when the answer is there.
func ExampleCall_Park() {
	env := sandbox.NewEnv()
	env.Define("fetch", sandbox.Func("fetch", func(c *sandbox.Call) error {
		url, err := c.CheckString(1)
		if err != nil {
			return err
		}
		return c.Park(url)
	}))
	program, err := sandbox.Compile("fetch", `
		local ok, body = pcall(fetch, "/a")
		return body .. "+" .. fetch("/b")`, sandbox.Config{Env: env})
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := program.NewScript().Run(nil)
	for err == nil && run.Status() == sandbox.Parked {
		url := run.Parked().(string)
		fmt.Println("fetching", url)
		err = run.Resume(sandbox.String("body of " + url))
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Results()[0].AsString())
	// Output:
	// fetching /a
	// fetching /b
	// body of /a+body of /b true
}

// Errors have a kind, a place and a stack; an overrun cannot be caught.
func ExampleError() {
	for _, source := range []string{
		"local x = = 1",
		"local t = nil\nreturn t.x",
		"pcall(function() while true do end end)",
		"local s = 'x' while true do s = s .. s end",
	} {
		program, err := sandbox.Compile("script", source, sandbox.Config{})
		if err == nil {
			_, err = program.NewScript().Run(nil)
		}
		var e *sandbox.Error
		if errors.As(err, &e) {
			fmt.Printf("%s at line %d, overrun %t: %s\n", e.Kind, e.Line, e.Overrun(), e.Message)
		}
	}
	// Output:
	// syntax at line 1, overrun false: script:1: unexpected symbol near '='
	// runtime at line 2, overrun false: script:2: attempt to index local 't' (a nil value)
	// instructions at line 1, overrun true: script:1: instruction budget used up
	// memory at line 1, overrun true: script:1: memory budget used up
}

// Values from outside are made by the run that will use them, so that it pays.
func ExampleRun_DecodeJSON() {
	program, err := sandbox.Compile("json", `
		local request = ...
		return { user = request.user, admin = request.roles[1] == "admin" }`, sandbox.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	run := program.NewScript().NewRun(nil)
	request, err := run.DecodeJSON(`{"user": "ada", "roles": ["admin", "dev"]}`)
	if err == nil {
		err = run.Start(request)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.EncodeJSON(run.Results()[0]))
	fmt.Println(run.Stats().Instructions > 0, run.Stats().Memory > 0)
	// Output:
	// {"user":"ada","admin":true} <nil>
	// true true
}

func ExampleCheck() {
	for _, p := range sandbox.Check("script", "prnit(string.fromat('%d', 1))", sandbox.Config{}) {
		fmt.Printf("%d:%d: %s\n", p.Line, p.Column, p.Message)
	}
	// Output:
	// 1:1: unknown global prnit; did you mean print?
	// 1:14: unknown field string.fromat; did you mean string.format?
}
