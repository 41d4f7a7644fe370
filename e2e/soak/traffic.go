package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// authTimeout is the filter's. It is long, so that a busy machine is no fault.
const authTimeout = 2 * time.Second

// listener is one way to configure the filter.
type listener struct {
	name   string
	config func(version int) string
	// remembers is how long after its end a token may still pass.
	remembers time.Duration
}

// A new version changes what a request does not feel.
func base(version int) string {
	return `"cluster": "auth", "authority": "auth", "path": "/verify", "timeout": "2s", "allowed_upstream_headers": ["x-user-id"], "max_reply_size": "` + strconv.Itoa(8+version%8) + `KiB"`
}

var listeners = []listener{
	{"uncached", func(v int) string { return "{" + base(v) + "}" }, 0},
	{"ext-authz", func(v int) string { return `{"profile": "ext-authz", ` + base(v) + `}` }, 0},
	{"cached", func(v int) string {
		return "{" + base(v) + `, "cache": {"lifetime": "fixed", "ttl": "2s", "negative_ttl": "1s", "max_entries": 100}}`
	}, 2 * time.Second},
	{"shared", func(v int) string {
		return "{" + base(v) + `, "cache": {"lifetime": "fixed", "ttl": "2s", "stale_if_error": "3s", "shared": true}}`
	}, 5 * time.Second},
}

// trouble remembers when the auth service was away or too slow.
type trouble struct {
	mu    sync.Mutex
	spans [][2]time.Time
}

// begin opens a span; the function that it returns closes it.
func (t *trouble) begin() (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := len(t.spans)
	t.spans = append(t.spans, [2]time.Time{time.Now()})
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.spans[i][1] = time.Now()
	}
}

// aftermath is how long trouble is felt: callouts that began in it time out, and
// Envoy waits before it connects anew.
const aftermath = authTimeout + time.Second

// touches reports that a request may have felt trouble.
func (t *trouble) touches(from, to time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.spans {
		over := !s[1].IsZero() && from.After(s[1].Add(aftermath))
		if !over && to.After(s[0]) {
			return true
		}
	}
	return false
}

// pool holds the tokens that clients share: coalescing and caches need equal ones.
type pool struct {
	mu    sync.Mutex
	r     *rand.Rand
	next  int
	live  []token
	ended []token
}

func newPool(seed uint64) *pool {
	return &pool{r: rand.New(rand.NewPCG(seed, 1<<32)), live: make([]token, 20), ended: make([]token, 50)}
}

// pick returns a token of the pool: one of those in use, which end a few seconds
// after they were made, or an old one.
func (p *pool) pick(old bool) token {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old {
		if t := p.ended[p.r.IntN(len(p.ended))]; t.user != "" {
			return t
		}
	}
	i := p.r.IntN(len(p.live))
	if t := p.live[i]; !time.Now().Before(t.ends) {
		if t.user != "" {
			p.ended[p.r.IntN(len(p.ended))] = t
		}
		p.live[i] = p.make()
	}
	return p.live[i]
}

func (p *pool) make() token {
	p.next++
	return token{"user-" + strconv.Itoa(p.next), time.Now().Add(time.Second + time.Duration(p.r.Int64N(int64(9*time.Second))))}
}

// fresh is a token that nobody has used.
func (p *pool) fresh() token {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.make()
}

const clockFormat = "15:04:05.000 "

// tally counts what came of the requests.
type tally struct {
	passed, denied, failed, givenUp, wrong, unanswered atomic.Int64

	mu   sync.Mutex
	said []string
}

func (t *tally) total() int64 {
	return t.passed.Load() + t.denied.Load() + t.failed.Load() + t.givenUp.Load() + t.unanswered.Load()
}

func (t *tally) example(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.said) < 20 {
		t.said = append(t.said, time.Now().Format(clockFormat)+fmt.Sprintf(format, args...))
	}
}

func (t *tally) examples() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said
}

// client sends one request after the other.
type client struct {
	s    *soak
	pool *pool
	r    *rand.Rand
	http *http.Client
}

func newClient(s *soak, p *pool, number int, r *rand.Rand) *client {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(number%2 == 0)
	protocols.SetUnencryptedHTTP2(number%2 == 1)
	return &client{s, p, r, &http.Client{
		Timeout:   time.Minute, // long after everything that Envoy may wait for
		Transport: &http.Transport{Protocols: protocols},
	}}
}

func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.once()
		// An open tap would only show what the machine can do.
		time.Sleep(time.Duration(c.r.Int64N(int64(10 * time.Millisecond))))
	}
	c.http.CloseIdleConnections()
}

func (c *client) once() {
	i := c.r.IntN(len(listeners))
	l := listeners[i]
	var t token // the zero token is never valid
	authorization := ""
	switch n := c.r.IntN(20); {
	case n < 11:
		t = c.pool.pick(false)
	case n < 14:
		t = c.pool.fresh()
	case n < 17:
		t = c.pool.pick(true)
	case n < 19:
		authorization = "Bearer " + strconv.FormatUint(c.r.Uint64(), 36)
	}
	if t.user != "" {
		authorization = "Bearer " + t.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hurried := c.r.IntN(50) == 0
	if hurried { // hangs up, most often while the callout is under way
		time.AfterFunc(time.Duration(c.r.Int64N(int64(3*time.Millisecond))), cancel)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(c.s.ports[i])+"/orders?n="+strconv.Itoa(c.r.IntN(2)), nil)
	if err != nil {
		panic(err) // the text above is no URL
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Header.Set(userHeader, "forged")
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	c.judge(l, t, exchange{sent, time.Now(), resp, err, hurried})
}

// exchange is one request and what came of it.
type exchange struct {
	sent, done time.Time
	resp       *http.Response
	err        error
	hurried    bool
}

// slack is how far the clocks' readings of client and auth service may lie apart.
const slack = 250 * time.Millisecond

func (c *client) judge(l listener, t token, x exchange) {
	y := &c.s.tally
	if x.err != nil {
		if x.hurried && errors.Is(x.err, context.Canceled) {
			y.givenUp.Add(1)
			return
		}
		y.unanswered.Add(1)
		y.example("%s: no answer: %v", l.name, x.err)
		return
	}
	valid := t.user != "" && x.done.Before(t.ends.Add(-slack))               // all the time
	void := t.user == "" || x.sent.After(t.ends.Add(l.remembers).Add(slack)) // to everyone
	wrong := ""
	switch status := x.resp.StatusCode; {
	case status == http.StatusOK:
		y.passed.Add(1)
		if void {
			wrong = "passed with a token that is not valid"
		} else if seen := x.resp.Header.Get(seenHeader); seen != t.user {
			wrong = fmt.Sprintf("reached the upstream as %q, not as %q", seen, t.user)
		}
	case status == http.StatusUnauthorized || status == http.StatusForbidden && l.name != "ext-authz":
		y.denied.Add(1)
		if valid {
			wrong = "denied with a valid token"
		}
	default:
		y.failed.Add(1)
		if valid && !c.s.trouble.touches(x.sent, x.done) {
			wrong = fmt.Sprintf("failed with a valid token, while the auth service was there: status %d, %s, after %s", status, x.resp.Header.Get(detailsHeader), x.done.Sub(x.sent).Round(time.Millisecond))
		}
	}
	if wrong != "" {
		y.wrong.Add(1)
		y.example("%s: %s (token ends %s after the answer)", l.name, wrong, t.ends.Sub(x.done).Round(time.Millisecond))
	}
}
