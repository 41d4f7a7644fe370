package sigv4

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMalformedInputIsAnError(t *testing.T) {
	t.Parallel()
	good := func() (Request, Credentials, Scope) {
		return Request{Method: "GET", Path: "/a", RawQuery: "b=c", Host: "example.org", Headers: [][2]string{{"x-a", "1"}}},
			exampleCredentials, exampleScope
	}
	cases := map[string]struct {
		change func(*Request, *Credentials, *Scope)
		want   string // "" for the control
	}{
		"control: nothing wrong":         {func(*Request, *Credentials, *Scope) {}, ""},
		"no method":                      {func(r *Request, _ *Credentials, _ *Scope) { r.Method = "" }, "sigv4: method: want a token such as GET"},
		"a line break in the method":     {func(r *Request, _ *Credentials, _ *Scope) { r.Method = "GET\n/" }, "sigv4: method: want a token such as GET"},
		"a relative path":                {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "a" }, "sigv4: path: want a / at its start"},
		"the path of OPTIONS *":          {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "*" }, "sigv4: path: want a / at its start"},
		"a query in the path":            {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "/a?b" }, "sigv4: path: want no query and no fragment"},
		"a fragment in the path":         {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "/a#b" }, "sigv4: path: want no query and no fragment"},
		"a line break in the path":       {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "/a\nb" }, "sigv4: path: control character"},
		"an escape cut short":            {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "/a%2" }, "sigv4: path: malformed percent-escape"},
		"an escape of no hex digits":     {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "/a%zz" }, "sigv4: path: malformed percent-escape"},
		"a bare percent sign in a query": {func(r *Request, _ *Credentials, _ *Scope) { r.RawQuery = "a=100%" }, "sigv4: query: malformed percent-escape"},
		"an escape of no hex in a key":   {func(r *Request, _ *Credentials, _ *Scope) { r.RawQuery = "%gg=1" }, "sigv4: query: malformed percent-escape"},
		"a line break in the query":      {func(r *Request, _ *Credentials, _ *Scope) { r.RawQuery = "a=\n" }, "sigv4: query: control character"},
		"a fragment in the query":        {func(r *Request, _ *Credentials, _ *Scope) { r.RawQuery = "a#b" }, "sigv4: query: want no fragment"},
		"no host":                        {func(r *Request, _ *Credentials, _ *Scope) { r.Host = "" }, "sigv4: host: want one, without blanks"},
		"a line break in the host":       {func(r *Request, _ *Credentials, _ *Scope) { r.Host = "a\nb" }, "sigv4: host: want one, without blanks"},
		"a path in the host":             {func(r *Request, _ *Credentials, _ *Scope) { r.Host = "a/b" }, "sigv4: host: want one, without blanks"},
		"two hosts": {func(r *Request, _ *Credentials, _ *Scope) {
			r.Headers = append(r.Headers, [2]string{"Host", "example.com"})
		}, "sigv4: host: given twice, with different values"},
		"two host headers": {func(r *Request, _ *Credentials, _ *Scope) {
			r.Host = ""
			r.Headers = append(r.Headers, [2]string{"Host", "a"}, [2]string{"host", "b"})
		}, "sigv4: host: given twice, with different values"},
		"an empty host header and another": {func(r *Request, _ *Credentials, _ *Scope) {
			r.Host = ""
			r.Headers = append(r.Headers, [2]string{"Host", " "}, [2]string{"host", "b"})
		}, "sigv4: host: given twice, with different values"},
		"a line break in a header that is not signed": {func(r *Request, _ *Credentials, _ *Scope) {
			r.Headers[0] = [2]string{"User-Agent", "a\r\nx-amz-acl: public-read"}
		}, "sigv4: header user-agent: control character in its value"},
		"a line break in an earlier signature": {func(r *Request, _ *Credentials, _ *Scope) {
			r.Headers[0] = [2]string{"authorization", "a\nb"}
		}, "sigv4: header authorization: control character in its value"},
		"a line break in a header for one hop": {func(r *Request, _ *Credentials, _ *Scope) {
			r.Headers = [][2]string{{"connection", "x-a"}, {"x-a", "a\nb"}}
		}, "sigv4: header x-a: control character in its value"},
		"an empty header name":               {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][0] = "" }, "sigv4: header: its name is no token"},
		"a header name with a blank":         {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][0] = "x a" }, "sigv4: header: its name is no token"},
		"a header name with a colon":         {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][0] = "x:a" }, "sigv4: header: its name is no token"},
		"a line break that is no fold":       {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][1] = "a\r\nx-b: c" }, "sigv4: header x-a: control character in its value"},
		"a line break at the end of a value": {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][1] = "a\n" }, "sigv4: header x-a: control character in its value"},
		"a carriage return alone":            {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][1] = "a\r b" }, "sigv4: header x-a: control character in its value"},
		"a NUL in a value":                   {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][1] = "a\x00" }, "sigv4: header x-a: control character in its value"},
		"a DEL in a value":                   {func(r *Request, _ *Credentials, _ *Scope) { r.Headers[0][1] = "a \x7f" }, "sigv4: header x-a: control character in its value"},
		"an upper-case payload hash":         {func(r *Request, _ *Credentials, _ *Scope) { r.PayloadHash = strings.ToUpper(EmptyPayload) }, "sigv4: payload hash: want 64 lower-case hex digits or UNSIGNED-PAYLOAD"},
		"a payload hash cut short":           {func(r *Request, _ *Credentials, _ *Scope) { r.PayloadHash = EmptyPayload[1:] }, "sigv4: payload hash: want 64 lower-case hex digits or UNSIGNED-PAYLOAD"},
		"a chunked signature":                {func(r *Request, _ *Credentials, _ *Scope) { r.PayloadHash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" }, "sigv4: payload hash: chunked signatures are not supported"},
		"no access key":                      {func(_ *Request, c *Credentials, _ *Scope) { c.AccessKeyID = "" }, "sigv4: access key ID: want visible ASCII without / , ="},
		"an access key that changes scope":   {func(_ *Request, c *Credentials, _ *Scope) { c.AccessKeyID = "a/b" }, "sigv4: access key ID: want visible ASCII without / , ="},
		"no secret":                          {func(_ *Request, c *Credentials, _ *Scope) { c.SecretAccessKey = "" }, "sigv4: secret access key: missing"},
		"a line break in the session token":  {func(_ *Request, c *Credentials, _ *Scope) { c.SessionToken = "a\nb" }, "sigv4: session token: want visible ASCII"},
		"no service":                         {func(_ *Request, _ *Credentials, s *Scope) { s.Service = "" }, "sigv4: service: want visible ASCII without / , ="},
		"no region":                          {func(_ *Request, _ *Credentials, s *Scope) { s.Region = "" }, "sigv4: region: want visible ASCII without / , ="},
		"a region that is two":               {func(_ *Request, _ *Credentials, s *Scope) { s.Region = "us/east" }, "sigv4: region: want visible ASCII without / , ="},
		"nothing but a secret": {func(_ *Request, c *Credentials, s *Scope) {
			*c, *s = Credentials{SecretAccessKey: c.SecretAccessKey}, Scope{Time: s.Time}
		}, "sigv4: access key ID: want visible ASCII without / , ="},
		"a year of five digits":               {func(_ *Request, _ *Credentials, s *Scope) { s.Time = s.Time.AddDate(8000, 0, 0) }, "sigv4: time: want a year from 1 to 9999"},
		"an escape cut by a dot segment next": {func(r *Request, _ *Credentials, _ *Scope) { r.Path = "/a%2/./b" }, "sigv4: path: malformed percent-escape"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, o := range []Options{{}, OptionsFor("s3")} {
				signer := newSigner(t, o)
				r, credentials, scope := good()
				c.change(&r, &credentials, &scope)
				for way, sign := range map[string]func(*Signed, *Request, Credentials, Scope) error{"headers": signer.SignHeaders, "query": signer.SignQuery} {
					var fresh, out Signed
					gr, gc, gs := good()
					if err := sign(&out, &gr, gc, gs); err != nil { // what a failed call must not leave behind
						t.Fatal(err)
					}
					for _, out := range []*Signed{&fresh, &out} {
						err := sign(out, &r, credentials, scope)
						if c.want == "" && err == nil {
							continue
						}
						if err == nil || err.Error() != c.want {
							t.Errorf("%s: error %v, want %s", way, err, c.want)
						}
						if out.Signature != "" || len(out.SetHeaders) != 0 || out.RawQuery != "" || out.SignedHeaders != "" {
							t.Errorf("%s: something to send in spite of the error: %+v", way, out.SetHeaders)
						}
					}
				}
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		options Options
		want    string
	}{
		"control: none":                   {Options{}, ""},
		"control: seven days":             {Options{Expires: MaxExpires}, ""},
		"longer than seven days":          {Options{Expires: MaxExpires + time.Second}, "sigv4: expires: want whole seconds from 1 s to 7 days"},
		"part of a second":                {Options{Expires: 1500 * time.Millisecond}, "sigv4: expires: want whole seconds from 1 s to 7 days"},
		"negative":                        {Options{Expires: -time.Second}, "sigv4: expires: want whole seconds from 1 s to 7 days"},
		"host excluded":                   {Options{Exclude: []string{"Host"}}, "sigv4: exclude: host is always signed"},
		"an x-amz header excluded":        {Options{Exclude: []string{"x-amz-acl"}}, "sigv4: exclude: x-amz-acl is always signed"},
		"all x-amz headers excluded":      {Options{Exclude: []string{"x-amz-*"}}, "sigv4: exclude: x-amz-* covers headers that are always signed"},
		"some x-amz headers excluded":     {Options{Exclude: []string{"x-amz-meta-*"}}, "sigv4: exclude: x-amz-meta-* covers headers that are always signed"},
		"more than x-amz headers":         {Options{Exclude: []string{"x-*"}}, "sigv4: exclude: x-* covers headers that are always signed"},
		"all excluded":                    {Options{Exclude: []string{"*"}}, "sigv4: exclude: want header names, which may end in *"},
		"no header name":                  {Options{Include: []string{"a b"}}, "sigv4: include: want header names, which may end in *"},
		"authorization included":          {Options{Include: []string{"Authorization"}}, "sigv4: include: authorization holds the signature and cannot be signed"},
		"authorization among an included": {Options{Include: []string{"auth*"}}, "sigv4: include: authorization holds the signature and cannot be signed"},
		"a host prefix excluded":          {Options{Exclude: []string{"ho*"}}, "sigv4: exclude: ho* covers headers that are always signed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewSigner(c.options)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("error %s, want %s", got, c.want)
			}
		})
	}
}

