package host

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// state is where one direction of a stream stands.
type state uint8

const (
	fresh        state = iota // headers have not come
	waitsForCall              // headers held, a callout is in flight
	waitsForBody              // headers held until the body is whole
	released                  // the message goes on
	replied                   // a reply was sent, or the stream is lost
)

// side is one direction of a stream.
type side struct {
	message
	state  state
	ended  bool // nothing more will come: end of stream, or trailers
	need   filter.BodyNeed
	onBody func(filter.BodyResult) filter.Outcome
	held   bool          // the last body callback has paused
	noBody bool          // the filter has promised to ask for none
	flight flight        // made by this stream
	waits  *sharedFlight // waited for, as leader or not
	then   func(filter.CalloutResult) filter.Outcome
	landed func(filter.CalloutResult) // hands an answer to then; made once
}

// stream is one exchange, and when that has ended another one (stream.release).
// Only settle decides whether a message goes on.
type stream struct {
	types.DefaultHttpContext
	p        *plugin
	id       uint32
	filter   *exchange
	overlay  string
	decided  bool
	asked    bool          // a callout was answered
	took     time.Duration // by callouts, together
	request  side
	response side
}

func (p *plugin) newStream(id uint32) *stream {
	if last := len(p.spare) - 1; last >= 0 {
		s := p.spare[last]
		p.spare = p.spare[:last]
		s.id = id
		return s
	}
	s := &stream{p: p, id: id, filter: noFilter}
	s.response.response = true
	return s
}

// release keeps a stream that has ended for another exchange. What it holds of
// the one before goes: the texts of its headers are in memory of their own, which
// nobody writes to again, so that those who keep one keep what they have read.
func (s *stream) release() {
	s.filter.release()
	if len(s.p.spare) >= maxSpare {
		return
	}
	s.filter, s.overlay, s.decided, s.asked, s.took = noFilter, "", false, false, 0
	s.request.forget()
	s.response.forget()
	s.p.spare = append(s.p.spare, s)
}

//go:noinline
func (d *side) forget() { // once in the module: cold code is what a request pays for
	d.message.forget()
	d.state, d.ended, d.held, d.noBody = fresh, false, false, false
	d.need, d.onBody, d.then = filter.BodyNeed{}, nil, nil
}

func (s *stream) OnHttpRequestHeaders(_ int, end bool) (act types.Action) {
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(&s.request, r)
		}
	}()
	s.p.metrics.requests.Add(1)
	s.request.ended = end
	s.overlay = s.p.routes.overlay()
	now := clock()
	// The filter of the current route decides.
	r := s.p.routes.resolve(s.overlay, &s.request.message)
	if r.err != nil {
		return s.settle(&s.request, filter.Send(filter.BadOverlay, filter.Reply{Status: 500}))
	}
	if s.filter = r.own; s.unchanged() {
		return s.settle(&s.request, filter.Pass(filter.Unchanged))
	}
	s.request.RouteName() // the verdict needs it, and Envoy's code for it is at hand now
	s.filter = r.exchange()
	return s.request.hold(s.settle(&s.request, s.filter.OnRequest(&s.request.message, now)))
}

// stopAll is the header status StopAllIterationAndWatermark, which the SDK has no
// name for: no body callback comes, and the peer is slowed down. ActionPause is
// that too, unless allow_on_headers_stop_iteration is set; then bodies are
// buffered, and refused by Envoy when they are over its limit.
//
// Source: proxy-wasm-cpp-host, convertVmCallResultToFilterHeadersStatus
const stopAll types.Action = 4

// hold is what a header callback returns.
func (d *side) hold(act types.Action) types.Action {
	if act == types.ActionPause && d.state == waitsForCall && d.noBody {
		return stopAll
	}
	return act
}

func (s *stream) OnHttpRequestBody(size int, end bool) (act types.Action) {
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(&s.request, r)
		}
	}()
	if s.request.state == released {
		if c := s.filter.requests; c != nil {
			return s.chunk(&s.request, c.OnRequestChunk, size, end)
		}
	}
	return s.onBody(&s.request, size, end)
}

func (s *stream) OnHttpRequestTrailers(int) (act types.Action) {
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(&s.request, r)
		}
	}()
	s.stripTrailers()
	if s.request.state == released {
		if c := s.filter.requests; c != nil && !s.request.ended {
			return s.chunk(&s.request, c.OnRequestChunk, 0, true)
		}
	}
	return s.onTrailers(&s.request)
}

func (s *stream) stripTrailers() {
	f := s.orBase().trailers
	if f == nil {
		return
	}
	trailers, _ := proxywasm.GetHttpRequestTrailers()
	for _, t := range trailers {
		if f.StripsTrailer(t[0]) {
			_ = proxywasm.RemoveHttpRequestTrailer(t[0])
		}
	}
}

