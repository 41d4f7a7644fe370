package host_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	hosted "github.com/gatehouse-proxy/gatehouse/filters/internal/host"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/probe"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/vmtest"
)

// answer is what a callout gets: nil headers are a reset.
type answer struct {
	headers [][2]string
	body    string
}

var (
	answered  = answer{[][2]string{{":status", "200"}, {"x-envoy-upstream-service-time", "1"}}, "ok"}
	timedOut  = answer{[][2]string{{":status", "504"}}, "upstream request timeout"}
	refused   = answer{[][2]string{{":status", "503"}}, "no healthy upstream"}
	real504   = answer{[][2]string{{":status", "504"}, {"x-envoy-upstream-service-time", "1"}}, ""}
	hugeReply = answer{[][2]string{{":status", "200"}, {"x-envoy-upstream-service-time", "1"}}, strings.Repeat("x", 2000)}
	noAnswer  = answer{}
)

// exchange is one request and what must come of it.
type exchange struct {
	steps  string
	body   []string // pieces
	trails bool     // trailers end the body
	answer answer

	status  int    // of the reply; 0 if the request goes on
	headers string // "x-..." headers that the request goes on with
	upBody  string
	verdict string
}

var exchanges = map[string]exchange{
	"a request without steps goes on":                    {headers: "", verdict: "passed"},
	"header edits reach Envoy":                           {steps: "set:x-a:1 set:x-b:2 set:x-a:3", headers: "x-a: 3\nx-b: 2\n", verdict: "passed"},
	"a reply ends the request":                           {steps: "reply:403 set:x-a:1", status: 403, verdict: "told"},
	"an answered callout gives status and size":          {steps: "call:auth:/check", answer: answered, headers: "x-call: answered 200 2\n", verdict: "passed"},
	"a reset callout is unreachable":                     {steps: "call:auth:/check", answer: noAnswer, headers: "x-call: unreachable 0 0\n", verdict: "passed"},
	"Envoy's own 504 is a timeout":                       {steps: "call:auth:/check", answer: timedOut, headers: "x-call: timeout 0 0\n", verdict: "passed"},
	"Envoy's own 503 is unreachable":                     {steps: "call:auth:/check", answer: refused, headers: "x-call: unreachable 0 0\n", verdict: "passed"},
	"a service's 504 is its answer":                      {steps: "call:auth:/check", answer: real504, headers: "x-call: answered 504 0\n", verdict: "passed"},
	"an answer over the limit keeps its status only":     {steps: "call:auth:/check", answer: hugeReply, headers: "x-call: reply_too_large 200 0\n", verdict: "passed"},
	"a reply after a callout":                            {steps: "call:auth:/check reply:401", answer: answered, status: 401, verdict: "told"},
	"a panic at the headers is answered":                 {steps: "panic", status: 500, verdict: "internal_error"},
	"a panic in a callout's answer is answered":          {steps: "call:auth:/check panic", answer: answered, status: 500, verdict: "internal_error"},
	"a panic with the body is answered":                  {steps: "body:10 panic", body: []string{"abc"}, status: 500, verdict: "internal_error"},
	"a body in one piece":                                {steps: "body:10", body: []string{"abc"}, headers: "x-body: 3 false\n", upBody: "abc", verdict: "passed"},
	"a body in pieces":                                   {steps: "body:10", body: []string{"ab", "cd", "e"}, headers: "x-body: 5 false\n", upBody: "abcde", verdict: "passed"},
	"a body that trailers end":                           {steps: "body:10", body: []string{"ab", "cd"}, trails: true, headers: "x-body: 4 false\n", upBody: "abcd", verdict: "passed"},
	"a body as long as the limit":                        {steps: "body:4", body: []string{"abcd"}, headers: "x-body: 4 false\n", upBody: "abcd", verdict: "passed"},
	"a body over the limit":                              {steps: "body:4", body: []string{"abc", "de"}, status: 413, verdict: "told"},
	"the first bytes of a larger body":                   {steps: "partial:4", body: []string{"abc", "de"}, headers: "x-body: 4 true\n", upBody: "abcde", verdict: "passed"},
	"no body at all":                                     {steps: "body:4", headers: "x-body: 0 false\n", verdict: "passed"},
	"a callout, then the body that came meanwhile":       {steps: "call:auth:/check body:10", body: []string{"ab", "c"}, answer: answered, headers: "x-call: answered 200 2\nx-body: 3 false\n", upBody: "abc", verdict: "passed"},
	"a callout without the body":                         {steps: "onlycall:auth:/check", body: []string{"ab", "c"}, answer: answered, headers: "x-call: answered 200 2\n", upBody: "abc", verdict: "passed"},
	"a body that was not to be asked for":                {steps: "onlycall:auth:/check body:10", answer: answered, headers: "x-call: answered 200 2\nx-body: 0 false\n", verdict: "passed"},
	"a callout after the body":                           {steps: "body:10 call:auth:/check", body: []string{"abc"}, answer: answered, headers: "x-body: 3 false\nx-call: answered 200 2\n", upBody: "abc", verdict: "passed"},
	"a rewritten body brings its length":                 {steps: "body:10 rewrite", body: []string{"abc"}, headers: "x-body: 3 false\n", upBody: "ABC!", verdict: "passed"},
	"two callouts one after the other":                   {steps: "call:auth:/a call:auth:/b set:x-call:2", answer: answered, headers: "x-call: 2\n", verdict: "passed"},
	"a request that is answered after its body was read": {steps: "body:10 reply:400", body: []string{"abc"}, status: 400, verdict: "told"},
}