// A request that carries a signature already: what belongs to it goes, all else
// stays and is signed.
func TestAnEarlierSignatureIsReplaced(t *testing.T) {
	t.Parallel()
	const other = "0000000000000000000000000000000000000000000000000000000000000000"
	session := exampleCredentials
	session.SessionToken = "TOKEN"
	cases := map[string]struct {
		credentials Credentials
		options     Options
		query       string
		headers     [][2]string
		wantQuery   string
		wantRemove  string
		wantSigned  string // of the headers
		wantQSigned string // where the query is signed
	}{
		"control: none": {
			query: "a=1&&b", headers: [][2]string{{"x-a", "1"}}, wantQuery: "a=1&&b",
			wantSigned: "host;x-a;x-amz-date", wantQSigned: "host;x-a",
		},
		"in headers": {
			headers: [][2]string{{"Authorization", "AWS4-HMAC-SHA256 x"}, {"authorization", "Bearer y"}, {"X-Amz-Date", "1"},
				{"x-amz-security-token", "OLD"}, {"x-amz-content-sha256", other}, {"x-amz-region-set", "*"}, {"x-amz-meta-a", "1"}},
			wantRemove:  "authorization x-amz-date x-amz-security-token x-amz-region-set x-amz-content-sha256",
			wantSigned:  "host;x-amz-date;x-amz-meta-a",
			wantQSigned: "host;x-amz-meta-a",
		},
		"in headers, replaced by one with token and hash": {
			credentials: session, options: Options{SignBody: true},
			headers:     [][2]string{{"x-amz-security-token", "OLD"}, {"x-amz-content-sha256", other}},
			wantRemove:  "x-amz-security-token x-amz-content-sha256",
			wantSigned:  "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
			wantQSigned: "host",
		},
		"the payload hash that is signed now is kept": {
			headers:     [][2]string{{"X-Amz-Content-Sha256", " " + EmptyPayload}},
			wantSigned:  "host;x-amz-content-sha256;x-amz-date",
			wantQSigned: "host;x-amz-content-sha256",
		},
		"a payload hash given twice is not": {
			headers:    [][2]string{{"x-amz-content-sha256", EmptyPayload}, {"x-amz-content-sha256", EmptyPayload}},
			wantRemove: "x-amz-content-sha256", wantSigned: "host;x-amz-date", wantQSigned: "host",
		},
		"in the query": {
			query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&a=1&X-Amz-Credential=x&X-Amz-Date=y&b&X-Amz-Expires=1" +
				"&X-Amz-SignedHeaders=host&X-Amz-Security-Token=z&X-Amz-Region-Set=*&c=%20&X-Amz-Signature=0",
			wantQuery: "a=1&b&c=%20", wantSigned: "host;x-amz-date", wantQSigned: "host",
		},
		"in the query, in another spelling": {
			query:     "x-amz-signature=0&X%2DAmz%2DDate=y&a=1&X-AMZ-CREDENTIAL&%58-amz-expires=",
			wantQuery: "a=1", wantSigned: "host;x-amz-date", wantQSigned: "host",
		},
		"nothing but a signature in the query": {
			query: "X-Amz-Signature=0", wantQuery: "", wantSigned: "host;x-amz-date", wantQSigned: "host",
		},
		"empty pairs around it stay": {
			query: "&&X-Amz-Signature=0&&a&", wantQuery: "&&&a&", wantSigned: "host;x-amz-date", wantQSigned: "host",
		},
		"a payload hash in the query": {
			query: "a&X-Amz-Content-Sha256=" + other + "&x-amz-content-sha256=" + EmptyPayload +
				"&X-Amz-Content-Sha256=" + EmptyPayload + "&X-Amz-Content-Sha256=" + EmptyPayload,
			wantQuery:  "a&X-Amz-Content-Sha256=" + EmptyPayload,
			wantSigned: "host;x-amz-date", wantQSigned: "host",
		},
		"what only looks like it stays": {
			query:      "X-Amz-Signatures=0&X-Amz-Dat=1&x-amz-acl=private&X-Amz-Meta-Date=2&Signature=3",
			headers:    [][2]string{{"x-amz-date-x", "1"}, {"x-authorization", "2"}, {"date", "3"}},
			wantQuery:  "X-Amz-Signatures=0&X-Amz-Dat=1&x-amz-acl=private&X-Amz-Meta-Date=2&Signature=3",
			wantSigned: "date;host;x-amz-date;x-amz-date-x;x-authorization", wantQSigned: "date;host;x-amz-date-x;x-authorization",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.credentials.AccessKeyID == "" {
				c.credentials = exampleCredentials
			}
			signer := newSigner(t, c.options)
			r := Request{Method: "GET", Path: "/", RawQuery: c.query, Host: "example.org", Headers: c.headers}
			var s Signed
			if err := signer.SignHeaders(&s, &r, c.credentials, exampleScope); err != nil {
				t.Fatal(err)
			}
			if s.RawQuery != c.wantQuery {
				t.Errorf("headers signed: query %s, want %s", s.RawQuery, c.wantQuery)
			}
			if s.SignedHeaders != c.wantSigned {
				t.Errorf("signed headers %s, want %s", s.SignedHeaders, c.wantSigned)
			}
			set := map[string]string{}
			for _, h := range s.SetHeaders {
				set[h[0]] = h[1]
			}
			for _, removed := range strings.Fields(c.wantRemove) {
				if _, isSet := set[removed]; isSet == contains(s.RemoveHeaders, removed) {
					t.Errorf("%s: set %v, removed %v; want one of them", removed, set, s.RemoveHeaders)
				}
			}
			verify(t, signer, &s, r, c.credentials)

			if err := signer.SignQuery(&s, &r, c.credentials, exampleScope); err != nil {
				t.Fatal(err)
			}
			if s.SignedHeaders != c.wantQSigned {
				t.Errorf("query signed: signed headers %s, want %s", s.SignedHeaders, c.wantQSigned)
			}
			rest, _, _ := strings.Cut(s.RawQuery, "X-Amz-Algorithm="+Algorithm)
			if c.wantQuery != "" && rest != c.wantQuery+"&" || c.wantQuery == "" && rest != "" {
				t.Errorf("query signed: query %s, want it to start with %s", s.RawQuery, c.wantQuery)
			}
			if got := strings.Join(s.RemoveHeaders, " "); got != c.wantRemove {
				t.Errorf("query signed: removed %s, want %s", got, c.wantRemove)
			}
			if len(s.SetHeaders) != 0 {
				t.Errorf("query signed: headers set: %v", s.SetHeaders)
			}
			verify(t, signer, &s, r, c.credentials)
		})
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// verifier accepts what signer made with credentials.
func verifier(o Options, credentials Credentials) *Verifier {
	return &Verifier{
		Service: exampleScope.Service, Region: exampleScope.Region, Options: o,
		AllowUnsignedPayload: true,
		Lookup: func(id, token string) (string, error) {
			if id != credentials.AccessKeyID || token != credentials.SessionToken {
				return "", fmt.Errorf("no such key")
			}
			return credentials.SecretAccessKey, nil
		},
	}
}

func verify(t testing.TB, signer *Signer, s *Signed, r Request, credentials Credentials) {
	t.Helper()
	signed := s.Apply(r)
	if _, err := verifier(signer.options, credentials).Verify(&signed, exampleScope.Time.Add(time.Minute)); err != nil {
		t.Errorf("verify: %v\n%+v", err, signed)
	}
}

func TestTheSessionTokenCanBeLeftOut(t *testing.T) {
	t.Parallel()
	credentials := exampleCredentials
	credentials.SessionToken = "a+b/c="
	for _, omit := range []bool{false, true} {
		signer := newSigner(t, Options{OmitSessionToken: omit})
		r := Request{Method: "GET", Host: "example.org"}
		var s Signed
		if err := signer.SignHeaders(&s, &r, credentials, exampleScope); err != nil {
			t.Fatal(err)
		}
		if signed := strings.Contains(s.SignedHeaders, "x-amz-security-token"); signed == omit {
			t.Errorf("omit %v: signed headers %s", omit, s.SignedHeaders)
		}
		if got := values(s.Apply(r).Headers, "x-amz-security-token"); got != "a+b/c=" {
			t.Errorf("omit %v: token sent %q", omit, got)
		}
		verify(t, signer, &s, r, credentials)
		if err := signer.SignQuery(&s, &r, credentials, exampleScope); err != nil {
			t.Fatal(err)
		}
		if signed := strings.Contains(s.CanonicalRequest(), "X-Amz-Security-Token=a%2Bb%2Fc%3D"); signed == omit {
			t.Errorf("omit %v: canonical request %s", omit, s.CanonicalRequest())
		}
		if !strings.Contains(s.RawQuery, "&X-Amz-Security-Token=a%2Bb%2Fc%3D&") {
			t.Errorf("omit %v: token not sent: %s", omit, s.RawQuery)
		}
		verify(t, signer, &s, r, credentials)
	}
}

// The keys of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html,
// as AWS has published them for years.
func TestDeriveKey(t *testing.T) {
	t.Parallel()
	key := DeriveKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")
	b := key.Bytes()
	if got, want := hex.EncodeToString(b[:]), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, verb := range []string{"%v", "%+v", "%s", "%#v", "%x"} {
		if got := fmt.Sprintf(verb, key); got != "[redacted]" && got != "5b72656461637465645d" {
			t.Errorf("%s prints %s", verb, got)
		}
		if got := fmt.Sprintf(verb, exampleCredentials); strings.Contains(got, "wJalr") || strings.Contains(got, hex.EncodeToString([]byte("wJalr"))) {
			t.Errorf("%s prints the secret: %s", verb, got)
		}
	}
}

// Who prints what holds keys, alone or as a part of something, prints no secret.
func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	r := signedS3(t, false, exampleCredentials, OptionsFor("s3"))
	v := verifier(OptionsFor("s3"), exampleCredentials)
	if _, err := v.Verify(&r, exampleScope.Time); err != nil {
		t.Fatal(err)
	}
	signer := newSigner(t, Options{})
	var s Signed
	if err := signer.SignHeaders(&s, &r, exampleCredentials, exampleScope); err != nil {
		t.Fatal(err)
	}
	holder := struct {
		S Signer
		V Verifier
	}{}
	holder.V.Service, holder.V.Region, holder.V.Options, holder.V.Lookup = v.Service, v.Region, v.Options, v.Lookup
	holder.V.AllowUnsignedPayload = true
	if _, err := holder.V.Verify(&r, exampleScope.Time); err != nil {
		t.Fatal(err)
	}
	if err := holder.S.SignHeaders(&s, &r, exampleCredentials, exampleScope); err != nil {
		t.Fatal(err)
	}
	for name, what := range map[string]any{
		"Signer": signer, "Verifier": v, "Signed": &s, "a struct around": &holder, "Credentials": exampleCredentials, "SigningKey": signer.keys.kept.newest.key,
		"a struct": struct {
			S *Signer
			V *Verifier
			C Credentials
		}{signer, v, exampleCredentials},
	} {
		for _, verb := range []string{"%v", "%+v", "%s", "%#v", "%x", "%q"} {
			if got := fmt.Sprintf(verb, what); strings.Contains(got, "wJalr") || strings.Contains(got, hex.EncodeToString([]byte("wJalr"))) {
				t.Errorf("%s of %s prints the secret: %s", verb, name, got)
			}
		}
	}
}

