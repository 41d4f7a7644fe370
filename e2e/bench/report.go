package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// bars are what the chains are held to, as parts of what Envoy's own filter adds.
var bars = map[string]float64{
	"uncached": 1.25, "uncached_identity": 1.25,
	"hit": 0.4, "hit_identity": 0.4, "shared": 0.4,
	"sign_unsigned": 2.5,
}

// report is all that was measured.
type report struct {
	plan       plan
	chains     []chain
	machine    machine
	began      time.Time
	k6         string
	questions  []question
	blocks     map[string][]block
	latency    map[string][]latency
	neighbours []neighbour
	loading    []loadRow
}

// machine is where it was measured.
type machine struct{ cpu, kernel, envoy, golang, commit string }

func describe() machine {
	m := machine{golang: runtime.Version(), cpu: fmt.Sprintf("%d CPUs", runtime.NumCPU())}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				m.cpu = fmt.Sprintf("%d x %s", runtime.NumCPU(), strings.TrimSpace(value))
				break
			}
		}
	}
	m.kernel = output("uname", "-sr")
	m.commit = output("git", "rev-parse", "--short=12", "HEAD")
	if binary, err := e2e.Binary(); err == nil {
		// "<path>  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
		if parts := strings.Split(output(binary, "--version"), "/"); len(parts) > 3 {
			m.envoy = parts[len(parts)-4]
		}
	}
	return m
}

