// Package aws is what the filters for AWS share: where credentials come from
// ([Settings], [Chain]), what a host name says about service and region, and the
// time that AWS goes by.
//
// It makes no call and ends no exchange: [Chain.Get] answers at once, or gives an
// [Ask] that the filter carries out. State of temporary credentials is that of
// package sigv4/credentials.
//
// Claims are read from tokens that nobody here verifies. That is safe because
// they only choose what STS is asked for: an answer comes only after STS has
// verified the token, and is kept under the digest of the whole token. Settings
// in which that would not hold are refused.
package aws

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/cache"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/tmpl"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
	"github.com/gatehouse-proxy/gatehouse/sigv4/credentials"
	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// Problem is why there are no credentials. Its zero value is that there are.
type Problem uint8

// The problems.
const (
	None           Problem = iota
	Pass                   // no token, and the settings let such requests pass unsigned
	NoToken                // no token, and one is needed
	AmbiguousToken         // several tokens, or one in an odd spelling
	BadToken               // not of the scheme, no JWT, or of characters that no token has
	ExpiredToken           // the token's exp has passed
	MissingClaim           // a template needs a claim that the token has not, as text, number or boolean
	BadIdentity            // role, session, policy or tags, once filled, are nothing that STS takes
	NoCredentials          // no source applies
	Denied                 // STS refused
	Erring                 // STS failed: status 5xx, or it said to try again
	BadReply               // STS's answer cannot be understood
	CalloutFailed          // see Answer.Failure
)

// Answer is what came of a search for credentials.
type Answer struct {
	Problem     Problem
	Credentials sigv4.Credentials // Problem is None
	Until       time.Time         // their end, by Clock.Ends; zero: none
	From        filter.Cache

	// Of a call that failed.
	Failure filter.Failure
	Role    string // as it was asked for
	Status  int    // STS's
	Code    string // STS's
	Message string // STS's
	Body    []byte // STS's
}

// Query is one request's search. Now is the local time.
type Query struct {
	Message filter.Message
	Token   string // "" if there is none
	Now     time.Time
}

// Counters count events; all must be set.
type Counters struct {
	Hits, SharedHits, Misses  filter.Counter
	Refreshes, RefreshFailure filter.Counter
	ClockCorrections          filter.Counter
}

// Chain finds credentials, by the sources of one configuration in one worker.
type Chain struct {
	Clock    Clock
	Retries  bool // Again will be asked
	settings *Settings
	sources  []*source
	sessions *cache.Tiered[*session]
	tokens   *cache.Cache[*token]   // only those that STS has verified
	keys     *cache.Cache[*session] // sessions by access key ID, for Again
	counters Counters
	log      func(text string, pairs ...string)
	logged   time.Time
	ticks    bool               // OnTick renews sessions of the proxy's own
	users    bool               // some source needs a token
	passes   bool               // see Passes
	fixed    *sigv4.Credentials // see Fixed

	signer *sigv4.Signer // of calls to STS
	signed sigv4.Signed

	// Buffers of one call of Get.
	key, text, tokenKey []byte
	filler              filler
}

// source is a compiled Source.
type source struct {
	kind     string
	settings *Source
	index    int // of all, bases included
	base     *source
	static   sigv4.Credentials

	role, sessionName, policy, sourceIdentity *tmpl.Template // nil: none
	tags                                      []*tmpl.Template

	usesClaims, usesRequest, needsToken bool

	prefix []byte   // of keys
	own    *session // of the proxy itself, where neither token nor request plays a part
}