// The same key ID with another secret, day, region or service is another key.
func TestKeysAreNotMixedUp(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, Options{})
	signer.keys.limit = 4
	sign := func(id, secret, day, region, service string) string {
		at, err := time.Parse("20060102", day)
		if err != nil {
			t.Fatal(err)
		}
		r, scope := Request{Method: "GET", Host: "example.org"}, Scope{service, region, at}
		var s Signed
		if err := signer.SignHeaders(&s, &r, Credentials{id, secret, ""}, scope); err != nil {
			t.Fatal(err)
		}
		if want := refSignature(secret, scope, s.CanonicalRequest()); s.Signature != want {
			t.Errorf("%s %s %s %s %s: signature %s, want %s", id, secret, day, region, service, s.Signature, want)
		}
		return s.Signature
	}
	seen := map[string]bool{}
	for range 3 {
		for _, id := range []string{"A", "B"} {
			for _, secret := range []string{"s1", "s2"} {
				for _, day := range []string{"20130524", "20130525"} {
					for _, service := range []string{"s3", "sts"} {
						seen[sign(id, secret, day, "us-east-1", service)+secret+day+service] = true
						seen[sign(id, secret, day, "eu-west-1", service)+secret+day+service] = true
						if n := len(signer.keys.kept.entries); n > 4 {
							t.Fatalf("%d keys kept, want at most 4", n)
						}
					}
				}
			}
		}
	}
	// The key's ID is in no signed text of the header form.
	if len(seen) != 2*2*2*2 {
		t.Errorf("%d different signatures, want 16", len(seen))
	}
}

