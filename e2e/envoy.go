// Package e2e runs the compiled modules in a real Envoy, between real clients
// and real servers. Its tests judge by what client, upstream and auth service
// see, never by what Envoy logs.
//
// The files that are no tests start Envoy and the servers around it; the demo
// (cmd/demo) uses them too.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Envoy may take readyCPU, of its own CPU time, until it serves: compiling one
// module takes 4 s, five different ones 20. How long that lasts depends on what
// else the machine does, so the limit by the clock is far.
const (
	readyCPU     = time.Minute
	readyTimeout = 5 * time.Minute
)

// stopGrace is how long Envoy may take to end after SIGTERM.
const stopGrace = 15 * time.Second

// Options say how Envoy is started.
type Options struct {
	Bootstrap   []byte    // YAML or JSON; its admin address should have port 0
	Dir         string    // an existing folder for the files that Envoy is given and writes
	Concurrency int       // worker threads; 0 means 1
	Env         []string  // added to the environment, as NAME=value
	Stdout      io.Writer // gets Envoy's standard output; nil sends it to the log, as the rest
	LogLevel    string    // "warning" if empty
	Drain       int       // seconds that connections of a replaced listener live on; 0 means 1
}

// Envoy is a running Envoy.
type Envoy struct {
	process *process
	version int // of the dynamic configuration, counted by Update
	dir     string
	admin   string // host:port

	mu    sync.Mutex
	addrs map[string]string // listener -> host:port
}

