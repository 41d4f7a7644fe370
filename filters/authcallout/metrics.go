package authcallout

import "github.com/gatehouse-proxy/gatehouse/filters/internal/filter"

var declaredMetrics = []filter.Metric{
	{Name: "identity_headers_stripped", Help: "Identity headers (and `Connection` tokens that name one) that clients sent and the filter removed."},
	{Name: "partial_bodies", Help: "Callouts that carried only the first part of a body (`partial_body`)."},
}

type metrics struct {
	stripped filter.Counter
	partial  filter.Counter
}

func newMetrics(h filter.Host) metrics {
	return metrics{
		stripped: h.Counter("identity_headers_stripped"),
		partial:  h.Counter("partial_bodies"),
	}
}