func TestTheKeyUsedLastIsKept(t *testing.T) {
	t.Parallel()
	c := keyCache{limit: 3}
	get := func(id string) { c.get(id, "s", "r", "v", "20130524") }
	for _, id := range []string{"a", "b", "c", "a", "d", "a", "e"} {
		get(id)
	}
	var kept []string
	for name := range c.kept.entries {
		kept = append(kept, name.id)
	}
	if got := len(kept); got != 3 || !contains(kept, "a") || !contains(kept, "d") || !contains(kept, "e") {
		t.Errorf("kept %v, want a, d and e", kept)
	}
	one := keyCache{limit: 1}
	for _, id := range []string{"a", "b", "b", "a"} {
		got := one.get(id, "s"+id, "r", "v", "20130524")
		want := DeriveKey("s"+id, "20130524", "r", "v")
		if got.Bytes() != want.Bytes() {
			t.Errorf("a cache of one gives %s the key of another", id)
		}
	}
}

func TestManyGoroutinesShareASigner(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, Options{})
	signer.keys.limit = 2
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var s Signed
			for j := range 200 {
				secret := fmt.Sprint("secret", (i+j)%5)
				r := Request{Method: "GET", Path: fmt.Sprint("/", j), Host: "example.org"}
				if err := signer.SignHeaders(&s, &r, Credentials{"A", secret, ""}, exampleScope); err != nil {
					t.Error(err)
				} else if want := refSignature(secret, exampleScope, s.CanonicalRequest()); s.Signature != want {
					t.Errorf("signature %s, want %s", s.Signature, want)
				}
			}
		})
	}
	wg.Wait()
}