func (s *stream) OnHttpResponseHeaders(_ int, end bool) (act types.Action) {
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(&s.response, r)
		}
	}()
	if s.request.state != released || s.filter == noFilter {
		// Our own reply, one that Envoy made before the decision fell, or nobody to
		// ask: shadow mode let a request pass whose overlay is broken. What is still
		// to be decided about the request comes too late for a second reply.
		if s.response.state = released; s.request.state != released {
			s.request.state = replied
		}
		return types.ActionContinue
	}
	s.response.ended = end
	if s.routeMoved() {
		moved := filter.Send(filter.RouteChanged, filter.Reply{Status: 500})
		return s.answer(&s.response, &moved)
	}
	if f := s.filter.skips; f != nil && f.SkipsResponse() {
		s.response.state = released
		return types.ActionContinue
	}
	return s.response.hold(s.settle(&s.response, s.filter.OnResponse(&s.response.message, clock())))
}

func (s *stream) OnHttpResponseBody(size int, end bool) (act types.Action) {
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(&s.response, r)
		}
	}()
	if s.response.state == released && s.request.state == released {
		if c := s.filter.responses; c != nil {
			return s.chunk(&s.response, c.OnResponseChunk, size, end)
		}
	}
	return s.onBody(&s.response, size, end)
}

func (s *stream) OnHttpResponseTrailers(int) (act types.Action) {
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(&s.response, r)
		}
	}()
	if s.response.state == released && s.request.state == released {
		if c := s.filter.responses; c != nil && !s.response.ended {
			return s.chunk(&s.response, c.OnResponseChunk, 0, true)
		}
	}
	return s.onTrailers(&s.response)
}

// OnHttpStreamDone frees what the stream holds; answers that come later are
// dropped.
func (s *stream) OnHttpStreamDone() {
	defer func() {
		if r := recover(); r != nil {
			s.p.panicked("stream done", r)
		}
	}()
	s.p.bodies.forget(s)
	asks, asksToo := s.request.drop(s.p), s.response.drop(s.p)
	if !s.decided {
		s.p.metrics.abandoned.Add(1)
	}
	if !asks && !asksToo {
		s.release()
	}
}

// drop lets go of a callout whose answer nobody waits for any more. It reports
// that there was one: an answer may still be on its way, or others wait for it.
func (d *side) drop(p *plugin) (any bool) {
	if d.waits != nil {
		any = true
		p.leave(d)
	}
	if d.flight.inAir {
		any = true
		p.flights.orphan(&d.flight)
	}
	return any
}

// settle carries outcomes out until the message goes on, waits or is answered.
func (s *stream) settle(d *side, o filter.Outcome) types.Action {
	for {
		switch o.Kind {
		case filter.KindReply:
			return s.answer(d, &o)

		case filter.KindCall:
			d.noBody = d.noBody || o.NoBody
			res, waits := s.call(d, o.Callout, o.OnReply)
			if waits {
				return d.wait(waitsForCall)
			}
			o = o.OnReply(res)

		case filter.KindBody:
			if d.noBody && !d.ended {
				return s.fail(d) // no body callback would come
			}
			next, now := s.needBody(d, o)
			if !now {
				return d.wait(waitsForBody)
			}
			o = next

		default:
			return s.pass(d, &o)
		}
	}
}

// wait holds a message; its headers may be others when it goes on.
func (d *side) wait(until state) types.Action {
	d.state, d.unsure = until, true
	return types.ActionPause
}

// pass lets a message go on, unless Envoy has refused an edit of the request's
// headers, such as a signature.
func (s *stream) pass(d *side, o *filter.Outcome) types.Action {
	if d == &s.request {
		if d.refused {
			s.p.log.error("Envoy refused to change a request's headers: does capability_restriction_config allow proxy_add_, proxy_replace_ and proxy_remove_header_map_value?")
			refused := filter.Send(filter.InternalError, filter.Reply{Status: 500})
			return s.answer(d, &refused)
		}
		s.verdict(o, false)
	}
	d.state = released
	return types.ActionContinue
}

// unchanged reports that an earlier mount of this filter has decided about the
// request under the policy that its route has now (filter.Rechecker).
func (s *stream) unchanged() bool {
	r := s.p.routes.recheck
	return r != nil && r.Rechecks() && s.decidedUnder(s.overlay)
}

// decidedUnder reports that the last mount that decided about this exchange did
// so under an overlay.
func (s *stream) decidedUnder(overlay string) bool {
	was, st := getProperty(s.p.routes.verdictProperty)
	if st != statusOK {
		return false
	}
	_, policy, _ := strings.Cut(string(was), policyMark)
	return policy == digest(overlay)
}

