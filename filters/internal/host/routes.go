package host

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// overlayNamespace is the key of the route's filter_metadata that holds a
// filter's overlay, as JSON text, under "config".
const overlayNamespace = "gatehouse."

// routes holds the filters that routes have configured. Envoy's Wasm filter has
// no configuration per route (envoyproxy/envoy#26440), so an overlay is read
// from the route's metadata and merged over the plugin's configuration.
type routes struct {
	plugin   filter.Plugin
	host     filter.Host
	config   []byte
	base     *routeFilter
	recheck  filter.Rechecker // nil: base is none
	overlays map[string]*routeFilter

	overlayProperty property // of the current route
	verdictProperty property // in filter state
}

func newRoutes(p filter.Plugin, h filter.Host, config []byte, base filter.Filter) routes {
	recheck, _ := base.(filter.Rechecker)
	return routes{
		plugin: p, host: h, config: config, base: newRouteFilter(base), recheck: recheck,
		overlayProperty: propertyOf("xds", "route_metadata", "filter_metadata", overlayNamespace+p.Name, "config"),
		verdictProperty: propertyOf(metricPrefix + p.Name),
	}
}

// routeFilter is one overlay, decoded: a filter or the reason why there is none.
type routeFilter struct {
	own    *exchange       // the filter itself
	stream filter.Streamer // nil: it keeps no state of a stream
	spare  []*exchange     // that have ended and can serve again
	err    error
}

func newRouteFilter(f filter.Filter) *routeFilter {
	r := &routeFilter{own: newExchange(f)}
	r.own.from = r
	r.stream, _ = f.(filter.Streamer)
	return r
}

// exchange returns what serves one exchange.
func (r *routeFilter) exchange() *exchange {
	if r.stream == nil {
		return r.own
	}
	if last := len(r.spare) - 1; last >= 0 {
		x := r.spare[last]
		r.spare = r.spare[:last]
		return x
	}
	x := newExchange(r.stream.NewStream())
	x.resetter, _ = x.Filter.(filter.Resetter)
	x.from = r
	return x
}

// exchange is a filter as one exchange uses it, and what else it can do. A value
// is asked for its interfaces only once: in Wasm, Go's runtime searches a table
// each time.
type exchange struct {
	filter.Filter
	requests  filter.RequestChunker
	responses filter.ResponseChunker
	skips     filter.ResponseSkipper
	trailers  filter.TrailerStripper
	fails     filter.Failer
	shadow    filter.Shadower
	resetter  filter.Resetter
	from      *routeFilter
}

//go:noinline
func newExchange(f filter.Filter) *exchange { // once in the module, not at each of its callers
	x := &exchange{Filter: f}
	x.requests, _ = f.(filter.RequestChunker)
	x.responses, _ = f.(filter.ResponseChunker)
	x.skips, _ = f.(filter.ResponseSkipper)
	x.trailers, _ = f.(filter.TrailerStripper)
	x.fails, _ = f.(filter.Failer)
	x.shadow, _ = f.(filter.Shadower)
	return x
}

// noFilter stands for the filter until the route is known, or if it has none.
var noFilter = &exchange{}

// maxSpare bounds what is kept for later exchanges.
const maxSpare = 256

// release keeps an exchange that has ended for another one.
func (x *exchange) release() {
	if x.resetter == nil || len(x.from.spare) >= maxSpare {
		return
	}
	x.resetter.Reset()
	x.from.spare = append(x.from.spare, x)
}

// maxOverlays bounds the decoded overlays that are kept; a larger number of
// distinct texts only costs decoding again.
const maxOverlays = 256

// unreadable stands for an overlay that is there but that Envoy cannot hand over
// (a struct with a null in it, say). It is no text, so that load refuses it.
const unreadable = "\x00"

// overlay reads the text of the current route's overlay, "" where it has none.
func (r *routes) overlay() string {
	text, st := getProperty(r.overlayProperty)
	switch st {
	case statusOK:
		return string(text)
	case statusNotFound:
		return ""
	default:
		return unreadable
	}
}

// resolve returns the filter of a route.
func (r *routes) resolve(overlay string, m *message) *routeFilter {
	if overlay == "" {
		return r.base
	}
	if f, ok := r.overlays[overlay]; ok {
		return f
	}
	f := r.load(overlay)
	if f.err != nil {
		r.host.Log("overlay of a route: "+f.err.Error()+"; the route is closed", "route", quotedName(m.RouteName()))
	}
	if len(r.overlays) >= maxOverlays || r.overlays == nil {
		r.overlays = make(map[string]*routeFilter)
	}
	r.overlays[overlay] = f
	return f
}

func (r *routes) load(overlay string) *routeFilter {
	if !isText(overlay) {
		return &routeFilter{err: errors.New("config: want JSON text, got a struct, list, number or boolean, which reach a Wasm filter without their types")}
	}
	merged, err := jsonr.Merge(r.config, []byte(overlay))
	if err != nil {
		return &routeFilter{err: err}
	}
	f, err := r.plugin.Load(merged, r.host)
	if err != nil {
		return &routeFilter{err: err}
	}
	return newRouteFilter(f)
}

// isText tells the text of an overlay from the bytes by which Envoy hands over
// any other kind of value: lengths, doubles and booleans, which hold zeros or
// other control characters, or no UTF-8.
func isText(overlay string) bool {
	for i := range len(overlay) {
		if c := overlay[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return utf8.ValidString(overlay)
}

// policyMark stands before the digest of the overlay in a verdict's filter state.
const policyMark = " policy="

// digest identifies an overlay (FNV-1a, 64 bits). Overlays are the operator's
// own, so nobody has a reason to look for two with the same digest; the text
// itself may hold secrets and stays out of filter state.
func digest(overlay string) string {
	if overlay == "" {
		return ""
	}
	h := uint64(14695981039346656037)
	for i := 0; i < len(overlay); i++ {
		h = (h ^ uint64(overlay[i])) * 1099511628211
	}
	return strconv.FormatUint(h, 16)
}

// quotedName quotes a route's name where it would break a line apart.
func quotedName(name string) string {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == '"' || c >= 0x7f {
			return strconv.Quote(name)
		}
	}
	return name
}