// Apply must not write into the request's own headers.
func TestApplyLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	backing := make([][2]string, 2, 16)
	backing[0], backing[1] = [2]string{"authorization", "old"}, [2]string{"x-a", "1"}
	r := Request{Method: "GET", Host: "example.org", Headers: backing}
	var s Signed
	if err := newSigner(t, Options{}).SignHeaders(&s, &r, exampleCredentials, exampleScope); err != nil {
		t.Fatal(err)
	}
	signed := s.Apply(r)
	if r.Headers[0][1] != "old" || len(r.Headers) != 2 || backing[:3][2][0] != "" {
		t.Errorf("the request was changed: %v", backing[:3])
	}
	if got := values(signed.Headers, "authorization"); !strings.HasPrefix(got, Algorithm+" Credential=AKIAIOSFODNN7EXAMPLE/20130524/s3"[:40]) || strings.Contains(got, "old") {
		t.Errorf("authorization %s", got)
	}
}

func TestPayloadHasherEqualsHashPayload(t *testing.T) {
	t.Parallel()
	var h PayloadHasher
	if h.Hash() != EmptyPayload || HashPayload(nil) != EmptyPayload {
		t.Error("no bytes: not the empty payload")
	}
	body := strings.Repeat("0123456789", 50)
	for i := 0; i < len(body); i += 7 {
		if n, err := h.Write([]byte(body[i:min(i+7, len(body))])); err != nil || n > 7 {
			t.Fatal(n, err)
		}
		if got, want := h.Hash(), HashPayload([]byte(body[:min(i+7, len(body))])); got != want {
			t.Fatalf("after %d bytes %s, want %s", i+7, got, want)
		}
	}
}