// routeMoved reports, when the response comes, that the request has left under
// another policy than the one it was decided under: the filter's own header
// edits make Envoy select the route anew, but only after the filter is done, and
// nothing inside a filter can see that route before. Here the client at least
// does not get the response; a second mount (filter.Rechecker) sees it in time.
func (s *stream) routeMoved() bool {
	if !s.request.edited {
		return false
	}
	overlay := s.p.routes.overlay()
	return overlay != s.overlay && !s.decidedUnder(overlay)
}

func (s *stream) onCallout(d *side, then func(filter.CalloutResult) filter.Outcome, res filter.CalloutResult) {
	act := types.ActionPause
	defer func() {
		if act == types.ActionContinue {
			d.resume()
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			act = s.recovered(d, r)
		}
	}()
	d.waits, d.then = nil, nil
	if d.state != waitsForCall {
		return // Envoy has answered the client meanwhile
	}
	s.asked = true
	s.took += res.Duration
	act = s.settle(d, then(res))
}

// needBody answers a NeedBody at once where nothing has to be waited for.
func (s *stream) needBody(d *side, o filter.Outcome) (next filter.Outcome, now bool) {
	d.need, d.onBody = o.Body(), o.OnBody
	if d.ended {
		return s.deliverBody(d), true
	}
	if length, n := d.Header("content-length"); n == 1 && !d.need.Partial {
		if size, err := strconv.ParseUint(length, 10, 63); err == nil && size > uint64(d.need.Limit) {
			return o.OnBody(filter.BodyResult{TooLarge: true, Now: clock()}), true
		}
	}
	s.p.bodies.watch(s, d, stopwatch())
	return next, false
}

// deliverBody hands the buffered body to the filter.
func (s *stream) deliverBody(d *side) filter.Outcome {
	res := filter.BodyResult{Now: clock()}
	d.body = d.readBody(d.need.Limit + 1)
	if len(d.body) > d.need.Limit {
		if d.need.Partial {
			d.body, res.Truncated = d.body[:d.need.Limit], true
		} else {
			d.body, res.TooLarge = nil, true
		}
	}
	then := d.onBody
	d.onBody = nil
	return then(res)
}

// onBody handles a piece of a body that is not handed on piece by piece. size is
// what Envoy has buffered so far.
func (s *stream) onBody(d *side, size int, end bool) types.Action {
	was := d.state
	act := s.bodyPiece(d, size, end)
	if act == types.ActionPause {
		d.held = true
		return act
	}
	d.flush(was)
	return act
}

// flush makes up for a fault of Envoy 1.36: where a body callback has paused and
// the message was resumed later, its wasm filter puts the next piece into the
// buffer of what is held back, and there it stays. Resuming once more frees it,
// and does nothing in an Envoy without the fault.
func (d *side) flush(was state) {
	if d.held && was == released {
		d.resume()
	}
	d.held = false
}

func (s *stream) bodyPiece(d *side, size int, end bool) types.Action {
	d.ended = d.ended || end
	switch d.state {
	case waitsForBody:
		s.p.bodies.seen()
		if end || size > d.need.Limit {
			return s.settle(d, s.deliverBody(d))
		}
		return types.ActionPause
	case waitsForCall:
		// Continue here would let the headers go.
		s.p.bodies.seen()
		return types.ActionPause
	case replied:
		return types.ActionPause
	}
	return types.ActionContinue
}

// onTrailers ends a body: with trailers, no piece says that it is the last.
func (s *stream) onTrailers(d *side) types.Action {
	d.ended = true
	switch d.state {
	case waitsForBody:
		s.p.bodies.seen()
		return s.settle(d, s.deliverBody(d))
	case waitsForCall, replied:
		return types.ActionPause
	}
	return types.ActionContinue
}

// chunk passes one piece through the filter.
func (s *stream) chunk(d *side, edit func([]byte, bool) ([]byte, filter.Outcome), size int, end bool) types.Action {
	d.ended = end
	var piece []byte
	if size > 0 {
		piece = d.readBody(size)
	}
	out, o := edit(piece, end)
	if o.Kind == filter.KindReply {
		return s.answer(d, &o)
	}
	d.replacePiece(out, size)
	d.flush(released)
	return types.ActionContinue
}

// answer replies to the client, or in shadow mode lets the message go on.
func (s *stream) answer(d *side, o *filter.Outcome) types.Action {
	if s.shadows() {
		if s.filter == noFilter && !d.response {
			if f, ok := s.orBase().Filter.(filter.Stripper); ok {
				f.Strip(&d.message)
			}
		}
		s.verdict(o, true)
		d.state = released
		return types.ActionContinue
	}
	s.verdict(o, false)
	d.state = replied
	s.p.reply(&s.request.message, o.Word, o.Reply)
	return types.ActionPause
}