// TestWasmExchanges walks the shell through each exchange, in Go and in wasm.
func TestWasmExchanges(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, x := range exchanges {
			t.Run(name, func(t *testing.T) {
				host, ok := vmtest.Start(t, vm, "")
				if !ok {
					t.Fatal("the plugin did not start")
				}
				x.check(t, host)
			})
		}
	})
}

// TestWasmFilterState: the argument is the protobuf message that Envoy's foreign
// function reads.
func TestWasmFilterState(t *testing.T) {
	long := strings.Repeat("h", 200)
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, "")
		if !ok {
			t.Fatal("the plugin did not start")
		}
		var got string
		host.RegisterForeignFunction("set_envoy_filter_state", func(arguments []byte) []byte {
			got = string(arguments)
			return []byte{0} // the emulator takes no empty answer
		})
		id := host.InitializeHttpContext()
		host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "state:envoy.upstream.dynamic_host:" + long}}, true)
		m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
		if done, _ := m.Header("x-state"); done != "true" || got != "\n\x1benvoy.upstream.dynamic_host\x12\xc8\x01"+long {
			t.Errorf("arguments %q", got)
		}
	})
}

func (x exchange) check(t *testing.T, host vmtest.Host) {
	id := host.InitializeHttpContext()
	request := [][2]string{{":method", "POST"}, {":path", "/"}, {":authority", "example.org"}, {"x-probe", x.steps}}
	act := host.CallOnRequestHeaders(id, request, len(x.body) == 0)
	for i, piece := range x.body {
		last := i == len(x.body)-1 && !x.trails
		if reply := host.GetSentLocalResponse(id); reply == nil {
			act = host.CallOnRequestBody(id, []byte(piece), last)
		}
	}
	if x.trails {
		act = host.CallOnRequestTrailers(id, [][2]string{{"x-trailer", "1"}})
	}
	for range 10 {
		calls := host.GetCalloutAttributesFromContext(id)
		if len(calls) == 0 {
			break
		}
		if act == types.ActionContinue {
			t.Fatal("a request with a callout in flight went on")
		}
		last := calls[len(calls)-1]
		before := len(calls)
		host.CallOnHttpCallResponse(last.CalloutID, x.answer.headers, nil, []byte(x.answer.body))
		act = host.GetCurrentHttpStreamAction(id)
		if after := host.GetCalloutAttributesFromContext(id); len(after) == before && after[before-1].CalloutID == last.CalloutID {
			break
		}
	}

	if reply := host.GetSentLocalResponse(id); reply != nil {
		if int(reply.StatusCode) != x.status {
			t.Errorf("replied %d, want %d", reply.StatusCode, x.status)
		}
		if host.CallOnResponseHeaders(id, [][2]string{{":status", strconv.Itoa(x.status)}}, true) != types.ActionContinue {
			t.Error("our own reply was held up")
		}
	} else {
		if x.status != 0 {
			t.Errorf("went on, want a reply %d", x.status)
		}
		if act != types.ActionContinue {
			t.Error("hangs: neither a reply nor on its way")
		}
		got := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
		got.RemoveHeader("x-probe")
		if text := got.Text("x-"); text != x.headers {
			t.Errorf("went on with\n%swant\n%s", text, x.headers)
		}
		if body := string(host.GetCurrentRequestBody(id)); body != x.upBody {
			t.Errorf("went on with body %q, want %q", body, x.upBody)
		}
		if x.upBody != "" && strings.Contains(x.steps, "rewrite") {
			return // the emulator has no content-length to check here
		}
	}
	state, err := host.GetProperty([]string{"gatehouse.probe"})
	word, rest, _ := strings.Cut(string(state), " ")
	if err != nil || word != x.verdict || strings.HasPrefix(rest, "callout_ms=") != strings.Contains(x.steps, "call:") {
		t.Errorf("filter state %q (%v), want %q", state, err, x.verdict)
	}
	if n, err := host.GetCounterMetric("gatehouse.probe.verdicts." + x.verdict); err != nil || n != 1 {
		t.Errorf("verdict %s counted %d times (%v)", x.verdict, n, err)
	}
	host.CompleteHttpContext(id)
	if n, _ := host.GetCounterMetric("gatehouse.probe.abandoned"); n != 0 {
		t.Error("a decided request was counted as abandoned")
	}
}

