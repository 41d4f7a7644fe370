package awssign

import (
	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

var declaredMetrics = []filter.Metric{
	{Name: "cache_hits", Help: "Sessions, or refusals of STS, from the worker's cache."},
	{Name: "cache_shared_hits", Help: "The same from the shared cache."},
	{Name: "cache_misses", Help: "Sessions that STS was asked for."},
	{Name: "refreshes", Help: "Sessions that were renewed, or tried to be, ahead of their end."},
	{Name: "refresh_failures", Help: "Renewals that failed; the session stayed in use until its end, unless STS refused it."},
	{Name: "clock_corrections", Help: "Times that the clock was corrected by AWS's `Date`."},
	{Name: "hashed_bytes", Help: "Bytes of bodies that were hashed."},
}

type metrics struct {
	hashed      filter.Counter
	credentials aws.Counters
}

func newMetrics(h filter.Host) metrics {
	return metrics{
		hashed: h.Counter("hashed_bytes"),
		credentials: aws.Counters{
			Hits:             h.Counter("cache_hits"),
			SharedHits:       h.Counter("cache_shared_hits"),
			Misses:           h.Counter("cache_misses"),
			Refreshes:        h.Counter("refreshes"),
			RefreshFailure:   h.Counter("refresh_failures"),
			ClockCorrections: h.Counter("clock_corrections"),
		},
	}
}
