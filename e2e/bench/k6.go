package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// k6Version is the load generator of the open model: its arrivals do not wait
// for answers, so a slow answer delays no other request.
const k6Version = "v1.8.1"

//go:embed open.js
var openModelScript string

// findK6 returns the path of k6, which is installed below .cache/ once.
func findK6() (string, error) {
	path := filepath.Join(e2e.Root(), ".cache", "bin", "k6-"+k6Version)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintln(os.Stderr, "bench: installing k6 "+k6Version+" (some minutes, once) ...")
	work, err := os.MkdirTemp("", "gatehouse-k6-")
	if err != nil {
		return "", err
	}
	//nolint:errcheck // a temporary folder
	defer os.RemoveAll(work)
	cmd := exec.Command("go", "install", "go.k6.io/k6@"+k6Version)
	cmd.Env = append(os.Environ(), "GOBIN="+work, "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("k6 %s could not be installed by go install: %s", k6Version, lines[len(lines)-1])
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// A rename from another file system would fail.
	binary, err := os.ReadFile(filepath.Join(work, "k6"))
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, binary, 0o755)
}

// latency is what clients at a fixed rate of arrivals saw.
type latency struct {
	p50, p99 time.Duration
	requests int
	dropped  int // arrivals for which no client was free
}

// errTooBusy is a block in which clients could not arrive as they should have.
var errTooBusy = errors.New("the machine is too busy")

// openModel runs k6 against a chain; a block that the machine spoils is run again,
// twice at most.
func (b *bench) openModel(ctx context.Context, k6 string, c chain) (l latency, err error) {
	for range 3 {
		if l, err = b.openBlock(ctx, k6, c); !errors.Is(err, errTooBusy) {
			break
		}
	}
	return l, err
}

func (b *bench) openBlock(ctx context.Context, k6 string, c chain) (l latency, err error) {
	addr, err := b.envoy.Addr(c.name)
	if err != nil {
		return l, err
	}
	script := filepath.Join(b.dir, "open.js")
	if err := os.WriteFile(script, []byte(openModelScript), 0o600); err != nil {
		return l, err
	}
	cmd := exec.CommandContext(ctx, k6, "run", "--quiet", "--no-usage-report", "--address", "",
		"-e", "ADDR="+addr, "-e", "RATE="+strconv.Itoa(b.plan.rate), "-e", "SECONDS="+strconv.Itoa(int(b.plan.open/time.Second)),
		"-e", "TOKENS="+strconv.Itoa(len(c.requests)), script)
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return l, fmt.Errorf("k6: %w\n%s", err, failed.Stderr)
		}
		return l, fmt.Errorf("k6: %w", err)
	}
	var metrics struct {
		Requests int     `json:"requests"`
		Failed   int     `json:"failed"`
		Dropped  int     `json:"dropped"`
		P50      float64 `json:"p50"` // milliseconds
		P99      float64 `json:"p99"`
	}
	if err := json.Unmarshal(out, &metrics); err != nil {
		return l, fmt.Errorf("k6 printed %q: %w", out, err)
	}
	want := b.plan.rate * int(b.plan.open/time.Second)
	switch {
	case metrics.Failed > 0:
		return l, fmt.Errorf("k6: %d of %d requests failed", metrics.Failed, metrics.Requests)
	// A dropped arrival had no free client: its latency would be missing.
	case metrics.Dropped > want/100 || metrics.Requests < want*99/100:
		return l, fmt.Errorf("k6: %d of %d arrivals, %d dropped: %w", metrics.Requests, want, metrics.Dropped, errTooBusy)
	}
	ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
	return latency{ms(metrics.P50), ms(metrics.P99), metrics.Requests, metrics.Dropped}, nil
}

// neighbour is the latency on the empty chain while another one is under full load.
type neighbour struct {
	busy    string // title of the chain under load; "" is none
	latency []latency
	load    []float64 // answers a second of the chain under load
}

// neighbours shows what the requests of other routes feel, in the same worker.
func (b *bench) neighbours(ctx context.Context, r *report) error {
	quiet := find(b.chains, "empty")
	for _, busy := range []string{"", "empty", "ext_authz", "lua", "uncached", "kong", "hit"} {
		r.neighbours = append(r.neighbours, neighbour{busy: busy})
	}
	for i := range b.plan.openRounds {
		fmt.Fprintf(os.Stderr, "bench: neighbours of a busy route, round %d of %d\n", i+1, b.plan.openRounds)
		for j := range r.neighbours {
			n := &r.neighbours[j]
			if err := b.neighbour(ctx, r.k6, quiet, n); err != nil {
				return fmt.Errorf("neighbours of %s: %w", n.busy, err)
			}
		}
	}
	return nil
}

func (b *bench) neighbour(ctx context.Context, k6 string, quiet chain, n *neighbour) error {
	stop := func() error { return nil }
	var count func() uint64
	if n.busy != "" {
		c := find(b.chains, n.busy)
		addr, err := b.envoy.Addr(c.name)
		if err != nil {
			return err
		}
		l, err := startLoad(addr, b.plan.connections, c.requests)
		if err != nil {
			return err
		}
		stop, count = l.stop, l.answers.Load
	}
	began := time.Now()
	l, err := b.openModel(ctx, k6, quiet)
	took := time.Since(began)
	if err := first(err, stop()); err != nil {
		return err
	}
	n.latency = append(n.latency, l)
	if count != nil {
		n.load = append(n.load, float64(count())/took.Seconds())
	}
	return nil
}