// TestDriverAgrees puts the driver of the native tests through the same cases:
// what passes there must pass in the shell.
func TestDriverAgrees(t *testing.T) {
	t.Parallel()
	for name, x := range exchanges {
		if strings.Contains(x.steps, "panic") {
			continue // only the shell recovers
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := probe.Plugin.Load(nil, hosttest.NewHost())
			if err != nil {
				t.Fatal(err)
			}
			m := hosttest.Request("POST", "/", "x-probe: "+x.steps)
			m.Whole = []byte(strings.Join(x.body, ""))
			e, _ := hosttest.Drive(f, m, func(filter.Callout) filter.CalloutResult { return x.answer.result() })
			if string(e.Word) != x.verdict {
				t.Errorf("verdict %q, want %q", e.Word, x.verdict)
			}
			if e.Reply != nil {
				if e.Reply.Status != x.status {
					t.Errorf("replied %d, want %d", e.Reply.Status, x.status)
				}
				return
			}
			m.RemoveHeader("x-probe")
			if text := m.Text("x-"); text != x.headers {
				t.Errorf("went on with\n%swant\n%s", text, x.headers)
			}
			if string(m.Whole) != x.upBody {
				t.Errorf("went on with body %q, want %q", m.Whole, x.upBody)
			}
		})
	}
}

// result is the answer as the shell must report it.
func (a answer) result() filter.CalloutResult {
	switch {
	case a.headers == nil || a.headers[0][1] == "503":
		return filter.CalloutResult{Failure: filter.Unreachable}
	case len(a.headers) == 1:
		return filter.CalloutResult{Failure: filter.Timeout}
	case len(a.body) > 1024:
		return filter.CalloutResult{Failure: filter.ReplyTooLarge, Status: 200}
	}
	status, _ := strconv.Atoi(a.headers[0][1])
	return filter.CalloutResult{Status: status, Body: []byte(a.body)}
}