func (s *stream) shadows() bool {
	x := s.orBase()
	return x.shadow != nil && x.shadow.Shadows()
}

// orBase is the filter without an overlay where there is no filter of the
// route's own: its overlay is broken.
func (s *stream) orBase() *exchange {
	if s.filter == noFilter {
		return s.p.routes.base.own
	}
	return s.filter
}

// verdict counts the word of a decision, writes it to the log at debug level,
// and leaves it for access logs, as
// %FILTER_STATE(wasm.gatehouse.<filter>:PLAIN)%. It holds no value of the request.
func (s *stream) verdict(o *filter.Outcome, shadow bool) {
	if o.Word == "" {
		return
	}
	s.decided = true
	if o.Word == filter.Unchanged {
		s.p.metrics.of(o.Word, false).Add(1)
		return // the first mount's verdict stands
	}
	ms := int64(notAsked)
	if s.asked {
		ms = int64(s.took / time.Millisecond)
	}
	v := &s.p.lastVerdict
	texts := [...]string{string(o.Word), s.request.RouteName(), s.overlay}
	if v.ms != ms || v.shadow != shadow || v.cache != o.Cache || !v.sameTexts(&texts) {
		v.texts, v.cache, v.shadow, v.ms = texts, o.Cache, shadow, ms
		v.count = s.p.metrics.of(o.Word, shadow)
		v.write(s.p.log.prefix)
	}
	if v.count != noCounter {
		v.count.Add(1)
	}
	proxywasm.LogDebug(unsafe.String(&v.line[0], len(v.line))) // a copy only for a level that is off
	setProperty(s.p.routes.verdictProperty, v.line[len(s.p.log.prefix):])
}

// verdictText is the text of the last verdict, and its counter: many requests in a
// row have the same.
type verdictText struct {
	texts  [3]string // word, route and overlay
	cache  filter.Cache
	shadow bool
	ms     int64 // of callouts
	line   []byte
	count  counter
}

// sameTexts compares in a loop, which is less code than three comparisons.
func (v *verdictText) sameTexts(texts *[3]string) bool {
	for i := range texts {
		if v.texts[i] != texts[i] {
			return false
		}
	}
	return true
}

// notAsked stands for the time of callouts where there was none.
const notAsked = -1

func (v *verdictText) write(prefix string) {
	b := append(v.line[:0], prefix...)
	if v.shadow {
		b = append(b, "shadow_"...)
	}
	b = append(b, v.texts[0]...)
	b = appendPair(b, " route=", quotedName(v.texts[1]))
	b = appendPair(b, " cache=", v.cache.String())
	if v.ms != notAsked {
		b = append(b, " callout_ms="...)
		b = strconv.AppendInt(b, v.ms, 10)
	}
	v.line = appendPair(b, policyMark, digest(v.texts[2]))
}

func appendPair(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(b, name...), value...)
}

// recovered is what every entry point does about a panic: the worker's VM survives,
// and the request gets the filter's own failure answer. The entry points recover by
// themselves, since a request pays for each function that is called on its way.
func (s *stream) recovered(d *side, r any) types.Action {
	s.p.panicked(d.phase(), r)
	if d.state == released || d.state == replied {
		d.state = replied
		s.p.resetStream(filter.InternalError)
		return types.ActionPause
	}
	return s.fail(d)
}

// fail gives the filter's failure answer; a filter that breaks even there gets
// the shell's.
func (s *stream) fail(d *side) (act types.Action) {
	broken := filter.Send(filter.InternalError, filter.Reply{Status: 500})
	defer func() {
		if recover() != nil {
			act = s.answer(d, &broken)
		}
	}()
	f := s.filter.fails
	if f == nil {
		return s.answer(d, &broken)
	}
	o := f.OnFailure()
	if o.Kind == filter.KindReply {
		return s.answer(d, &o)
	}
	return s.pass(d, &o)
}

// bodyUnavailable ends a stream whose body never came (bodyguard.go).
func (s *stream) bodyUnavailable(d *side) {
	defer s.p.recovered("body guard")
	if d.state != waitsForBody {
		return
	}
	s.p.log.error("no body callback came: set allow_on_headers_stop_iteration: true in this filter's PluginConfig")
	unavailable := filter.Send(filter.BodyUnavailable, filter.Reply{Status: 500})
	if s.answer(d, &unavailable) == types.ActionContinue {
		d.resume()
	}
}

func (d *side) phase() string {
	if d.response {
		return "response"
	}
	return "request"
}
