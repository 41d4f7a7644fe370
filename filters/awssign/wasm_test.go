package awssign

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/vmtest"
)

// TestWasmExchanges: the module as it ships, and the same code in Go.
func TestWasmExchanges(t *testing.T) {
	vmtest.Run(t, Plugin, "awssign.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct {
			config string
			token  string
			body   string
			answer string // status of STS; "": it is not asked; "reset": it resets
			status uint32 // of the reply; 0 if the request goes on
			key    string // that it is signed with
		}{
			"keys of the proxy":      {s3, "", "", "", 0, keyID},
			"a body that is hashed":  {s3 + `,"payload":"hashed"`, "", "hello", "", 0, keyID},
			"keys of the user":       {perUser + `,"service":"s3"`, "Bearer " + token("ann", 30*365*24*time.Hour), "", "200", 0, "ASIA-ann"},
			"STS is reset":           {perUser + `,"service":"s3"`, "Bearer " + token("ann", 30*365*24*time.Hour), "", "reset", 502, ""},
			"no token, no signature": {perUser + `,"service":"s3"`, "", "", "", 401, ""},
		} {
			t.Run(name, func(t *testing.T) {
				host, ok := vmtest.Start(t, vm, "{"+c.config+"}")
				if !ok {
					t.Fatal("the plugin did not start")
				}
				id := host.InitializeHttpContext()
				headers := [][2]string{{":method", "PUT"}, {":path", "/a%2Fb/?x=1"}, {":authority", "b.s3.us-east-1.amazonaws.com"}}
				if c.token != "" {
					headers = append(headers, [2]string{"authorization", c.token})
				}
				host.CallOnRequestHeaders(id, headers, c.body == "")
				if c.body != "" {
					host.CallOnRequestBody(id, []byte(c.body), true)
				}
				calls := host.GetCalloutAttributesFromContext(id)
				if (len(calls) == 1) != (c.answer != "") {
					t.Fatalf("%d callouts", len(calls))
				}
				for _, call := range calls {
					// The Go half runs by the real clock, the other by the emulator's.
					body := strings.Replace(string(grants(filter.Callout{Body: call.Body}).Body), strconv.FormatInt(hosttest.Now.Add(time.Hour).Unix(), 10), "4000000000", 1)
					answer := [][2]string{{":status", c.answer}, {"x-envoy-upstream-service-time", "1"}}
					if c.answer == "reset" {
						answer = nil
					}
					host.CallOnHttpCallResponse(call.CalloutID, answer, nil, []byte(body))
				}
				reply := host.GetSentLocalResponse(id)
				if reply != nil {
					if reply.StatusCode != c.status {
						t.Errorf("replied %d, want %d", reply.StatusCode, c.status)
					}
					return
				}
				if c.status != 0 || !vmtest.GoesOn(host, id) {
					t.Fatalf("no reply, want %d", c.status)
				}
				m := &hosttest.Message{Fields: host.GetCurrentRequestHeaders(id), Whole: []byte(c.body)}
				date, _ := m.Header("x-amz-date")
				now, err := time.Parse("20060102T150405Z", date)
				if err != nil {
					t.Fatal(err)
				}
				region := "us-east-1"
				if strings.Contains(c.config, "eu-west-1") {
					region = "eu-west-1"
				}
				if v, err := verify(m, "s3", region, now); err != nil || v.AccessKeyID != c.key {
					t.Errorf("signed by %q: %v", v.AccessKeyID, err)
				}
			})
		}
		t.Run("a configuration with a fault is refused", func(t *testing.T) {
			if _, ok := vmtest.Start(t, vm, `{"servce":"a"}`); ok {
				t.Error("the plugin started")
			}
		})
	})
}

// TestWasmReuse: a request is signed for its own user, whoever used the memory
// before it, and without a token it is not signed at all.
func TestWasmReuse(t *testing.T) {
	vmtest.Run(t, Plugin, "awssign.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, "{"+perUser+`,"service":"s3"}`)
		if !ok {
			t.Fatal("the plugin did not start")
		}
		for i, c := range []struct {
			user string
			asks bool
		}{{"ann", true}, {"bob", true}, {"ann", false}, {"", false}, {"bob", false}, {"", false}, {"ann", false}} {
			id := host.InitializeHttpContext()
			headers := [][2]string{{":method", "GET"}, {":path", "/" + c.user}, {":authority", "b.s3.us-east-1.amazonaws.com"}}
			if c.user != "" {
				headers = append(headers, [2]string{"authorization", "Bearer " + token(c.user, 30*365*24*time.Hour)})
			}
			host.CallOnRequestHeaders(id, headers, true)
			calls := host.GetCalloutAttributesFromContext(id)
			if (len(calls) == 1) != c.asks {
				t.Fatalf("%d: %d callouts", i, len(calls))
			}
			for _, call := range calls {
				body := strings.Replace(string(grants(filter.Callout{Body: call.Body}).Body), strconv.FormatInt(hosttest.Now.Add(time.Hour).Unix(), 10), "4000000000", 1)
				host.CallOnHttpCallResponse(call.CalloutID, [][2]string{{":status", "200"}, {"x-envoy-upstream-service-time", "1"}}, nil, []byte(body))
			}
			if reply := host.GetSentLocalResponse(id); (reply != nil) != (c.user == "") {
				t.Errorf("%d: reply %+v", i, reply)
			}
			if c.user != "" {
				m := &hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
				date, _ := m.Header("x-amz-date")
				now, err := time.Parse("20060102T150405Z", date)
				if err != nil {
					t.Fatal(err)
				}
				if v, err := verify(m, "s3", "eu-west-1", now); err != nil || v.AccessKeyID != "ASIA-"+c.user {
					t.Errorf("%d: signed by %q: %v", i, v.AccessKeyID, err)
				}
			}
			host.CompleteHttpContext(id)
		}
	})
}