// NewChain makes a chain of checked settings. config is the text that they come
// from; shared sessions are bound to its digest.
func NewChain(s *Settings, config []byte, host filter.Host, counters Counters) (*Chain, error) {
	c := &Chain{settings: s, counters: counters, log: host.Log}
	var err error
	if c.signer, err = sigv4.NewSigner(sigv4.Options{OnlyIncluded: true, Include: []string{"content-type"}}); err != nil {
		return nil, err
	}
	n := 0
	for i := range s.Sources {
		src := c.newSource(&s.Sources[i], &n)
		c.sources = append(c.sources, src)
		c.users = c.users || src.needsToken
	}
	c.passes = c.passing()
	if len(c.sources) > 0 && !c.sources[0].calls() && c.sources[0].static.AccessKeyID != "" {
		c.fixed = &c.sources[0].static
	}
	o := &s.Sessions
	worker := cache.New(cache.Options[*session]{MaxEntries: o.MaxEntries, MaxBytes: o.MaxSize, Cost: (*session).size})
	var shared *cache.Shared
	if o.Shared {
		shared = cache.NewShared(cache.SharedOptions{
			Store:      host.Shared(),
			Name:       "gatehouse.aws.sessions",
			Namespace:  c.namespace(config),
			Slots:      o.SharedSlots,
			MaxPayload: maxSharedSession,
		})
	}
	c.sessions = cache.NewTiered(worker, shared, encodeSession, c.decodeSession)
	c.tokens = cache.New(cache.Options[*token]{MaxEntries: o.MaxEntries, MaxBytes: o.MaxSize, Cost: (*token).size})
	c.keys = cache.New(cache.Options[*session]{MaxEntries: o.MaxEntries, MaxBytes: o.MaxSize, Cost: (*session).size})
	return c, nil
}

// namespace is a digest of all that sessions in shared data depend on beside their
// keys: the configuration, and the keys that stand in the environment and not there.
func (c *Chain) namespace(config []byte) [sha256.Size]byte {
	text := cache.AppendText(cache.AppendText(nil, string(config)), filter.Version)
	for _, src := range c.sources {
		for ; src != nil; src = src.base {
			for _, part := range [...]string{src.static.AccessKeyID, src.static.SecretAccessKey, src.static.SessionToken} {
				text = cache.AppendText(text, part)
			}
		}
	}
	return sha256.Sum(text)
}

func (c *Chain) newSource(e *Source, n *int) *source {
	src := &source{index: *n}
	*n++
	src.compile(e, func(string, error) {}) // checked
	if e.Kind == KindEnvironment {
		src.static = c.settings.environment.static
	}
	if e.HasBase {
		src.base = c.newSource(e.Base, n)
		src.needsToken = src.needsToken || src.base.needsToken
		src.usesRequest = src.usesRequest || src.base.usesRequest
	}
	// All that a session depends on beside what Get adds: the endpoint and the
	// source, which stands for what is fixed in the configuration.
	src.prefix = cache.AppendText(nil, c.settings.STS.Cluster)
	src.prefix = cache.AppendText(src.prefix, c.settings.STS.Authority)
	src.prefix = cache.AppendUint(src.prefix, uint64(src.index))
	return src
}

// calls tells whether the source asks STS.
func (s *source) calls() bool { return s.kind == KindWebIdentity || s.kind == KindAssumeRole }

// ours tells whether the session is the proxy's own: the same for all requests.
func (s *source) ours() bool { return s.calls() && !s.needsToken && !s.usesRequest }

// Fixed returns what Get finds for any request at once, or nil.
func (c *Chain) Fixed() *sigv4.Credentials { return c.fixed }

// Get looks for credentials. Without an Ask, the Answer is it.
func (c *Chain) Get(q *Query) (Answer, *Ask) {
	for _, src := range c.sources {
		switch {
		case !src.calls():
			if src.static.AccessKeyID != "" {
				return Answer{Credentials: src.static}, nil
			}
		case src.needsToken && q.Token == "":
			switch c.settings.OnMissingToken {
			case MissingPass:
				return Answer{Problem: Pass}, nil
			case MissingDeny:
				return Answer{Problem: NoToken}, nil
			}
		default:
			return c.session(q, src, nil)
		}
	}
	return Answer{Problem: NoCredentials}, nil
}

