package sigv4

import (
	"strings"
	"testing"
	"time"
)

// options of a fuzz case, one bit each.
func fuzzOptions(bits uint16) Options {
	return Options{
		KeepPath: bits&1 != 0, SingleEncode: bits&2 != 0, SignBody: bits&4 != 0,
		SignBodyInQuery: bits&8 != 0, OmitSessionToken: bits&16 != 0,
	}
}

// FuzzSign holds that what can be signed is signed as the reference has it, that
// the verifier accepts it, and that it refuses it with any byte changed that
// means something.
func FuzzSign(f *testing.F) {
	f.Add("GET", "/", "", "example.org", "x-a", "1", "x-b", "2", []byte(nil), "secret", "", uint16(0), uint16(0), byte(1))
	f.Add("PUT", "/a%20b/../%2F//c", "b=2&a=1&a&=&x+y=%2B", "s3.example.org:9000", "Content-Type", " a  b ", "content-type", "c", []byte("body"), "s", "TOKEN", uint16(3), uint16(9), byte(0x20))
	f.Add("POST", "/ü(=)", "ü=ü&X-Amz-Signature=0&x-amz-date=1", "h", "authorization", "AWS4-HMAC-SHA256 x", "connection", "x-a", []byte("x"), "s", "T", uint16(31), uint16(40), byte(0xff))
	f.Add("GET", "/a%2", "%", "", "x a", "\n", "x-amz-acl", "a\r\n b", []byte{0}, "s", "\n", uint16(12), uint16(3), byte(2))
	f.Add("GET", "/%2e%2e/.", "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", "h", "x-amz-content-sha256", "UNSIGNED-PAYLOAD", ":path", "/", []byte(nil), "s", "", uint16(64+8), uint16(100), byte(4))
	f.Fuzz(func(t *testing.T, method, path, query, host, name1, value1, name2, value2 string, body []byte, secret, token string, bits, at uint16, flip byte) {
		o := fuzzOptions(bits)
		signer, err := NewSigner(o)
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Method: method, Path: path, RawQuery: query, Host: host, Headers: [][2]string{{name1, value1}, {name2, value2}}, Body: body}
		if bits&64 != 0 {
			r.PayloadHash = UnsignedPayload
		}
		credentials := Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret, SessionToken: token}
		v := verifier(o, credentials)
		var s Signed
		for way, sign := range map[string]func(*Signed, *Request, Credentials, Scope) error{"headers": signer.SignHeaders, "query": signer.SignQuery} {
			if err := sign(&s, &r, credentials, exampleScope); err != nil {
				if s.Signature != "" || len(s.SetHeaders) > 0 {
					t.Fatalf("%s: something to send in spite of %v", way, err)
				}
				continue
			}
			signed := s.Apply(r)
			if signed.Host == "" {
				signed.Host = trimBlanks(values(signed.Headers, "host"))
				signed.Host, _, _ = strings.Cut(signed.Host, ",")
			}
			// What the signature states, in the reference's words.
			drop := []string{"X-Amz-Signature"}
			if o.OmitSessionToken {
				drop = append(drop, "X-Amz-Security-Token")
			}
			want, err := refCanonical(signed, s.SignedHeaders, s.PayloadHash, o, drop...)
			if err != nil || s.CanonicalRequest() != want {
				t.Fatalf("%s: canonical request\n%s\nreference\n%s\n%v", way, s.CanonicalRequest(), want, err)
			}
			if sig := refSignature(secret, exampleScope, want); s.Signature != sig {
				t.Fatalf("%s: signature %s, reference %s", way, s.Signature, sig)
			}
			if _, err := v.Verify(&signed, exampleScope.Time.Add(time.Minute)); err != nil {
				t.Fatalf("%s: the verifier refuses it: %v\n%+v", way, err, signed)
			}

			if flip == 0 {
				continue
			}
			changed, what := flipByte(signed, int(at), flip)
			if what == "" {
				continue
			}
			if _, err := v.Verify(&changed, exampleScope.Time.Add(time.Minute)); err != nil {
				continue
			}
			// It was accepted: then it must mean the same.
			got, err := refCanonical(changed, s.SignedHeaders, s.PayloadHash, o, drop...)
			same := err == nil && got == want && string(changed.Body) == string(signed.Body)
			same = same && blanksOut(values(changed.Headers, "authorization")) == blanksOut(values(signed.Headers, "authorization"))
			if !same {
				t.Fatalf("%s: accepted with %s changed\n%+v\n%+v", way, what, signed, changed)
			}
		}
	})
}

func blanksOut(s string) string {
	return strings.NewReplacer(" ", "", "\t", "").Replace(s)
}

// flipByte changes the byte at a place among the signed parts of a request.
func flipByte(r Request, at int, flip byte) (Request, string) {
	r.Headers = append([][2]string(nil), r.Headers...)
	r.Body = append([]byte(nil), r.Body...)
	parts := map[string]*string{"method": &r.Method, "path": &r.Path, "query": &r.RawQuery, "host": &r.Host, "payload hash": &r.PayloadHash}
	order := []string{"method", "path", "query", "host", "payload hash"}
	for i := range r.Headers {
		if n, ok := lower(r.Headers[i][0]); ok && (required(n) && n != "host" || n == "authorization" || n == "content-type") {
			order = append(order, "header "+n)
			parts["header "+n] = &r.Headers[i][1]
		}
	}
	if len(r.Body) > 0 && r.PayloadHash != UnsignedPayload {
		at -= len(r.Body)
		if at < 0 {
			r.Body[at+len(r.Body)] ^= flip
			r.PayloadHash = HashPayload(r.Body) // as a server finds it
			return r, "body"
		}
	}
	for _, name := range order {
		if p := parts[name]; at < len(*p) {
			b := []byte(*p)
			b[at] ^= flip
			*p = string(b)
			return r, name
		} else {
			at -= len(*p)
		}
	}
	return r, ""
}

// FuzzVerify holds that no request makes the verifier panic, and that nothing is
// accepted that was not signed.
func FuzzVerify(f *testing.F) {
	for _, query := range []bool{false, true} {
		r := signedS3(f, query, exampleCredentials, OptionsFor("s3"))
		f.Add(r.Method, r.Path, r.RawQuery, r.Host, values(r.Headers, "authorization"), "x-amz-date", values(r.Headers, "x-amz-date"), "x-amz-content-sha256", values(r.Headers, "x-amz-content-sha256"), r.Body)
	}
	f.Add("GET", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=////&X-Amz-Date=&X-Amz-Expires=1&X-Amz-SignedHeaders=;&X-Amz-Signature=%", "h", "", "a", "b", "c", "d", []byte(nil))
	f.Add("GET", "/", "", "h", "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", ":x", "", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, host, authorization, n1, v1, n2, v2 string, body []byte) {
		r := Request{Method: method, Path: path, RawQuery: query, Host: host, Headers: [][2]string{{n1, v1}, {n2, v2}}, Body: body}
		if authorization != "" {
			r.Headers = append(r.Headers, [2]string{"Authorization", authorization})
		}
		v := verifier(OptionsFor("s3"), Credentials{AccessKeyID: exampleCredentials.AccessKeyID, SecretAccessKey: "a secret that signed nothing"})
		if got, err := v.Verify(&r, exampleScope.Time); err == nil || got != nil {
			t.Fatalf("accepted: %+v", got)
		}
	})
}
