package awssign

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

// benchRequest is like what reaches a gateway.
func benchRequest(headers ...string) *hosttest.Message {
	return get(append(headers, "accept: */*", "user-agent: test", "range: bytes=0-1023", "x-forwarded-for: 192.0.2.1",
		"x-request-id: b3f1a6a2-4a4f-4a0e-8d0c-0a8c5a8f6d11", "x-amz-meta-owner: someone", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")...)
}

// once signs one request; the message is the same each time, as the token is
// put back.
func once(b testing.TB, config string, headers ...string) func() {
	f, _ := newFilter(b, config)
	m := benchRequest(headers...)
	if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed { // and fill the cache
		b.Fatal(e.Word)
	}
	m = benchRequest(headers...)
	fields := m.Fields
	scratch := make([][2]string, 0, len(fields)+8)
	return func() {
		m.Fields = append(scratch[:0], fields...)
		o := f.OnRequest(m, hosttest.Now)
		if o.Kind == filter.KindBody {
			o = o.OnBody(filter.BodyResult{Now: hosttest.Now})
		}
		if o.Word != Signed {
			b.Fatal(o.Word)
		}
	}
}

var benches = map[string]struct {
	config    string
	headers   []string
	maxAllocs float64
}{
	// The stream, what is asked of the chain, and two texts of the signature.
	"static keys": {s3, nil, 4},
	// No more: the caches of tokens and sessions are asked without allocating. (The
	// double allocates three times where it replaces a header.)
	"per user, cached": {perUser + `,"service":"s3"`, []string{bearer("ann")}, 7},
	// The steps after the body, and the hash's text.
	"empty body": {s3 + `,"payload":"hashed"`, nil, 5},
	// The new query, its parts and :path.
	"query": {s3 + `,"sign_query":true`, nil, 11},
}

func BenchmarkSign(b *testing.B) {
	for name, c := range benches {
		b.Run(name, func(b *testing.B) {
			sign := once(b, c.config, c.headers...)
			b.ReportAllocs()
			for b.Loop() {
				sign()
			}
		})
	}
}

func TestAllocations(t *testing.T) {
	for name, c := range benches {
		if n := testing.AllocsPerRun(100, once(t, c.config, c.headers...)); n > c.maxAllocs {
			t.Errorf("%s: %v allocations a request, at most %v", name, n, c.maxAllocs)
		}
	}
}
