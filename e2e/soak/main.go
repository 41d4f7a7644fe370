// Command soak sends mixed traffic through a real Envoy while its auth service is
// killed, slowed and restarted at random and Envoy's listeners are replaced. It
// holds each answer against what is known about the token, prints a table, and
// fails on a wrong verdict, a request without an answer, or a VM that died.
//
// What is wrong: a request that passes although its token was not valid (or had
// ended longer ago than a cache may remember it), that passes as somebody else,
// a 401 or 403 for a token that was valid, or any other denial of it while the
// auth service was there the whole time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

func main() {
	minutes := flag.Float64("minutes", 10, "how long, after the start")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what happens when; printed at the start")
	listen := flag.String("listen", "", "be the auth service, on this address")
	flag.Parse()
	if *listen != "" {
		exit(serveAuth(*listen))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("soak: %g minutes, seed %d\n", *minutes, *seed)
	exit(run(ctx, time.Duration(*minutes*float64(time.Minute)), *seed))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

const (
	workers = 2  // of Envoy
	clients = 12 // half of them speak HTTP/2
)

func run(ctx context.Context, length time.Duration, seed uint64) error {
	dir, err := os.MkdirTemp("", "gatehouse-soak-")
	if err != nil {
		return err
	}
	//nolint:errcheck // a temporary folder
	defer os.RemoveAll(dir)
	s := &soak{dir: dir, began: time.Now()}
	if err := s.start(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	err = s.drive(ctx, length, seed)
	return errors.Join(err, s.stop())
}

// soak is one run.
type soak struct {
	dir      string
	began    time.Time
	binary   string
	upstream *upstream
	auth     *e2e.AuthService
	authAddr string
	envoy    *e2e.Envoy
	ports    []int
	version  int
	updates  int
	faults   int
	notes    []string
	trouble  trouble
	tally    tally
}

func (s *soak) start(ctx context.Context) (err error) {
	if s.binary, err = os.Executable(); err != nil {
		return err
	}
	if s.upstream, err = startUpstream(); err != nil {
		return err
	}
	if s.auth, err = e2e.StartAuthService(s.binary, "127.0.0.1:0"); err != nil {
		return err
	}
	s.authAddr = s.auth.Addr
	// A listener that is replaced keeps its address only if that is fixed.
	for range listeners {
		addr, err := e2e.ClosedAddr()
		if err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return err
		}
		s.ports = append(s.ports, number)
	}
	config, err := s.bootstrap().JSON()
	if err != nil {
		return err
	}
	s.envoy, err = e2e.Start(ctx, e2e.Options{Bootstrap: config, Dir: s.dir, Concurrency: workers, Drain: 5})
	return err
}

func (s *soak) stop() error {
	var errs []error
	if s.envoy != nil {
		errs = append(errs, s.envoy.Stop())
	}
	if s.auth != nil {
		errs = append(errs, s.auth.Stop())
	}
	if s.upstream != nil {
		errs = append(errs, s.upstream.close())
	}
	return errors.Join(errs...)
}

// bootstrap is the configuration of the current version.
func (s *soak) bootstrap() e2e.Bootstrap {
	b := e2e.Bootstrap{Dir: s.dir, Dynamic: true, Clusters: []e2e.Cluster{
		{Name: "upstream", Addr: s.upstream.addr},
		{Name: "auth", Addr: s.authAddr},
	}}
	for i, l := range listeners {
		b.Listeners = append(b.Listeners, e2e.Listener{
			Name: l.name, Port: s.ports[i],
			Plugins: []e2e.Plugin{{Filter: "authcallout", VM: "soak", Config: l.config(s.version)}},
			Routes:  []e2e.Node{e2e.RouteTo("upstream")},
			HTTP:    e2e.Node{"access_log": []e2e.Node{}, "local_reply_config": tellDetails},
		})
	}
	return b
}

// tellDetails puts the word of a denial into its answer.
var tellDetails = e2e.Node{"mappers": []e2e.Node{{
	"filter": e2e.Node{"status_code_filter": e2e.Node{"comparison": e2e.Node{
		"op": "GE", "value": e2e.Node{"default_value": 400, "runtime_key": "soak.unused"},
	}}},
	"headers_to_add": []e2e.Node{{"header": e2e.Node{"key": detailsHeader, "value": "%RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%"}}},
}}}

// drive runs clients and faults side by side and judges at the end.
func (s *soak) drive(ctx context.Context, length time.Duration, seed uint64) error {
	var rssStart int
	var failure error
	running, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var wg sync.WaitGroup
	pool := newPool(seed)
	for i := range clients {
		c := newClient(s, pool, i, rand.New(rand.NewPCG(seed, uint64(i))))
		wg.Go(func() { c.run(running) })
	}
	// Memory is taken once caches and connections are there.
	sleep(running, min(length/4, 20*time.Second))
	rssStart, failure = residentSet(s.envoy.PID())
	if failure == nil {
		failure = s.cause(running, rand.New(rand.NewPCG(seed, clients)))
	}
	cancel()
	wg.Wait()
	if failure != nil {
		return failure
	}
	if ctx.Err() != nil && s.tally.total() == 0 {
		return context.Cause(ctx)
	}
	return s.judge(rssStart)
}

// cause makes trouble until the time is over, and leaves everything in order. It
// draws without putting back, so that half a minute has seen everything.
func (s *soak) cause(ctx context.Context, r *rand.Rand) error {
	deck := [...]func() error{
		func() error { return s.kill(ctx, r) },
		func() error { return s.slow(ctx, r, authTimeout/5, false) }, // in time: nobody may notice
		func() error { return s.slow(ctx, r, 2*authTimeout, true) },  // too slow
		s.update,
		s.update,
		func() error { return nil },
	}
	for {
		r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		for _, card := range deck {
			if ctx.Err() != nil {
				return nil
			}
			if err := card(); err != nil {
				return err
			}
			sleep(ctx, time.Second+time.Duration(r.Int64N(int64(3*time.Second))))
		}
	}
}

// kill ends the auth service without a goodbye and starts it again, on the same
// address.
func (s *soak) kill(ctx context.Context, r *rand.Rand) error {
	s.faults++
	end := s.trouble.begin()
	defer end()
	defer s.note("auth service back")
	s.note("auth service killed")
	if err := syscall.Kill(s.auth.PID(), syscall.SIGKILL); err != nil {
		return err
	}
	if err := s.auth.Stop(); err != nil {
		return err
	}
	sleep(ctx, time.Duration(r.Int64N(int64(3*time.Second))))
	auth, err := e2e.StartAuthService(s.binary, s.authAddr)
	if err != nil {
		s.auth = nil
		return err
	}
	s.auth = auth
	return nil
}

// slow lets the auth service think for a while about each answer.
func (s *soak) slow(ctx context.Context, r *rand.Rand, delay time.Duration, late bool) error {
	s.faults++
	if late {
		end := s.trouble.begin()
		defer end()
	}
	s.note("auth service slow by " + delay.String())
	defer s.note("auth service as fast as before")
	if err := setDelay(s.authAddr, delay); err != nil {
		return err
	}
	sleep(ctx, time.Second+time.Duration(r.Int64N(int64(3*time.Second))))
	return setDelay(s.authAddr, 0)
}

// note keeps what was done, to be read beside what went wrong.
func (s *soak) note(text string) {
	s.notes = append(s.notes, time.Now().Format(clockFormat)+text)
}

// update replaces all listeners by ones of another configuration.
func (s *soak) update() error {
	s.version++
	s.note("configuration replaced")
	defer s.note("configuration taken")
	accepted, err := s.envoy.Update(s.bootstrap())
	if err != nil {
		return err
	}
	if !accepted {
		return fmt.Errorf("a new configuration was refused; Envoy's log ends with:\n%s", lastLines(s.envoy.Log(), 5))
	}
	s.updates++
	return nil
}

// judge prints the table and names what is wrong.
func (s *soak) judge(rssStart int) error {
	rssEnd, err := residentSet(s.envoy.PID())
	if err != nil {
		return err
	}
	stats, err := s.envoy.Stats()
	if err != nil {
		return err
	}
	dead, panics := 0, 0
	for name, n := range stats {
		switch {
		case strings.Contains(name, "vm_reload"):
			dead += n
		case strings.HasSuffix(name, "authcallout.panics"):
			panics += n
		}
	}
	t := &s.tally
	fmt.Printf("\n%-44s %12s\n", fmt.Sprintf("soak of %s, %d workers, %d clients", time.Since(s.began).Round(time.Second), workers, clients), "")
	for _, row := range []struct {
		name  string
		value any
	}{
		{"requests", t.total()},
		{"  passed", t.passed.Load()},
		{"  denied (401, 403)", t.denied.Load()},
		{"  failed closed (5xx)", t.failed.Load()},
		{"  given up by the client", t.givenUp.Load()},
		{"configurations replaced", s.updates},
		{"faults of the auth service", s.faults},
		{"callouts shared (coalesced)", stats["wasmcustom.gatehouse.authcallout.coalesced"]},
		{"cache hits, of the worker", stats["wasmcustom.gatehouse.authcallout.cache_hits"]},
		{"cache hits, shared", stats["wasmcustom.gatehouse.authcallout.cache_shared_hits"]},
		{"stale verdicts used", stats["wasmcustom.gatehouse.authcallout.cache_stale"]},
		{"wrong verdicts (must be 0)", t.wrong.Load()},
		{"requests without an answer (must be 0)", t.unanswered.Load()},
		{"dead VMs (must be 0)", dead},
		{"panics recovered (must be 0)", panics},
		{"memory of Envoy at the start, MiB", rssStart >> 10},
		{"memory of Envoy at the end, MiB", rssEnd >> 10},
	} {
		fmt.Printf("%-44s %12v\n", row.name, row.value)
	}
	if examples := t.examples(); len(examples) > 0 {
		fmt.Println("what happened:\n  " + strings.Join(append(s.notes, examples...), "\n  "))
	}
	if t.total() == 0 || t.passed.Load() == 0 || t.denied.Load() == 0 {
		return errors.New("no traffic worth the name")
	}
	if t.wrong.Load() > 0 || t.unanswered.Load() > 0 || dead > 0 || panics > 0 {
		return errors.New("a must is broken")
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// residentSet is the memory of a process in KiB (proc(5), VmRSS).
func residentSet(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}
