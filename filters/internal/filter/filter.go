// Package filter is the seam between the filters and the proxy. A filter reads
// and edits a [Message] and returns an [Outcome]; it never pauses, resumes or
// replies itself. The shell (internal/host) is the only code that carries an
// Outcome out, so a filter can be tested as a plain function.
package filter

import "time"

// Message is the request or the response of one exchange. Edits are visible at
// once to later reads of the same phase. A Message is valid only during the
// call that received it and the steps (then functions) that follow it.
type Message interface {
	// Header returns the first value of a header and how often the header
	// occurs. Names are lower-case; pseudo-headers (":path") are included. A
	// security input that occurs more than once must be refused by the caller.
	Header(name string) (value string, n int)
	// MayHave reports false if no header is as long as name: a question that spares
	// a search, also one for other spellings.
	MayHave(name string) bool
	// Headers returns all headers in order. The caller must not change it.
	Headers() [][2]string
	// SetHeader replaces every occurrence of a header by one.
	SetHeader(name, value string)
	// AddHeader appends one more occurrence of a header.
	AddHeader(name, value string)
	// RemoveHeader removes every occurrence of a header.
	RemoveHeader(name string)
	// Body is the buffered body: empty until a [NeedBody] was answered.
	Body() []byte
	// SetBody replaces the buffered body and rewrites content-length.
	SetBody(body []byte)
	// RouteName is the name of the route that the decision is about, "" if it has
	// none: the attribute ("xds", "route_name"), with less code on the way.
	RouteName() string
	// Property reads an Envoy attribute such as ("source", "address").
	Property(path ...string) (value string, ok bool)
	// SetFilterState sets one of Envoy's own filter state objects, such as
	// "envoy.upstream.dynamic_host", from its text; false if Envoy refuses. Only
	// OnRequest itself may call it: up to Envoy 1.36 a step after a callout acts on
	// the plugin instead of the stream.
	SetFilterState(name, value string) (ok bool)
}

// Filter is one configuration of a plugin, shared by all its streams. It holds
// no state of a stream: see [Streamer].
type Filter interface {
	// OnRequest runs once, when the request's headers have arrived.
	OnRequest(m Message, now time.Time) Outcome
	// OnResponse runs once, when the response's headers have arrived. It is not
	// called for replies that the filter itself sent.
	OnResponse(m Message, now time.Time) Outcome
}

// Streamer is implemented by a filter that keeps state between the phases of
// one exchange. NewStream is called once an exchange, before OnRequest.
type Streamer interface {
	NewStream() Filter
}

// Resetter is implemented by what NewStream returns if it can serve one exchange
// after the other, which saves the worker's collector a good part of its work.
// Reset forgets all that belongs to the last exchange; it is called when that has
// ended with nothing of it in the air.
type Resetter interface {
	Reset()
}

// ResponseSkipper is implemented by a filter that can tell, before anything of a
// response is read, that it has nothing to do with it: OnResponse is then not
// called.
type ResponseSkipper interface {
	SkipsResponse() bool
}

// Ticker is implemented by a filter that works outside exchanges, such as
// refreshing credentials. Only Continue and Call are meaningful outcomes.
type Ticker interface {
	// TickPeriod is how often OnTick runs; read once, at start.
	TickPeriod() time.Duration
	OnTick(now time.Time) Outcome
}

// RequestChunker is implemented by a filter that edits a request body piece by
// piece; nothing is buffered. The piece may be changed in place and is returned
// as it goes on; a filter that changes the size of a body removes content-length
// in OnRequest. With end the last piece has come; it is empty where trailers
// follow, and must then stay so. Only Continue and Send are meaningful outcomes.
type RequestChunker interface {
	OnRequestChunk(piece []byte, end bool) ([]byte, Outcome)
}

// ResponseChunker is RequestChunker for the response body.
type ResponseChunker interface {
	OnResponseChunk(piece []byte, end bool) ([]byte, Outcome)
}

// Failer is implemented by a filter that chooses what a request gets when the
// filter itself breaks (a recovered panic). Without it the answer is 500.
type Failer interface {
	OnFailure() Outcome
}