// TestWasmStart covers what happens when a plugin starts.
func TestWasmStart(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct {
			config string
			want   bool
			log    string
		}{
			"no configuration":                      {"", true, ""},
			"a refused configuration names its key": {`{"bad":1}`, false, "probe: configuration: bad: unknown field"},
			"a panic refuses the configuration":     {`{"panic":1}`, false, "recovered from a panic"},
		} {
			t.Run(name, func(t *testing.T) {
				host, got := vmtest.Start(t, vm, c.config)
				if got != c.want {
					t.Errorf("started: %v, want %v", got, c.want)
				}
				logs := strings.Join(append(host.GetCriticalLogs(), host.GetErrorLogs()...), "\n")
				if !strings.Contains(logs, c.log) {
					t.Errorf("logged %q, want %q in it", logs, c.log)
				}
			})
		}
	})
}

// TestWasmTick lets a tick make a callout of its own.
func TestWasmTick(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, _ := vmtest.Start(t, vm, `{"tick":20}`)
		if host.GetTickPeriod() != 20 {
			t.Fatalf("tick period %d ms, want 20", host.GetTickPeriod())
		}
		host.Tick()
		calls := host.GetCalloutAttributesFromContext(vmtest.PluginContext)
		if len(calls) != 1 {
			t.Fatalf("%d callouts, want 1", len(calls))
		}
		host.CallOnHttpCallResponse(calls[0].CalloutID, answered.headers, nil, []byte("ok"))
		if n, _ := host.GetCounterMetric("gatehouse.probe.tick_answers"); n != 1 {
			t.Errorf("%d answers reached the filter, want 1", n)
		}
	})
}

// TestWasmBodyGuard: without allow_on_headers_stop_iteration no body callback
// ever comes, and the request must not hang.
func TestWasmBodyGuard(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		now := time.Now()
		hosted.SetClock(t, func() time.Time { now = now.Add(time.Millisecond); return now })
		host, _ := vmtest.Start(t, vm, "")
		id := host.InitializeHttpContext()
		host.CallOnRequestHeaders(id, [][2]string{{":method", "POST"}, {":path", "/"}, {"x-probe", "body:10"}}, false)
		if host.GetTickPeriod() == 0 {
			t.Fatal("no timer was set")
		}
		// Both clocks move 1 ms a reading: the deadline comes by itself.
		for range 20000 {
			host.Tick()
			if host.GetSentLocalResponse(id) != nil {
				break
			}
		}
		reply := host.GetSentLocalResponse(id)
		if reply == nil || reply.StatusCode != 500 {
			t.Fatalf("got %+v, want a reply 500", reply)
		}
		if got, _ := host.GetProperty([]string{"gatehouse.probe"}); string(got) != "body_unavailable" {
			t.Errorf("filter state %q, want body_unavailable", got)
		}
		if host.GetTickPeriod() != 0 {
			t.Error("the timer still runs")
		}
	})
}

// TestWasmAbandoned: a client that is gone before the decision is counted, and
// the late answer is harmless.
func TestWasmAbandoned(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, _ := vmtest.Start(t, vm, "")
		id := host.InitializeHttpContext()
		host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "call:auth:/check"}}, true)
		call := host.GetCalloutAttributesFromContext(id)[0]
		host.CompleteHttpContext(id)
		host.CallOnHttpCallResponse(call.CalloutID, answered.headers, nil, []byte("ok"))
		if n, _ := host.GetCounterMetric("gatehouse.probe.abandoned"); n != 1 {
			t.Errorf("abandoned counted %d times, want 1", n)
		}
	})
}

// TestWasmAnsweredByEnvoy: where Envoy has replied while a callout was in the
// air, such as by its own timeout, no second reply follows.
func TestWasmAnsweredByEnvoy(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, _ := vmtest.Start(t, vm, "")
		id := host.InitializeHttpContext()
		host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "call:auth:/check reply:403"}}, true)
		call := host.GetCalloutAttributesFromContext(id)[0]
		if host.CallOnResponseHeaders(id, [][2]string{{":status", "408"}}, true) != types.ActionContinue {
			t.Error("Envoy's reply was held up")
		}
		host.CallOnHttpCallResponse(call.CalloutID, answered.headers, nil, nil)
		if r := host.GetSentLocalResponse(id); r != nil {
			t.Errorf("replied %d too", r.StatusCode)
		}
		host.CompleteHttpContext(id)
		if n, _ := host.GetCounterMetric("gatehouse.probe.abandoned"); n != 1 {
			t.Errorf("abandoned counted %d times, want 1", n)
		}
	})
}

