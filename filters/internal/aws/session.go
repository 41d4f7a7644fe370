package aws

import (
	"strconv"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/cache"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
	"github.com/gatehouse-proxy/gatehouse/sigv4/credentials"
)

// maxSharedSession is the most bytes of one session in shared data.
const maxSharedSession = 8 << 10

// session is what STS said to one question.
type session struct {
	credentials.Session
	temporary credentials.Temporary
	notAfter  time.Time // zero: temporary.Expires alone
	asked     time.Time
	denied    *Answer // it refused
}

func (s *session) size() int {
	n := 128
	t := &s.temporary
	for _, text := range [...]string{t.AccessKeyID, t.SecretAccessKey, t.SessionToken, t.AssumedRoleARN, t.Subject} {
		n += len(text)
	}
	if s.denied != nil {
		n += 128 + len(s.denied.Body) + len(s.denied.Role) + len(s.denied.Code) + len(s.denied.Message)
	}
	return n
}

func (t *token) size() int {
	n := 64 + len(t.claims.Raw())
	for _, k := range t.keys {
		n += 2 * (len(k) + 64) // keys come after the token was counted: leave room
	}
	return n + 512
}

// encodeSession writes a session for Envoy's shared data, in plain text.
func encodeSession(dst []byte, s *session) []byte {
	if d := s.denied; d != nil {
		dst = cache.AppendUint(append(dst, 2), uint64(d.Status))
		dst = cache.AppendText(dst, d.Role)
		dst = cache.AppendText(dst, d.Code)
		dst = cache.AppendText(dst, d.Message)
		return cache.AppendText(dst, string(d.Body))
	}
	dst = cache.AppendUint(append(dst, 1), uint64(s.asked.Unix()))
	end := uint64(0)
	if !s.notAfter.IsZero() {
		end = uint64(s.notAfter.Unix())
	}
	return append(cache.AppendUint(dst, end), s.temporary.Encode()...)
}

// decodeSession reads what encodeSession wrote, and nothing else.
func (c *Chain) decodeSession(b []byte) (*session, bool) {
	if len(b) == 0 {
		return nil, false
	}
	first, rest, ok := cache.CutUint(b[1:])
	if !ok {
		return nil, false
	}
	s := c.newSession()
	if b[0] == 2 {
		d := &Answer{Problem: Denied, Status: int(first)}
		if d.Role, rest, ok = cache.CutText(rest); !ok {
			return nil, false
		}
		if d.Code, rest, ok = cache.CutText(rest); !ok {
			return nil, false
		}
		if d.Message, rest, ok = cache.CutText(rest); !ok {
			return nil, false
		}
		body, rest, ok := cache.CutText(rest)
		d.Body, s.denied = []byte(body), d
		return s, ok && len(rest) == 0 && first >= 400 && first <= 599
	}
	end, rest, ok := cache.CutUint(rest)
	if !ok || b[0] != 1 || first > 1<<38 || end > 1<<38 {
		return nil, false
	}
	s.asked = time.Unix(int64(first), 0)
	if end > 0 {
		s.notAfter = time.Unix(int64(end), 0)
	}
	t, err := credentials.Decode(rest)
	if err != nil {
		return nil, false
	}
	s.temporary = t
	return s, s.Store(t, s.notAfter, s.asked) == nil
}

// Ask is a call to STS that must be made before a search can go on.
type Ask struct {
	// Callout is the call. Requests that ask the same share it.
	Callout filter.Callout

	chain   *Chain
	source  *source
	query   Query
	token   *token
	key     []byte
	current *session // to be renewed; nil: there is none
	outer   *Ask     // goes on with what this one brings
	tick    bool
	retried bool // with a corrected clock
	base    sigv4.Credentials
	until   time.Time     // base's own end, as s.notAfter
	offset  time.Duration // of the clock, when the call was signed

	// What is asked for, filled.
	role, sessionName, policy, sourceIdentity string
	tags                                      []credentials.Tag
}

// fill fills the source's templates for this request.
func (a *Ask) fill() Problem {
	c, src := a.chain, a.source
	c.filler = filler{Message: a.query.Message, token: a.token}
	filled := func(t interface {
		Append([]byte, filter.Message) []byte
	}) string {
		return string(t.Append(nil, &c.filler))
	}
	a.role = filled(src.role)
	a.sessionName = credentials.SessionName(filled(src.sessionName))
	if src.policy != nil {
		a.policy = filled(src.policy)
	}
	if src.sourceIdentity != nil {
		a.sourceIdentity = filled(src.sourceIdentity)
	}
	for i, t := range src.tags {
		a.tags = append(a.tags, credentials.Tag{Key: src.settings.Tags[i].Key, Value: filled(t)})
	}
	if c.filler.missing {
		return MissingClaim
	}
	return None
}

