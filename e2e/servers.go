package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Seen is one request as it reached a server.
type Seen struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"` // with the query, as on the wire
	Host    string            `json:"host"`
	Proto   string            `json:"protocol"`
	Headers map[string]values `json:"headers"` // names in lower case
	Body    string            `json:"body"`
}

// values are a header's values; in JSON a single one is a plain text.
type values []string

// MarshalJSON implements json.Marshaler.
func (v values) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]string(v))
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		*v = make(values, 1)
		return json.Unmarshal(data, &(*v)[0])
	}
	return json.Unmarshal(data, (*[]string)(v))
}

// Header returns the values of a header, joined as a proxy may join them.
func (s Seen) Header(name string) string { return strings.Join(s.Headers[name], ", ") }

// Server is an HTTP server (HTTP/1.1 and HTTP/2 without TLS) on the loopback
// interface that remembers the requests it got.
type Server struct {
	Addr string // host:port

	server *http.Server
	mu     sync.Mutex
	seen   []Seen
}

// NewServer starts a server. The handler finds the request's body whole and in
// memory; reading it first is what keeps Envoy's connection alive.
func NewServer(handler http.HandlerFunc) (*Server, error) {
	return listenAndServe("127.0.0.1:0", handler)
}

func listenAndServe(addr string, handler http.HandlerFunc) (*Server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: ln.Addr().String()}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{
		Protocols: protocols,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// A tunnel's bytes come after the answer, and are no body.
			if r.Method != http.MethodConnect {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return // the client is gone
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
			}
			s.remember(r)
			handler(w, r)
		}),
	}
	go func() {
		if err := s.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	return s, nil
}

func (s *Server) remember(r *http.Request) {
	seen := see(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, seen)
}

// see describes a request and leaves its body to be read again.
func see(r *http.Request) Seen {
	seen := Seen{Method: r.Method, Path: r.RequestURI, Host: r.Host, Proto: r.Proto, Headers: map[string]values{}}
	for name, v := range r.Header {
		seen.Headers[strings.ToLower(name)] = v
	}
	if r.Method != http.MethodConnect {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err) // it is in memory
		}
		seen.Body = string(body)
		r.Body = io.NopCloser(strings.NewReader(seen.Body))
	}
	return seen
}

// Seen returns the requests so far for which ok is true; nil takes all.
func (s *Server) Seen(ok func(Seen) bool) []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Seen
	for _, r := range s.seen {
		if ok == nil || ok(r) {
			found = append(found, r)
		}
	}
	return found
}

// Close ends the server and its connections.
func (s *Server) Close() error { return s.server.Close() }

// NewEcho starts the upstream of tests and demo: its answer is the request that
// reached it, as JSON. Upgrades and CONNECT get their own bytes back; gRPC gets
// the trailer grpc-status: 0.
func NewEcho() (*Server, error) { return NewServer(echo) }

func echo(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Upgrade") != "":
		tunnel(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
	case r.Method == http.MethodConnect:
		tunnel(w, "HTTP/1.1 200 OK\r\n\r\n")
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(http.StatusOK)
		w.Header().Set("Grpc-Status", "0")
	default:
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(see(r)); err != nil {
			return // the client is gone
		}
	}
}

// tunnel answers with head and then sends back what it gets.
func tunnel(w http.ResponseWriter, head string) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	//nolint:errcheck // the peer ends the tunnel as it likes
	io.Copy(conn, buffered)
}

// Faulty is a server that breaks the rules of HTTP on purpose.
type Faulty struct {
	Addr string
	ln   net.Listener
	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool
}

// NewFaulty starts a server that reads the head of one request per connection
// and then lets answer do with the connection what it wants.
func NewFaulty(answer func(net.Conn)) (*Faulty, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Faulty{Addr: ln.Addr().String(), ln: ln, open: map[net.Conn]bool{}}
	f.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.open[conn] = true
			f.mu.Unlock()
			f.wg.Go(func() {
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					if _, err := io.Copy(io.Discard, r.Body); err == nil {
						answer(conn)
					}
				}
			})
		}
	})
	return f, nil
}

// Close ends the server, its connections and their goroutines.
func (f *Faulty) Close() {
	f.ln.Close()
	f.mu.Lock()
	for conn := range maps.Keys(f.open) {
		conn.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// What a Faulty server may answer.
var (
	// Reset drops the connection with a TCP reset.
	Reset = func(c net.Conn) {
		if tcp, ok := c.(*net.TCPConn); ok {
			//nolint:errcheck // a connection that is gone needs no reset
			tcp.SetLinger(0)
		}
	}
	// Hang never answers.
	Hang = func(c net.Conn) { drain(c) }
	// Broken answers with something that is not HTTP.
	Broken = func(c net.Conn) { send(c, "HTTP/9 banana\r\n\r\n") }
	// Truncated announces more than it sends.
	Truncated = func(c net.Conn) {
		send(c, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"userUuid\":")
	}
	// Huge sends a 200 with a body of 64 MiB.
	Huge = func(c net.Conn) {
		send(c, fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n", 64<<20))
		for range 64 {
			if !send(c, strings.Repeat("x", 1<<20)) {
				return
			}
		}
	}
	// Endless sends a 200 whose body goes on in small pieces until the client
	// hangs up.
	Endless = func(c net.Conn) {
		send(c, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
		for send(c, "1\r\nx\r\n") {
			time.Sleep(5 * time.Millisecond)
		}
	}
)

func send(c net.Conn, text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

func drain(c net.Conn) {
	//nolint:errcheck // ends when the peer hangs up, in whichever way
	io.Copy(io.Discard, c)
}

// ClosedAddr returns an address of the loopback interface where nobody listens.
// Its port is not among those that the system gives to connections (from 32768 on,
// ip_local_port_range), one of which would have it before it is used.
func ClosedAddr() (addr string, err error) {
	const first, last, tries = 15000, 30000, 100
	for range tries {
		var ln net.Listener
		addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first)))
		if ln, err = net.Listen("tcp", addr); err == nil {
			return addr, ln.Close()
		}
	}
	return "", err
}

// AuthService is cmd/authservice as a process of its own.
type AuthService struct {
	Addr    string
	process *process
}

// BuildAuthService compiles cmd/authservice into dir and returns its path.
func BuildAuthService(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "authservice")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, "./cmd/authservice")
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/authservice: %w\n%s", err, out)
	}
	return path, nil
}

// StartAuthService starts the auth service on an address such as 127.0.0.1:0
// and returns when it listens.
func StartAuthService(binary, addr string) (*AuthService, error) {
	out, in := io.Pipe()
	p, err := startProcess(binary, []string{"-listen", addr}, nil, in, in)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		p.kill()
		return nil, fmt.Errorf("%s said nothing", binary)
	}
	const prefix = "listening on "
	where, ok := strings.CutPrefix(lines.Text(), prefix)
	if !ok {
		p.kill()
		return nil, errors.New(lines.Text())
	}
	go drainLines(lines)
	return &AuthService{Addr: where, process: p}, nil
}

func drainLines(s *bufio.Scanner) {
	for s.Scan() {
	}
}

// Stop ends the service and returns when its process is gone.
func (a *AuthService) Stop() error { return a.process.stop(stopGrace) }

// PID is the process id of the service.
func (a *AuthService) PID() int { return a.process.cmd.Process.Pid }
