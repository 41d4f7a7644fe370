package authcallout

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

// maxAllocs bounds the allocations of an allowed request: the stream, the
// callout's headers, its body, and the closure of the step after it.
const maxAllocs = 5

func exchangeOnce(b testing.TB) func() {
	f, err := load([]byte("{"+kong+`,"identity_headers":["x-user"]}`), hosttest.NewHost())
	if err != nil {
		b.Fatal(err)
	}
	m, res := get(bearer, "user-agent: test", "accept: */*"), says(200, "")
	return func() {
		o := f.(filter.Streamer).NewStream().OnRequest(m, hosttest.Now)
		if o = o.OnReply(res); o.Word != Allowed {
			b.Fatal(o.Word)
		}
	}
}

func BenchmarkAllowed(b *testing.B) {
	once := exchangeOnce(b)
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}

func TestAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, exchangeOnce(t)); n > maxAllocs {
		t.Errorf("%v allocations a request, at most %d", n, maxAllocs)
	}
}
