package host

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// logger writes constant text and key=value pairs. It takes no format strings:
// a formatted line that is switched off costs nine times a constant one, and a
// constant text cannot carry a secret.
type logger struct{ prefix string }

func (l logger) info(text string, pairs ...string)  { proxywasm.LogInfo(l.line(text, pairs)) }
func (l logger) warn(text string, pairs ...string)  { proxywasm.LogWarn(l.line(text, pairs)) }
func (l logger) error(text string, pairs ...string) { proxywasm.LogError(l.line(text, pairs)) }

func (l logger) line(text string, pairs []string) string {
	b := make([]byte, 0, 128)
	b = append(append(b, l.prefix...), text...)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		b = append(b, ' ')
		b = append(b, pairs[i]...)
		b = append(b, '=')
		b = append(b, pairs[i+1]...)
	}
	return string(b)
}

// panicText describes a panic without data of the request: the messages of the
// runtime's own errors hold numbers and type names only, anything else may not.
func panicText(r any) string {
	if err, ok := r.(runtime.Error); ok {
		return strconv.Quote(err.Error())
	}
	return "panic"
}

// stack names the functions that led to a panic, without their arguments.
func stack() string {
	var pcs [24]uintptr
	n := runtime.Callers(3, pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	var b strings.Builder
	for shown := 0; shown < 8; {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			b.Reset() // who recovered
			shown = 0
		}
		if !strings.HasPrefix(f.Function, "runtime.") && f.Function != "" {
			if shown > 0 {
				b.WriteByte('<')
			}
			b.WriteString(f.Function[strings.LastIndexByte(f.Function, '/')+1:])
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(f.Line))
			shown++
		}
		if !more {
			break
		}
	}
	return b.String()
}

// excerpt quotes and shortens an operator's text for a log line.
func excerpt(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

func lookupEnv(name string) (string, bool) { return os.LookupEnv(name) }
