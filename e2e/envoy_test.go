package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The harness itself, without any module: what it promises to the other tests.

func TestHarnessProxiesBothProtocols(t *testing.T) {
	t.Parallel()
	upstream := newServer(t, echo)
	e := start(t, Bootstrap{
		Listeners: []Listener{{Name: "plain"}},
		Clusters:  []Cluster{{Name: "echo", Addr: upstream.Addr}},
	}, Options{})
	for _, proto := range []protocol{http1, http2} {
		r := do(t, addr(t, e, "plain"), request{proto: proto, method: "PUT", path: "/a?b=c", headers: [][2]string{{"X-Two", "1"}, {"X-Two", "2"}}, body: "hello"})
		got := r.echoed(t)
		if r.proto != string(proto) || got.Method != "PUT" || got.Path != "/a?b=c" || got.Header("x-two") != "1, 2" || got.Body != "hello" {
			t.Errorf("%s: got %+v over %s", proto, got, r.proto)
		}
	}
	line, err := e.Lines("access.log", func(l string) bool { return strings.Contains(l, `"/a?b=c"`) })
	if err != nil || !strings.Contains(line, `"status":200`) {
		t.Errorf("access log %q, %v", line, err)
	}
	stats, err := e.Stats()
	if err != nil || stats["http.plain.downstream_rq_2xx"] != 2 {
		t.Errorf("two requests counted as %d, %v", stats["http.plain.downstream_rq_2xx"], err)
	}
}

func TestHarnessUpdatesConfiguration(t *testing.T) {
	t.Parallel()
	first, second := newServer(t, echo), newServer(t, echo)
	b := Bootstrap{
		Dir:       t.TempDir(),
		Dynamic:   true,
		Listeners: []Listener{{Name: "plain", Routes: []Node{RouteTo("first")}}},
		Clusters:  []Cluster{{Name: "first", Addr: first.Addr}, {Name: "second", Addr: second.Addr}},
	}
	e := start(t, b, Options{})
	if r := do(t, addr(t, e, "plain"), request{}); r.status != http.StatusOK {
		t.Fatalf("status %d before the update", r.status)
	}
	b.Listeners[0].Routes = []Node{RouteTo("second")}
	if accepted, err := e.Update(b); err != nil || !accepted {
		t.Fatalf("update accepted: %v, %v", accepted, err)
	}
	if r := do(t, addr(t, e, "plain"), request{}); r.status != http.StatusOK || len(second.Seen(nil)) != 1 {
		t.Errorf("status %d; the second server saw %d requests after the update, want 1", r.status, len(second.Seen(nil)))
	}
	b.Listeners[0].Routes = []Node{RouteTo("no such cluster")}
	if accepted, err := e.Update(b); err != nil || accepted {
		t.Fatalf("broken update accepted: %v, %v", accepted, err)
	}
	if r := do(t, addr(t, e, "plain"), request{}); r.status != http.StatusOK || len(second.Seen(nil)) != 2 {
		t.Errorf("status %d; the second server saw %d requests after the refused update, want 2", r.status, len(second.Seen(nil)))
	}
}

func TestHarnessReportsRefusedConfiguration(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), Bootstrap: []byte(`{"no_such_field": 1}`)})
	if err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("got error %v, want one that quotes Envoy's complaint", err)
	}
}

// TestHarnessLeavesNothingBehind kills a process that has started an Envoy, in
// the way that gives it no chance to clean up.
func TestHarnessLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	if os.Getenv("E2E_VICTIM") != "" {
		e := start(t, Bootstrap{Listeners: []Listener{}, Clusters: []Cluster{}}, Options{})
		if err := json.NewEncoder(os.Stdout).Encode(e.PID()); err != nil {
			t.Fatal(err)
		}
		select {} // until killed
	}
	victim := exec.Command(os.Args[0], "-test.run=^TestHarnessLeavesNothingBehind$", "-test.v=false")
	victim.Env = append(os.Environ(), "E2E_VICTIM=1", "TMPDIR="+t.TempDir())
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&pid); err != nil {
		t.Fatal(err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := victim.Wait(); err == nil {
		t.Fatal("the victim ended by itself")
	}
	awaitGone(t, pid)
}

// awaitGone waits until no process has the id; a zombie counts as gone.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); alive(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}
