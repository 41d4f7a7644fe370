package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// question is what the auth service was asked last by a chain.
type question struct {
	chain string
	seen  seen
}

// varying are headers whose values differ from request to request.
var varying = []string{"X-Request-Id"}

func (s seen) String() string {
	lines := []string{s.Method + " " + s.Path, "Host: " + s.Host}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		value := strings.Join(s.Headers[name], ", ")
		if slices.Contains(varying, name) {
			value = "..."
		}
		lines = append(lines, name+": "+value)
	}
	if s.Body != "" {
		lines = append(lines, "", s.Body)
	}
	return strings.Join(lines, "\n")
}

// alike must put the same question; the others differ on purpose.
var alike = []string{"ext_authz", "ext_authz_identity", "lua", "callout", "calls_ask", "uncached", "uncached_identity"}

// own are headers that Envoy puts on the calls of one of its filters only, and
// that cannot be turned off: they are left out of the comparison.
var own = map[string][]string{
	"ext_authz":          {"Content-Length"}, // 0, also where the method has no body
	"ext_authz_identity": {"Content-Length"},
	"lua":                {"X-Forwarded-For"},
}

// comparable is the question without what cannot be helped.
func (q question) comparable() string {
	s := q.seen
	s.Headers = maps.Clone(s.Headers)
	for _, name := range own[q.chain] {
		if name != "Content-Length" || slices.Equal(s.Headers[name], []string{"0"}) {
			delete(s.Headers, name)
		}
	}
	return s.String()
}

// sameQuestion fails unless the compared chains have sent the same request: a
// cheaper question would be no comparison.
func sameQuestion(questions []question) error {
	var first *question
	for i, q := range questions {
		if !slices.Contains(alike, q.chain) {
			continue
		}
		if first == nil {
			first = &questions[i]
		}
		if want, got := first.comparable(), q.comparable(); got != want {
			return fmt.Errorf("%s asks\n%s\n\nbut %s asks\n%s", first.chain, want, q.chain, got)
		}
	}
	if first == nil {
		return fmt.Errorf("none of the chains %s has asked", strings.Join(alike, ", "))
	}
	return nil
}