// start makes the call, or what must come before it.
func (a *Ask) start() (Answer, *Ask) {
	src := a.source
	if src.kind == KindWebIdentity {
		form, err := credentials.WebIdentity{
			RoleARN: a.role, SessionName: a.sessionName, Token: a.query.Token, ProviderID: src.settings.ProviderID,
			Policy: a.policy, PolicyARNs: src.settings.PolicyARNs, Duration: src.settings.Duration,
		}.Form()
		if err != nil {
			return Answer{Problem: BadIdentity}, nil
		}
		a.callout(form)
		return Answer{}, a
	}
	if src.base.calls() {
		return a.chain.session(&a.query, src.base, a)
	}
	return a.assume(src.base.static)
}

// assume makes the call for a role, signed with the base credentials.
func (a *Ask) assume(base sigv4.Credentials) (Answer, *Ask) {
	c, e := a.chain, a.source.settings
	form, err := credentials.AssumeRole{
		RoleARN: a.role, SessionName: a.sessionName, ExternalID: e.ExternalID, SourceIdentity: a.sourceIdentity,
		Policy: a.policy, PolicyARNs: e.PolicyARNs, Tags: a.tags, TransitiveTagKeys: e.TransitiveTagKeys, Duration: e.Duration,
	}.Form()
	if err != nil {
		return Answer{Problem: BadIdentity}, nil
	}
	a.base, a.offset = base, c.Clock.offset
	a.callout(form)
	sts := &c.settings.STS
	path, query := sts.Path, ""
	for i := range len(path) {
		if path[i] == '?' {
			path, query = path[:i], path[i+1:]
			break
		}
	}
	r := sigv4.Request{Method: "POST", Path: path, RawQuery: query, Host: sts.Authority, Headers: a.Callout.Headers, Body: a.Callout.Body}
	if err := c.signer.SignHeaders(&c.signed, &r, base, sigv4.Scope{Service: "sts", Region: sts.Region, Time: c.Clock.Now(a.query.Now)}); err != nil {
		return Answer{Problem: BadIdentity}, nil
	}
	a.Callout.Headers = append(a.Callout.Headers, c.signed.SetHeaders...)
	return Answer{}, a
}

func (a *Ask) callout(form string) {
	sts := &a.chain.settings.STS
	a.Callout = filter.Callout{
		Cluster: sts.Cluster, Method: "POST", Authority: sts.Authority, Path: sts.Path,
		Headers: [][2]string{{"content-type", credentials.ContentType}, {"accept", credentials.Accept}},
		Body:    []byte(form),
		Timeout: sts.Timeout, Retries: sts.Retries, RetryOn: sts.RetryOn, MaxReply: sts.MaxReply, MaxConcurrent: sts.MaxConcurrent,
		Flight: string(a.key), MaxWaiters: sts.MaxWaiters,
	}
}

// Answer reads STS's answer to the call. Without another Ask, the search is over.
func (a *Ask) Answer(res *filter.CalloutResult) (Answer, *Ask) {
	c := a.chain
	now := c.Clock.Ends(res.Now)
	a.query.Now = res.Now
	if res.Waited { // whoever asked has stored what came
		if s, _ := c.find(a.source, a.key, now); s != nil && s.denied == nil {
			creds, _ := s.Credentials(now)
			return a.done(s, creds, filter.CacheCoalesced)
		}
	}
	if res.Failure != filter.None {
		return a.failed(Answer{Problem: CalloutFailed, Failure: res.Failure}, now)
	}
	action := credentials.ActionAssumeRole
	if a.source.kind == KindWebIdentity {
		action = credentials.ActionWebIdentity
	}
	temporary, err := credentials.Parse(action, res.Status, res.Body)
	refusal, refused := err.(*credentials.Error)
	if err == nil || refused && refusal.Code != "" {
		c.Clock.doubt = false
		if date, n := res.Header("date"); n == 1 {
			c.Clock.heard(date, res.Now)
			now = c.Clock.Ends(res.Now)
		}
	}
	if err == nil {
		return a.store(temporary, res.Waited, now)
	}
	if !refused {
		return a.failed(Answer{Problem: BadReply}, now)
	}
	if a.base.AccessKeyID != "" && !a.retried && refusal.Code != "" {
		if date, n := res.Header("date"); n == 1 && c.Clock.Observe(date, res.Now) {
			c.counters.ClockCorrections.Add(1)
		}
		if c.Clock.offset != a.offset { // by this answer, or by another that came first
			a.retried = true
			return a.assume(a.base)
		}
	}
	answer := Answer{Problem: Denied, Role: a.role, Status: refusal.Status, Code: refusal.Code, Message: refusal.Message, Body: res.Body}
	// An error without a code is none of STS's, but of what stands before it.
	if refusal.Retryable() || refusal.Status < 400 || refusal.Code == "" {
		answer.Problem = Erring
		return a.failed(answer, now)
	}
	return a.refused(answer, res.Waited, now)
}