// Binary returns the path of the Envoy to run; build/envoy says which one that
// is, and installs it if none is there.
func Binary() (string, error) {
	cmd := exec.Command(filepath.Join(Root(), "build", "envoy"))
	var complaint strings.Builder
	cmd.Stderr = io.MultiWriter(&complaint, progress{os.Stderr})
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New(strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// progress lets through the lines that tell of a download, not the failures,
// which the caller prints.
type progress struct{ w io.Writer }

func (p progress) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "installing ") {
		if _, err := p.w.Write(b); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Start starts Envoy and waits until it serves. It fails if Envoy ends before
// that, as it does when the configuration of a static filter is refused; the
// error then ends with the last lines of Envoy's log.
func Start(ctx context.Context, o Options) (*Envoy, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(o.Dir, "envoy.yaml")
	if err := os.WriteFile(config, o.Bootstrap, 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.Dir, "envoy.log"))
	if err != nil {
		return nil, err
	}
	var stdout io.Writer = log
	if o.Stdout != nil {
		stdout = o.Stdout
	}
	level := o.LogLevel
	if level == "" {
		level = "warning"
	}
	adminFile := filepath.Join(o.Dir, "admin-address")
	if err := os.RemoveAll(adminFile); err != nil {
		return nil, err
	}
	args := []string{
		"--config-path", config,
		"--admin-address-path", adminFile,
		"--disable-hot-restart", // which would leave its shared memory behind
		"--concurrency", strconv.Itoa(max(o.Concurrency, 1)),
		"--log-level", level,
		"--file-flush-interval-msec", "10", // access log lines are there when a test looks
		"--drain-time-s", strconv.Itoa(max(o.Drain, 1)),
		"--drain-strategy", "immediate", // not spread over that time
	}
	e := &Envoy{dir: o.Dir}
	e.process, err = startProcess(binary, args, o.Env, stdout, log)
	if closing := log.Close(); err == nil {
		err = closing // the child has a copy of its own
	}
	if err != nil {
		return nil, fmt.Errorf("starting Envoy: %w", err)
	}
	if err := e.awaitReady(ctx, adminFile); err != nil {
		e.process.kill()
		return nil, fmt.Errorf("%w; the end of its log:\n%s", err, tail(e.Log(), 20))
	}
	return e, nil
}

func (e *Envoy) awaitReady(ctx context.Context, adminFile string) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		if cpu, err := e.CPU(); err == nil && cpu > readyCPU {
			cancel()
		}
		if e.admin == "" {
			if b, err := os.ReadFile(adminFile); err == nil {
				e.admin = strings.TrimSpace(string(b))
			}
		}
		if e.admin != "" {
			// While modules are compiled the admin port accepts and is silent.
			asking, answered := context.WithTimeout(ctx, time.Second)
			_, err := e.adminRequest(asking, http.MethodGet, "/ready")
			if answered(); err == nil {
				return nil
			}
		}
		select {
		case <-e.process.done:
			return errors.New("the Envoy process ended before it was ready")
		case <-ctx.Done():
			cpu, err := e.CPU()
			return fmt.Errorf("the Envoy process was not ready after %.0f s, of which it worked %.1f (admin address %q): %w",
				time.Since(began).Seconds(), cpu.Seconds(), e.admin, errors.Join(context.Cause(ctx), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// CPU is the time, user and system, that all threads of Envoy have used.
func (e *Envoy) CPU() (time.Duration, error) { return cpuTime(e.PID()) }

// Stop ends Envoy and returns when the process is gone.
func (e *Envoy) Stop() error { return e.process.stop(stopGrace) }

// Done is closed when the process has ended.
func (e *Envoy) Done() <-chan struct{} { return e.process.done }

// PID is the process id of Envoy.
func (e *Envoy) PID() int { return e.process.cmd.Process.Pid }

// Log returns what Envoy has logged so far.
func (e *Envoy) Log() string {
	b, err := os.ReadFile(filepath.Join(e.dir, "envoy.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Addr returns the host:port that a listener is bound to.
func (e *Envoy) Addr(listener string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if addr, ok := e.addrs[listener]; ok {
		return addr, nil
	}
	text, err := e.Admin("/listeners?format=json")
	if err != nil {
		return "", err
	}
	var answer struct {
		Statuses []struct {
			Name  string `json:"name"`
			Local struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", fmt.Errorf("admin /listeners: %w", err)
	}
	e.addrs = map[string]string{}
	for _, s := range answer.Statuses {
		e.addrs[s.Name] = net.JoinHostPort(s.Local.Socket.Address, strconv.Itoa(s.Local.Socket.Port))
	}
	addr, ok := e.addrs[listener]
	if !ok {
		return "", fmt.Errorf("no listener %q among %d", listener, len(e.addrs))
	}
	return addr, nil
}

// AdminAddr is the host:port of the admin interface.
func (e *Envoy) AdminAddr() string { return e.admin }

// Admin reads a page of the admin interface, such as /stats/prometheus.
func (e *Envoy) Admin(path string) (string, error) {
	return e.adminRequest(context.Background(), http.MethodGet, path)
}

// AdminPost is Admin for pages that change something, such as /logging?level=info.
func (e *Envoy) AdminPost(path string) (string, error) {
	return e.adminRequest(context.Background(), http.MethodPost, path)
}

func (e *Envoy) adminRequest(ctx context.Context, method, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+e.admin+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("admin %s: %s", path, resp.Status)
	}
	return string(body), nil
}

// Stats returns all counters and gauges.
func (e *Envoy) Stats() (map[string]int, error) {
	text, err := e.Admin("/stats?type=All")
	if err != nil {
		return nil, err
	}
	stats := map[string]int{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil { // histograms and texts have no number
			stats[name] = n
		}
	}
	return stats, nil
}

// Lines waits until a file below Dir has a line for which ok is true, and
// returns it. Access logs are written some milliseconds after the exchange.
func (e *Envoy) Lines(file string, ok func(line string) bool) (string, error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		b, err := os.ReadFile(filepath.Join(e.dir, file))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		for line := range strings.Lines(string(b)) {
			if ok(strings.TrimSpace(line)) {
				return strings.TrimSpace(line), nil
			}
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("%s has no such line; it ends with:\n%s", file, tail(string(b), 10))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// tail returns the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}
