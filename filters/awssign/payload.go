package awssign

import (
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

const contentSHA256 = "x-amz-content-sha256"

// payloadHash says what is signed for the body: a hash or a literal, or "" where
// the body itself must be hashed.
//
// A client's x-amz-content-sha256 is dropped unless it is trusted, with two
// exceptions that say how the body is written and not only what is in it: a body
// in unsigned chunks must go on under its literal, and one in signed chunks
// cannot, since its signatures are those of another key.
func (c *Config) payloadHash(m filter.Message, service string) (hash string, w filter.Word) {
	own, n := m.Header(contentSHA256)
	if n > 1 {
		return "", BadPayloadHash
	}
	unsigned := c.unsignedPayload(service)
	if own != "" {
		own = strings.Trim(own, " \t")
	}
	switch {
	case own == "" && n == 0:
	case own == sigv4.StreamingUnsignedTrailer:
		return own, ""
	case strings.HasPrefix(strings.ToUpper(own), "STREAMING-"):
		return "", ChunkSignatures
	case n == 1 && c.TrustContentSHA256:
		if own == sigv4.UnsignedPayload && !unsigned {
			break // no client takes back what the configuration wants
		}
		if own != sigv4.UnsignedPayload && !isHash(own) {
			return "", BadPayloadHash
		}
		return own, ""
	}
	if unsigned {
		return sigv4.UnsignedPayload, ""
	}
	return "", ""
}

// unsignedPayload tells whether bodies go unsigned. By default S3's do, where
// nothing says that they go in plain text, and those of VPC Lattice, which takes
// no others.
func (c *Config) unsignedPayload(service string) bool {
	switch c.Payload {
	case payloadUnsigned:
		return true
	case payloadHashed:
		return false
	}
	return service == "vpc-lattice-svcs" || rulesOf(service) == rulesOfS3 && c.OverrideProtocol != "http"
}

// isHash accepts lower-case hex alone, as the services do.
func isHash(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

// tunnelPayload looks at requests that open a tunnel, whose body is never whole.
// CONNECT has no path to sign; an upgrade is signed as the GET without a body
// that it is, unless it claims one that would have to be hashed.
func tunnelPayload(m filter.Message, payload string) (string, filter.Word) {
	if method, _ := m.Header(":method"); method == "CONNECT" {
		return "", BadUpgrade
	}
	if _, n := m.Header("upgrade"); n == 0 || payload != "" {
		return payload, ""
	}
	length, n := m.Header("content-length")
	if _, chunked := m.Header("transfer-encoding"); chunked > 0 || n > 0 && length != "0" {
		return "", BadUpgrade
	}
	return sigv4.EmptyPayload, ""
}

// signsTrailer reports names that belong to a signature: some servers take a
// trailer for a header.
func signsTrailer(name string) bool {
	switch msg.Lower(name) {
	case "authorization", "x-amz-date", "x-amz-security-token", contentSHA256:
		return true
	}
	return false
}
