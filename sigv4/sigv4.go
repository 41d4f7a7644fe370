// Package sigv4 signs and verifies HTTP requests with AWS Signature Version 4,
// in the Authorization header or in the query string (presigned).
//
// It signs for a gateway as well as for a client: path and query are taken raw,
// exactly as they will be sent, and canonicalised as the service does it, not
// as a client library that made them would. Requests are plain strings and
// header pairs, so it fits any HTTP library, and it links neither fmt, reflect
// nor net/http, so it fits WebAssembly.
//
//	signer, err := sigv4.NewSigner(sigv4.OptionsFor("s3"))
//	...
//	var signed sigv4.Signed
//	err = signer.SignHeaders(&signed, &request, credentials, scope)
//	...
//	request = signed.Apply(request)
//
// Each step that AWS documents can be looked at: [Signed.CanonicalRequest],
// [Signed.StringToSign] and [Signed.Signature]. [Verifier] is the server's side.
//
// # A request that is signed already
//
// What belongs to a signature is replaced: the headers authorization,
// x-amz-date, x-amz-security-token and x-amz-region-set, and the query
// parameters X-Amz-Algorithm, X-Amz-Credential, X-Amz-Date, X-Amz-Expires,
// X-Amz-SignedHeaders, X-Amz-Signature, X-Amz-Security-Token and
// X-Amz-Region-Set, in whatever case or escaping they are spelled. The payload
// hash (x-amz-content-sha256, as header or parameter) goes too, unless it states
// the very hash that is signed now. Nothing else is taken away: all other
// x-amz-* headers and parameters are the request's own.
//
// # Not here
//
// SigV4A and chunked payloads (STREAMING-AWS4-HMAC-SHA256-PAYLOAD) are not
// implemented: a request whose payload hash is one of their literals is refused.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
package sigv4

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// Algorithm names the signature, in Authorization and in X-Amz-Algorithm.
const Algorithm = "AWS4-HMAC-SHA256"

// Payload hashes that are no hash.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
const (
	// EmptyPayload is the SHA-256 of no bytes.
	EmptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// UnsignedPayload leaves the body out of the signature. Only some services
	// take it (S3), and only over TLS is the body then protected.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
	// StreamingUnsignedTrailer is an unsigned aws-chunked body with checksums in
	// its trailer: what current SDKs send to S3 over TLS.
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Header and parameter names of a signature. Headers are in lower case.
const (
	headerAuthorization = "authorization"
	headerDate          = "x-amz-date"
	headerToken         = "x-amz-security-token"
	headerContentSHA256 = "x-amz-content-sha256"
	headerRegionSet     = "x-amz-region-set"

	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential"
	queryDate          = "X-Amz-Date"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	queryToken         = "X-Amz-Security-Token"
	querySignature     = "X-Amz-Signature"
	queryContentSHA256 = "X-Amz-Content-Sha256"
	queryRegionSet     = "X-Amz-Region-Set"

	terminator = "aws4_request"
)

// Limits of X-Amz-Expires.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
const (
	// MaxExpires is the longest life of a presigned request.
	MaxExpires = 7 * 24 * time.Hour
	// DefaultExpires is what Options.Expires means when it is zero.
	DefaultExpires = 5 * time.Minute
)

// Credentials sign. SessionToken is empty for long-term keys.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
}

// String returns the access key's ID alone, so that printing credentials does
// not print the secret.
func (c Credentials) String() string { return c.AccessKeyID }

// GoString is String, for %#v.
func (c Credentials) GoString() string { return c.AccessKeyID }

// Scope is what a signature is valid for.
type Scope struct {
	Service string    // such as "s3", "execute-api", "sts"
	Region  string    // such as "us-east-1"
	Time    time.Time // when it is signed; whole seconds count
}

// Request is an HTTP request as it will be sent.
type Request struct {
	// Method is sent as it is: "GET".
	Method string
	// Path is the raw path, without query, as on the wire: "/a%20b". Empty is "/".
	Path string
	// RawQuery is what follows the "?", as on the wire.
	RawQuery string
	// Host is the value of the Host header (HTTP/2: :authority), with the port if
	// it is sent with one. If it is empty, Headers must have one host header.
	Host string
	// Headers are name and value pairs in order. Names are of any case; a name
	// that occurs several times is several pairs; pseudo-headers (":path") are
	// skipped. A value may be folded (RFC 9112 section 5.2).
	Headers [][2]string
	// PayloadHash is the SHA-256 of the body in lower-case hex ([HashPayload]), or
	// UnsignedPayload or StreamingUnsignedTrailer. Empty: Body is hashed.
	PayloadHash string
	// Body is hashed where PayloadHash is empty; nil is an empty body (but see
	// Options.SignBodyInQuery).
	Body []byte
}