// What looks at eight bytes at once must say what a look at each says.
func TestVisibleBytes(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 8 {
			for _, other := range []byte{'!', 'a', '~'} {
				b := []byte(strings.Repeat(string(other), 8))
				b[at] = byte(c)
				if want := c > ' ' && c < 0x7f; isVisible(string(b)) != want {
					t.Errorf("%q: %v, want %v", b, !want, want)
				}
				// Two in a row: a carry must not hide the first.
				b[(at+1)%8] = byte(c)
				if want := c > ' ' && c < 0x7f; isVisible(string(b)) != want {
					t.Errorf("%q: %v, want %v", b, !want, want)
				}
			}
		}
	}
	for n := range 20 {
		if s := strings.Repeat("x", n); !isVisible(s) || isVisible(s+" ") || isVisible(" "+s) || isVisible(s+"\xff") {
			t.Errorf("%d bytes", n)
		}
	}
}

func TestPlainNames(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 8 {
			for _, other := range []byte{'-', 'a', 'z'} {
				b := []byte(strings.Repeat(string(other), 8))
				for _, i := range []int{at, (at + 1) % 8} { // a carry must not hide the first
					b[i] = byte(c)
					plain := 'a' <= c && c <= 'z' || c == '-'
					if plain8(load64(string(b), 0)) != plain {
						t.Errorf("%q: %v, want %v", b, !plain, plain)
					}
					got, ok := lower(string(b))
					if want := strings.ToLower(string(b)); ok != tokenChars[c] || ok && got != want {
						t.Errorf("%q: %q, %v", b, got, ok)
					}
				}
			}
		}
	}
}

