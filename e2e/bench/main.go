// Command bench measures what the filters cost in one real Envoy, beside the
// filters of Envoy's own that do the same:
//
//   - CPU time of Envoy per request, in alternating blocks;
//   - latency at a fixed rate of arrivals (k6);
//   - latency of other requests while one route is under full load;
//   - size of the modules, and CPU time, time and memory that loading them takes.
//
// The full run writes BENCHMARKS.md and the plot beside this file; the quick one
// prints, for checks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// plan says how much is measured.
type plan struct {
	rounds      int           // blocks of each chain
	block       time.Duration // of one
	settle      time.Duration // before each block's measurement
	warmup      time.Duration // of each chain, before all blocks: V8 compiles hot code anew
	connections int
	rate        int           // arrivals a second of the open model
	open        time.Duration // of one block of the open model
	openRounds  int
	workers     []int // of the Envoys that load modules
	loads       int   // times that each is started
}

var (
	full  = plan{rounds: 25, block: 600 * time.Millisecond, settle: 200 * time.Millisecond, warmup: 3 * time.Second, connections: 16, rate: 200, open: 3 * time.Second, openRounds: 2, workers: []int{1, 4, 16}, loads: 3}
	quick = plan{rounds: 3, block: 500 * time.Millisecond, settle: 100 * time.Millisecond, warmup: time.Second, connections: 16, rate: 200, open: time.Second, openRounds: 1, workers: []int{1}, loads: 1}
)

