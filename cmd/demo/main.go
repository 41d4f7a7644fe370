// The demo command shows the filters at work: a real Envoy on localhost with
// one route for each configuration, an auth service as a process of its own, an
// upstream that answers with the request that reached it, and an S3 store with an
// STS and an identity provider. It prints a curl for each promise, and a line for
// each request. Start it with make run; S3=minio takes MinIO for the store.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

func main() {
	auth := flag.String("authservice", "", "path of the compiled cmd/authservice")
	flag.Parse()
	// SIGHUP comes when the terminal is closed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *auth, os.Getenv("PORT"), os.Getenv("S3"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

// run starts everything, waits until ctx ends, and stops everything.
func run(ctx context.Context, authservice, port, store string, out io.Writer) (err error) {
	number, err := freePort(port)
	if err != nil {
		return err
	}
	if store != "" && store != "minio" {
		return fmt.Errorf("S3 is %q: leave it out for the small store of the demo, or set S3=minio", store)
	}
	dir, err := os.MkdirTemp("", "gatehouse-demo-")
	if err != nil {
		return err
	}
	closing := []func() error{func() error { return os.RemoveAll(dir) }}
	defer func() {
		for i := range closing {
			err = errors.Join(err, closing[len(closing)-1-i]())
		}
	}()

	upstream, err := e2e.NewEcho()
	if err != nil {
		return err
	}
	closing = append(closing, upstream.Close)
	auth, err := e2e.StartAuthService(authservice, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the auth service: %w", err)
	}
	closing = append(closing, auth.Stop)

	say := &printer{w: out}
	if store == "minio" {
		say.line("starting MinIO ...")
	}
	s3, err := startStore(ctx, store, dir)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while starting
		}
		return fmt.Errorf("starting the S3 store: %w", err)
	}
	closing = append(closing, s3.close)
	routes := append(authRoutes, s3.route())

	bootstrap, err := e2e.Bootstrap{
		Dir:       dir,
		Listeners: []e2e.Listener{listener(number, routes)},
		Clusters:  []e2e.Cluster{{Name: "echo", Addr: upstream.Addr}, {Name: "auth", Addr: auth.Addr}, {Name: "s3", Addr: s3.addr}},
	}.JSON()
	if err != nil {
		return err
	}
	say.line("starting Envoy ...")
	envoy, err := e2e.Start(ctx, e2e.Options{Bootstrap: bootstrap, Dir: dir, Concurrency: 2, Stdout: out})
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while starting
		}
		return err
	}
	closing = append(closing, envoy.Stop)

	introduce(say, number, routes, envoy.AdminAddr(), auth.PID())
	if say.err != nil {
		return say.err
	}
	select {
	case <-ctx.Done():
		say.line("")
		say.line("stopping ...")
		return nil
	case <-envoy.Done():
		return fmt.Errorf("the Envoy process ended; its log:\n%s", envoy.Log())
	}
}

// freePort checks the port that the user asked for, so that the answer to a
// taken one is not Envoy's.
func freePort(text string) (int, error) {
	if text == "" {
		text = "10000"
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("PORT is %q: set it to a number from 1 to 65535, such as PORT=10000", text)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", text))
	if err != nil {
		other := port + 1
		if port == 65535 {
			other = 10000
		}
		return 0, fmt.Errorf("port %d is taken (%w): choose another one, such as PORT=%d make run", port, err, other)
	}
	return port, ln.Close()
}

// printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, strings.TrimRight(format, "\n")+"\n", args...)
	}
}
