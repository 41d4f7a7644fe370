package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A token says itself until when it is valid, so that the auth service can be
// killed and know it all again: "<user>.<Unix time in milliseconds>".
type token struct {
	user string
	ends time.Time
}

func (t token) String() string { return t.user + "." + strconv.FormatInt(t.ends.UnixMilli(), 10) }

// parseToken reads the token of an authorization.
func parseToken(authorization string) (t token, ok bool) {
	text, ok := strings.CutPrefix(authorization, "Bearer ")
	user, ends, ok2 := strings.Cut(text, ".")
	ms, err := strconv.ParseInt(ends, 10, 64)
	if !ok || !ok2 || err != nil {
		return t, false
	}
	return token{user, time.UnixMilli(ms)}, true
}

// serveAuth is the auth service: 200 and the user for a token that is valid, 401
// otherwise. POST /delay?ms=N slows all answers.
func serveAuth(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", ln.Addr())
	var delay atomic.Int64
	err = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client is gone
		}
		if r.URL.Path == "/delay" {
			ms, err := strconv.ParseInt(r.URL.Query().Get("ms"), 10, 64)
			if err != nil {
				http.Error(w, "want ms, a number", http.StatusBadRequest)
				return
			}
			delay.Store(ms)
			return
		}
		time.Sleep(time.Duration(delay.Load()) * time.Millisecond)
		t, ok := parseToken(r.Header.Get("Authorization"))
		if !ok || !time.Now().Before(t.ends) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set(userHeader, t.user)
	}))
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func setDelay(addr string, d time.Duration) error {
	resp, err := http.PostForm("http://"+addr+"/delay?ms="+strconv.FormatInt(d.Milliseconds(), 10), url.Values{})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the auth service answered %s", resp.Status)
	}
	return nil
}

// upstream tells the client as whom it got its request.
type upstream struct {
	addr   string
	server *http.Server
}

const (
	userHeader = "X-User-Id"   // set by the filter, stripped from clients
	seenHeader = "X-Seen-User" // of the upstream's answer

	detailsHeader = "X-Details" // of Envoy's
)

func startUpstream() (*upstream, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{addr: ln.Addr().String()}
	u.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(seenHeader, strings.Join(r.Header.Values(userHeader), ", "))
	})}
	go func() {
		if err := u.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	return u, nil
}

func (u *upstream) close() error { return u.server.Close() }
