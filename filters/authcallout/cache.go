package authcallout

import (
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/cache"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// maxSharedDecision is the most bytes of one verdict in the shared cache.
const maxSharedDecision = 4 << 10

// verdictCache keeps the decisions of one configuration in one worker.
type verdictCache struct {
	decisions *cache.Tiered[*decision] // nil: off
	key       *cache.Key               // a worker has one thread
}

// newCache makes the cache of a configuration. A new configuration starts with
// an empty one: the worker's dies with the old configuration, and the shared one
// is bound to the configuration's digest.
func (c *Config) newCache(config []byte, store filter.Store) verdictCache {
	if !c.Cache.On {
		return verdictCache{}
	}
	worker := cache.New(cache.Options[*decision]{
		MaxEntries: c.Cache.MaxEntries,
		MaxBytes:   c.Cache.MaxSize,
		Cost:       (*decision).size,
	})
	var shared *cache.Shared
	if c.Cache.Shared {
		shared = cache.NewShared(cache.SharedOptions{
			Store:      store,
			Name:       "gatehouse.authcallout.decisions",
			Namespace:  sha256.Sum(append(config, filter.Version...)),
			Slots:      c.Cache.SharedSlots,
			MaxPayload: maxSharedDecision,
		})
	}
	return verdictCache{decisions: cache.NewTiered(worker, shared, encodeDecision, decodeDecision), key: new(cache.Key)}
}

// ask puts the question to the cache, then to the auth service.
func (x *exchange) ask(m filter.Message) filter.Outcome {
	if x.cache.decisions != nil {
		return x.askCached(m)
	}
	target := x.config.callout(&x.question, m, x.token)
	x.question.Path += target
	x.message = m
	return filter.CallBy(&x.question, x.answered).WithoutBody()
}

// askCached is ask with a decision cache. What a hit does not need is made in
// askAfterMiss, so that a hit does not allocate it.
func (x *exchange) askCached(m filter.Message) filter.Outcome {
	target := x.config.callout(&x.question, m, x.token)
	key := x.cache.keyOf(&x.question, target, m.RouteName())
	known, state, source := x.cache.decisions.Get(key, x.now)
	switch {
	case state != cache.Fresh || known == nil:
		x.metrics.misses.Add(1)
		x.question.Path += target
		x.question.Flight = string(key)
		return x.askAfterMiss(m)
	case source == cache.FromShared:
		x.metrics.sharedHits.Add(1)
		return x.conclude(m, known).From(filter.CacheShared)
	default:
		x.metrics.hits.Add(1)
		return x.conclude(m, known).From(filter.CacheHit)
	}
}

// askAfterMiss makes the callout, whose flight is the key, and keeps the verdict.
func (x *exchange) askAfterMiss(m filter.Message) filter.Outcome {
	flight := x.question.Flight
	return filter.CallBy(&x.question, func(res filter.CalloutResult) filter.Outcome {
		judged := x.config.judge(&res)
		d := &judged
		personal := x.token == "" && d.setsCookie()
		if personal && res.Waited {
			x.question.Flight = ""
			x.message = m
			return filter.CallBy(&x.question, x.answered).WithoutBody()
		}
		if d.failed() {
			// Asked again: a denial may have come in the meantime, or the end.
			if known, state, _ := x.cache.decisions.Get([]byte(flight), res.Now); state != cache.Miss && known != nil {
				x.metrics.staleOK.Add(1)
				return x.conclude(m, known).From(filter.CacheStale)
			}
		}
		if res.Waited {
			return x.conclude(m, d).From(filter.CacheCoalesced)
		}
		// A failure says nothing about what is known, nor does a 5xx, also where it
		// denies.
		if !d.failed() && (d.word == Allowed || res.Status < 500) {
			terms := x.config.terms(d, &res, x.now)
			if personal || variesByRequest(&res) {
				terms.TTL = 0
			}
			var kept *decision
			if terms.TTL > 0 {
				kept = d.own()
			}
			x.cache.decisions.Put([]byte(flight), kept, terms, x.now)
		}
		return x.conclude(m, d).From(filter.CacheMiss)
	}).WithoutBody()
}

// keyOf covers everything that a verdict depends on: all that the auth service
// is sent, and the route. Request id and trace headers, which each callout
// carries, are no part of a question. The path comes in two parts, which need no
// memory to be joined in.
func (v *verdictCache) keyOf(call *filter.Callout, target, route string) []byte {
	k := v.key
	k.Reset()
	k.Texts(route, call.Cluster, call.Method, call.Authority, call.Path, target)
	k.Bytes(call.Body)
	for i := range call.Headers {
		k.Texts(call.Headers[i][:]...)
	}
	return k.Value()
}

// terms says how long a verdict may be kept; a TTL of 0 is not at all.
func (c *Config) terms(d *decision, res *filter.CalloutResult, asked time.Time) cache.Terms {
	if d.failed() {
		return cache.Terms{}
	}
	o := &c.Cache
	life := cache.Lifetime{Permission: cache.Unspecified}
	if o.Lifetime != lifetimeFixed {
		life = cache.LifetimeOf(res.Headers, asked)
	}
	t := cache.Terms{StaleIfError: o.StaleIfError}
	switch life.Permission {
	case cache.Forbidden:
		return cache.Terms{}
	case cache.Unspecified:
		t.TTL = o.TTL
	case cache.Explicit:
		t.TTL = min(max(life.TTL, o.MinTTL), o.MaxTTL)
	}
	if d.word == Denied {
		t.TTL = min(t.TTL, o.NegativeTTL)
		t.Untrusted = true
	}
	if life.NoStale {
		t.StaleIfError = 0
	} else if life.HasStale {
		t.StaleIfError = min(life.StaleIfError, o.StaleIfError)
	}
	return t
}

// variesByRequest reports that an answer depends on what the service is sent but
// no key holds, since it differs from request to request.
func variesByRequest(res *filter.CalloutResult) bool {
	for i := range res.Headers {
		if res.Headers[i][0] != "vary" {
			continue
		}
		for list := res.Headers[i][1]; list != ""; {
			var name string
			if name, list = msg.NextToken(list); perRequest(msg.Lower(name)) {
				return true
			}
		}
	}
	return false
}

// setsCookie reports that the client gets a cookie. Where no token tells clients
// apart, the cookie does: whoever else got it would be in the same session.
func (d *decision) setsCookie() bool {
	return has(d.onSuccess, "set-cookie") || has(d.reply.Headers, "set-cookie")
}

// own returns a copy that shares no memory with the answer it came from: a text
// of a few bytes would keep all headers or the whole body with it, which size
// does not count.
func (d *decision) own() *decision {
	o := *d
	o.edits = slices.Clone(d.edits)
	for i := range o.edits {
		o.edits[i].value = strings.Clone(o.edits[i].value) // the name is the configuration's
	}
	o.remove = slices.Clone(d.remove)
	for i := range o.remove {
		o.remove[i] = strings.Clone(o.remove[i])
	}
	o.onSuccess, o.reply.Headers = ownPairs(d.onSuccess), ownPairs(d.reply.Headers)
	o.reply.ContentType = strings.Clone(d.reply.ContentType)
	return &o
}

func ownPairs(pairs [][2]string) [][2]string {
	pairs = slices.Clone(pairs)
	for i := range pairs {
		pairs[i] = [2]string{strings.Clone(pairs[i][0]), strings.Clone(pairs[i][1])}
	}
	return pairs
}

// size is what a decision takes in memory.
func (d *decision) size() int {
	const pair = int(unsafe.Sizeof([2]string{}))
	n := int(unsafe.Sizeof(*d)) + len(d.edits)*(pair+8)
	for _, e := range d.edits {
		n += len(e.name) + len(e.value)
	}
	for _, r := range d.remove {
		n += len(r) + pair/2
	}
	n += pairsSize(d.onSuccess) + pairsSize(d.reply.Headers) + len(d.reply.Body) + len(d.reply.ContentType)
	return n
}

func pairsSize(pairs [][2]string) int {
	n := len(pairs) * int(unsafe.Sizeof([2]string{}))
	for _, p := range pairs {
		n += len(p[0]) + len(p[1])
	}
	return n
}

func encodeDecision(dst []byte, d *decision) []byte {
	dst = cache.AppendText(dst, string(d.word))
	dst = cache.AppendUint(dst, uint64(len(d.edits)))
	for _, e := range d.edits {
		mode := uint64(0)
		if e.append {
			mode = 1
		}
		dst = cache.AppendUint(cache.AppendText(cache.AppendText(dst, e.name), e.value), mode)
	}
	dst = cache.AppendUint(dst, uint64(len(d.remove)))
	for _, r := range d.remove {
		dst = cache.AppendText(dst, r)
	}
	dst = appendPairs(dst, d.onSuccess)
	dst = cache.AppendUint(dst, uint64(d.reply.Status))
	dst = appendPairs(dst, d.reply.Headers)
	dst = cache.AppendText(dst, d.reply.ContentType)
	return cache.AppendText(dst, string(d.reply.Body))
}

func appendPairs(dst []byte, pairs [][2]string) []byte {
	dst = cache.AppendUint(dst, uint64(len(pairs)))
	for _, p := range pairs {
		dst = cache.AppendText(cache.AppendText(dst, p[0]), p[1])
	}
	return dst
}

// decodeDecision reads what encodeDecision wrote, and nothing else.
func decodeDecision(b []byte) (*decision, bool) {
	r := reader{rest: b, ok: true}
	d := &decision{word: filter.Word(r.text())}
	for range r.count() {
		d.edits = append(d.edits, edit{name: r.text(), value: r.text(), append: r.flag()})
	}
	for range r.count() {
		d.remove = append(d.remove, r.text())
	}
	d.onSuccess = r.pairs()
	d.reply.Status = int(r.number())
	d.reply.Headers = r.pairs()
	d.reply.ContentType = r.text()
	if body := r.text(); body != "" {
		d.reply.Body = []byte(body)
	}
	known := d.word == Allowed && d.reply.Status == 0 || d.word == Denied && d.reply.Status >= 300 && d.reply.Status <= 599
	return d, r.ok && len(r.rest) == 0 && known
}

// reader cuts an encoded decision apart; after a fault everything is empty.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) text() (s string) {
	if r.ok {
		s, r.rest, r.ok = cache.CutText(r.rest)
	}
	return s
}

func (r *reader) number() (n uint64) {
	if r.ok {
		n, r.rest, r.ok = cache.CutUint(r.rest)
	}
	return n
}

func (r *reader) flag() bool {
	n := r.number()
	r.ok = r.ok && n <= 1
	return n == 1
}

// count is a number of things that take a byte each at least.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.ok = false
	}
	if !r.ok {
		return 0
	}
	return int(n)
}

func (r *reader) pairs() (pairs [][2]string) {
	for range r.count() {
		pairs = append(pairs, [2]string{r.text(), r.text()})
	}
	return pairs
}
