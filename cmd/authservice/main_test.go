package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	const question = `{"path": "/apikey-simple/private", "raw_query": "a=1"}`
	tests := map[string]struct {
		method, target, authorization, body string
		wantStatus                          int
		wantBody, wantUser                  string
	}{
		"a public path needs no token":              {"POST", "/apikey-simple/verify", "", `{"path":"/apikey-simple/public","raw_query":""}`, 200, `"userUuid":"None"`, ""},
		"the tutorial's short public path does too": {"POST", "/apikey-simple/verify", "", `{"path":"/public","raw_query":""}`, 200, `"userUuid":"None"`, ""},
		"a known token opens the private path":      {"POST", "/apikey-simple/verify", "Bearer token-1", question, 200, `"userUuid":"user-1"`, "user-1"},
		"an unknown token does not":                 {"POST", "/apikey-simple/verify", "Bearer token-2", question, 401, "Unknown user", ""},
		"no token is unauthorized":                  {"POST", "/apikey-simple/verify", "", question, 401, "Unauthorized", ""},
		"the scheme is case-sensitive":              {"POST", "/apikey-simple/verify", "bearer token-1", question, 401, "Bearer ", ""},
		"a known token opens no other path":         {"POST", "/apikey-simple/verify", "Bearer token-1", `{"path":"/apikey-simple/dummy","raw_query":""}`, 401, "no permission", ""},
		"a question without a path is refused":      {"POST", "/apikey-simple/verify", "Bearer token-1", `{"raw_query":""}`, 400, "Invalid", ""},
		"a question that is no JSON is refused":     {"POST", "/apikey-simple/verify", "Bearer token-1", `path=/public`, 400, "Invalid", ""},
		"verify takes POST only":                    {"GET", "/apikey-simple/verify", "Bearer token-1", "", 405, "POST", ""},
		"an unknown path is not there":              {"POST", "/verify", "Bearer token-1", question, 404, "Not found", ""},
		"ext_authz asks by path, any method":        {"DELETE", "/check/apikey-simple/private?x=1", "Bearer token-1", "", 200, "user-1", "user-1"},
		"ext_authz gets the same denial":            {"GET", "/check/apikey-simple/private", "Bearer token-2", "", 401, "Unknown user", ""},
		"a path is judged as it was sent":           {"GET", "/check/apikey-simple/x/../private", "Bearer token-1", "", 401, "no permission", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			w := httptest.NewRecorder()
			handler().ServeHTTP(w, r)
			if w.Code != test.wantStatus {
				t.Errorf("status %d, want %d", w.Code, test.wantStatus)
			}
			if !strings.Contains(w.Body.String(), test.wantBody) {
				t.Errorf("body %s, want %s in it", w.Body, test.wantBody)
			}
			if got := w.Header().Get("X-User-Id"); got != test.wantUser {
				t.Errorf("x-user-id %q, want %q", got, test.wantUser)
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestTakenAddressIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(handler())
	defer server.Close()
	if err := serve(server.Listener.Addr().String(), io.Discard); err == nil {
		t.Fatal("served on an address that was taken")
	}
}