// TestWasmReuse: an exchange gets nothing of one that has ended, whose memory it
// uses, and an answer that comes too late reaches nobody.
func TestWasmReuse(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, _ := vmtest.Start(t, vm, "")
		begin := func(headers ...[2]string) uint32 {
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, append([][2]string{{":method", "GET"}, {":path", "/"}}, headers...), true)
			return id
		}
		sent := func(id uint32) string {
			m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
			m.RemoveHeader("x-probe")
			return m.Text("x-")
		}
		answer := func(id uint32) { host.CallOnHttpCallResponse(id, answered.headers, nil, []byte("ok")) }

		first := begin([2]string{"x-probe", "set:x-a:1 call:auth:/check"}, [2]string{"x-probe-response", "set:x-b:2"}, [2]string{"x-secret", "1"})
		answer(host.GetCalloutAttributesFromContext(first)[0].CalloutID)
		host.CallOnResponseHeaders(first, [][2]string{{":status", "200"}}, true)
		host.CompleteHttpContext(first)

		plain := begin()
		host.CallOnResponseHeaders(plain, [][2]string{{":status", "200"}}, true)
		if got := sent(plain); got != "" {
			t.Errorf("a request without steps went on with %q", got)
		}
		if got := (&hosttest.Message{Fields: host.GetCurrentResponseHeaders(plain)}).Text("x-"); got != "" {
			t.Errorf("its response went on with %q", got)
		}
		host.CompleteHttpContext(plain)

		gone := begin([2]string{"x-probe", "call:auth:/check"})
		late := host.GetCalloutAttributesFromContext(gone)[0].CalloutID
		host.CompleteHttpContext(gone)
		waiting := begin([2]string{"x-probe", "body:9 call:auth:/check"})
		own := host.GetCalloutAttributesFromContext(waiting)[0].CalloutID
		answer(late)
		if vmtest.GoesOn(host, waiting) || sent(waiting) != "x-body: 0 false\n" {
			t.Errorf("the answer to another request let this one go, with %q", sent(waiting))
		}
		answer(own)
		if !vmtest.GoesOn(host, waiting) || sent(waiting) != "x-body: 0 false\nx-call: answered 200 2\n" {
			t.Errorf("after its own answer it has %q", sent(waiting))
		}
	})
}

