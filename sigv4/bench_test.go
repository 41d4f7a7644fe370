package sigv4

import (
	"strings"
	"testing"
)

// benchRequest is like what reaches a gateway: sixteen headers, some of which
// are not signed.
func benchRequest() Request {
	return Request{
		Method: "GET", Path: "/bucket/folder/some%20object.txt", RawQuery: "versionId=3sL4kqtJlcpXroDTDmJ%2BrmSpXd3dIbrHY&partNumber=2",
		Host: "s3.us-east-1.amazonaws.com", PayloadHash: UnsignedPayload,
		Headers: [][2]string{
			{":method", "GET"}, {":path", "/"}, {":scheme", "https"}, {":authority", "s3.us-east-1.amazonaws.com"},
			{"accept", "*/*"}, {"accept-encoding", "gzip"}, {"user-agent", "aws-sdk-go-v2/1.47.6"}, {"range", "bytes=0-1023"},
			{"x-forwarded-for", "192.0.2.1"}, {"x-forwarded-proto", "https"}, {"x-request-id", "b3f1a6a2-4a4f-4a0e-8d0c-0a8c5a8f6d11"},
			{"x-envoy-expected-rq-timeout-ms", "15000"}, {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
			{"x-amz-meta-owner", "someone"}, {"if-none-match", `"d41d8cd98f00b204e9800998ecf8427e"`}, {"x-custom", "1"},
		},
	}
}

var benchSession = Credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", strings.Repeat("FwoGZXIvYXdzEJr0", 30)}

func benchSign(b *testing.B, query bool, r Request, c Credentials) {
	signer := newSigner(b, OptionsFor("s3"))
	sign := signer.SignHeaders
	if query {
		sign = signer.SignQuery
	}
	var s Signed
	b.ReportAllocs()
	for b.Loop() {
		if err := sign(&s, &r, c, exampleScope); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignHeaders(b *testing.B) { benchSign(b, false, benchRequest(), exampleCredentials) }

func BenchmarkSignHeadersSession(b *testing.B) { benchSign(b, false, benchRequest(), benchSession) }

func BenchmarkSignQuerySession(b *testing.B) { benchSign(b, true, benchRequest(), benchSession) }

func BenchmarkSignHeaders64KiBHashed(b *testing.B) {
	r := benchRequest()
	r.PayloadHash, r.Body = "", []byte(strings.Repeat("0123456789abcdef", 1<<12))
	b.SetBytes(int64(len(r.Body)))
	benchSign(b, false, r, exampleCredentials)
}

func BenchmarkVerify(b *testing.B) {
	signer := newSigner(b, OptionsFor("s3"))
	r := benchRequest()
	var s Signed
	if err := signer.SignHeaders(&s, &r, exampleCredentials, exampleScope); err != nil {
		b.Fatal(err)
	}
	signed := s.Apply(r)
	v := verifier(OptionsFor("s3"), exampleCredentials)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(&signed, exampleScope.Time); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeriveKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		DeriveKey("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3")
	}
}

// Signing into a Signed that is kept allocates what is handed out, and no more.
func TestAllocations(t *testing.T) {
	signer := newSigner(t, OptionsFor("s3"))
	r := benchRequest()
	var s Signed
	for way, c := range map[string]struct {
		sign func(*Signed, *Request, Credentials, Scope) error
		want float64
	}{
		"headers": {signer.SignHeaders, 0}, // a block for a dozen Authorization headers
		"query":   {signer.SignQuery, 4},   // the query, the signed headers, the credential and the date
	} {
		got := testing.AllocsPerRun(200, func() {
			if err := c.sign(&s, &r, benchSession, exampleScope); err != nil {
				t.Fatal(err)
			}
		})
		if got > c.want {
			t.Errorf("%s: %v allocations, want at most %v", way, got, c.want)
		}
	}
}
