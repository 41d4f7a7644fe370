package filter

// Word is the stable machine word of a verdict: the same in the response
// details, the metric, the filter state and the README.
type Word string

// The shell's own words, which every filter shares.
const (
	// InternalError: the filter broke; the request was answered by OnFailure or
	// with 500.
	InternalError Word = "internal_error"
	// BodyUnavailable: a body was needed, but Envoy holds bodies back until
	// allow_on_headers_stop_iteration is set.
	BodyUnavailable Word = "body_unavailable"
	// RouteChanged: the decision's own header edits moved the request to a route
	// with another policy.
	RouteChanged Word = "route_changed"
	// Unchanged: a second mount found the policy that has decided already.
	Unchanged Word = "unchanged"
	// BadOverlay: the route's overlay does not parse; the route is closed.
	BadOverlay Word = "bad_overlay"
)

// Verdict documents one word of a plugin: the README's table, the metrics and
// the conformance test come from it.
type Verdict struct {
	Word   Word
	Status string // what the client gets, such as "401"; empty if the request goes on
	When   string // one sentence
}

// SharedVerdicts documents the shell's own words.
var SharedVerdicts = []Verdict{
	{InternalError, "500", "The filter itself failed, or Envoy refused one of its edits of a request's headers (capabilities). Logged without request data; the worker goes on."},
	{BodyUnavailable, "500", "A body is needed but `allow_on_headers_stop_iteration` is not set in Envoy's `PluginConfig`."},
	{RouteChanged, "500", "The filter's own header edits moved the request to a route with another policy; the response is withheld. See `recheck`."},
	{Unchanged, "", "`recheck`: the first mount has decided under the policy that the route still has."},
	{BadOverlay, "500", "The route's overlay (route metadata) is not a valid configuration."},
}

// Counter counts events of one kind since Envoy's start.
type Counter interface {
	Add(n uint64)
}

// Metric documents a counter that a plugin adds to the common ones.
type Metric struct {
	Name string // lower-case words with underscores
	Help string
}

// Host is what a filter gets from its surroundings when it is loaded.
type Host interface {
	// Env reads Envoy's environment_variables of the VM.
	Env(name string) (value string, ok bool)
	// Counter returns one of the plugin's declared Metrics.
	Counter(name string) Counter
	// Shared is the store of the workers of one vm_id.
	Shared() Store
	// Log writes a constant text and key=value pairs at warning level. Values of
	// requests, bodies, configuration and secrets do not belong in it.
	Log(text string, pairs ...string)
}

// Store is Envoy's shared data: values that the workers of one vm_id share. It
// has no lifetime, no deletion and no bound of its own.
type Store interface {
	Get(key string) (value []byte, cas uint32, ok bool)
	// Set replaces a value; cas is that of the Get before, and ok is false if
	// another worker has changed the value since. 0 replaces whatever is there.
	Set(key string, value []byte, cas uint32) (ok bool)
}

// Plugin is one capability: the folder, the package, the root_id and the metric
// prefix all have its Name.
type Plugin struct {
	Name     string
	Verdicts []Verdict
	Metrics  []Metric
	// Load decodes and checks a configuration. Its error lists every fault, each
	// with its JSON path, and never holds the value of a secret.
	Load func(config []byte, host Host) (Filter, error)
}

// Version is the release; Commit is set by the build (-ldflags -X).
var Version = "0.1.0"

// Commit is the source's commit, empty outside a checkout.
var Commit string