// TestWasmSingleFlight: requests that ask the same share one callout.
func TestWasmSingleFlight(t *testing.T) {
	const flights, waiters = 4, 2 // the probe's own cap is 2
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		// begin starts a request for each of the probe's steps.
		begin := func(t *testing.T, steps ...string) (vmtest.Host, []uint32) {
			host, _ := vmtest.Start(t, vm, "")
			ids := make([]uint32, len(steps))
			for i := range ids {
				ids[i] = host.InitializeHttpContext()
				host.CallOnRequestHeaders(ids[i], [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", steps[i]}}, true)
			}
			return host, ids
		}
		same := slices.Repeat([]string{"share:auth:/same"}, flights)
		calls := func(host vmtest.Host, ids []uint32) (n int, last uint32) {
			for _, id := range append([]uint32{vmtest.PluginContext}, ids...) {
				for _, c := range host.GetCalloutAttributesFromContext(id) {
					n, last = n+1, c.CalloutID
				}
			}
			return n, last
		}
		results := func(host vmtest.Host, ids []uint32) string {
			var all []string
			for _, id := range ids {
				m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
				v, _ := m.Header("x-call")
				all = append(all, v)
			}
			return strings.Join(all, ", ")
		}

		t.Run("one callout answers all, but for those over the cap", func(t *testing.T) {
			host, ids := begin(t, same...)
			n, call := calls(host, ids)
			if n != 1 {
				t.Fatalf("%d callouts, want 1", n)
			}
			host.CallOnHttpCallResponse(call, answered.headers, nil, []byte("ok"))
			if got, want := results(host, ids), "answered 200 2, answered 200 2, answered 200 2, too_many_waiters 0 0"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if n, _ := host.GetCounterMetric("gatehouse.probe.coalesced"); n != waiters {
				t.Errorf("coalesced counted %d times, want %d", n, waiters)
			}
		})
		t.Run("the leader hangs up: the others are answered", func(t *testing.T) {
			host, ids := begin(t, same...)
			_, first := calls(host, ids)
			host.CompleteHttpContext(ids[0])
			if host.GetTickPeriod() == 0 {
				t.Fatal("nobody takes over")
			}
			host.CallOnHttpCallResponse(first, answered.headers, nil, nil) // dropped
			host.Tick()
			again := host.GetCalloutAttributesFromContext(vmtest.PluginContext)
			if len(again) != 1 {
				t.Fatalf("the callout was made again %d times, want 1", len(again))
			}
			host.CallOnHttpCallResponse(again[0].CalloutID, answered.headers, nil, []byte("ok"))
			if got, want := results(host, ids[1:3]), "answered 200 2, answered 200 2"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if host.Tick(); host.GetTickPeriod() != 0 {
				t.Error("the timer still runs")
			}
		})
		t.Run("a waiter hangs up: the others are answered", func(t *testing.T) {
			host, ids := begin(t, same...)
			_, call := calls(host, ids)
			host.CompleteHttpContext(ids[1])
			host.CallOnHttpCallResponse(call, answered.headers, nil, []byte("ok"))
			if got, want := results(host, []uint32{ids[0], ids[2]}), "answered 200 2, answered 200 2"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
		t.Run("all hang up: the next one asks anew", func(t *testing.T) {
			host, ids := begin(t, same...)
			for _, id := range ids {
				host.CompleteHttpContext(id)
			}
			host.Tick()
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "share:auth:/same"}}, true)
			_, call := calls(host, []uint32{id})
			host.CallOnHttpCallResponse(call, answered.headers, nil, []byte("ok"))
			if got := results(host, []uint32{id}); got != "answered 200 2" {
				t.Errorf("got %q", got)
			}
		})
		t.Run("what one that has waited asks next is its own", func(t *testing.T) {
			for name, gone := range map[string]struct{ early, late bool }{
				"the leader stays": {}, "the leader has its answer and ends": {late: true}, "the leader hangs up first": {early: true},
			} {
				t.Run(name, func(t *testing.T) {
					host, ids := begin(t, "share:auth:/same set:x-own:leader call:auth:/leader", "share:auth:/same set:x-own:waiter call:auth:/waiter")
					_, call := calls(host, ids)
					if gone.early {
						host.CompleteHttpContext(ids[0])
						host.CallOnHttpCallResponse(call, answered.headers, nil, nil) // dropped
						host.Tick()
						_, call = calls(host, nil)
					}
					host.CallOnHttpCallResponse(call, answered.headers, nil, []byte("ok"))
					if gone.late {
						host.CompleteHttpContext(ids[0])
					}
					own := host.GetCalloutAttributesFromContext(ids[1])
					host.CallOnHttpCallResponse(own[len(own)-1].CalloutID, answered.headers, nil, []byte("own"))
					m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(ids[1])}
					m.RemoveHeader("x-probe")
					if got, want := m.Text("x-"), "x-call: answered 200 2answered 200 3\nx-own: waiter\n"; got != want || !vmtest.GoesOn(host, ids[1]) {
						t.Errorf("got %q, want %q; goes on: %v", got, want, vmtest.GoesOn(host, ids[1]))
					}
					if gone != (struct{ early, late bool }{}) {
						return
					}
					if vmtest.GoesOn(host, ids[0]) {
						t.Error("the leader went on with the waiter's answer")
					}
					if got, _ := (&hosttest.Message{Fields: host.GetCurrentRequestHeaders(ids[0])}).Header("x-own"); got != "leader" {
						t.Errorf("the leader has %q", got)
					}
				})
			}
		})
		t.Run("one that breaks does not take the answer from the others", func(t *testing.T) {
			host, ids := begin(t, "share:auth:/same panic", "share:auth:/same")
			_, call := calls(host, ids)
			host.CallOnHttpCallResponse(call, answered.headers, nil, []byte("ok"))
			if r := host.GetSentLocalResponse(ids[0]); r == nil || r.StatusCode != 500 {
				t.Errorf("the broken one got %+v", r)
			}
			if got := results(host, ids[1:]); got != "answered 200 2" {
				t.Errorf("the other got %q", got)
			}
		})
	})
}

