package sigv4

import (
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// Codes of a VerifyError: those that S3 answers with.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const (
	CodeAccessDenied     = "AccessDenied"                      // no signature, expired, or headers not signed; 403
	CodeMalformedHeader  = "AuthorizationHeaderMalformed"      // 400; also a wrong region or service
	CodeMalformedQuery   = "AuthorizationQueryParametersError" // the same of a query signature; 400
	CodeInvalidRequest   = "InvalidRequest"                    // two signatures, or a request that has no canonical form; 400
	CodeInvalidAccessKey = "InvalidAccessKeyId"                // 403
	CodeInvalidToken     = "InvalidToken"                      // for Lookup; 400
	CodeExpiredToken     = "ExpiredToken"                      // for Lookup; 400
	CodeSkewed           = "RequestTimeTooSkewed"              // 403
	CodeMismatch         = "SignatureDoesNotMatch"             // 403
	CodePayloadMismatch  = "XAmzContentSHA256Mismatch"         // 400
	CodeNotImplemented   = "NotImplemented"                    // a chunked signature; 501
)

// DefaultMaxSkew is S3's.
const DefaultMaxSkew = 15 * time.Minute

// VerifyError says why a request was refused.
type VerifyError struct {
	Code string
	Text string
	// CanonicalRequest and StringToSign are set with CodeMismatch: what the request
	// looks like from here. S3 shows them to the client too.
	CanonicalRequest string
	StringToSign     string
}

func (e *VerifyError) Error() string { return "sigv4: " + e.Code + ": " + e.Text }

func refuse(code, text string) *VerifyError { return &VerifyError{Code: code, Text: text} }

// Verifier checks signatures as the service does. The zero value of each option
// is the strict choice; Service, Region and Lookup must be set, or all is
// refused. It may be used by many goroutines at once.
type Verifier struct {
	// Service and Region that the scope must name.
	Service, Region string
	// Options are those that clients sign with: KeepPath, SingleEncode, SignBody
	// (x-amz-content-sha256 is then asked for), SignBodyInQuery and
	// OmitSessionToken count.
	Options Options
	// Lookup returns the secret of a key. It must check that the session token (""
	// where there is none) belongs to the key. A *VerifyError that it returns is
	// passed on; any other error becomes CodeInvalidAccessKey.
	Lookup func(accessKeyID, sessionToken string) (secretAccessKey string, err error)
	// MaxSkew is how far the signed time may be from now; 0 is DefaultMaxSkew.
	MaxSkew time.Duration
	// MaxExpires bounds the life of presigned requests; 0 is the constant
	// MaxExpires.
	MaxExpires time.Duration
	// RequireSigned are headers (lower case) that must be signed where they occur,
	// besides host and x-amz-*.
	RequireSigned []string
	// AllowUnsignedPayload takes UnsignedPayload, StreamingUnsignedTrailer and, with
	// Options.SignBodyInQuery, presigned requests that say nothing of their body.
	AllowUnsignedPayload bool
	// DeferPayload does not compare the body: the caller hashes it as it is read and
	// compares with Verified.PayloadHash before believing it.
	DeferPayload bool

	keys keyCache
}

// String hides the keys that a Verifier keeps, with the secrets they come from.
func (v *Verifier) String() string { return "sigv4.Verifier" }

// GoString is String, for %#v.
func (v *Verifier) GoString() string { return v.String() }

// Verified is a request whose signature is right.
type Verified struct {
	AccessKeyID   string
	SessionToken  string
	Time          time.Time // when it was signed
	Expires       time.Time // of a presigned request; otherwise zero
	Presigned     bool
	SignedHeaders []string
	// PayloadHash is what the signature says of the body: hex, or a literal.
	PayloadHash string
}

// claim is a signature as the request states it.
type claim struct {
	code                              string // of errors in its form
	credential, signed, signature     string
	date, token, expires, payloadHash string
	presigned                         bool
}

