package authcallout

import (
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

var declaredMetrics = []filter.Metric{
	{Name: "identity_headers_stripped", Help: "Identity headers (and `Connection` tokens that name one) that clients sent and the filter removed."},
	{Name: "partial_bodies", Help: "Callouts that carried only the first part of a body (`partial_body`)."},
	{Name: "cache_hits", Help: "Verdicts from the worker's cache."},
	{Name: "cache_shared_hits", Help: "Verdicts from the shared cache."},
	{Name: "cache_misses", Help: "Verdicts that were not in the cache."},
	{Name: "cache_stale", Help: "Expired verdicts that answered because the auth service failed (`cache.stale_if_error`)."},
}

type metrics struct {
	stripped, partial                 filter.Counter
	hits, sharedHits, misses, staleOK filter.Counter
}

func newMetrics(h filter.Host) metrics {
	return metrics{
		stripped:   h.Counter("identity_headers_stripped"),
		partial:    h.Counter("partial_bodies"),
		hits:       h.Counter("cache_hits"),
		sharedHits: h.Counter("cache_shared_hits"),
		misses:     h.Counter("cache_misses"),
		staleOK:    h.Counter("cache_stale"),
	}
}