// A copy of a Signed that was used is one of its own: neither signs with what the
// other left, nor changes what the other gave.
func TestACopyOfASignedIsApart(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, OptionsFor("s3"))
	// A long scope, so that the first block of the string to sign is kept.
	scopes := [2]Scope{{"execute-api", "ap-southeast-1", exampleScope.Time}, {"execute-api", "ap-southeast-1", exampleScope.Time.Add(time.Hour)}}
	sign := func(s *Signed, i int) (out [3]string) {
		t.Helper()
		r := Request{Method: "GET", Path: "/" + strconv.Itoa(i), Host: "example.org", Headers: [][2]string{{"x-a", "1"}}}
		if err := signer.SignHeaders(s, &r, exampleCredentials, scopes[i]); err != nil {
			t.Fatal(err)
		}
		return [...]string{s.Signature, s.SetHeaders[0][1], s.CanonicalRequest()}
	}
	var want [2][3]string
	for i := range want {
		var fresh Signed
		want[i] = sign(&fresh, i)
		for j := range want[i] {
			want[i][j] = strings.Clone(want[i][j])
		}
	}
	var a Signed
	sign(&a, 0)
	b := a
	ofA := sign(&a, 1)
	ofB := sign(&b, 0)
	if ofA != want[1] || ofB != want[0] || sign(&a, 1) != want[1] {
		t.Errorf("%v and %v, want %v and %v", ofA, ofB, want[1], want[0])
	}
	var wg sync.WaitGroup
	for i := range 4 {
		c := a
		wg.Go(func() {
			for j := range 50 {
				if got := sign(&c, (i+j)%2); got != want[(i+j)%2] {
					t.Errorf("%v, want %v", got, want[(i+j)%2])
				}
			}
		})
	}
	wg.Wait()
}

// S3 reads a plus in a path as a space, other stores as a plus: it is sent so that
// all of them read a plus.
func TestThePathThatIsSent(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][2]string{ // by S3's rules and by the others'
		"":              {"", ""},
		"/a%2Bb%20c":    {"/a%2Bb%20c", "/a%2Bb%20c"},
		"/a+b/../++":    {"/a%2Bb/../%2B%2B", "/a+b/../++"},
		"/a=b%2fc+?":    {"", ""}, // refused
		"/%c3%bc+ü%2b+": {"/%c3%bc%2Bü%2b%2B", "/%c3%bc+ü%2b+"},
	} {
		for i, o := range []Options{OptionsFor("s3"), {}} {
			signer := newSigner(t, o)
			r := Request{Method: "GET", Path: path, Host: "example.org"}
			var s Signed
			for _, sign := range []func(*Signed, *Request, Credentials, Scope) error{signer.SignHeaders, signer.SignQuery} {
				err := sign(&s, &r, exampleCredentials, exampleScope)
				if s.Path != want[i] || (err != nil) != strings.Contains(path, "?") {
					t.Errorf("%s: %s (%v), want %s", path, s.Path, err, want[i])
				}
				if err != nil {
					continue
				}
				if signed := s.Apply(r); signed.Path != want[i] {
					t.Errorf("%s: sent as %s, want %s", path, signed.Path, want[i])
				}
				verify(t, signer, &s, r, exampleCredentials)
			}
		}
	}
}

