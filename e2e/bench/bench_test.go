package main

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAgainstComparesWithinRounds(t *testing.T) {
	t.Parallel()
	// The machine is twice as slow in the second round and three times in the third.
	base, reference, own := []float64{10, 20, 30}, []float64{30, 60, 90}, []float64{20, 40, 60}
	added, ratio := against(own, base, reference)
	if want := (spread{20, 10, 30, 10, 30}); added != want {
		t.Errorf("added %v, want %v", added, want)
	}
	if want := (spread{0.5, 0.5, 0.5, 0.5, 0.5}); ratio != want {
		t.Errorf("ratio %v, want %v", ratio, want)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for want, figures := range map[spread][]float64{
		{}:                   nil,
		{7, 7, 7, 7, 7}:      {7},
		{1.5, 1, 2, 1, 2}:    {2, 1},
		{4.5, 3, 6, 1, 8}:    {8, 1, 7, 2, 6, 3, 5, 4},
		{5, 3, 7, 1, 100}:    {100, 1, 2, 3, 4, 5, 6, 7, 8},
		{2, 2, 2, -100, 2.5}: {2, 2, 2.5, 2, -100},
	} {
		if got := spreadOf(figures); got != want {
			t.Errorf("%v: %v, want %v", figures, got, want)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		text   string
		status int
		rest   string
		fails  bool
	}{
		"an answer with a body":    {text: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: x\r\n\r\nokHTTP", status: 200, rest: "HTTP"},
		"an answer without a body": {text: "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", status: 403},
		"a body that ends early":   {text: "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", fails: true},
		"no length":                {text: "HTTP/1.1 200 OK\r\n\r\n", fails: true},
		"no HTTP":                  {text: "banana\r\n\r\n", fails: true},
		"nothing":                  {fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := bufio.NewReader(strings.NewReader(x.text))
			status, err := readAnswer(r)
			if (err != nil) != x.fails {
				t.Fatalf("error %v", err)
			}
			if rest, _ := io.ReadAll(r); !x.fails && (status != x.status || string(rest) != x.rest) {
				t.Errorf("status %d and %q left, want %d and %q", status, rest, x.status, x.rest)
			}
		})
	}
}

func TestLoadFailsOnAnyOtherStatus(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer server.Close()
	l, err := startLoad(server.Listener.Addr().String(), 2, requests(1))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); l.err.Load() == nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := l.stop(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v, want one with the status", err)
	}
	if n := l.answers.Load(); n != 0 {
		t.Errorf("%d answers counted", n)
	}
}

func TestSameQuestion(t *testing.T) {
	t.Parallel()
	ask := func(chain, header, value string) question {
		return question{chain, seen{Method: "GET", Path: "/", Headers: map[string][]string{"X-Request-Id": {chain}, header: {value}}}}
	}
	for name, x := range map[string]struct {
		other question
		fails bool
	}{
		"the same but for the request's id":   {other: ask("uncached", "Accept", "a")},
		"another value":                       {other: ask("uncached", "Accept", "b"), fails: true},
		"another header":                      {other: ask("uncached", "Accept-Language", "a"), fails: true},
		"a chain that is free to ask its own": {other: ask("kong", "Accept", "b")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := sameQuestion([]question{ask("ext_authz", "Accept", "a"), x.other}); (err != nil) != x.fails {
				t.Errorf("error %v", err)
			}
		})
	}
	if sameQuestion(nil) == nil {
		t.Error("no question at all was taken for the same")
	}
}

func TestReplaceGenerated(t *testing.T) {
	t.Parallel()
	page, err := replaceGenerated("before\n"+beginMark+"old\n"+endMark+"after\n", "new\n")
	if want := "before\n" + beginMark + "new\n" + endMark + "after\n"; err != nil || page != want {
		t.Errorf("%q (%v), want %q", page, err, want)
	}
	if _, err := replaceGenerated("no marks", "new"); err == nil {
		t.Error("a page without marks was overwritten")
	}
}

// measured is a report in which every chain but the empty one adds micros.
func measured(micros float64) *report {
	r := &report{plan: quick, chains: chains(), blocks: map[string][]block{}}
	for _, c := range chains() {
		cost := 100 * time.Microsecond
		switch c.name {
		case c.base:
			cost = 0
		case "ext_authz", "ext_authz_identity":
		default:
			cost = time.Duration(micros * float64(time.Microsecond))
		}
		for range r.plan.rounds {
			r.blocks[c.name] = append(r.blocks[c.name], block{requests: 10, cpu: 10 * (20*time.Microsecond + cost)})
		}
	}
	return r
}

func TestMissedBarsAreNamed(t *testing.T) {
	t.Parallel()
	if err := measured(40).missed(); err != nil {
		t.Error(err)
	}
	err := measured(50).missed()
	if err == nil || !strings.Contains(err.Error(), "0.50 times") || strings.Contains(err.Error(), "profile ext-authz") {
		t.Errorf("%v, want the hits' bars only", err)
	}
	if err := measured(130).missed(); err == nil || !strings.Contains(err.Error(), "profile ext-authz adds 1.30 times") {
		t.Errorf("%v, want the bar of the uncached chain too", err)
	}
}

func TestPlotIsXMLWithEachChain(t *testing.T) {
	t.Parallel()
	plot := measured(40).plot()
	for d := xml.NewDecoder(strings.NewReader(plot)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range chains() {
		if c.plotted() && !strings.Contains(strings.ReplaceAll(plot, "&#39;", "'"), ">"+c.title+"<") {
			t.Errorf("no bar for %s", c.title)
		}
	}
}
