package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
)

// seen is the answer of the auth service's /seen: how many requests it got, and
// the last of them.
type seen struct {
	Requests uint64 // so far, those of /seen and of the STS left out
	Sessions uint64 // that the STS gave
	Method   string
	Path     string
	Host     string
	Headers  map[string][]string
	Body     string
}

// authServer is the auth service, which runs in a process of its own: it reads
// each request to its end (an earlier answer makes Envoy drop the connection),
// answers 200 with one identity header, and keeps the connection. It is the STS
// and the upstream of the chains that sign, too.
type authServer struct {
	requests atomic.Uint64
	sessions atomic.Uint64
	last     atomic.Pointer[seen]
}

func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/seen" {
		s := seen{}
		if last := a.last.Load(); last != nil {
			s = *last
		}
		s.Requests, s.Sessions = a.requests.Load(), a.sessions.Load()
		if err := json.NewEncoder(w).Encode(s); err != nil {
			return // the client is gone
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == stsPath {
		// Once a user: no request that a chain asks for each of its own.
		form, err := url.ParseQuery(string(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := answerSTS(w, form.Get("RoleSessionName")); err != nil {
			return // the client is gone
		}
		a.sessions.Add(1)
		return
	}
	a.requests.Add(1)
	a.last.Store(&seen{Method: r.Method, Path: r.RequestURI, Host: r.Host, Headers: r.Header, Body: string(body)})
	w.Header().Set("X-User-Id", "user-1")
	w.WriteHeader(http.StatusOK)
}

// serve runs the auth service. Its first line of output is what
// [e2e.StartAuthService] waits for.
func serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", ln.Addr())
	if err := http.Serve(ln, &authServer{}); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
