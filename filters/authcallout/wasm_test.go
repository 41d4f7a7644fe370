package authcallout

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/vmtest"
)

// TestWasmExchanges: the module as it ships, and the same code in Go.
func TestWasmExchanges(t *testing.T) {
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct {
			token  string
			answer string // status of the auth service; "": it is not asked; "reset": it resets
			status uint32 // of the reply; 0 if the request goes on
		}{
			"allowed":                   {"Bearer token-1", "200", 0},
			"denied":                    {"Bearer token-2", "401", 401},
			"no token":                  {"", "", 401},
			"the auth service is reset": {"Bearer token-1", "reset", 500},
		} {
			t.Run(name, func(t *testing.T) {
				host, ok := vmtest.Start(t, vm, "{"+kong+"}")
				if !ok {
					t.Fatal("the plugin did not start")
				}
				id := host.InitializeHttpContext()
				headers := [][2]string{{":method", "GET"}, {":path", "/private"}, {":authority", "example.org"}}
				if c.token != "" {
					headers = append(headers, [2]string{"authorization", c.token})
				}
				host.CallOnRequestHeaders(id, headers, true)
				calls := host.GetCalloutAttributesFromContext(id)
				if (len(calls) == 1) != (c.answer != "") {
					t.Fatalf("%d callouts", len(calls))
				}
				for _, call := range calls {
					answer := [][2]string{{":status", c.answer}, {"x-envoy-upstream-service-time", "1"}}
					if c.answer == "reset" {
						answer = nil
					}
					host.CallOnHttpCallResponse(call.CalloutID, answer, nil, nil)
				}
				reply := host.GetSentLocalResponse(id)
				switch {
				case reply == nil && c.status != 0:
					t.Errorf("went on, want %d", c.status)
				case reply != nil && reply.StatusCode != c.status:
					t.Errorf("replied %d, want %d", reply.StatusCode, c.status)
				case reply == nil && !vmtest.GoesOn(host, id):
					t.Error("hangs")
				}
			})
		}
		t.Run("a configuration with a fault is refused", func(t *testing.T) {
			if _, ok := vmtest.Start(t, vm, `{"clster":"a"}`); ok {
				t.Error("the plugin started")
			}
		})
	})
}
