package awssign

import (
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

// A refusal for the time is seen unless AWS has taken a signature of the same second.
func TestResponsesAreReadUntilTheClockIsProven(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, s3)
	skewed := hosttest.Now.Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	refusal := [][2]string{{":status", "403"}, {"date", skewed}}
	for _, step := range []struct {
		after     time.Duration
		response  [][2]string
		corrected time.Duration // the clock, afterwards
	}{
		{0, [][2]string{{":status", "200"}}, 0},
		{time.Second - 1, refusal, 0}, // not read
		{time.Second, [][2]string{{":status", "503"}}, 0},
		{time.Second, refusal, time.Hour - time.Second}, // an answer that proves nothing came before
		{2 * time.Second, [][2]string{{":status", "200"}}, time.Hour - time.Second},
		{2*time.Second - 1, refusal, time.Hour - time.Second}, // signed before, so it says nothing new
	} {
		now := hosttest.Now.Add(step.after)
		x := f.NewStream()
		if o := x.OnRequest(get(), now); o.Word != Signed {
			t.Fatal(o.Word)
		}
		if !x.(filter.ResponseSkipper).SkipsResponse() {
			x.OnResponse(&hosttest.Message{Fields: step.response}, now)
		}
		if got := f.chain.Clock.Now(now).Sub(now); got != step.corrected {
			t.Errorf("after %s and %v the clock is corrected by %s, want %s", step.after, step.response[0], got, step.corrected)
		}
	}
	// A host that lies about the time, and then takes what was signed by it, keeps
	// nobody from setting the clock right.
	liar, _ := newFilter(t, s3)
	for _, response := range [][][2]string{refusal, {{":status", "200"}}, {{":status", "403"}, {"date", hosttest.Now.Format("Mon, 02 Jan 2006 15:04:05 GMT")}}} {
		x := liar.NewStream()
		x.OnRequest(get(), hosttest.Now)
		if !x.(filter.ResponseSkipper).SkipsResponse() {
			x.OnResponse(&hosttest.Message{Fields: response}, hosttest.Now)
		}
	}
	if got := liar.chain.Clock.Now(hosttest.Now); !got.Equal(hosttest.Now) {
		t.Errorf("the clock stays at %s, where a liar has set it", got)
	}
	unsigned := f.NewStream()
	if o := unsigned.OnRequest(request("GET", "bucket.example.net", "/"), hosttest.Now); o.Word == Signed {
		t.Fatal("signed for any host")
	}
	if !unsigned.(filter.ResponseSkipper).SkipsResponse() {
		t.Error("reads the answer to a request that was not signed")
	}
}