// Verify checks the signature of a request as it arrived, in its headers or its
// query. Body or PayloadHash must be the received body's, unless DeferPayload is
// set. Errors are *VerifyError.
func (v *Verifier) Verify(r *Request, now time.Time) (*Verified, error) {
	if v.Service == "" || v.Region == "" || v.Lookup == nil {
		return nil, refuse(CodeAccessDenied, "verifier: service, region and lookup must be set")
	}
	b := &builder{}
	c, fail := v.read(b, r)
	if fail != nil {
		return nil, fail
	}
	out := &Verified{SessionToken: c.token, Presigned: c.presigned}

	// Scope: id/day/region/service/aws4_request.
	parts := strings.Split(c.credential, "/")
	if len(parts) != 5 || parts[0] == "" || parts[4] != terminator {
		return nil, refuse(c.code, "credential: want id/yyyymmdd/region/service/"+terminator)
	}
	out.AccessKeyID = parts[0]
	t, ok := parseTime(c.date)
	switch {
	case !ok:
		return nil, refuse(c.code, "date: want YYYYMMDDTHHMMSSZ")
	case parts[1] != c.date[:8]:
		return nil, refuse(c.code, "credential: its day is not that of the date")
	case parts[2] != v.Region:
		return nil, refuse(c.code, "credential: the region is not "+v.Region)
	case parts[3] != v.Service:
		return nil, refuse(c.code, "credential: the service is not "+v.Service)
	case !isHash(c.signature):
		return nil, refuse(c.code, "signature: want 64 lower-case hex digits")
	}
	out.Time = t
	if fail := v.checkTime(out, c, now); fail != nil {
		return nil, fail
	}
	if fail := v.takeHeaders(b, r, c, out); fail != nil {
		return nil, fail
	}
	if fail := v.checkPayload(r, c, out); fail != nil {
		return nil, fail
	}

	secret, err := v.Lookup(out.AccessKeyID, c.token)
	if err != nil || secret == "" {
		if fail, ok := err.(*VerifyError); ok && fail != nil { //nolint:errorlint // errors.As links reflect into Wasm
			return nil, fail
		}
		return nil, refuse(CodeInvalidAccessKey, "the access key is not known")
	}
	if err := b.canonicalRequest(r.Method, r.Path, out.PayloadHash, &v.Options); err != nil {
		return nil, refuse(CodeInvalidRequest, bare(err))
	}
	var sts text
	sts.toSign(c.date, scopeOf(c.date, v.Region, v.Service), b.canon)
	key := v.keys.get(out.AccessKeyID, secret, v.Region, v.Service, c.date)
	var d sha256.Digest
	var sum [sha256.Size]byte
	d.MAC(&key.key, sts, &sum)
	if subtle.ConstantTimeCompare(appendHex(nil, &sum), []byte(c.signature)) != 1 {
		return nil, &VerifyError{CodeMismatch, "the signature is not that of this request", string(b.canon), string(sts)}
	}
	return out, nil
}

func bare(err error) string { return strings.TrimPrefix(err.Error(), "sigv4: ") }

// read finds the one signature of the request and collects its query.
func (v *Verifier) read(b *builder, r *Request) (*claim, *VerifyError) {
	c := &claim{code: CodeMalformedHeader}
	authorization, n := "", 0
	for _, h := range r.Headers {
		name, ok := lower(h[0])
		if !ok {
			if strings.HasPrefix(h[0], ":") {
				continue
			}
			return nil, refuse(CodeInvalidRequest, "header: its name is no token")
		}
		var field *string
		switch name {
		case headerAuthorization:
			authorization = trimBlanks(h[1])
			n++
			continue
		case headerDate:
			field = &c.date
		case headerToken:
			field = &c.token
		case headerContentSHA256:
			field = &c.payloadHash
		default:
			continue
		}
		value := trimBlanks(h[1])
		if *field != "" || value == "" {
			return nil, refuse(CodeMalformedHeader, name+": want it once, and not empty")
		}
		*field = value
	}
	query, fail := v.readQuery(b, r.RawQuery)
	if fail != nil {
		return nil, fail
	}
	switch {
	case n > 1 || n == 1 && query != nil:
		return nil, refuse(CodeInvalidRequest, "only one signature is allowed")
	case n == 1:
		return c, parseAuthorization(c, authorization)
	case query == nil:
		return nil, refuse(CodeAccessDenied, "the request is not signed")
	case c.date != "" || c.token != "":
		return nil, refuse(CodeInvalidRequest, "only one signature is allowed")
	case query.payloadHash != "" && c.payloadHash != "" && query.payloadHash != c.payloadHash:
		return nil, refuse(CodeMalformedQuery, "two payload hashes")
	case query.payloadHash == "":
		query.payloadHash = c.payloadHash
	}
	return query, nil
}

