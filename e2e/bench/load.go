package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed-loop generator: each connection sends its next request when
// the answer to the last one is whole. It measures cost, not latency: a slow
// answer slows the arrivals down.
type load struct {
	answers atomic.Uint64 // with status 200
	err     atomic.Pointer[error]
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// startLoad sends requests, chosen at random, on each of the connections.
func startLoad(addr string, connections int, requests [][]byte) (*load, error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	for range connections {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, errors.Join(err, l.stop())
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		l.wg.Go(func() {
			defer conn.Close()
			if err := l.run(ctx, conn, requests); err != nil && ctx.Err() == nil {
				l.err.CompareAndSwap(nil, &err)
			}
		})
	}
	return l, nil
}

func (l *load) run(ctx context.Context, conn net.Conn, requests [][]byte) error {
	r := bufio.NewReader(conn)
	for ctx.Err() == nil {
		if _, err := conn.Write(requests[rand.IntN(len(requests))]); err != nil {
			return err
		}
		status, err := readAnswer(r)
		if err != nil {
			return err
		}
		if status != 200 {
			return fmt.Errorf("an answer with status %d", status)
		}
		l.answers.Add(1)
	}
	return nil
}

// stop ends the connections; the error is the first that one of them met.
func (l *load) stop() error {
	l.cancel()
	l.wg.Wait()
	if err := l.err.Load(); err != nil {
		return *err
	}
	return nil
}

var contentLength = []byte("content-length: ")

// readAnswer reads one response with a content-length, not one in pieces.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	if length < 0 {
		return 0, errors.New("an answer without content-length")
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return status, err
}

// block is what one block of load has cost.
type block struct {
	requests uint64
	cpu      time.Duration // of Envoy
}

func (b block) micros() float64 {
	return float64(b.cpu) / float64(time.Microsecond) / float64(b.requests)
}
