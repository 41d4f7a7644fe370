package host

import (
	"testing"
	"time"
)

// SetClock replaces the shell's clock for a test.
func SetClock(t *testing.T, now func() time.Time) {
	was := clock
	clock = now
	t.Cleanup(func() { clock = was })
}