// Options are the rules of a service. The zero value is right for nearly all
// services; [OptionsFor] knows S3 and the other exceptions.
type Options struct {
	// KeepPath leaves the path as it is, where otherwise dot segments and repeated
	// slashes are resolved in the canonical request. S3 needs it: its keys may
	// hold such segments.
	KeepPath bool
	// SingleEncode encodes the path once (each segment decoded, then encoded),
	// where otherwise the path as sent is encoded, its escapes included. S3 only.
	SingleEncode bool
	// SignBody sends and signs x-amz-content-sha256 with the payload hash when
	// signing headers. S3 needs it, and any unsigned payload.
	SignBody bool
	// SignBodyInQuery is how S3 reads presigned requests: the body is unsigned
	// unless x-amz-content-sha256 says more. SignQuery then signs UnsignedPayload
	// where the request has neither Body nor PayloadHash, and for any other hash
	// sends and signs that header.
	SignBodyInQuery bool
	// OmitSessionToken sends the session token without signing it: a few services
	// want it so (IoT's MQTT over WebSocket).
	OmitSessionToken bool
	// Expires is how long a query signature is valid: whole seconds, up to
	// MaxExpires; 0 is DefaultExpires.
	Expires time.Duration
	// Include are headers to sign although they are on the list of those that are
	// not (see [Unsigned]). A trailing "*" stands for any end.
	Include []string
	// Exclude are headers not to sign. A trailing "*" stands for any end. Host and
	// x-amz-* headers are always signed and cannot be excluded.
	Exclude []string
	// OnlyIncluded signs nothing but host, x-amz-* headers and those of Include.
	OnlyIncluded bool
}

// OptionsFor returns the options of a service: those of S3 for s3,
// s3-object-lambda, s3-outposts and s3express, SignBody without content-length for
// aoss, OmitSessionToken for iotdevicegateway, the zero value for all others.
//
// Source: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-clients.html#serverless-signing,
// https://docs.aws.amazon.com/iot/latest/developerguide/iam-users-groups-roles.html
func OptionsFor(service string) Options {
	switch service {
	case "s3", "s3-object-lambda", "s3-outposts", "s3express":
		return Options{KeepPath: true, SingleEncode: true, SignBody: true, SignBodyInQuery: true}
	case "aoss":
		return Options{SignBody: true, Exclude: []string{"content-length"}}
	case "iotdevicegateway":
		return Options{OmitSessionToken: true}
	}
	return Options{}
}

// Error says why a request cannot be signed. The text names what is wrong
// first; it never holds a secret, a token or a header's value.
type Error struct{ Text string }

func (e *Error) Error() string { return "sigv4: " + e.Text }

func fault(text string) error { return &Error{text} }

// HashPayload returns the SHA-256 of a body in lower-case hex.
func HashPayload(body []byte) string {
	if len(body) == 0 {
		return EmptyPayload
	}
	return hexOf(sha256.Sum(body))
}

// PayloadHasher hashes a body that comes in pieces. The zero value is ready.
type PayloadHasher struct {
	d       sha256.Digest
	started bool
}

// Write adds a piece. It never fails.
func (h *PayloadHasher) Write(piece []byte) (int, error) {
	if !h.started {
		h.d.Reset()
		h.started = true
	}
	h.d.Write(piece)
	return len(piece), nil
}

// Hash returns the SHA-256 of all pieces so far in lower-case hex.
func (h *PayloadHasher) Hash() string {
	if !h.started {
		return EmptyPayload
	}
	d := h.d
	var sum [sha256.Size]byte
	d.Sum(&sum)
	return hexOf(sum)
}

func checkPayloadHash(s string) error {
	switch s {
	case UnsignedPayload, StreamingUnsignedTrailer:
		return nil
	}
	if len(s) > 10 && s[:10] == "STREAMING-" {
		return fault("payload hash: chunked signatures are not supported")
	}
	if !isHash(s) {
		return fault("payload hash: want 64 lower-case hex digits or " + UnsignedPayload)
	}
	return nil
}

func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}

// timeFormat is YYYYMMDDTHHMMSSZ, in UTC.
const timeLen = len("20150830T123600Z")

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		return dst, fault("time: want a year from 1 to 9999")
	}
	hour, minute, second := t.Clock()
	dst = append2(append2(append2(append2(dst, year/100), year%100), int(month)), day)
	dst = append2(append2(append2(append(dst, 'T'), hour), minute), second)
	return append(dst, 'Z'), nil
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// ParseTime reads a time as X-Amz-Date has it: YYYYMMDDTHHMMSSZ, in UTC.
func ParseTime(s string) (time.Time, bool) { return parseTime(s) }

func parseTime(s string) (time.Time, bool) {
	if len(s) != timeLen || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	n := func(i, j int) (v int) {
		for ; i < j; i++ {
			if s[i]-'0' > 9 {
				return -1 << 20
			}
			v = 10*v + int(s[i]-'0')
		}
		return v
	}
	year, month, day := n(0, 4), n(4, 6), n(6, 8)
	hour, minute, second := n(9, 11), n(11, 13), n(13, 15)
	if year < 1 || month < 1 || hour < 0 || minute < 0 || second < 0 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date carries what is out of range over; a calendar date comes back.
	var buf [timeLen]byte
	if b, err := appendTime(buf[:0], t); err != nil || string(b) != s {
		return time.Time{}, false
	}
	return t, true
}