// TrailerStripper is implemented by a filter that owns header names: the shell
// removes request trailers of that name.
type TrailerStripper interface {
	StripsTrailer(name string) bool
}

// Stripper is implemented by a filter with headers that only it may set, for
// requests that go on without having come to OnRequest: in shadow mode, those of a
// route whose overlay is broken.
type Stripper interface {
	Strip(m Message)
}

// Shadower is implemented by a filter that only judges and can be told not to
// act: its replies are counted, logged and left for access logs, and the request
// goes on. Its own edits of a request are its own to leave out.
type Shadower interface {
	Shadows() bool
}

// Rechecker is implemented by a filter that can be mounted a second time, to
// decide again about requests whose route (and so whose policy) has changed
// since the first mount decided; the others pass as Unchanged.
type Rechecker interface {
	Rechecks() bool
}

// HeaderEditor is implemented by a filter that edits request headers, where
// routes may match on them. The shell does not ask; `gatehouse validate` does.
type HeaderEditor interface {
	EditsHeader(name string) bool
}

// Kind says what an Outcome asks of the shell.
type Kind uint8

// The kinds of outcome.
const (
	KindContinue Kind = iota
	KindReply
	KindCall
	KindBody
)

// Outcome is what a step of a filter asks for next. Make one with [Continue],
// [Pass], [Send], [Call] or [NeedBody]. It is handed on by value through several
// calls, so what is large stands behind a pointer.
type Outcome struct {
	Kind    Kind
	NoBody  bool                        // KindCall: see WithoutBody
	partial bool                        // KindBody: see BodyNeed
	Cache   Cache                       // where the verdict came from
	Word    Word                        // the verdict, where this ends the decision
	Reply   *Reply                      // KindReply
	Callout *Callout                    // KindCall
	OnReply func(CalloutResult) Outcome // KindCall
	limit   int                         // KindBody: see BodyNeed
	OnBody  func(BodyResult) Outcome    // KindBody
}

// Body is what a KindBody asks for. It is kept in two parts, which makes an Outcome
// 64 bytes: so much is copied without a call (build/optimize).
func (o *Outcome) Body() BodyNeed { return BodyNeed{o.limit, o.partial} }

// Continue lets the message go on without a verdict: responses, ticks, pieces.
func Continue() Outcome { return Outcome{Kind: KindContinue} }

// Pass ends the decision about a request and lets it go on.
func Pass(w Word) Outcome { return Outcome{Kind: KindContinue, Word: w} }

// Send ends the exchange with a reply to the client.
func Send(w Word, r Reply) Outcome { return Outcome{Kind: KindReply, Word: w, Reply: &r} }

// From tells where the verdict of an outcome came from.
func (o Outcome) From(c Cache) Outcome { o.Cache = c; return o }

// Cache is the cache state of a verdict. Its zero value is that no cache is in use.
type Cache uint8

// The states of a decision cache.
const (
	NoCache        Cache = iota
	CacheHit             // from this worker's cache
	CacheShared          // from the cache that the workers share
	CacheMiss            // asked
	CacheCoalesced       // another request's callout answered
	CacheStale           // the callout failed, an expired entry answered
)

// String returns the state's machine word, as filter state and README have it;
// empty for NoCache.
func (c Cache) String() string {
	switch c {
	case CacheHit:
		return "hit"
	case CacheShared:
		return "shared"
	case CacheMiss:
		return "miss"
	case CacheCoalesced:
		return "coalesced"
	case CacheStale:
		return "stale"
	default:
		return ""
	}
}

// Call suspends the message until the callout is answered. A callout that
// cannot be made reaches then like any other, as a failed result.
func Call(c Callout, then func(CalloutResult) Outcome) Outcome {
	return Outcome{Kind: KindCall, Callout: &c, OnReply: then}
}

// CallBy is Call for a callout that lies in memory of the filter's own. The shell
// is done with it when it has carried the outcome out.
func CallBy(c *Callout, then func(CalloutResult) Outcome) Outcome {
	return Outcome{Kind: KindCall, Callout: c, OnReply: then}
}