func main() {
	isQuick := flag.Bool("quick", false, "measure little, print only")
	listen := flag.String("listen", "", "be the auth service, on this address")
	only := flag.String("only", "", "run this part only: cpu, latency, neighbours, loading; print only")
	names := flag.String("chains", "", "run the chains whose names begin with one of these, separated by commas; print only")
	rounds := flag.Int("rounds", 0, "blocks of each chain, instead of the plan's; print only")
	flag.Parse()
	if *listen != "" {
		exit(serve(*listen))
	}
	p := full
	if *isQuick {
		p = quick
	}
	if *rounds > 0 {
		p.rounds = *rounds
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	list, err := chosen(chains(), *names)
	if err != nil {
		exit(err)
	}
	exit(run(ctx, p, list, *only, !*isQuick && *only == "" && *names == "" && *rounds == 0))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, p plan, list []chain, only string, write bool) error {
	dir, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return err
	}
	//nolint:errcheck // a temporary folder
	defer os.RemoveAll(dir)
	wants := func(part string) bool { return only == "" || only == part }

	r := report{plan: p, chains: list, machine: describe(), began: time.Now()}
	if wants("latency") || wants("neighbours") {
		if r.k6, err = findK6(); err != nil {
			return err
		}
	}
	if wants("cpu") || wants("latency") || wants("neighbours") {
		b, err := start(ctx, p, list, dir)
		if err != nil {
			return err
		}
		err = b.measure(ctx, &r, wants)
		if err := errors.Join(err, b.stop()); err != nil {
			return r.finish(write, err)
		}
	}
	if wants("loading") {
		r.loading, err = measureLoading(ctx, p, dir)
	}
	return r.finish(write, err)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// bench is one Envoy with a listener for each chain, and the auth service.
type bench struct {
	plan   plan
	dir    string
	envoy  *e2e.Envoy
	auth   *e2e.AuthService
	chains []chain
}

func start(ctx context.Context, p plan, list []chain, dir string) (*bench, error) {
	b := &bench{plan: p, dir: dir, chains: list}
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if b.auth, err = e2e.StartAuthService(binary, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	boot := e2e.Bootstrap{Dir: dir, Clusters: []e2e.Cluster{{Name: "auth", Addr: b.auth.Addr}}}
	for _, c := range b.chains {
		boot.Listeners = append(boot.Listeners, c.listener())
		if c.proxied {
			boot.Clusters = append(boot.Clusters, e2e.Cluster{Name: c.name, Addr: b.auth.Addr, Plugins: c.upstream})
		}
	}
	config, err := boot.JSON()
	if err == nil {
		b.envoy, err = e2e.Start(ctx, e2e.Options{Bootstrap: config, Dir: dir})
	}
	if err != nil {
		return nil, first(err, b.auth.Stop())
	}
	return b, nil
}

func (b *bench) stop() error { return first(b.envoy.Stop(), b.auth.Stop()) }

func (b *bench) measure(ctx context.Context, r *report, wants func(string) bool) error {
	fmt.Fprintln(os.Stderr, "bench: warming up")
	for _, c := range b.chains {
		if err := b.warmUp(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		seen, err := b.seen()
		if err != nil {
			return err
		}
		if c.upstream != nil && !strings.HasPrefix(strings.Join(seen.Headers["Authorization"], ","), "AWS4-HMAC-SHA256 ") {
			return fmt.Errorf("%s: the upstream got an unsigned request", c.name)
		}
		if c.reference == "ext_authz" || c.reference == "ext_authz_identity" {
			r.questions = append(r.questions, question{c.name, seen})
		}
	}
	if len(r.questions) > 0 {
		if err := sameQuestion(r.questions); err != nil {
			return err
		}
	}
	if wants("cpu") {
		r.blocks = map[string][]block{}
		for i := range b.plan.rounds {
			fmt.Fprintf(os.Stderr, "bench: CPU time, round %d of %d\n", i+1, b.plan.rounds)
			for _, c := range b.chains {
				m, err := b.block(ctx, c, b.plan.block)
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				r.blocks[c.name] = append(r.blocks[c.name], m)
			}
		}
	}
	if wants("latency") {
		r.latency = map[string][]latency{}
		for i := range b.plan.openRounds {
			fmt.Fprintf(os.Stderr, "bench: latency, round %d of %d\n", i+1, b.plan.openRounds)
			for _, c := range b.chains {
				if c.closed {
					continue
				}
				l, err := b.openModel(ctx, r.k6, c)
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				r.latency[c.name] = append(r.latency[c.name], l)
			}
		}
	}
	if wants("neighbours") {
		return b.neighbours(ctx, r)
	}
	return nil
}

// warmUp fills the caches and lets V8 compile what is hot.
func (b *bench) warmUp(ctx context.Context, c chain) error {
	addr, err := b.envoy.Addr(c.name)
	if err != nil {
		return err
	}
	l, err := startLoad(addr, b.plan.connections, c.requests)
	if err != nil {
		return err
	}
	sleep(ctx, b.plan.warmup)
	return first(l.stop(), ctx.Err())
}

// block runs a chain under full load and holds both sides' counts together.
func (b *bench) block(ctx context.Context, c chain, length time.Duration) (m block, err error) {
	addr, err := b.envoy.Addr(c.name)
	if err != nil {
		return m, err
	}
	hits, err := b.counter(c.counter)
	if err != nil {
		return m, err
	}
	asked, err := b.seen()
	if err != nil {
		return m, err
	}
	l, err := startLoad(addr, b.plan.connections, c.requests)
	if err != nil {
		return m, err
	}
	sleep(ctx, b.plan.settle)
	cpu, err := b.envoy.CPU()
	before := l.answers.Load()
	sleep(ctx, length)
	after := l.answers.Load()
	end, errEnd := b.envoy.CPU()
	if err := first(err, errEnd, l.stop(), ctx.Err()); err != nil {
		return m, err
	}
	m = block{requests: after - before, cpu: end - cpu}
	if m.requests == 0 {
		return m, fmt.Errorf("no answer within %s", length)
	}
	return m, b.checkCounts(c, l.answers.Load(), asked.Requests, hits)
}

// checkCounts compares what the clients got with what the auth service saw: each
// connection of this block and of the one before may have had one request under
// way when it was closed.
func (b *bench) checkCounts(c chain, answers, askedBefore uint64, hitsBefore int) error {
	after, err := b.seen()
	if err != nil {
		return err
	}
	slack := 2 * uint64(b.plan.connections)
	asked := after.Requests - askedBefore
	if c.asks == 1 && (asked < answers || asked > answers+slack) {
		return fmt.Errorf("%d answers, but the auth service got %d requests", answers, asked)
	}
	if c.asks == 0 && asked > uint64(len(c.requests))+slack {
		return fmt.Errorf("the auth service got %d requests, for %d that the cache should answer", asked, answers)
	}
	// A connection that is closed while its call is under way hands it to another.
	if after.Sessions > users+slack {
		return fmt.Errorf("the STS was asked %d times for %d users", after.Sessions, users)
	}
	hits, err := b.counter(c.counter)
	if err != nil {
		return err
	}
	// Now and then a token meets its own entry in the worker, or competes for a slot.
	if got := uint64(hits - hitsBefore); c.counter != "" && got < answers*98/100 {
		return fmt.Errorf("%d answers, but %s counts %d", answers, c.counter, got)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// seen asks the auth service what it has seen.
func (b *bench) seen() (s seen, err error) {
	resp, err := http.Get("http://" + b.auth.Addr + "/seen")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

func (b *bench) counter(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	stats, err := b.envoy.Stats()
	if err != nil {
		return 0, err
	}
	return stats[name], nil
}