// readQuery collects the query, less the signature, and returns the claim it
// makes: nil if it makes none.
func (v *Verifier) readQuery(b *builder, raw string) (*claim, *VerifyError) {
	c := &claim{code: CodeMalformedQuery, presigned: true}
	algorithm, found := "", false
	fields := [...]struct {
		name string
		to   *string
	}{
		{queryAlgorithm, &algorithm}, {queryCredential, &c.credential}, {queryDate, &c.date},
		{queryExpires, &c.expires}, {querySignedHeaders, &c.signed}, {querySignature, &c.signature},
		{queryToken, &c.token}, {queryContentSHA256, &c.payloadHash},
	}
	for rest, more := raw, raw != ""; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		if err := b.addPair(pair); err != nil {
			return nil, refuse(CodeInvalidRequest, bare(err))
		}
		p := b.params[len(b.params)-1]
		key := string(b.key(p))
		for _, f := range fields {
			if !strings.EqualFold(f.name, key) {
				continue
			}
			if f.to != &c.payloadHash {
				found = true
			}
			if key != f.name || *f.to != "" || p.v == p.end {
				return nil, refuse(CodeMalformedQuery, f.name+": want it once, in this spelling, and not empty")
			}
			*f.to = unescape(b.value(p))
			if f.name == querySignature || f.name == queryToken && v.Options.OmitSessionToken {
				b.drop()
			}
			break
		}
	}
	switch {
	case !found:
		return nil, nil
	case algorithm != Algorithm:
		return nil, refuse(CodeMalformedQuery, queryAlgorithm+": want "+Algorithm)
	case c.credential == "" || c.date == "" || c.expires == "" || c.signed == "" || c.signature == "":
		return nil, refuse(CodeMalformedQuery, "parameters of the signature are missing")
	}
	return c, nil
}

// unescape decodes what appendComponent has encoded.
func unescape(s []byte) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		} else {
			out = append(out, s[i])
		}
	}
	return string(out)
}

func parseAuthorization(c *claim, text string) *VerifyError {
	rest, ok := strings.CutPrefix(text, Algorithm+" ")
	if !ok {
		return refuse(CodeMalformedHeader, "authorization: want "+Algorithm)
	}
	more := false
	for range 3 {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		key, value, _ := strings.Cut(trimBlanks(part), "=")
		var to *string
		switch key {
		case "Credential":
			to = &c.credential
		case "SignedHeaders":
			to = &c.signed
		case "Signature":
			to = &c.signature
		}
		if to == nil || *to != "" || value == "" {
			return refuse(CodeMalformedHeader, "authorization: want Credential, SignedHeaders and Signature, each once")
		}
		*to = value
	}
	if more {
		return refuse(CodeMalformedHeader, "authorization: want nothing after its three parts")
	}
	return nil
}