// WithoutBody promises for a [Call] from the headers that no [NeedBody] follows.
// The body then waits in the client's and Envoy's flow control. Otherwise Envoy
// buffers it while the callout runs, in case it is asked for, and answers 413 as
// soon as it is over the buffer limit (where allow_on_headers_stop_iteration is
// set). Who asks for the body all the same gets the shell's 500.
func (o Outcome) WithoutBody() Outcome { o.NoBody = true; return o }

// NeedBody suspends the message until its body is there. It needs
// allow_on_headers_stop_iteration in Envoy's PluginConfig; without it the shell
// answers 500 with the word body_unavailable.
func NeedBody(n BodyNeed, then func(BodyResult) Outcome) Outcome {
	return Outcome{Kind: KindBody, limit: n.Limit, partial: n.Partial, OnBody: then}
}

// BodyNeed says how much of a body a filter asks for.
type BodyNeed struct {
	Limit   int  // bytes
	Partial bool // take the first Limit bytes of a larger body instead of failing
}

// BodyResult tells how a NeedBody was answered.
type BodyResult struct {
	TooLarge  bool // the body is over the limit and Partial was not asked for; Body() is empty
	Truncated bool // Partial: Body() holds the first Limit bytes only
	// Now is when the body was there.
	Now time.Time
}

// Reply is an answer made by the filter.
type Reply struct {
	Status  int
	Headers [][2]string
	// Body is sent as it is, with ContentType. Requests by HEAD and gRPC get
	// no body.
	Body        []byte
	ContentType string
	// Message is sent, when Body is empty, as {"message": Message} or as plain
	// text, whichever the request's Accept prefers (JSON if it does not say).
	Message string
}

// Callout is one HTTP call to an Envoy cluster.
type Callout struct {
	Cluster   string
	Method    string
	Authority string
	Path      string
	Headers   [][2]string // lower-case names; no pseudo-headers
	Body      []byte
	Timeout   time.Duration // over all retries; never 0
	Retries   int           // x-envoy-max-retries; 0 is none
	RetryOn   string        // x-envoy-retry-on
	MaxReply  int           // bytes of the answer's body
	// Flight, if set, names what the callout asks: while one of that name and
	// configuration is in the air in this worker, another one waits for its answer.
	// It must cover everything of the request that the answer depends on.
	Flight string
	// MaxWaiters caps those that wait for one flight; one more fails at once with
	// TooManyWaiters.
	MaxWaiters int
	// MaxConcurrent caps the callouts that one worker has in flight for this
	// filter; one more fails at once with Overloaded. 0 is no cap.
	MaxConcurrent int
}

// Failure tells why a callout has no usable answer.
type Failure uint8

// The ways a callout fails.
const (
	None           Failure = iota // there is an answer
	UnknownCluster                // Envoy has no such cluster, or refused the call's arguments
	Unreachable                   // no connection, connection reset, no healthy host, open circuit
	Timeout                       // Envoy gave up after Callout.Timeout
	ReplyTooLarge                 // the answer's body is over MaxReply
	Overloaded                    // MaxConcurrent callouts are in flight
	TooManyWaiters                // MaxWaiters wait for the same flight

	failures // their number
)

// Failures is the number of values of Failure.
const Failures = int(failures)

// String returns the failure's machine word, as metrics and logs show it.
func (f Failure) String() string {
	switch f {
	case None:
		return "answered"
	case UnknownCluster:
		return "unknown_cluster"
	case Unreachable:
		return "unreachable"
	case Timeout:
		return "timeout"
	case ReplyTooLarge:
		return "reply_too_large"
	case Overloaded:
		return "overloaded"
	default:
		return "too_many_waiters"
	}
}

// CalloutResult is the answer to a callout. The list of its headers is valid only
// during the call that received it; their texts stay.
type CalloutResult struct {
	Failure  Failure
	Waited   bool        // another request's flight brought this answer
	Status   int         // 0 when there was no answer
	Headers  [][2]string // lower-case names, pseudo-headers left out
	Body     []byte
	Duration time.Duration
	// Now is when the answer came, or when the callout could not be made.
	Now time.Time
}

// Header returns the first value of a header of the answer and how often it
// occurs.
func (r *CalloutResult) Header(name string) (value string, n int) {
	for _, h := range r.Headers {
		if h[0] == name {
			if n == 0 {
				value = h[1]
			}
			n++
		}
	}
	return value, n
}