// TestWasmShadow: nothing is answered, all is counted.
func TestWasmShadow(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct{ steps, word string }{
			"a denial":                 {"reply:403", "told"},
			"a denial after a callout": {"call:auth:/ reply:403", "told"},
			"a panic":                  {"panic", "internal_error"},
		} {
			t.Run(name, func(t *testing.T) {
				host, _ := vmtest.Start(t, vm, `{"shadow":true}`)
				id := host.InitializeHttpContext()
				host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", c.steps}}, true)
				for _, call := range host.GetCalloutAttributesFromContext(id) {
					host.CallOnHttpCallResponse(call.CalloutID, answered.headers, nil, nil)
				}
				if !vmtest.GoesOn(host, id) {
					t.Error("the request did not go on")
				}
				state, _ := host.GetProperty([]string{"gatehouse.probe"})
				if !strings.HasPrefix(string(state), "shadow_"+c.word) {
					t.Errorf("filter state %q", state)
				}
				if n, _ := host.GetCounterMetric("gatehouse.probe.shadow." + c.word); n != 1 {
					t.Errorf("counted %d times", n)
				}
			})
		}
	})
}

// TestWasmNegotiation: the words of a reply come as the client wants them.
func TestWasmNegotiation(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct{ header, value, contentType, body string }{
			"JSON by default":       {"x-none", "", "application/json", `{"message":"said \"so\""}`},
			"plain if asked for":    {"accept", "text/plain", "text/plain; charset=utf-8", `said "so"`},
			"nothing to gRPC":       {"content-type", "application/grpc", "", ""},
			"nothing to gRPC+proto": {"content-type", "application/grpc+proto", "", ""},
		} {
			t.Run(name, func(t *testing.T) {
				host, _ := vmtest.Start(t, vm, "")
				id := host.InitializeHttpContext()
				host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "reply:403"}, {c.header, c.value}}, true)
				reply := host.GetSentLocalResponse(id)
				got := hosttest.Message{Fields: reply.Headers}
				contentType, _ := got.Header("content-type")
				if contentType != c.contentType || string(reply.Data) != c.body {
					t.Errorf("got %q %q, want %q %q", contentType, reply.Data, c.contentType, c.body)
				}
				if v, _ := got.Header("cache-control"); v != "no-store" {
					t.Errorf("cache-control %q, want no-store", v)
				}
			})
		}
	})
}

// blind sets a header of a request that it could not read.
type blind struct{}

func (blind) OnRequest(m filter.Message, _ time.Time) filter.Outcome {
	hosted.Unread(m)
	m.SetHeader("x-first", "ours")
	m.SetHeader("x-user", "ours")
	return filter.Pass("passed")
}

func (blind) OnResponse(filter.Message, time.Time) filter.Outcome { return filter.Continue() }

// What a client sends never stands beside what the filter sets, known or not.
func TestSetHeaderReplaces(t *testing.T) {
	plugin := filter.Plugin{Name: "blind", Verdicts: []filter.Verdict{{Word: "passed"}},
		Load: func([]byte, filter.Host) (filter.Filter, error) { return blind{}, nil }}
	host, ok := vmtest.Start(t, hosted.NewVM(plugin), "")
	if !ok {
		t.Fatal("the plugin did not start")
	}
	id := host.InitializeHttpContext()
	host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-user", "theirs"}, {"x-first", "theirs"}}, true)
	for _, name := range []string{"x-first", "x-user"} {
		m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
		if v, n := m.Header(name); n != 1 || v != "ours" {
			t.Errorf("%s: %q, the first of %d, want ours alone", name, v, n)
		}
	}
}

