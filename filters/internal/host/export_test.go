package host

import (
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// SetClock replaces the shell's clock for a test.
func SetClock(t *testing.T, now func() time.Time) {
	was := clock
	clock = now
	t.Cleanup(func() { clock = was })
}

// Unread leaves a message as if Envoy had given no headers.
func Unread(m filter.Message) {
	own := m.(*message)
	own.headers, own.lengths, own.fetched, own.unsure = nil, 0, true, true
}
