package aws

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// maxToken is the longest token that STS takes.
const maxToken = 20000

// Token reads the request's token, without its scheme, from the header that the
// settings name. "" and None is a request without one.
func (s *Settings) Token(m filter.Message) (string, Problem) {
	value, err := identity.One(m, s.AuthHeader, identity.RefuseCommas)
	switch {
	case err == identity.ErrMissing || err == nil && value == "":
		return "", None
	case err != nil:
		return "", AmbiguousToken
	}
	if s.AuthScheme != "" {
		scheme, rest, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, s.AuthScheme) {
			return "", BadToken
		}
		value = strings.Trim(rest, " \t")
	}
	if len(value) < 4 || len(value) > maxToken {
		return "", BadToken
	}
	for i := 0; i < len(value); i++ {
		if value[i] <= ' ' || value[i] > '~' {
			return "", BadToken
		}
	}
	return value, None
}

// token is what is known of a token without having verified it: STS does that.
type token struct {
	id       [sha256.Size]byte // of its text
	notAfter time.Time
	claims   jsonr.Value
	jwt      bool
	keys     [][]byte // of sessions, by source; nil where a key needs the request
}

// parseToken reads a JWT (RFC 7519) in its compact form. One that is no JWT, or
// that does not say when it ends, is taken only with a positive opaqueTTL.
func parseToken(text string, now time.Time, opaqueTTL time.Duration) (*token, Problem) {
	t := &token{id: sha256.Sum([]byte(text))}
	t.claims, t.jwt = parseClaims(text)
	if t.jwt {
		if exp, ok := t.claims.Get("exp"); ok {
			seconds, ok := exp.Float()
			if !ok {
				return nil, BadToken
			}
			t.notAfter = time.Unix(int64(min(max(seconds, 0), 1<<38)), 0)
			return t, None
		}
	}
	if opaqueTTL <= 0 {
		return nil, BadToken
	}
	t.notAfter = now.Add(opaqueTTL)
	return t, None
}

// parseClaims decodes the payload of a JWT; ok is false if the text is none.
func parseClaims(text string) (claims jsonr.Value, ok bool) {
	head, rest, _ := strings.Cut(text, ".")
	payload, signature, three := strings.Cut(rest, ".")
	if !three || head == "" || signature == "" || strings.IndexByte(signature, '.') >= 0 {
		return claims, false
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return claims, false
	}
	claims, err = jsonr.Parse(data, jsonr.Limits{Size: maxToken, Depth: 16})
	return claims, err == nil && claims.Kind() == jsonr.Object
}

// filler fills templates: the request, with the claims of its token.
type filler struct {
	filter.Message
	token   *token
	missing bool // a claim was asked for that the token has not, or not in a form to use
}

// Claim implements tmpl.Claimer.
func (f *filler) Claim(path string) string {
	if f.token != nil && f.token.jwt {
		if v, ok := f.token.claims.Get(path); ok {
			switch v.Kind() {
			case jsonr.String:
				// Templates drop blanks at the ends and control characters: "ann " would
				// get the name and the tags of "ann".
				if text := v.String(); text != "" && msg.CleanHeaderValue(text) == text {
					return text
				}
			case jsonr.Number, jsonr.Bool:
				return v.Raw()
			}
		}
	}
	f.missing = true
	return ""
}