// session finds or asks for the temporary credentials of a source. outer is what
// goes on with them.
func (c *Chain) session(q *Query, src *source, outer *Ask) (Answer, *Ask) {
	now := c.Clock.Ends(q.Now)
	var t *token
	known := false
	if src.needsToken {
		var problem Problem
		if t, known, problem = c.token(q.Token, now); problem != None {
			return Answer{Problem: problem}, nil
		}
		if c.Clock.over(t.notAfter, q.Now) {
			return Answer{Problem: ExpiredToken}, nil
		}
	}
	c.filler = filler{Message: q.Message, token: t}
	key, ok := c.keyOf(src, t)
	if !ok {
		return Answer{Problem: MissingClaim}, nil
	}
	found, from := c.find(src, key, now)
	if found != nil {
		if t != nil && !known {
			c.keepToken(q.Token, t, now) // STS has verified it, for another worker perhaps
		}
		if d := found.denied; d != nil {
			a := *d
			a.From = from
			return a, nil
		}
		creds, _ := found.Credentials(now)
		if c.Clock.late(found.Expires(), q.Now) {
			found.Renew()
		}
		if src.ours() && c.ticks || !found.Start(now, c.settings.STS.Timeout) {
			if outer != nil {
				outer.until = found.notAfter
				return outer.assume(creds)
			}
			return Answer{Credentials: creds, From: from, Until: found.Expires()}, nil
		}
		c.counters.Refreshes.Add(1)
	} else {
		c.counters.Misses.Add(1)
	}
	a := &Ask{chain: c, source: src, query: *q, token: t, outer: outer, current: found, key: append([]byte(nil), key...)}
	if problem := a.fill(); problem != None {
		return Answer{Problem: problem}, nil
	}
	return a.start()
}

// find returns what is known under a key: a session that can be used now, a
// refusal, or nil.
func (c *Chain) find(src *source, key []byte, now time.Time) (*session, filter.Cache) {
	if src.own != nil {
		if _, ok := src.own.Credentials(now); ok {
			c.counters.Hits.Add(1)
			c.useKey(src.own, now)
			return src.own, filter.CacheHit
		}
	}
	s, state, level := c.sessions.Get(key, now)
	if state != cache.Fresh {
		return nil, filter.NoCache
	}
	if s.denied == nil {
		if _, ok := s.Credentials(now); !ok {
			return nil, filter.NoCache
		}
		if src.ours() {
			src.own = s
		}
	}
	if level == cache.FromShared {
		c.keepKey(s, now)
		c.counters.SharedHits.Add(1)
		return s, filter.CacheShared
	}
	c.counters.Hits.Add(1)
	c.useKey(s, now)
	return s, filter.CacheHit
}

// token returns what is known of a token, or reads it.
func (c *Chain) token(text string, now time.Time) (t *token, known bool, p Problem) {
	c.tokenKey = append(c.tokenKey[:0], text...)
	if t, state := c.tokens.Get(c.tokenKey, now); state == cache.Fresh {
		return t, true, None
	}
	t, p = parseToken(text, now, c.settings.OpaqueTokenTTL)
	return t, false, p
}

func (c *Chain) keepToken(text string, t *token, now time.Time) {
	c.tokens.Put([]byte(text), t, cache.Terms{TTL: t.notAfter.Sub(now)}, now)
}

// keyOf covers all that a session depends on: token, role, session name, policy,
// tags, and by the prefix endpoint and configuration. The result is valid until
// the next call; ok is false if a claim is missing.
func (c *Chain) keyOf(src *source, t *token) (key []byte, ok bool) {
	if t != nil && src.index < len(t.keys) && t.keys[src.index] != nil {
		return t.keys[src.index], true
	}
	c.key = append(c.key[:0], src.prefix...)
	if t != nil {
		c.key = append(c.key, t.id[:]...)
	}
	c.addFilled(src)
	if src.base != nil {
		c.addFilled(src.base) // whose request-dependent parts choose another base session
	}
	if c.filler.missing {
		return nil, false
	}
	if t != nil && !src.usesRequest {
		for len(t.keys) <= src.index {
			t.keys = append(t.keys, nil)
		}
		t.keys[src.index] = append([]byte(nil), c.key...)
	}
	return c.key, true
}

