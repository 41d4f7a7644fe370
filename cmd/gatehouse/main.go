// Command gatehouse checks and describes the configuration of Gatehouse's
// filters, with the very decoder that runs inside Envoy.
//
//	gatehouse validate authcallout config.json
//	gatehouse schema authcallout
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
	out, err io.Writer
	env      all.Env
}

// commands are the subcommands, in the order of the help.
var commands = []struct {
	name    string
	summary string
	run     func(args []string, std stdio) int
}{
	{"validate", "check the configuration of a filter, alone or inside the file that mounts it", validate},
	{"schema", "print the JSON Schema of a filter's configuration", schema},
	{"version", "print the version", version},
}

func main() {
	os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr, os.LookupEnv}))
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
	fmt.Fprintf(std.err, "gatehouse: no command is called %q\n", args[0])
	usage(std.err)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: gatehouse COMMAND\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(w, "\n\"gatehouse COMMAND -h\" tells more. The filters: %s.\n", strings.Join(all.Names(), ", "))
}

// newFlags makes the flags of a command, whose help starts with text.
func newFlags(text string) *flag.FlagSet {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), text)
		flags.PrintDefaults()
	}
	return flags
}

// parse reads flags and arguments in any order. done tells that the command
// ends here, with code.
func parse(flags *flag.FlagSet, args []string, std stdio, least, most int) (rest []string, code int, done bool) {
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				flags.SetOutput(std.out)
				flags.Usage()
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
	var usage strings.Builder
	flags.SetOutput(&usage)
	flags.Usage()
	line, _, _ := strings.Cut(usage.String(), "\n")
	fmt.Fprintf(std.err, "gatehouse: %s\n%s\n", text, line)
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
	fmt.Fprintf(std.out, "gatehouse %s%s\n", number, commit)
	return exitOK
}
