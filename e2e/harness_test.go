package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start starts an Envoy that ends with the test.
func start(t *testing.T, b Bootstrap, o Options) *Envoy {
	t.Helper()
	if b.Dir == "" {
		b.Dir = t.TempDir()
	}
	o.Dir = b.Dir
	config, err := b.JSON()
	if err != nil {
		t.Fatal(err)
	}
	o.Bootstrap = config
	return startWith(t, o)
}

// startWith is start with a bootstrap that is ready.
func startWith(t *testing.T, o Options) *Envoy {
	t.Helper()
	e, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("Envoy's log ends with:\n%s", tail(e.Log(), 40))
		}
	})
	return e
}

func addr(t *testing.T, e *Envoy, listener string) string {
	t.Helper()
	a, err := e.Addr(listener)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newServer(t *testing.T, handler http.HandlerFunc) *Server {
	t.Helper()
	s, err := NewServer(handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// authService is the demo's auth service, which a test may kill and restart.
type authService struct {
	*AuthService
	binary string
}

func newAuthService(t *testing.T) *authService {
	t.Helper()
	binary, err := BuildAuthService(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &authService{binary: binary}
	a.start(t, "127.0.0.1:0")
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *authService) start(t *testing.T, addr string) {
	t.Helper()
	var err error
	if a.AuthService, err = StartAuthService(a.binary, addr); err != nil {
		t.Fatal(err)
	}
}

func newFaulty(t *testing.T, answer func(net.Conn)) *Faulty {
	t.Helper()
	f, err := NewFaulty(answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func closedAddr(t *testing.T) string {
	t.Helper()
	// Bound and never listening: no other test's server can get the port.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Close(fd); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in4, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("bound to %T", name)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(in4.Port))
}

// freeAddr returns an address for a server to listen on.
func freeAddr(t *testing.T) string {
	t.Helper()
	a, err := ClosedAddr()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// protocol is what a client speaks to Envoy.
type protocol string

const (
	http1 protocol = "HTTP/1.1"
	http2 protocol = "HTTP/2.0" // with prior knowledge, without TLS
)

// clients give up long after everything that Envoy may wait for.
var clients = map[protocol]*http.Client{http1: newClient(false), http2: newClient(true)}

func newClient(h2 bool) *http.Client {
	p := &http.Protocols{}
	p.SetHTTP1(!h2)
	p.SetUnencryptedHTTP2(h2)
	return &http.Client{
		Timeout:       60 * time.Second,
		Transport:     &http.Transport{Protocols: p, DisableCompression: true, MaxIdleConnsPerHost: 32},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// request is one request of a test; the zero value is GET / over HTTP/1.1.
type request struct {
	proto   protocol
	method  string
	path    string
	wire    string // the path as it goes on the wire, where net/url would not leave it
	headers [][2]string
	body    string
}

// response is what the client got.
type response struct {
	status  int
	headers http.Header
	body    string
	trailer http.Header
	proto   string
}

// echoed is the request as the echo upstream saw it.
func (r response) echoed(t *testing.T) Seen {
	t.Helper()
	var s Seen
	if err := json.Unmarshal([]byte(r.body), &s); err != nil {
		t.Fatalf("status %d, and no echo: %v: %q", r.status, err, r.body)
	}
	return s
}

// do sends a request and reads the whole response.
func do(t *testing.T, addr string, q request) response {
	t.Helper()
	r, err := try(t.Context(), addr, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// try is do for goroutines and for requests that may fail.
func try(ctx context.Context, addr string, q request) (response, error) {
	if q.proto == "" {
		q.proto = http1
	}
	return tryWith(ctx, clients[q.proto], addr, q)
}

// tryWith is try with a client of one's own.
func tryWith(ctx context.Context, client *http.Client, addr string, q request) (response, error) {
	if q.method == "" {
		q.method = http.MethodGet
	}
	if q.path == "" {
		q.path = "/"
	}
	req, err := http.NewRequestWithContext(ctx, q.method, "http://"+addr+q.path, bytes.NewReader([]byte(q.body)))
	if err != nil {
		return response{}, err
	}
	if q.wire != "" {
		req.URL.Opaque = q.wire
	}
	for _, h := range q.headers {
		if strings.EqualFold(h[0], "host") {
			req.Host = h[1]
			continue
		}
		req.Header[h[0]] = append(req.Header[h[0]], h[1]) // as written, duplicates too
	}
	resp, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return response{}, fmt.Errorf("%s %s: body after status %d: %w", q.method, q.path, resp.StatusCode, err)
	}
	return response{resp.StatusCode, resp.Header, string(body), resp.Trailer, resp.Proto}, nil
}

// raw sends bytes over TCP, for what no HTTP client would send, and returns the
// connection to read from.
func raw(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
	})
	if err := conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// newTCPEcho starts a server without HTTP that sends back what it gets.
func newTCPEcho(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				//nolint:errcheck // ends when the peer hangs up, in whichever way
				io.Copy(conn, conn)
			}()
		}
	}()
	return ln.Addr().String()
}

// readHead reads a response's head and not a byte more.
func readHead(t *testing.T, conn net.Conn) string {
	t.Helper()
	var head []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); {
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatalf("%v after %q", err, head)
		}
		head = append(head, b[0])
	}
	return string(head)
}

// carries checks that a tunnel to an echo is open.
func carries(t *testing.T, out io.Writer, in io.Reader) {
	t.Helper()
	const ping = "ping through the tunnel"
	if _, err := io.WriteString(out, ping); err != nil {
		t.Fatal(err)
	}
	pong := make([]byte, len(ping))
	if _, err := io.ReadFull(in, pong); err != nil || string(pong) != ping {
		t.Errorf("got %q back, %v", pong, err)
	}
}