func output(name string, args ...string) string {
	cmd := exec.Command(name, args...)
	cmd.Dir = e2e.Root()
	out, err := cmd.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// micros are the figures of a chain's blocks.
func (r *report) micros(chain string) []float64 {
	list := make([]float64, len(r.blocks[chain]))
	for i, b := range r.blocks[chain] {
		list[i] = b.micros()
	}
	return list
}

// costs of a chain beside the ones that it is compared with; of one that is
// compared with none, total alone.
func (r *report) costs(c chain) (total, added, ratio spread) {
	if c.reference == "" {
		return spreadOf(r.micros(c.name)), added, ratio
	}
	added, ratio = against(r.micros(c.name), r.micros(c.base), r.micros(c.reference))
	return spreadOf(r.micros(c.name)), added, ratio
}

// perByte is what a chain adds for each byte of a large body more than for each
// of a small one, in nanoseconds.
func (r *report) perByte(large chain) spread {
	small := find(r.chains, strings.Replace(large.name, "_64k", "_1k", 1))
	extra := func(c chain) []float64 {
		own, base := r.micros(c.name), r.micros(c.base)
		for i := range own {
			own[i] -= base[i]
		}
		return own
	}
	list, less := extra(large), extra(small)
	for i := range list {
		list[i] = (list[i] - less[i]) * 1000 / float64(large.body-small.body)
	}
	return spreadOf(list)
}

// missed names the bars that were not held.
func (r *report) missed() error {
	if r.blocks == nil {
		return nil
	}
	var errs []error
	for _, c := range r.chains {
		if c.reference == "" {
			continue
		}
		if _, _, ratio := r.costs(c); bars[c.name] > 0 && ratio.median > bars[c.name] {
			errs = append(errs, fmt.Errorf("%s adds %.2f times what %s adds, over the bar of %.2f", c.title, ratio.median, find(r.chains, c.reference).title, bars[c.name]))
		}
	}
	return errors.Join(errs...)
}

// markdown renders the tables.
func (r *report) markdown() string {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("%s; %s; %s; Envoy %s, 1 worker unless said otherwise; %s; k6 %s; commit %s.\n",
		r.began.UTC().Format("2006-01-02"), r.machine.cpu, r.machine.kernel, r.machine.envoy, r.machine.golang, k6Version, r.machine.commit)
	if r.blocks != nil {
		r.cpuTable(p)
	}
	if r.latency != nil {
		r.latencyTable(p)
	}
	if r.neighbours != nil {
		r.neighbourTable(p)
	}
	if r.loading != nil {
		r.loadingTable(p)
	}
	if len(r.questions) > 0 {
		r.questionText(p)
	}
	return b.String()
}

type printf func(format string, args ...any)

func (r *report) cpuTable(p printf) {
	p("\n### CPU time of Envoy per request\n\n")
	p("Microseconds, user and system, of the whole process; medians of %d alternating blocks of %s a chain, the middle half of them in brackets; %d connections, closed loop. Added: over the empty chain, in the same round. Ratio: to what `ext_authz` adds, in the same round; chains that set an identity header, to the `ext_authz` that does.\n\n",
		r.plan.rounds, r.plan.block, r.plan.connections)
	isSigner := func(c chain) bool { return strings.HasPrefix(c.name, signing) }
	p("| Chain | total | added | ratio | requests |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range r.chains {
		if !isSigner(c) {
			r.costRow(p, c)
		}
	}
	if !slices.ContainsFunc(r.chains, isSigner) {
		return
	}
	p("\n### Signing for AWS\n\n")
	p("The same figures. Added: over the same requests without a signature. Ratio: to what `aws_request_signing` adds to them, with the same key, in the same place. `ns a byte` is what a chain adds for a body of 64 KiB more than for one of 1 KiB, by its bytes. Bodies are buffered before the signers, in every chain that has one. awssign signs `host`, `x-amz-*` and the content's headers, `aws_request_signing` all headers of the request.\n\n")
	p("| Chain | total | added | ratio | ns a byte | requests |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, c := range r.chains {
		if isSigner(c) {
			r.signRow(p, c)
		}
	}
}

func (r *report) requests(c chain) (n uint64) {
	for _, b := range r.blocks[c.name] {
		n += b.requests
	}
	return n
}

func (r *report) costRow(p printf, c chain) {
	total, added, ratio := r.costs(c)
	if c.name == c.base {
		p("| %s | %.1f (%.1f–%.1f) | | | %d |\n", c.title, total.median, total.low, total.high, r.requests(c))
		return
	}
	p("| %s | %.1f | %.1f (%.1f–%.1f) | %.2f (%.2f–%.2f) | %d |\n", c.title, total.median,
		added.median, added.low, added.high, ratio.median, ratio.low, ratio.high, r.requests(c))
}

func (r *report) signRow(p printf, c chain) {
	total, added, ratio := r.costs(c)
	if c.name == c.base {
		p("| %s | %.1f (%.1f–%.1f) | | | | %d |\n", c.title, total.median, total.low, total.high, r.requests(c))
		return
	}
	bytes := ""
	if c.body == largeBody {
		s := r.perByte(c)
		bytes = fmt.Sprintf("%.1f (%.1f–%.1f)", s.median, s.low, s.high)
	}
	p("| %s | %.1f | %.1f (%.1f–%.1f) | %.2f (%.2f–%.2f) | %s | %d |\n", c.title, total.median,
		added.median, added.low, added.high, ratio.median, ratio.low, ratio.high, bytes, r.requests(c))
}

func (r *report) latencyTable(p printf) {
	p("\n### Latency at a fixed rate of arrivals\n\n")
	p("Milliseconds, %d arrivals a second, whatever the answers do (k6, open model); medians of %d blocks of %s a chain, greatest in brackets. The load generator, the auth service and Envoy share the machine.\n\n",
		r.plan.rate, r.plan.openRounds, r.plan.open)
	p("| Chain | p50 | p99 | arrivals | dropped |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range r.chains {
		arrivals, dropped := 0, 0
		for _, l := range r.latency[c.name] {
			arrivals += l.requests
			dropped += l.dropped
		}
		if arrivals == 0 {
			continue // the run ended before
		}
		p50, p99 := quantiles(r.latency[c.name])
		p("| %s | %.2f (%.2f) | %.2f (%.2f) | %d | %d |\n", c.title, p50.median, p50.max, p99.median, p99.max, arrivals, dropped)
	}
}

// quantiles are in milliseconds.
func quantiles(list []latency) (p50, p99 spread) {
	a, b := make([]float64, len(list)), make([]float64, len(list))
	for i, l := range list {
		a[i] = float64(l.p50) / float64(time.Millisecond)
		b[i] = float64(l.p99) / float64(time.Millisecond)
	}
	return spreadOf(a), spreadOf(b)
}

func (r *report) neighbourTable(p printf) {
	p("\n### Other requests while one route is under full load\n\n")
	p("Milliseconds: the empty chain at %d arrivals a second, in the worker whose other route is kept busy by %d connections (closed loop).\n\n",
		r.plan.rate, r.plan.connections)
	p("| Busy route | its answers a second | p50 | p99 |\n| --- | --- | --- | --- |\n")
	for _, n := range r.neighbours {
		title, rate := "none", ""
		if n.busy != "" {
			title, rate = find(r.chains, n.busy).title, fmt.Sprintf("%.0f", spreadOf(n.load).median)
		}
		p50, p99 := quantiles(n.latency)
		p("| %s | %s | %.2f (%.2f) | %.2f (%.2f) |\n", title, rate, p50.median, p50.max, p99.median, p99.max)
	}
}

func (r *report) loadingTable(p printf) {
	p("\n### Modules\n\n")
	p("| Module | bytes |\n| --- | --- |\n")
	modules, err := filepath.Glob(filepath.Join(e2e.Root(), "dist", "*.wasm"))
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, m := range modules {
		if info, err := os.Stat(m); err == nil {
			p("| %s | %d |\n", filepath.Base(m), info.Size())
		}
	}
	p("\nWhat loading adds to a bare Envoy until it is ready; medians of %d starts, least and greatest in brackets.\n\n", r.plan.loads)
	p("| Loaded | workers | CPU s | s until ready | RSS MiB |\n| --- | --- | --- | --- | --- |\n")
	for _, row := range r.loading {
		var cpu, wall, rss []float64
		for _, c := range row.costs {
			cpu = append(cpu, c.cpu.Seconds())
			wall = append(wall, c.wall.Seconds())
			rss = append(rss, float64(c.rss)/1024)
		}
		s, w, m := spreadOf(cpu), spreadOf(wall), spreadOf(rss)
		p("| %s | %d | %.2f (%.2f–%.2f) | %.2f (%.2f–%.2f) | %.0f (%.0f–%.0f) |\n", row.title, row.workers,
			s.median, s.min, s.max, w.median, w.min, w.max, m.median, m.min, m.max)
	}
}

func (r *report) questionText(p printf) {
	p("\n### What the auth service is asked\n\nThe same by `ext_authz`, Lua and authcallout's profile ext-authz, as the service got it:\n\n")
	for _, q := range r.questions {
		switch q.chain {
		case "ext_authz":
			p("```text\n%s\n```\n", q.seen)
		case "kong":
			p("\nBy the profile kong-custom-auth:\n\n```text\n%s\n```\n", q.seen)
		}
	}
}

// The generated part of BENCHMARKS.md.
const (
	beginMark = "<!-- generated: make bench -->\n"
	endMark   = "<!-- end -->\n"
)

// finish prints what was measured, or saves it, also when a part after the CPU
// time has failed.
func (r *report) finish(write bool, failed error) error {
	text := r.markdown()
	if !write || len(r.blocks[r.chains[len(r.chains)-1].name]) < r.plan.rounds {
		fmt.Println(text)
		return errors.Join(failed, r.missed())
	}
	return errors.Join(failed, r.save(text), r.missed())
}

// save writes the tables into BENCHMARKS.md, whose other parts are by hand, and
// the plot beside this command.
func (r *report) save(text string) error {
	path := filepath.Join(e2e.Root(), "BENCHMARKS.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := replaceGenerated(string(old), text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return err
	}
	plot := filepath.Join(e2e.Root(), "e2e", "bench", "cpu.svg")
	if err := os.WriteFile(plot, []byte(r.plot()), 0o644); err != nil {
		return err
	}
	fmt.Println("written:", path, "and", plot)
	return nil
}

func replaceGenerated(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", errors.New("the marks of the generated part are missing")
	}
	return before + beginMark + text + endMark + after, nil
}