func TestOptionsForServices(t *testing.T) {
	t.Parallel()
	s3 := Options{KeepPath: true, SingleEncode: true, SignBody: true, SignBodyInQuery: true}
	for service, want := range map[string]Options{
		"s3": s3, "s3-object-lambda": s3, "s3-outposts": s3, "s3express": s3,
		"aoss": {SignBody: true, Exclude: []string{"content-length"}}, "iotdevicegateway": {OmitSessionToken: true},
		"": {}, "lambda": {}, "S3": {}, "es": {},
	} {
		if got := OptionsFor(service); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", service, got, want)
		}
	}
}

// A Signed that is used again says what a new one says.
func TestSignedIsReused(t *testing.T) {
	t.Parallel()
	signers := []*Signer{
		newSigner(t, OptionsFor("s3")), newSigner(t, Options{}), newSigner(t, Options{OnlyIncluded: true, Include: []string{"x-a", "connection"}}),
		newSigner(t, Options{Exclude: []string{"x-a", "x-b*"}}), newSigner(t, Options{Include: []string{"user-agent"}, OmitSessionToken: true, SignBody: true}),
	}
	names := []string{
		"x-a", "X-A", "x-b", "x-bc", "user-agent", "connection", "te", "accept", "accept-language", "content-type", "x-amz-meta-a", "x-amz-date",
		"authorization", "x-amz-security-token", "x-amz-content-sha256", "host", ":path", "", "bad name", "x-" + strings.Repeat("long-", 10),
	}
	values := []string{"", "1", "x-a", "a  b", " c ", "example.org", EmptyPayload, UnsignedPayload, "\r\nx"}
	for i := range 64 { // more than are remembered
		names = append(names, "x-many-"+strconv.Itoa(i))
	}
	r := rand.New(rand.NewPCG(7, 7))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	var kept Signed
	errs := 0
	for i := range 20_000 {
		c := Credentials{pick("AKID", "AKIDOTHER", "a/b"), pick("secret", "secret", "another secret", ""), pick("", "", "token", "bad token")}
		scope := Scope{pick("s3", "s3", "execute-api", "s"), pick("us-east-1", "us-east-1", "eu-central-1", "r", "a,b"), exampleScope.Time.Add(time.Duration(r.IntN(3)) * time.Second / 2)}
		if r.IntN(20) == 0 {
			scope.Time = time.Date(9999+r.IntN(2), 12, 31, 23, 59, 59, 0, time.UTC)
		}
		req := Request{Method: "GET", Path: pick("/a", "/a//b", "/%zz"), RawQuery: pick("", "b=c", "X-Amz-Date=1&b"), Host: pick("example.org", "example.org", ""), PayloadHash: pick("", EmptyPayload, UnsignedPayload)}
		for range r.IntN(12) {
			req.Headers = append(req.Headers, [2]string{pick(names...), pick(values...)})
		}
		signer := signers[r.IntN(len(signers))]
		sign := signer.SignHeaders
		if r.IntN(4) == 0 {
			sign = signer.SignQuery
		}
		var fresh Signed
		want, got := sign(&fresh, &req, c, scope), sign(&kept, &req, c, scope)
		if want != nil {
			errs++
		}
		if fmt.Sprint(want) != fmt.Sprint(got) || fresh.Signature != kept.Signature || fresh.RawQuery != kept.RawQuery ||
			fmt.Sprint(fresh.SetHeaders, fresh.RemoveHeaders, fresh.SignedHeaders) != fmt.Sprint(kept.SetHeaders, kept.RemoveHeaders, kept.SignedHeaders) {
			t.Fatalf("%d: %v %v %v, want %v %v %v", i, got, kept.SetHeaders, kept.RawQuery, want, fresh.SetHeaders, fresh.RawQuery)
		}
	}
	if errs == 0 || errs > 19_000 {
		t.Errorf("%d of 20000 requests were refused", errs)
	}
}