func (c *Chain) addFilled(src *source) {
	for _, t := range [...]*tmpl.Template{src.role, src.sessionName, src.policy, src.sourceIdentity} {
		c.addText(t)
	}
	for _, t := range src.tags { // of a fixed number
		c.addText(t)
	}
}

func (c *Chain) addText(t *tmpl.Template) {
	c.text = c.text[:0]
	if t != nil {
		c.text = t.Append(c.text, &c.filler)
	}
	c.key = cache.AppendUint(c.key, uint64(len(c.text)))
	c.key = append(c.key, c.text...)
}

// TickPeriod is how often Due is to be asked; 0 is never.
func (c *Chain) TickPeriod() time.Duration {
	for _, src := range c.sources {
		if src.ours() {
			return time.Second
		}
	}
	return 0
}

// Due returns the next call that renews a session of the proxy's own ahead of its
// end, or nil. Once asked, it alone renews them.
func (c *Chain) Due(local time.Time) *Ask {
	c.ticks = true
	now := c.Clock.Ends(local)
	for _, src := range c.sources {
		if !src.ours() {
			continue
		}
		c.filler = filler{}
		key, _ := c.keyOf(src, nil)
		if src.own == nil {
			c.find(src, key, now) // another worker may have one
		}
		if src.own == nil {
			src.own = c.newSession()
		}
		if c.Clock.late(src.own.Expires(), local) {
			src.own.Renew()
		}
		if !src.own.Start(now, c.settings.STS.Timeout) {
			continue
		}
		c.counters.Refreshes.Add(1)
		a := &Ask{chain: c, source: src, query: Query{Now: local}, current: src.own, key: append([]byte(nil), key...), tick: true}
		if a.fill() != None {
			continue
		}
		if _, ask := a.start(); ask != nil {
			return ask
		}
	}
	return nil
}

// warn logs at most one line in ten seconds: refusals come at the clients' rate.
func (c *Chain) warn(local time.Time, text string, pairs ...string) {
	if !c.logged.IsZero() && local.Sub(c.logged) < 10*time.Second {
		return
	}
	c.logged = local
	c.log(text, pairs...)
}

func (c *Chain) newSession() *session {
	s := new(session)
	s.Policy = credentials.Policy{Ahead: c.settings.Sessions.RefreshAhead}
	return s
}

// Passes tells whether a request without a token goes on unsigned: no source
// before one that needs a token applies, and the settings say so.
func (c *Chain) Passes() bool { return c.passes }

func (c *Chain) passing() bool {
	for _, src := range c.sources {
		if src.calls() || src.static.AccessKeyID != "" {
			return src.calls() && src.needsToken && c.settings.OnMissingToken == MissingPass
		}
	}
	return false
}

// NeedsToken tells whether a request's token plays any part.
func (c *Chain) NeedsToken() bool { return c.users }

// Again returns credentials by their access key ID, for a request that was signed with
// them before and comes without its token. The caller must see that the signature is
// right, before it signs anew: whoever made it had the secret.
func (c *Chain) Again(accessKeyID string, local time.Time) (sigv4.Credentials, bool) {
	for _, src := range c.sources {
		if !src.calls() && src.static.AccessKeyID == accessKeyID {
			return src.static, true
		}
	}
	now := c.Clock.Ends(local)
	s, state := c.keys.Get([]byte(accessKeyID), now)
	if state != cache.Fresh {
		return sigv4.Credentials{}, false
	}
	return s.Credentials(now)
}

func (c *Chain) keepKey(s *session, now time.Time) {
	if c.Retries && s.denied == nil {
		c.keys.Put([]byte(s.temporary.AccessKeyID), s, cache.Terms{TTL: s.Expires().Sub(now)}, now)
	}
}

// useKey keeps a session's key as long as the session, which is in use.
func (c *Chain) useKey(s *session, now time.Time) {
	if c.Retries && s.denied == nil {
		c.keys.Get([]byte(s.temporary.AccessKeyID), now)
	}
}
