// Command gatehouse checks and describes the configuration of Gatehouse's
// filters, with the very decoder that runs inside Envoy.
//
//	gatehouse validate authcallout config.json
//	gatehouse schema authcallout
//	gatehouse script run hook.lua
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/all"
)

// The exit codes.
const (
	exitOK      = 0
	exitInvalid = 1 // what was checked is wrong
	exitUsage   = 2 // the command line is wrong, or a file cannot be read
)

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err *printer
	env      all.Env
}

// printer writes, and remembers whether that failed.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format, args...); err != nil {
		p.err = err
	}
}

// commands are the subcommands, in the order of the help.
var commands = []struct {
	name    string
	summary string
	run     func(args []string, std stdio) int
}{
	{"validate", "check the configuration of a filter, alone or inside the file that mounts it", validate},
	{"schema", "print the JSON Schema of a filter's configuration", schema},
	{"script", "check or run a Lua script in the sandbox", script},
	{"version", "print the version", version},
}

func main() {
	std := stdio{os.Stdin, &printer{w: os.Stdout}, &printer{w: os.Stderr}, os.LookupEnv}
	code := run(os.Args[1:], std)
	if err := std.out.err; err != nil {
		// Half a schema in a file must not pass for one.
		std.err.printf("gatehouse: %v\n", err)
		code = exitUsage
	}
	os.Exit(code)
}

func run(args []string, std stdio) int {
	if len(args) == 0 {
		usage(std.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(std.out)
		return exitOK
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(args[1:], std)
		}
	}
	std.err.printf("gatehouse: no command is called %q\n", args[0])
	usage(std.err)
	return exitUsage
}

func usage(p *printer) {
	p.printf("usage: gatehouse COMMAND\n\n")
	for _, c := range commands {
		p.printf("  %-9s %s\n", c.name, c.summary)
	}
	p.printf("\n\"gatehouse COMMAND -h\" tells more. The filters: %s.\n", strings.Join(all.Names(), ", "))
}

// newFlags makes the flags of a command, whose help starts with text.
func newFlags(text string) *flag.FlagSet {
	flags := flag.NewFlagSet(text, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // parse prints what is to be printed
	return flags
}

// help is the whole help of a command.
func help(flags *flag.FlagSet) string {
	var b strings.Builder
	b.WriteString(flags.Name())
	flags.SetOutput(&b)
	flags.PrintDefaults()
	return b.String()
}

// parse reads flags and arguments in any order. done tells that the command
// ends here, with code.
func parse(flags *flag.FlagSet, args []string, std stdio, least, most int) (rest []string, code int, done bool) {
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				std.out.printf("%s", help(flags))
				return nil, exitOK, true
			}
			return nil, misuse(flags, std, err.Error()), true
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	if len(rest) < least || len(rest) > most {
		want := strconv.Itoa(least)
		if most > least {
			want += " or " + strconv.Itoa(most)
		}
		return nil, misuse(flags, std, fmt.Sprintf("want %s arguments, got %d", want, len(rest))), true
	}
	return rest, exitOK, false
}

// misuse reports a wrong command line, with the first line of the usage.
func misuse(flags *flag.FlagSet, std stdio, text string) int {
	line, _, _ := strings.Cut(help(flags), "\n")
	std.err.printf("gatehouse: %s\n%s\n", text, line)
	return exitUsage
}

func version(args []string, std stdio) int {
	flags := newFlags("usage: gatehouse version\n")
	if _, code, done := parse(flags, args, std, 0, 0); done {
		return code
	}
	number, commit := all.Version()
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	if commit != "" {
		commit = " (" + commit + ")"
	}
	std.out.printf("gatehouse %s%s\n", number, commit)
	return exitOK
}