// late sets a header that came while its request waited, as from another attempt of a
// hedged request, whose headers are the same.
type late struct{ body bool }

func (l late) OnRequest(m filter.Message, _ time.Time) filter.Outcome {
	if _, n := m.Header("x-user"); n > 0 {
		return filter.Pass("passed")
	}
	then := func() filter.Outcome {
		if err := proxywasm.AddHttpRequestHeader("x-user", "another's"); err != nil {
			panic(err)
		}
		m.SetHeader("x-user", "ours")
		return filter.Pass("passed")
	}
	if l.body {
		return filter.NeedBody(filter.BodyNeed{Limit: 10}, func(filter.BodyResult) filter.Outcome { return then() })
	}
	return filter.Call(filter.Callout{Cluster: "c", Method: "GET", Authority: "a", Path: "/", Timeout: time.Second},
		func(filter.CalloutResult) filter.Outcome { return then() })
}

func (late) OnResponse(filter.Message, time.Time) filter.Outcome { return filter.Continue() }

func TestSetHeaderReplacesWhatCameLate(t *testing.T) {
	for name, l := range map[string]late{"callout": {}, "body": {body: true}, "trailers": {body: true}} {
		t.Run(name, func(t *testing.T) {
			plugin := filter.Plugin{Name: "late", Verdicts: []filter.Verdict{{Word: "passed"}},
				Load: func([]byte, filter.Host) (filter.Filter, error) { return l, nil }}
			host, ok := vmtest.Start(t, hosted.NewVM(plugin), "")
			if !ok {
				t.Fatal("the plugin did not start")
			}
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}}, false)
			switch name {
			case "callout":
				host.CallOnHttpCallResponse(host.GetCalloutAttributesFromContext(id)[0].CalloutID, answered.headers, nil, nil)
			case "body":
				host.CallOnRequestBody(id, []byte("x"), true)
			case "trailers":
				host.CallOnRequestBody(id, []byte("x"), false)
				host.CallOnRequestTrailers(id, nil)
			}
			m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
			if v, n := m.Header("x-user"); n != 1 || v != "ours" {
				t.Errorf("%q, the first of %d, want ours alone", v, n)
			}
		})
	}
}

// A callout carries the request's trace, unless that is so long that the service may
// refuse the call for it.
func TestWasmCopiedHeaders(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, "")
		if !ok {
			t.Fatal("the plugin did not start")
		}
		for size, want := range map[int]int{512: 1, 1024: 1, 1025: 0, 9000: 0} {
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "call:auth:/check"},
				{"traceparent", "00-a"}, {"tracestate", strings.Repeat("a", size)}}, true)
			m := hosttest.Message{Fields: host.GetCalloutAttributesFromContext(id)[0].Headers}
			if _, n := m.Header("tracestate"); n != want {
				t.Errorf("a tracestate of %d: %d times", size, n)
			}
			if v, _ := m.Header("traceparent"); v != "00-a" {
				t.Errorf("traceparent %q", v)
			}
		}
	})
}

// The log of a panic begins with the function that broke, not with those that
// recovered.
func TestWasmPanicNames(t *testing.T) {
	vmtest.Run(t, probe.Plugin, "test/probe.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, "")
		if !ok {
			t.Fatal("the plugin did not start")
		}
		id := host.InitializeHttpContext()
		host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {"x-probe", "panic"}}, true)
		logs := strings.Join(host.GetErrorLogs(), "\n")
		if !strings.Contains(logs, " in=") || !strings.Contains(logs, " stack=probe.") {
			t.Errorf("%s, want the probe's function first", logs)
		}
	})
}
