package host

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// metricPrefix starts every metric: gatehouse.<filter>.<event>. Envoy adds
// "wasmcustom." in /stats and drops it again for Prometheus. The samples'
// stats_tags turn the filter, the verdict and the callout's outcome into labels.
const metricPrefix = "gatehouse."

type counter uint32

// Add implements filter.Counter.
func (c counter) Add(n uint64) { incrementMetric(uint32(c), n) }

// metrics are all defined when the plugin starts; none is named by a request.
type metrics struct {
	requests  counter
	abandoned counter
	panics    counter
	duration  uint32
	callouts  [filter.Failures]counter
	coalesced counter
	verdicts  []namedCounter
	shadows   []namedCounter
	owned     []namedCounter
}

type namedCounter struct {
	name string
	counter
}

// SharedMetrics documents the counters that every filter has.
var SharedMetrics = []filter.Metric{
	{Name: "requests", Help: "Requests seen."},
	{Name: "verdicts.<word>", Help: "Requests decided, by verdict. Label `verdict`."},
	{Name: "callouts.<outcome>", Help: "Callouts ended, by outcome: `answered`, `unknown_cluster`, `unreachable`, `timeout`, `reply_too_large`, `overloaded`, `too_many_waiters`. Label `outcome`."},
	{Name: "callout_milliseconds", Help: "Histogram: time from a callout's start to its answer."},
	{Name: "coalesced", Help: "Requests that waited for another one's callout instead of making their own."},
	{Name: "shadow.<word>", Help: "Requests that passed in shadow mode, by the verdict they would have got. Label `verdict`."},
	{Name: "abandoned", Help: "Requests that ended (client gone, Envoy's own timeout) before they were decided."},
	{Name: "panics", Help: "Panics recovered; each is a bug to report."},
}

func defineMetrics(p filter.Plugin) metrics {
	prefix := metricPrefix + p.Name + "."
	count := func(name string) counter { return counter(defineCounter(prefix + name)) }
	m := metrics{
		requests:  count("requests"),
		abandoned: count("abandoned"),
		coalesced: count("coalesced"),
		panics:    count("panics"),
		duration:  defineHistogram(prefix + "callout_milliseconds"),
	}
	for f := range m.callouts {
		m.callouts[f] = count("callouts." + filter.Failure(f).String())
	}
	for _, list := range [][]filter.Verdict{p.Verdicts, filter.SharedVerdicts} {
		for _, v := range list {
			m.verdicts = append(m.verdicts, namedCounter{string(v.Word), count("verdicts." + string(v.Word))})
			if v.Status != "" {
				m.shadows = append(m.shadows, namedCounter{string(v.Word), count("shadow." + string(v.Word))})
			}
		}
	}
	for _, o := range p.Metrics {
		m.owned = append(m.owned, namedCounter{o.Name, count(o.Name)})
	}
	return m
}

// noCounter is that of a word which a plugin has not declared.
const noCounter = ^counter(0)

// of is the counter of a verdict.
func (m *metrics) of(w filter.Word, shadow bool) counter {
	counters := m.verdicts
	if shadow {
		counters = m.shadows
	}
	for i := range counters {
		if counters[i].name == string(w) {
			return counters[i].counter
		}
	}
	return noCounter
}

func (m *metrics) own(name string) filter.Counter {
	for i := range m.owned {
		if m.owned[i].name == name {
			return m.owned[i].counter
		}
	}
	//nolint:forbidigo // while a plugin loads, so that any test of the filter finds it
	panic("metric not declared by the plugin")
}

func (m *metrics) callout(f filter.Failure, took time.Duration) {
	m.callouts[f].Add(1)
	if f <= filter.ReplyTooLarge && f != filter.UnknownCluster {
		recordMetric(m.duration, uint64(took/time.Millisecond))
	}
}
