package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The decision cache of authcallout, in two workers.

// judge is an auth service that can be told what to say, and how slowly.
type judge struct {
	*Server
	asked  atomic.Int64
	deny   atomic.Bool
	fail   atomic.Bool
	pause  atomic.Int64 // nanoseconds
	header atomic.Pointer[[2]string]
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	j := new(judge)
	j.Server = newServer(t, func(w http.ResponseWriter, r *http.Request) {
		j.asked.Add(1)
		time.Sleep(time.Duration(j.pause.Load()))
		if h := j.header.Load(); h != nil {
			w.Header().Set(h[0], h[1])
		}
		w.Header().Set("x-user", "user of "+r.Header.Get("authorization"))
		switch {
		case j.fail.Load():
			w.WriteHeader(http.StatusInternalServerError)
		case j.deny.Load():
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	return j
}

// fresh makes every request of a test ask a token that no other test asks.
var fresh atomic.Int64

func newToken() [][2]string {
	return [][2]string{{"authorization", fmt.Sprintf("Bearer fresh-%d", fresh.Add(1))}}
}

// TestAuthcalloutCache runs all cases in one Envoy.
func TestAuthcalloutCache(t *testing.T) {
	t.Parallel()
	const config = `{"cluster":%q,"path":"/v","error_status":["5xx"],"allowed_upstream_headers":["x-user"],"timeout":"2s","cache":%s}`
	upstream := newServer(t, echo)
	b := Bootstrap{Dir: t.TempDir(), Dynamic: true, Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr}}}
	judges := map[string]*judge{}
	add := func(name, cache string) {
		judges[name] = newJudge(t)
		b.Clusters = append(b.Clusters, Cluster{Name: "auth-" + name, Addr: judges[name].Addr})
		b.Listeners = append(b.Listeners, Listener{Name: name, Plugins: []Plugin{{
			Filter: "authcallout", VM: "cache", Config: fmt.Sprintf(config, "auth-"+name, cache)}}})
	}
	add("worker", `{"lifetime":"fixed","ttl":"10m"}`)
	add("shared", `{"lifetime":"fixed","ttl":"10m","shared":true}`)
	add("reply", `{"max_ttl":"10m"}`)
	add("short", `{"lifetime":"fixed","ttl":"1s","stale_if_error":"10m"}`)
	add("waiters", `{"lifetime":"fixed","ttl":"10m","max_waiters":1}`)
	e := start(t, b, Options{Concurrency: 2})

	// many sends n requests at once over connections of their own, so that both
	// workers get some.
	many := func(t *testing.T, listener string, n int, headers [][2]string) (statuses map[int]int) {
		t.Helper()
		target := addr(t, e, listener)
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses = map[int]int{}
		for range n {
			wg.Go(func() {
				client := newClient(false)
				defer client.CloseIdleConnections()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+target+"/", nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("authorization", headers[0][1])
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Error(err)
				}
				if resp.StatusCode == http.StatusOK && !strings.Contains(string(body), `"user of `+headers[0][1]+`"`) {
					t.Errorf("another one's verdict: %s", body)
				}
				mu.Lock()
				statuses[resp.StatusCode]++
				mu.Unlock()
			})
		}
		wg.Wait()
		return statuses
	}

	t.Run("one callout a worker answers all that ask at once", func(t *testing.T) {
		j := judges["worker"]
		j.pause.Store(int64(300 * time.Millisecond))
		defer j.pause.Store(0)
		before := j.asked.Load()
		if got := many(t, "worker", 40, newToken()); got[200] != 40 {
			t.Errorf("statuses %v, want 40 times 200", got)
		}
		if n := j.asked.Load() - before; n > 2 {
			t.Errorf("asked %d times for two workers", n)
		}
	})

	t.Run("a kept verdict is used without asking", func(t *testing.T) {
		token := newToken()
		many(t, "worker", 20, token) // both workers
		before := judges["worker"].asked.Load()
		if got := many(t, "worker", 40, token); got[200] != 40 {
			t.Errorf("statuses %v, want 40 times 200", got)
		}
		if n := judges["worker"].asked.Load() - before; n > 1 {
			t.Errorf("asked %d times", n)
		}
	})

	t.Run("workers share verdicts where told to", func(t *testing.T) {
		token := newToken()
		do(t, addr(t, e, "shared"), request{headers: token})
		before := judges["shared"].asked.Load()
		if got := many(t, "shared", 40, token); got[200] != 40 {
			t.Errorf("statuses %v, want 40 times 200", got)
		}
		if n := judges["shared"].asked.Load() - before; n != 0 {
			t.Errorf("asked %d times", n)
		}
	})

	t.Run("tokens never share a verdict", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					token := newToken()
					for _, listener := range []string{"worker", "shared"} {
						many(t, listener, 2, token) // checks whose verdict it is
					}
				}
			})
		}
		wg.Wait()
	})

	t.Run("the answer's cache-control counts", func(t *testing.T) {
		j := judges["reply"]
		for header, want := range map[string]int64{"no-store": 3, "max-age=600": 1, "private, max-age=600": 3, "max-age=0": 3, "garbage=": 3} {
			j.header.Store(&[2]string{"cache-control", header})
			token := newToken()
			before := j.asked.Load()
			for range 3 {
				if r := do(t, addr(t, e, "reply"), request{headers: token}); r.status != 200 {
					t.Fatalf("%s: status %d", header, r.status)
				}
			}
			// One connection, so one worker.
			if n := j.asked.Load() - before; n != want {
				t.Errorf("%s: asked %d times for 3 requests, want %d", header, n, want)
			}
		}
		j.header.Store(nil)
	})

	t.Run("a revoked token ends with its lifetime", func(t *testing.T) {
		j, token := judges["short"], newToken()
		if r := do(t, addr(t, e, "short"), request{headers: token}); r.status != 200 {
			t.Fatalf("status %d", r.status)
		}
		j.deny.Store(true)
		defer j.deny.Store(false)
		time.Sleep(1200 * time.Millisecond)
		if r := do(t, addr(t, e, "short"), request{headers: token}); r.status != 401 {
			t.Errorf("status %d after the lifetime, want 401", r.status)
		}
		j.fail.Store(true)
		defer j.fail.Store(false)
		if r := do(t, addr(t, e, "short"), request{headers: token}); r.status != 500 {
			t.Errorf("status %d: a revoked token came back to life while the service fails", r.status)
		}
	})

	t.Run("an expired verdict answers while the service fails", func(t *testing.T) {
		j, token := judges["short"], newToken()
		do(t, addr(t, e, "short"), request{headers: token})
		time.Sleep(1200 * time.Millisecond)
		j.fail.Store(true)
		defer j.fail.Store(false)
		q := request{headers: append(token, [2]string{"x-case", "stale"})}
		if r := do(t, addr(t, e, "short"), q); r.status != 200 {
			t.Errorf("status %d, want 200", r.status)
		}
		if r := do(t, addr(t, e, "short"), request{headers: newToken()}); r.status != 500 {
			t.Errorf("an unknown token got %d, want 500", r.status)
		}
		line, err := e.Lines("access.log", func(l string) bool { return strings.Contains(l, `"stale"`) })
		if err != nil || !strings.Contains(line, "cache=stale") {
			t.Errorf("access log %q, %v", line, err)
		}
	})

	t.Run("the one that asked hangs up: the others are answered", func(t *testing.T) {
		j, token := judges["worker"], newToken()
		j.pause.Store(int64(400 * time.Millisecond))
		defer j.pause.Store(0)
		for range 4 { // some in each worker
			ctx, cancel := context.WithCancel(t.Context())
			token = newToken()
			go func() {
				_, _ = try(ctx, addr(t, e, "worker"), request{headers: token})
			}()
			time.Sleep(100 * time.Millisecond)
			time.AfterFunc(150*time.Millisecond, cancel)
			if got := many(t, "worker", 10, token); got[200] != 10 {
				t.Errorf("statuses %v, want 10 times 200", got)
			}
			cancel()
		}
	})

	t.Run("the number of waiters is capped", func(t *testing.T) {
		j := judges["waiters"]
		j.pause.Store(int64(300 * time.Millisecond))
		defer j.pause.Store(0)
		got := many(t, "waiters", 30, newToken())
		if got[200] > 4 || got[200] < 2 || got[200]+got[500] != 30 {
			t.Errorf("statuses %v, want at most one waiter a worker beside the one that asks", got)
		}
		stats, err := e.Stats()
		if err != nil || stats["wasmcustom.gatehouse.authcallout.verdicts.too_many_waiters"] != got[500] {
			t.Errorf("too_many_waiters counted %d times, want %d (%v)", stats["wasmcustom.gatehouse.authcallout.verdicts.too_many_waiters"], got[500], err)
		}
	})

	t.Run("the counters add up", func(t *testing.T) {
		stats, err := e.Stats()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"cache_hits", "cache_shared_hits", "cache_misses", "cache_stale", "coalesced"} {
			if stats["wasmcustom.gatehouse.authcallout."+name] == 0 {
				t.Errorf("%s is 0", name)
			}
		}
	})

	t.Run("a new configuration starts empty", func(t *testing.T) {
		for _, listener := range []string{"worker", "shared"} {
			token := newToken()
			many(t, listener, 10, token)
			before := judges[listener].asked.Load()
			for i := range b.Listeners {
				if b.Listeners[i].Name == listener {
					p := &b.Listeners[i].Plugins[0]
					p.Config = strings.Replace(p.Config, `"2s"`, `"1900ms"`, 1)
				}
			}
			if ok, err := e.Update(b); err != nil || !ok {
				t.Fatalf("update: %v, %v", ok, err)
			}
			do(t, addr(t, e, listener), request{headers: token})
			if judges[listener].asked.Load() == before {
				t.Errorf("%s: the old configuration's verdict was used", listener)
			}
		}
	})
}
