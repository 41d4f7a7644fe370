// The authservice command is a small auth service: the one that authcallout's
// demo and tests ask. It follows the service of the custom-auth tutorial that
// the kong-custom-auth profile comes from: paths and tokens are lists in memory.
//
//	POST /apikey-simple/verify   body {"path": ..., "raw_query": ...}, token in Authorization
//	ANY  /check/<path>           the same verdict for the path after /check, as Envoy's
//	                             ext_authz asks with path_prefix: /check
//
// A verdict is 200 with {"userUuid": ...} and, for a known user, the header
// x-user-id; or 401; or 400 for a body that cannot be read.
//
// The tutorial's service compares the path with "/public" and "/private", its
// curls ask for /apikey-simple/public and /apikey-simple/private: both forms are
// taken here, so that its four scenarios end as it says they do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	namespace = "/apikey-simple"
	maxBody   = 1 << 20 // bytes
)

var (
	users        = map[string]string{"token-1": "user-1"}
	publicPaths  = map[string]bool{"/public": true}
	privatePaths = map[string]bool{"/private": true}
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "address to listen on; port 0 takes a free one")
	flag.Parse()
	if err := serve(*listen, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "authservice:", err)
		os.Exit(1)
	}
}

// serve runs the service until SIGINT or SIGTERM. Its first line of output is
// "listening on HOST:PORT".
func serve(addr string, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "listening on", ln.Addr()); err != nil {
		return err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler(), Protocols: protocols, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		return server.Close() // an idle keep-alive connection is no reason to stay
	}
	return nil
}

// handler takes the path as it was sent: a mux would clean it by a redirect.
func handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The body is read to its end before anything is answered: a proxy drops
		// the connection of a server that answers too early.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"message": "Invalid request body"})
			return
		}
		asked := r.URL.EscapedPath()
		if path, ok := strings.CutPrefix(asked, "/check"); ok {
			verify(w, path, r.Header.Get("Authorization"))
			return
		}
		switch {
		case asked != namespace+"/verify":
			answer(w, http.StatusNotFound, map[string]string{"message": "Not found"})
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			answer(w, http.StatusMethodNotAllowed, map[string]string{"message": "Use POST"})
		default:
			var question struct {
				Path     *string `json:"path"`
				RawQuery *string `json:"raw_query"`
			}
			if json.Unmarshal(body, &question) != nil || question.Path == nil || question.RawQuery == nil {
				answer(w, http.StatusBadRequest, map[string]string{"message": "Invalid request arguments"})
				return
			}
			verify(w, *question.Path, r.Header.Get("Authorization"))
		}
	})
}

// verify answers whether the bearer of a token may have a path.
func verify(w http.ResponseWriter, path, authorization string) {
	path = strings.TrimPrefix(path, namespace)
	if publicPaths[path] {
		answer(w, http.StatusOK, map[string]string{"userUuid": "None"})
		return
	}
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	switch {
	case authorization == "":
		unauthorized(w, "Unauthorized")
	case !ok:
		unauthorized(w, "Token should have to start with 'Bearer '")
	case users[token] == "":
		unauthorized(w, "Unknown user")
	case !privatePaths[path]:
		unauthorized(w, "User has no permission on the path")
	default:
		w.Header().Set("X-User-Id", users[token])
		answer(w, http.StatusOK, map[string]string{"userUuid": users[token]})
	}
}

func unauthorized(w http.ResponseWriter, message string) {
	w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, 11.6.1
	answer(w, http.StatusUnauthorized, map[string]string{"message": message})
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return // the client is gone
	}
}
