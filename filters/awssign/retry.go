package awssign

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// maxRetryAge is how old the signature of a request may be that Envoy tries again.
const maxRetryAge = 5 * time.Minute

// retried recognises a request that Envoy tries again: in the upstream mount it
// comes back with the edits of the first attempt, so with a signature of ours, the
// session's token, and without the user's. It is recognised by making that signature
// once more: nobody else knows the secret. Whoever saw such a request, all of it, can
// send it again and have it signed anew, but no other one, which they could do at AWS
// as well; not so once the session or maxRetryAge has ended, or for a query its own
// end by half a minute.
func (x *exchange) retried(m filter.Message, now time.Time) bool {
	c := x.config
	id, date, own, session := credentialOf(m, c.SignQuery)
	if id == "" {
		return false
	}
	at, ok := sigv4.ParseTime(date)
	age := maxRetryAge
	if c.SignQuery {
		age = min(age, c.QueryExpires+30*time.Second)
	}
	if !ok || !x.chain.Clock.Near(at, now, age) {
		return false
	}
	if x.credentials, ok = x.chain.Again(id, now); !ok || !same(x.credentials.SessionToken, session) {
		return false
	}
	if x.aim(m) != "" {
		return false
	}
	hash, n := m.Header(contentSHA256)
	if x.payload = hash; n == 0 {
		x.payload = sigv4.UnsignedPayload
	}
	s := &x.scratch
	if _, _, err := x.signature(s, m, at); err != nil {
		return false
	}
	if !same(s.Signature, own) {
		return false
	}
	x.again, x.from = true, filter.CacheHit
	return true
}

// same compares in constant time; the lengths are no secret.
func same(own, given string) bool {
	return subtle.ConstantTimeCompare([]byte(own), []byte(given)) == 1
}

// credentialOf reads who signed a request, when, the signature and the session's
// token; id is "" if nobody did in the way that the configuration has.
func credentialOf(m filter.Message, inQuery bool) (id, date, signature, session string) {
	var credential string
	if inQuery {
		target, _ := m.Header(":path")
		_, query, _ := strings.Cut(target, "?")
		if !strings.Contains(query, "X-Amz-Signature=") {
			return "", "", "", ""
		}
		credential, _ = msg.QueryGet(query, "X-Amz-Credential")
		date, _ = msg.QueryGet(query, "X-Amz-Date")
		signature, _ = msg.QueryGet(query, "X-Amz-Signature")
		session, _ = msg.QueryGet(query, "X-Amz-Security-Token")
	} else {
		value, n := m.Header("authorization")
		rest, ok := strings.CutPrefix(value, sigv4.Algorithm+" Credential=")
		if n != 1 || !ok {
			return "", "", "", ""
		}
		date, _ = m.Header("x-amz-date")
		session, _ = m.Header("x-amz-security-token")
		credential = rest
		_, signature, _ = strings.Cut(rest, ", Signature=")
	}
	id, _, _ = strings.Cut(credential, "/")
	return id, date, signature, session
}
