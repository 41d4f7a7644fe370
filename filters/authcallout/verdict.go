package authcallout

import (
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// The words of this filter's verdicts.
const (
	Allowed        filter.Word = "allowed"
	Denied         filter.Word = "denied"
	Skipped        filter.Word = "skipped"
	Disabled       filter.Word = "disabled"
	NoToken        filter.Word = "no_token"
	BadTokenScheme filter.Word = "bad_token_scheme"
	AmbiguousToken filter.Word = "ambiguous_token"
	AmbiguousPath  filter.Word = "ambiguous_path"
	BodyTooLarge   filter.Word = "body_too_large"
	BadUpgrade     filter.Word = "bad_upgrade"
	AuthError      filter.Word = "auth_error"
	BadReply       filter.Word = "bad_reply"
	FailedOpen     filter.Word = "failed_open"
	UnknownCluster filter.Word = "unknown_cluster"
	Unreachable    filter.Word = "unreachable"
	TimedOut       filter.Word = "timeout"
	ReplyTooLarge  filter.Word = "reply_too_large"
	Overloaded     filter.Word = "overloaded"
	TooManyWaiters filter.Word = "too_many_waiters"
)

const onError = "`status_on_error`"

var verdicts = []filter.Verdict{
	{Word: Allowed, When: "The auth service let the request pass."},
	{Word: Skipped, When: "`only` or `except` says that the request is not checked."},
	{Word: Disabled, When: "`enabled` is false, for the filter or the route."},
	{Word: FailedOpen, When: "The auth service failed and `failure_mode` is `open`."},
	{Word: Denied, Status: "`deny.status`", When: "The auth service refused."},
	{Word: NoToken, Status: "401", When: "The token's header is missing or empty."},
	{Word: BadTokenScheme, Status: "401", When: "The token does not start with `token_scheme` and a space."},
	{Word: AmbiguousToken, Status: "400", When: "The token's header occurs twice, or (also) in another spelling such as `x_token` for `x-token`."},
	{Word: AmbiguousPath, Status: "400", When: "The path is one of `reject_ambiguous_paths`."},
	{Word: BodyTooLarge, Status: "413", When: "`forward_body`: the body is over `max_body_size`."},
	{Word: BadUpgrade, Status: "400", When: "`forward_body`: an upgrade that is no GET or claims a body, which nobody could check."},
	{Word: Unreachable, Status: onError, When: "No connection to the auth service, or it was reset."},
	{Word: TimedOut, Status: onError, When: "No answer within `timeout`."},
	{Word: AuthError, Status: onError, When: "The answer's status is one of `error_status`."},
	{Word: BadReply, Status: onError, When: "The answer is not JSON although a setting reads a field of it, or has a value that no header may have."},
	{Word: ReplyTooLarge, Status: onError, When: "The answer's body is over `max_reply_size`."},
	{Word: UnknownCluster, Status: onError, When: "Envoy has no cluster of that name."},
	{Word: Overloaded, Status: onError, When: "`max_concurrent_callouts` are in flight."},
	{Word: TooManyWaiters, Status: onError, When: "`cache.max_waiters` requests wait for the same answer."},
}

// failureWords maps what the shell reports.
var failureWords = [...]filter.Word{
	filter.UnknownCluster: UnknownCluster,
	filter.Unreachable:    Unreachable,
	filter.Timeout:        TimedOut,
	filter.ReplyTooLarge:  ReplyTooLarge,
	filter.Overloaded:     Overloaded,
	filter.TooManyWaiters: TooManyWaiters,
}

// edit is one change to the request: a header set, or appended.
type edit struct {
	name, value string
	append      bool
}

// decision is what the auth service's answer means; a cache keeps it, and
// nobody changes one that is kept.
type decision struct {
	word      filter.Word  // Allowed, Denied, or the word of a failure
	edits     []edit       // Allowed: of the request
	remove    []string     // Allowed: headers taken from the request
	onSuccess [][2]string  // Allowed: for the client, when the response comes
	reply     filter.Reply // Denied
}

// failed reports that the answer was none.
func (d *decision) failed() bool { return d.word != Allowed && d.word != Denied }

// judge reads the auth service's answer. It has no side effects.
func (c *Config) judge(res *filter.CalloutResult) decision {
	if res.Failure != filter.None {
		return decision{word: failureWords[res.Failure]}
	}
	if conf.Contains(c.ErrorStatus, res.Status) {
		return decision{word: AuthError}
	}
	if !conf.Contains(c.AllowStatus, res.Status) {
		return decision{word: Denied, reply: c.denial(res)}
	}
	var doc jsonr.Value
	if c.needsJSON {
		var err error
		if doc, err = jsonr.Parse(res.Body, jsonr.Limits{Size: c.MaxReplySize}); err != nil {
			return decision{word: BadReply}
		}
	}
	if c.AllowField != "" && !c.agrees(doc) {
		return decision{word: Denied, reply: c.denial(res)}
	}
	d := decision{word: Allowed}
	if !c.addEdits(&d, res, doc) {
		return decision{word: BadReply}
	}
	if !c.onSuccess.Empty() {
		for _, h := range res.Headers {
			if c.onSuccess.Match(h[0]) && mayReachClient(h) {
				d.onSuccess = append(d.onSuccess, h)
			}
		}
	}
	return d
}

func (c *Config) agrees(doc jsonr.Value) bool {
	text, ok := scalar(doc, c.AllowField)
	if !ok {
		return false
	}
	for _, v := range c.AllowValues {
		if v == text {
			return true
		}
	}
	return false
}

// scalar reads a field as text; ok is false where it is missing, null, or a
// list or object.
func scalar(doc jsonr.Value, path string) (text string, ok bool) {
	v, ok := doc.Get(path)
	if !ok {
		return "", false
	}
	switch v.Kind() {
	case jsonr.String:
		return v.String(), true
	case jsonr.Number, jsonr.Bool:
		return v.Raw(), true
	}
	return "", false
}

// addEdits lists the changes to the request; false if a value is no header value.
func (c *Config) addEdits(d *decision, res *filter.CalloutResult, doc jsonr.Value) bool {
	for _, h := range res.Headers {
		for _, name := range c.UpstreamHeaders {
			if h[0] == name {
				d.edits = append(d.edits, edit{name: name, value: h[1], append: edited(d.edits, name)})
			}
		}
		for _, name := range c.UpstreamHeadersAppend {
			if h[0] == name {
				d.edits = append(d.edits, edit{name: name, value: h[1], append: true})
			}
		}
		if c.RemovalHeader != "" && h[0] == c.RemovalHeader {
			for name := range strings.SplitSeq(h[1], ",") {
				if name = msg.Lower(strings.TrimSpace(name)); name != "" && !identity.Forbidden(name) {
					d.remove = append(d.remove, name)
				}
			}
		}
	}
	for _, j := range c.HeadersFromJSON {
		if v, ok := scalar(doc, j.Field); ok {
			d.edits = append(d.edits, edit{name: j.Header, value: v, append: j.Append})
		}
	}
	for _, e := range d.edits {
		if !msg.ValidHeaderValue(e.value) {
			return false
		}
	}
	return true
}

// edited reports whether an earlier line of the same answer has set the header:
// a second one is appended, so that no value of the answer is lost.
func edited(edits []edit, name string) bool {
	for i := range edits {
		if edits[i].name == name {
			return true
		}
	}
	return false
}

// apply edits a request that was allowed.
func (c *Config) apply(m filter.Message, d *decision) {
	for _, name := range c.HeadersToRemove {
		identity.Remove(m, name)
	}
	for _, name := range d.remove {
		identity.Remove(m, name)
	}
	for _, e := range d.edits {
		if e.append {
			m.AddHeader(e.name, e.value)
		} else {
			m.SetHeader(e.name, e.value)
		}
	}
}

// denial is the reply of a denied request.
func (c *Config) denial(res *filter.CalloutResult) filter.Reply {
	r := filter.Reply{Status: c.Deny.Status, Headers: c.Deny.Headers}
	if c.Deny.PassStatus && res.Status >= 300 && res.Status <= 599 {
		r.Status = res.Status
	}
	if c.Deny.PassBody && len(res.Body) <= c.Deny.MaxBodySize {
		r.Body = res.Body
		r.ContentType, _ = res.Header("content-type")
		if coding, n := res.Header("content-encoding"); n > 0 && len(r.Body) > 0 {
			r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], [2]string{"content-encoding", coding})
		}
	} else if c.Deny.Body != "" {
		r.Body, r.ContentType = []byte(c.Deny.Body), c.Deny.ContentType
	}
	challenged := false
	if !c.onDenial.Empty() || r.Status == 401 {
		r.Headers = append([][2]string(nil), r.Headers...)
		for _, h := range res.Headers {
			challenge := h[0] == "www-authenticate" && r.Status == 401 && mayReachClient(h)
			if challenge || c.onDenial.Match(h[0]) && mayReachClient(h) {
				r.Headers = append(r.Headers, h)
				challenged = challenged || challenge
			}
		}
	}
	return c.challenge(r, challenged)
}

// challenge adds what RFC 9110 asks of a 401.
func (c *Config) challenge(r filter.Reply, done bool) filter.Reply {
	if r.Status == 401 && !done && !has(r.Headers, "www-authenticate") {
		r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], [2]string{"www-authenticate", c.WWWAuthenticate})
	}
	return r
}

// mayReachClient keeps framing, Envoy's own headers and values that are none out
// of what is passed on. content-type and content-encoding go with the body.
func mayReachClient(h [2]string) bool {
	switch h[0] {
	case "content-type", "content-encoding", "date", "server":
		return false
	}
	return !identity.Forbidden(h[0]) && msg.ValidHeaderValue(h[1])
}
