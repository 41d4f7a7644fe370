package awssign

import (
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf/conftest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// FuzzConfiguration: any text is a configuration or an error, never a panic.
func FuzzConfiguration(f *testing.F) {
	conftest.Fuzz(f, load, func(fl filter.Filter) {
		hosttest.Drive(fl, get(bearer("ann")), grants)
	})
}

// FuzzRequest: whatever a client sends, it is answered, or goes on with one
// signature that is ours and right; never with the token or with a part of the
// client's own signature.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/a%20b?x=1&X-Amz-Signature=evil", "x-amz-date", "evil", false)
	f.Add("PUT", "/%2F//../ü?=z&&a=b=c+d%2B", "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", true)
	f.Add("GET", "/?%58-Amz-Credential=evil", "connection", "x-amz-date, authorization", true)
	f.Add("GET", "*#", "X_Amz-Date", "evil", false)
	f.Add("", "", ":path", "\n", false)
	header, _ := newFilter(f, perUser+`,"service":"s3","sign_all_headers":true`)
	query, _ := newFilter(f, perUser+`,"service":"s3","sign_query":true`)
	f.Fuzz(func(t *testing.T, method, path, name, value string, inQuery bool) {
		fl := header
		if inQuery {
			fl = query
		}
		m := request(method, "bucket.s3.eu-west-1.amazonaws.com", path, bearer("ann"))
		m.AddHeader(name, value)
		e, _ := hosttest.Drive(fl, m, grants)
		switch {
		case e.Word == Signed && e.Reply == nil:
		case e.Reply != nil && e.Reply.Status >= 400:
			return
		default:
			t.Fatalf("%s without a reply", e.Word)
		}
		v, err := verify(m, "s3", "eu-west-1", hosttest.Now)
		if err != nil {
			t.Fatalf("%v\n%q", err, m.Fields)
		}
		if v.AccessKeyID != "ASIA-ann" || v.Presigned != inQuery {
			t.Fatalf("signed by %+v", v)
		}
		own, _, _ := strings.Cut(strings.TrimPrefix(bearer("ann"), "authorization: "), "\n")
		for _, h := range m.Fields {
			if h[1] == own && (h[0] == "authorization" || h[0] != name) {
				t.Fatalf("the token goes on in %s", h[0])
			}
		}
		_, lines := m.Header("authorization")
		if lines > 1 || lines == 1 == inQuery {
			t.Fatalf("%d signatures in headers", lines)
		}
		if hash, n := m.Header("x-amz-content-sha256"); n > 1 || n == 1 && hash != v.PayloadHash {
			t.Fatalf("%d payload hashes, %q, but %q is signed", n, hash, v.PayloadHash)
		}
		if v.PayloadHash != sigv4.UnsignedPayload && v.PayloadHash != sigv4.StreamingUnsignedTrailer {
			t.Fatalf("the client chose the payload %q", v.PayloadHash)
		}
	})
}

// FuzzClock: no answer of AWS moves the clock beyond the limit.
func FuzzClock(f *testing.F) {
	f.Add("403", "Sat, 01 Jan 2022 00:20:00 GMT")
	f.Add("400", "Sat, 31 Feb 9999 99:99:99 GMT")
	f.Fuzz(func(t *testing.T, status, date string) {
		fl, _ := newFilter(t, s3+`,"max_clock_skew":"1h"`)
		_, stream := hosttest.Drive(fl, get(), grants)
		res := &hosttest.Message{Fields: [][2]string{{":status", status}, {"date", date}}}
		if o := stream.OnResponse(res, hosttest.Now); o.Kind != filter.KindContinue {
			t.Fatal("the response does not go on")
		}
		if d := fl.chain.Clock.Now(hosttest.Now).Sub(hosttest.Now).Abs(); d > fl.config.MaxClockSkew {
			t.Fatalf("moved by %v", d)
		}
	})
}
