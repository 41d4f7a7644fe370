package main

import (
	"errors"
	"flag"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

const scriptUsage = `usage: gatehouse script check FILE
       gatehouse script run [--instructions N] [--memory BYTES] FILE

check reads a Lua script without running it: its syntax, and names that it will
not find. run runs it with the names that every script sees and prints its log
(what it prints), its results and the budget that it used. A chunk that returns
a function has that function called. FILE may be - for standard input.

Exit status: 0 valid, or ran to its end; 1 a problem was found, or the script
failed; 2 wrong usage or unreadable file.

`

// script checks and runs Lua scripts in the sandbox of the script filter.
func script(args []string, std stdio) int {
	flags := newFlags(scriptUsage)
	limits := sandbox.DefaultLimits()
	instructions := flags.Int64("instructions", limits.Instructions, "budget of the run, in `instructions`")
	memory := flags.Int64("memory", limits.Memory, "budget of the run, in `bytes`")
	rest, code, done := parse(flags, args, std, 2, 2)
	if done {
		return code
	}
	given := false
	flags.Visit(func(*flag.Flag) { given = true })
	name := rest[1]
	switch rest[0] {
	case "check":
		if given {
			return misuse(flags, std, "--instructions and --memory are for script run")
		}
	case "run":
		if *instructions <= 0 || *memory <= 0 {
			return misuse(flags, std, "--instructions and --memory want a number above 0")
		}
	default:
		return misuse(flags, std, "script: want check or run, got "+strconv.Quote(rest[0]))
	}
	text, err := read(name, std.in)
	if err != nil {
		std.err.printf("gatehouse: %v\n", err)
		return exitUsage
	}
	if name == "-" {
		name = "stdin"
	}
	if rest[0] == "check" {
		return checkScript(name, string(text), std)
	}
	limits.Instructions, limits.Memory = *instructions, *memory
	return runScript(name, string(text), limits, std)
}

func checkScript(name, source string, std stdio) int {
	problems := sandbox.Check(name, source, sandbox.Config{})
	for _, p := range problems {
		std.out.printf("%s:%d:%d: %s\n", name, p.Line, p.Column, p.Message)
	}
	if len(problems) > 0 {
		return exitInvalid
	}
	std.out.printf("%s: valid\n", name)
	return exitOK
}

func runScript(name, source string, limits sandbox.Limits, std stdio) int {
	program, err := sandbox.Compile(name, source, sandbox.Config{
		Limits: limits,
		Now:    func() int64 { return time.Now().UnixNano() },
		Print:  func(line string) { std.out.printf("%s\n", line) },
	})
	if err != nil {
		std.err.printf("gatehouse: %v\n", err)
		return exitInvalid
	}
	run, err := program.NewScript().Run(nil)
	stats := run.Stats() // before results are shown, which the run pays for as well
	code := exitOK
	if err != nil {
		code = exitInvalid
		std.err.printf("gatehouse: %v\n", err)
		var e *sandbox.Error
		if errors.As(err, &e) {
			// Its first line is the message again.
			if _, stack, ok := strings.Cut(e.Traceback, "\n"); ok {
				std.err.printf("%s\n", stack)
			}
		}
	}
	for i, v := range run.Results() {
		std.out.printf("result %d: %s\n", i+1, show(run, v))
	}
	std.out.printf("used: %d of %d instructions, %d of %d bytes\n",
		stats.Instructions, limits.Instructions, stats.Memory, limits.Memory)
	return code
}

// show writes a result: what JSON can hold as JSON, the others by their type.
func show(run *sandbox.Run, v sandbox.Value) string {
	if v.IsNil() {
		return "nil"
	}
	if n, ok := v.AsNumber(); ok {
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(n, 'g', 14, 64), "+"))
	}
	text, err := run.EncodeJSON(v)
	if err != nil {
		return v.Type().String() + " (" + err.Error() + ")"
	}
	return text
}
