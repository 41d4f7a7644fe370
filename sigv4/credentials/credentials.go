// Package credentials is the state of temporary AWS credentials: the request for
// AWS STS, its reply, and when to ask again. It does no I/O and reads no clock:
// the caller sends the form and tells the time, so that it is tested without
// either.
//
//	request := credentials.WebIdentity{RoleARN: arn, SessionName: "alice", Token: token}
//	form, err := request.Form()        // the body of a POST to credentials.Endpoint(region)
//	...
//	temporary, err := credentials.Parse(credentials.ActionWebIdentity, status, body)
//	...
//	session.Store(temporary, tokenExpiry, now)
//	...
//	if c, ok := session.Credentials(now); ok { ... }
//
// The token and the secrets are in no URL, no error and no printed value.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
package credentials

import (
	"errors"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// Temporary are credentials with an end, as STS gave them.
type Temporary struct {
	sigv4.Credentials
	// Expires is when STS ends them.
	Expires time.Time
	// AssumedRoleARN is the ARN of the session, and Subject the token's subject as
	// STS saw it; both may be empty (MinIO).
	AssumedRoleARN string
	Subject        string
}

// Default policy of a Session; see Policy.
const (
	DefaultAhead   = 5 * time.Minute
	DefaultMargin  = 30 * time.Second
	DefaultBackoff = time.Second
	MaxBackoff     = time.Minute
)

// Policy says when a Session is refreshed. The zero value is the default.
type Policy struct {
	// Ahead is how long before their end credentials are replaced, at most a quarter
	// of their life: 0 is DefaultAhead.
	Ahead time.Duration
	// Margin is how long before their end credentials are not used any more, for a
	// request takes time to arrive and clocks differ; at most a tenth of their life:
	// 0 is DefaultMargin.
	Margin time.Duration
	// Backoff is the pause after a failed call; it doubles with each, up to
	// MaxBackoff: 0 is DefaultBackoff.
	Backoff time.Duration
}

// Session holds the credentials of one identity. The zero value is empty. It is
// not for concurrent use.
type Session struct {
	Policy Policy

	current  Temporary
	usable   time.Time // end of use
	refresh  time.Time // when to replace
	pending  time.Time // when a started call is given up
	failures int
	retry    time.Time // no call before
	lastErr  error
}

// ErrExpired is what Store reports of credentials that have no time left.
var ErrExpired = errors.New("credentials: they have expired already")

// Store takes what a call brought. notAfter, unless zero, ends them earlier: a
// session that comes from a token must not outlive it. It fails with ErrExpired
// and counts as a failed call if nothing is left of them.
func (s *Session) Store(t Temporary, notAfter, now time.Time) error {
	end := t.Expires
	if !notAfter.IsZero() && notAfter.Before(end) {
		end = notAfter
	}
	life := end.Sub(now)
	if life <= 0 {
		s.Fail(ErrExpired, now)
		return ErrExpired
	}
	ahead := min(or(s.Policy.Ahead, DefaultAhead), life/4)
	margin := min(or(s.Policy.Margin, DefaultMargin), life/10)
	s.current = t
	s.usable, s.refresh = end.Add(-margin), end.Add(-max(ahead, margin))
	s.pending, s.failures, s.retry, s.lastErr = time.Time{}, 0, time.Time{}, nil
	return nil
}

// Fail notes that a call failed; what is still valid stays in use.
func (s *Session) Fail(err error, now time.Time) {
	pause := or(s.Policy.Backoff, DefaultBackoff)
	for range s.failures {
		if pause *= 2; pause >= MaxBackoff {
			pause = MaxBackoff
			break
		}
	}
	s.failures++
	s.pending, s.retry, s.lastErr = time.Time{}, now.Add(pause), err
}

// Err returns the error of the last call, nil after one that worked.
func (s *Session) Err() error { return s.lastErr }

// Credentials returns what is to be signed with; false if there is nothing that
// is still valid.
func (s *Session) Credentials(now time.Time) (sigv4.Credentials, bool) {
	if s.current.AccessKeyID == "" || !now.Before(s.usable) {
		return sigv4.Credentials{}, false
	}
	return s.current.Credentials, true
}

// Expires returns when the credentials stop being used; zero if there are none.
func (s *Session) Expires() time.Time { return s.usable }

// Start asks for a call: true means that the caller makes it now and ends it with
// Store or Fail, and that nobody else is told to until then or for timeout. It is
// false while there are fresh credentials, a call is under way, or the last one
// failed a moment ago.
func (s *Session) Start(now time.Time, timeout time.Duration) bool {
	if _, ok := s.Credentials(now); ok && now.Before(s.refresh) ||
		now.Before(s.pending) || now.Before(s.retry) {
		return false
	}
	s.pending = now.Add(timeout)
	return true
}

// Renew asks for a call as soon as may be, because their end is in doubt; until it
// brings others, the credentials stay in use.
func (s *Session) Renew() { s.refresh = time.Time{} }

// Forget drops the credentials, such as after an ExpiredToken of a service. A
// pause after failures stays.
func (s *Session) Forget() { s.current, s.usable, s.refresh = Temporary{}, time.Time{}, time.Time{} }

// String returns the access key's ID alone: a Session holds secrets.
func (s Session) String() string { return s.current.AccessKeyID }

// GoString is String, for %#v.
func (s Session) GoString() string { return s.current.AccessKeyID }

func or(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}