func (v *Verifier) checkTime(out *Verified, c *claim, now time.Time) *VerifyError {
	skew := v.MaxSkew
	if skew == 0 {
		skew = DefaultMaxSkew
	}
	if out.Time.Sub(now) > skew || !c.presigned && now.Sub(out.Time) > skew {
		return refuse(CodeSkewed, "the request's time is too far from the server's")
	}
	if !c.presigned {
		return nil
	}
	limit := v.MaxExpires
	if limit == 0 || limit > MaxExpires {
		limit = MaxExpires
	}
	seconds := 0
	for i := range len(c.expires) {
		if c.expires[i]-'0' > 9 || i > 6 {
			return refuse(CodeMalformedQuery, queryExpires+": want seconds")
		}
		seconds = 10*seconds + int(c.expires[i]-'0')
	}
	life := time.Duration(seconds) * time.Second
	if life <= 0 || life > limit {
		return refuse(CodeMalformedQuery, queryExpires+": out of range")
	}
	out.Expires = out.Time.Add(life)
	if now.After(out.Expires) {
		return refuse(CodeAccessDenied, "the request has expired")
	}
	return nil
}

// takeHeaders checks the list of signed headers and collects their values.
func (v *Verifier) takeHeaders(b *builder, r *Request, c *claim, out *Verified) *VerifyError {
	names := strings.Split(c.signed, ";")
	for i, n := range names {
		if l, ok := lower(n); !ok || l != n || i > 0 && names[i-1] >= n || n == headerAuthorization {
			return refuse(c.code, "signed headers: want names in lower case, sorted, each once")
		}
	}
	out.SignedHeaders = names
	signed := func(name string) bool { _, ok := slices.BinarySearch(names, name); return ok }
	if !signed("host") || !c.presigned && !signed(headerDate) {
		return refuse(CodeAccessDenied, "signed headers: want host, and x-amz-date where it is a header")
	}
	host, named := r.Host, r.Host != ""
	for _, h := range r.Headers {
		name, ok := lower(h[0])
		switch {
		case !ok || name == headerAuthorization:
		case name == "host":
			if value := trimBlanks(h[1]); !named {
				host, named = value, true
			} else if host != value {
				return refuse(CodeInvalidRequest, "host: given twice, with different values")
			}
		case signed(name):
			b.sign(name, h[1])
		case name == headerToken && v.Options.OmitSessionToken:
		case required(name) || slices.Contains(v.RequireSigned, name):
			return refuse(CodeAccessDenied, "header "+name+": it must be signed")
		}
	}
	if !isHost(host) {
		return refuse(CodeInvalidRequest, "host: want one, without blanks")
	}
	b.sign("host", host)
	b.sortHeaders()
	if string(b.signed) != c.signed {
		return refuse(CodeAccessDenied, "signed headers: one of them is not there")
	}
	return nil
}

// checkPayload decides what the canonical request says of the body, and that the
// body is that.
func (v *Verifier) checkPayload(r *Request, c *claim, out *Verified) *VerifyError {
	got := r.PayloadHash
	if got == "" && !v.DeferPayload {
		got = HashPayload(r.Body)
	}
	stated := c.payloadHash
	switch {
	case stated != "":
	case c.presigned && v.Options.SignBodyInQuery:
		stated = UnsignedPayload
	case !c.presigned && v.Options.SignBody:
		return refuse(CodeInvalidRequest, headerContentSHA256+": missing")
	case got == "":
		return refuse(CodeInvalidRequest, "the payload hash is not stated, so it cannot be deferred")
	default:
		stated = got
	}
	out.PayloadHash = stated
	switch {
	case strings.HasPrefix(stated, "STREAMING-") && stated != StreamingUnsignedTrailer:
		return refuse(CodeNotImplemented, "chunked signatures are not supported")
	case stated == UnsignedPayload || stated == StreamingUnsignedTrailer:
		if !v.AllowUnsignedPayload {
			return refuse(CodeAccessDenied, "the payload must be signed")
		}
	case !isHash(stated):
		return refuse(CodeInvalidRequest, headerContentSHA256+": want 64 lower-case hex digits")
	case !v.DeferPayload && got != stated:
		return refuse(CodePayloadMismatch, "the payload is not that of "+headerContentSHA256)
	}
	return nil
}