// store keeps what STS gave.
func (a *Ask) store(t credentials.Temporary, waited bool, now time.Time) (Answer, *Ask) {
	c := a.chain
	s := c.newSession()
	s.temporary, s.asked = t, now
	if a.token != nil {
		s.notAfter = a.token.notAfter
		if most := now.Add(c.settings.Sessions.MaxAge); most.Before(s.notAfter) {
			s.notAfter = most
		}
		if !a.until.IsZero() && a.until.Before(s.notAfter) {
			s.notAfter = a.until // a revoked token does not live on by way of another role
		}
	}
	if s.Store(t, s.notAfter, now) != nil {
		return a.failed(Answer{Problem: BadReply}, now)
	}
	if !waited {
		if a.source.ours() {
			a.source.own = s
		}
		c.sessions.Put(a.key, s, cache.Terms{TTL: s.Expires().Sub(now)}, now)
		c.keepKey(s, now)
		if a.token != nil {
			c.keepToken(a.query.Token, a.token, now)
		}
	}
	creds, _ := s.Credentials(now)
	from := filter.CacheMiss
	if waited {
		from = filter.CacheCoalesced
	}
	return a.done(s, creds, from)
}

// done goes on with the credentials of a session.
func (a *Ask) done(s *session, creds sigv4.Credentials, from filter.Cache) (Answer, *Ask) {
	if a.outer != nil {
		a.outer.query.Now, a.outer.until = a.query.Now, s.notAfter
		return a.outer.assume(creds)
	}
	return Answer{Credentials: creds, From: from, Until: s.Expires()}, nil
}

// failed is a call that says nothing about the identity: what is still valid
// stays in use.
func (a *Ask) failed(answer Answer, now time.Time) (Answer, *Ask) {
	if a.current != nil {
		a.current.Fail(nil, now)
		a.chain.counters.RefreshFailure.Add(1)
		if creds, ok := a.current.Credentials(now); ok {
			return a.done(a.current, creds, filter.CacheStale)
		}
	}
	return a.end(answer)
}

// refused is STS's answer that this identity gets nothing. A session that it gave
// before ends with that.
func (a *Ask) refused(answer Answer, waited bool, now time.Time) (Answer, *Ask) {
	c := a.chain
	if a.current != nil {
		c.counters.RefreshFailure.Add(1)
		a.current.Forget()
		a.current.Fail(nil, now)
	}
	if !waited {
		s := c.newSession()
		s.asked, s.denied = now, &answer
		c.sessions.Put(a.key, s, cache.Terms{TTL: c.settings.Sessions.NegativeTTL, Untrusted: true}, now)
	}
	return a.end(answer)
}

// end gives up; what waits for this call does too.
func (a *Ask) end(answer Answer) (Answer, *Ask) {
	outer := a.outer
	if outer != nil && outer.current != nil {
		// The session that was to be renewed goes on until its end, unless STS has
		// refused the token that it is based on.
		now := a.chain.Clock.Ends(a.query.Now)
		if answer.Problem == Denied {
			return outer.refused(answer, true, now)
		}
		return outer.failed(answer, now)
	}
	if answer.Role == "" {
		answer.Role = a.role
	}
	what := answer.Failure.String()
	if answer.Status != 0 {
		what = strconv.Itoa(answer.Status)
	}
	if answer.Problem != CalloutFailed || a.tick {
		a.chain.warn(a.query.Now, "STS gave no credentials", "source", strconv.Itoa(a.source.index), "answer", what, "code", word(answer.Code))
	}
	return answer, nil
}

// word is a code that is fit for a log line.
func word(code string) string {
	for i := range len(code) {
		if c := code[i] | 0x20; (c < 'a' || c > 'z') && c != '.' {
			return ""
		}
	}
	return code[:min(len(code), 64)]
}
