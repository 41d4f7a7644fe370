package sigv4

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// signedS3 is a PUT to S3 that a verifier accepts.
func signedS3(t testing.TB, query bool, credentials Credentials, o Options) Request {
	t.Helper()
	r := Request{
		Method: "PUT", Path: "/bucket/a%20key", RawQuery: "partNumber=1&uploadId=x", Host: "s3.example.org",
		Headers: [][2]string{{"content-type", "text/plain"}, {"x-amz-acl", "private"}, {"user-agent", "curl"}},
		Body:    []byte("hello"),
	}
	signer := newSigner(t, o)
	var s Signed
	sign := signer.SignHeaders
	if query {
		sign = signer.SignQuery
	}
	if err := sign(&s, &r, credentials, exampleScope); err != nil {
		t.Fatal(err)
	}
	out := s.Apply(r)
	out.PayloadHash = "" // as a server has it: the body
	return out
}

func setHeader(r *Request, name, value string) {
	for i := range r.Headers {
		if strings.EqualFold(r.Headers[i][0], name) {
			r.Headers[i][1] = value
			return
		}
	}
	r.Headers = append(r.Headers, [2]string{name, value})
}

func dropHeader(r *Request, name string) {
	var kept [][2]string
	for _, h := range r.Headers {
		if h[0] != name {
			kept = append(kept, h)
		}
	}
	r.Headers = kept
}

func edit(name, from, to string) func(*Request) {
	return func(r *Request) {
		for i, h := range r.Headers {
			if h[0] == name {
				if !strings.Contains(h[1], from) {
					panic(name + " has no " + from)
				}
				r.Headers[i][1] = strings.Replace(h[1], from, to, 1)
			}
		}
	}
}

func editQuery(from, to string) func(*Request) {
	return func(r *Request) {
		if !strings.Contains(r.RawQuery, from) {
			panic("the query has no " + from)
		}
		r.RawQuery = strings.Replace(r.RawQuery, from, to, 1)
	}
}

const (
	inHeaders = 1
	inQuery   = 2
	inBoth    = 3
)

func TestVerifier(t *testing.T) {
	t.Parallel()
	session := exampleCredentials
	session.SessionToken = "TOKEN"
	cases := map[string]struct {
		ways   int
		change func(*Request)
		at     time.Duration // after signing
		adjust func(*Verifier)
		want   string // the start of the error; "" accepts
	}{
		"control: as signed":                          {inBoth, nil, 0, nil, ""},
		"an unsigned header changed":                  {inBoth, func(r *Request) { setHeader(r, "user-agent", "wget") }, 0, nil, ""},
		"an unsigned header added":                    {inBoth, func(r *Request) { setHeader(r, "x-forwarded-for", "192.0.2.1") }, 0, nil, ""},
		"header lines in another order":               {inBoth, func(r *Request) { h := r.Headers; h[0], h[1] = h[1], h[0] }, 0, nil, ""},
		"parameters in another order":                 {inBoth, editQuery("partNumber=1&uploadId=x", "uploadId=x&&partNumber=%31"), 0, nil, ""},
		"another method":                              {inBoth, func(r *Request) { r.Method = "GET" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a method in lower case":                      {inBoth, func(r *Request) { r.Method = "put" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"another path":                                {inBoth, func(r *Request) { r.Path = "/bucket/a%20kez" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"the same path, with a dot segment":           {inBoth, func(r *Request) { r.Path = "/bucket/./a%20key" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a path that has no canonical form":           {inBoth, func(r *Request) { r.Path = "/bucket/%" }, 0, nil, "sigv4: InvalidRequest: path: malformed percent-escape"},
		"a query that has no canonical form":          {inBoth, func(r *Request) { r.RawQuery += "&%" }, 0, nil, "sigv4: InvalidRequest: query: malformed percent-escape"},
		"another host":                                {inBoth, func(r *Request) { r.Host = "s4.example.org" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"two hosts":                                   {inBoth, func(r *Request) { setHeader(r, "Host", "s4.example.org") }, 0, nil, "sigv4: InvalidRequest: host"},
		"no host":                                     {inBoth, func(r *Request) { r.Host = "" }, 0, nil, "sigv4: InvalidRequest: host"},
		"a parameter added":                           {inBoth, func(r *Request) { r.RawQuery += "&acl" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a parameter repeated":                        {inBoth, func(r *Request) { r.RawQuery += "&partNumber=1" }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a parameter changed":                         {inBoth, editQuery("partNumber=1", "partNumber=2"), 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a signed header changed":                     {inBoth, edit("x-amz-acl", "private", "public-read"), 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a signed header repeated":                    {inBoth, func(r *Request) { r.Headers = append(r.Headers, [2]string{"content-type", "text/html"}) }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a signed header removed":                     {inBoth, func(r *Request) { dropHeader(r, "content-type") }, 0, nil, "sigv4: AccessDenied: signed headers: one of them is not there"},
		"an x-amz header added":                       {inBoth, func(r *Request) { setHeader(r, "x-amz-grant-full-control", "x") }, 0, nil, "sigv4: AccessDenied: header x-amz-grant-full-control: it must be signed"},
		"an unsigned header that must be signed":      {inBoth, nil, 0, func(v *Verifier) { v.RequireSigned = []string{"user-agent"} }, "sigv4: AccessDenied: header user-agent: it must be signed"},
		"a signed header that must be":                {inBoth, nil, 0, func(v *Verifier) { v.RequireSigned = []string{"content-type", "accept"} }, ""},
		"a header whose name is no token":             {inBoth, func(r *Request) { setHeader(r, "x a", "1") }, 0, nil, "sigv4: InvalidRequest: header"},
		"a line break in a signed header":             {inBoth, edit("content-type", "text", "text\n"), 0, nil, "sigv4: InvalidRequest: header content-type"},
		"another body":                                {inBoth, func(r *Request) { r.Body = []byte("Hello") }, 0, nil, "sigv4: XAmzContentSHA256Mismatch"},
		"no body":                                     {inBoth, func(r *Request) { r.Body = nil }, 0, nil, "sigv4: XAmzContentSHA256Mismatch"},
		"another body, whose hash is deferred":        {inBoth, func(r *Request) { r.Body = nil }, 0, func(v *Verifier) { v.DeferPayload = true }, ""},
		"another payload hash in the header":          {inBoth, edit("x-amz-content-sha256", "2cf24", "2cf25"), 0, nil, "sigv4: XAmzContentSHA256Mismatch"},
		"another payload hash, deferred":              {inBoth, edit("x-amz-content-sha256", "2cf24", "2cf25"), 0, func(v *Verifier) { v.DeferPayload = true }, "sigv4: SignatureDoesNotMatch"},
		"a payload said to be unsigned":               {inBoth, func(r *Request) { setHeader(r, "x-amz-content-sha256", UnsignedPayload) }, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"unsigned where it is not allowed":            {inBoth, func(r *Request) { setHeader(r, "x-amz-content-sha256", UnsignedPayload) }, 0, func(v *Verifier) { v.AllowUnsignedPayload = false }, "sigv4: AccessDenied: the payload must be signed"},
		"a payload hash that is none":                 {inBoth, func(r *Request) { setHeader(r, "x-amz-content-sha256", "x") }, 0, nil, "sigv4: InvalidRequest: x-amz-content-sha256"},
		"a chunked signature":                         {inBoth, func(r *Request) { setHeader(r, "x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") }, 0, nil, "sigv4: NotImplemented"},
		"two payload hashes":                          {inBoth, func(r *Request) { r.Headers = append(r.Headers, [2]string{"x-amz-content-sha256", EmptyPayload}) }, 0, nil, "sigv4: AuthorizationHeaderMalformed: x-amz-content-sha256"},
		"no payload hash":                             {inHeaders, func(r *Request) { dropHeader(r, "x-amz-content-sha256") }, 0, nil, "sigv4: AccessDenied: signed headers: one of them"},
		"no payload hash in a presigned request":      {inQuery, func(r *Request) { dropHeader(r, "x-amz-content-sha256") }, 0, nil, "sigv4: AccessDenied: signed headers: one of them"},
		"no signature":                                {inHeaders, func(r *Request) { dropHeader(r, "authorization") }, 0, nil, "sigv4: AccessDenied: the request is not signed"},
		"no signature in the query":                   {inQuery, func(r *Request) { r.RawQuery = "" }, 0, nil, "sigv4: AccessDenied: the request is not signed"},
		"both signatures":                             {inHeaders, func(r *Request) { r.RawQuery += "&X-Amz-Signature=0" }, 0, nil, "sigv4: AuthorizationQueryParametersError"},
		"a stray parameter of a signature":            {inHeaders, func(r *Request) { r.RawQuery += "&X-Amz-Security-Token=x" }, 0, nil, "sigv4: AuthorizationQueryParametersError"},
		"a header signature beside that of the query": {inQuery, func(r *Request) { setHeader(r, "Authorization", "x") }, 0, nil, "sigv4: InvalidRequest: only one signature"},
		"a date header beside that of the query":      {inQuery, func(r *Request) { setHeader(r, "x-amz-date", "20130524T000000Z") }, 0, nil, "sigv4: InvalidRequest: only one signature"},
		"two Authorization headers":                   {inHeaders, func(r *Request) { r.Headers = append(r.Headers, [2]string{"Authorization", "Bearer x"}) }, 0, nil, "sigv4: InvalidRequest: only one signature"},
		"another scheme":                              {inHeaders, func(r *Request) { setHeader(r, "authorization", "Bearer x") }, 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization: want AWS4-HMAC-SHA256"},
		"another algorithm":                           {inHeaders, edit("authorization", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization"},
		"another algorithm in the query":              {inQuery, editQuery("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Algorithm"},
		"no blanks between the parts":                 {inHeaders, edit("authorization", ", SignedHeaders", ",SignedHeaders"), 0, nil, ""},
		"blanks around the whole":                     {inHeaders, func(r *Request) { edit("authorization", "AWS4", " AWS4")(r); r.Headers[3][1] += "\t " }, 0, nil, ""},
		"a comma after the parts":                     {inHeaders, func(r *Request) { r.Headers[3][1] += "," }, 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization: want nothing"},
		"a comma and a blank after the parts":         {inHeaders, func(r *Request) { r.Headers[3][1] += ", " }, 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization: want nothing"},
		"a blank date before the date":                {inHeaders, func(r *Request) { r.Headers = append([][2]string{{"x-amz-date", " "}}, r.Headers...) }, 0, nil, "sigv4: AuthorizationHeaderMalformed: x-amz-date"},
		"a blank token beside the token":              {inBoth, func(r *Request) { r.Headers = append(r.Headers, [2]string{"x-amz-security-token", "\t"}) }, 0, nil, "sigv4: AuthorizationHeaderMalformed: x-amz-security-token"},
		"an empty host before the host": {inBoth, func(r *Request) {
			r.Headers = append([][2]string{{"host", ""}, {"host", r.Host}}, r.Headers...)
			r.Host = ""
		}, 0, nil, "sigv4: InvalidRequest: host"},
		"a part missing":                             {inHeaders, edit("authorization", ", Signature=", ", X="), 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization"},
		"a part twice":                               {inHeaders, edit("authorization", ", Signature=", ", Credential=x, Signature="), 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization"},
		"something after the parts":                  {inHeaders, func(r *Request) { edit("authorization", "Signature=", "Signature=")(r); r.Headers[3][1] += ", X=1" }, 0, nil, "sigv4: AuthorizationHeaderMalformed: authorization: want nothing"},
		"a parameter missing":                        {inQuery, editQuery("X-Amz-Expires=300&", ""), 0, nil, "sigv4: AuthorizationQueryParametersError: parameters"},
		"a parameter of the signature twice":         {inQuery, editQuery("X-Amz-Expires=300&", "X-Amz-Expires=300&X-Amz-Expires=604800&"), 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires: want it once"},
		"a parameter of the signature in lower case": {inQuery, editQuery("X-Amz-Expires=300&", "x-amz-expires=300&"), 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires: want it once"},
		"an escaped parameter of the signature":      {inQuery, editQuery("X-Amz-Expires=300", "X%2DAmz-Expires=30%30"), 0, nil, ""},
		"a credential of four parts":                 {inHeaders, edit("authorization", "/aws4_request", ""), 0, nil, "sigv4: AuthorizationHeaderMalformed: credential"},
		"another terminator":                         {inHeaders, edit("authorization", "aws4_request", "aws5_request"), 0, nil, "sigv4: AuthorizationHeaderMalformed: credential"},
		"another region":                             {inHeaders, edit("authorization", "us-east-1", "us-east-2"), 0, nil, "sigv4: AuthorizationHeaderMalformed: credential: the region is not us-east-1"},
		"another region in the query":                {inQuery, editQuery("us-east-1", "us-east-2"), 0, nil, "sigv4: AuthorizationQueryParametersError: credential: the region is not us-east-1"},
		"another service":                            {inHeaders, edit("authorization", "/s3/", "/sts/"), 0, nil, "sigv4: AuthorizationHeaderMalformed: credential: the service is not s3"},
		"another day":                                {inHeaders, edit("authorization", "20130524", "20130525"), 0, nil, "sigv4: AuthorizationHeaderMalformed: credential: its day"},
		"another time of the same day":               {inHeaders, edit("x-amz-date", "T000000Z", "T000001Z"), 0, nil, "sigv4: SignatureDoesNotMatch"},
		"another time in the query":                  {inQuery, editQuery("T000000Z", "T000001Z"), 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a date in another format":                   {inHeaders, edit("x-amz-date", "20130524T000000Z", "Fri, 24 May 2013 00:00:00 GMT"), 0, nil, "sigv4: AuthorizationHeaderMalformed: date"},
		"a date that is not in the calendar":         {inHeaders, edit("x-amz-date", "20130524T000000Z", "20130231T000000Z"), 0, nil, "sigv4: AuthorizationHeaderMalformed: date"},
		"an empty date":                              {inHeaders, edit("x-amz-date", "20130524T000000Z", ""), 0, nil, "sigv4: AuthorizationHeaderMalformed: x-amz-date"},
		"two dates":                                  {inHeaders, func(r *Request) { r.Headers = append(r.Headers, [2]string{"X-Amz-Date", "20130524T000000Z"}) }, 0, nil, "sigv4: AuthorizationHeaderMalformed: x-amz-date"},
		"another signature": {inBoth, func(r *Request) {
			for _, at := range []*string{&r.Headers[3][1], &r.RawQuery} {
				if i := strings.LastIndex(*at, "Signature="); i >= 0 {
					digit := "0"
					if strings.HasSuffix(*at, "0") {
						digit = "1"
					}
					*at = (*at)[:len(*at)-1] + digit
				}
			}
		}, 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a signature in upper case": {inHeaders, func(r *Request) {
			i := strings.LastIndexByte(r.Headers[3][1], '=')
			r.Headers[3][1] = r.Headers[3][1][:i] + strings.ToUpper(r.Headers[3][1][i:])
		}, 0, nil, "sigv4: AuthorizationHeaderMalformed: signature"},
		"a signature cut short":                        {inQuery, func(r *Request) { r.RawQuery = r.RawQuery[:len(r.RawQuery)-1] }, 0, nil, "sigv4: AuthorizationQueryParametersError: signature"},
		"an empty signature":                           {inQuery, func(r *Request) { r.RawQuery = r.RawQuery[:len(r.RawQuery)-64] }, 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Signature"},
		"host not among the signed":                    {inHeaders, edit("authorization", "host;", ""), 0, nil, "sigv4: AccessDenied: signed headers: want host"},
		"the date not among the signed":                {inHeaders, edit("authorization", ";x-amz-date", ""), 0, nil, "sigv4: AccessDenied: signed headers: want host"},
		"the acl not among the signed":                 {inHeaders, edit("authorization", ";x-amz-acl", ""), 0, nil, "sigv4: AccessDenied: header x-amz-acl: it must be signed"},
		"the content type not among the signed":        {inHeaders, edit("authorization", "content-type;", ""), 0, nil, "sigv4: SignatureDoesNotMatch"},
		"signed headers out of order":                  {inHeaders, edit("authorization", "content-type;host", "host;content-type"), 0, nil, "sigv4: AuthorizationHeaderMalformed: signed headers"},
		"a signed header named twice":                  {inHeaders, edit("authorization", "host;", "host;host;"), 0, nil, "sigv4: AuthorizationHeaderMalformed: signed headers"},
		"signed headers in upper case":                 {inHeaders, edit("authorization", "content-type", "Content-Type"), 0, nil, "sigv4: AuthorizationHeaderMalformed: signed headers"},
		"authorization among the signed":               {inHeaders, edit("authorization", "SignedHeaders=", "SignedHeaders=authorization;"), 0, nil, "sigv4: AuthorizationHeaderMalformed: signed headers"},
		"14 minutes later":                             {inHeaders, nil, 14 * time.Minute, nil, ""},
		"16 minutes later":                             {inHeaders, nil, 16 * time.Minute, nil, "sigv4: RequestTimeTooSkewed"},
		"16 minutes before":                            {inBoth, nil, -16 * time.Minute, nil, "sigv4: RequestTimeTooSkewed"},
		"2 minutes later where one is allowed":         {inHeaders, nil, 2 * time.Minute, func(v *Verifier) { v.MaxSkew = time.Minute }, "sigv4: RequestTimeTooSkewed"},
		"presigned, just before it expires":            {inQuery, nil, 5 * time.Minute, nil, ""},
		"presigned, just after it expired":             {inQuery, nil, 5*time.Minute + time.Second, nil, "sigv4: AccessDenied: the request has expired"},
		"a longer life":                                {inQuery, editQuery("Expires=300", "Expires=3000"), 0, nil, "sigv4: SignatureDoesNotMatch"},
		"a life longer than allowed":                   {inQuery, nil, 0, func(v *Verifier) { v.MaxExpires = time.Minute }, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires"},
		"a life of more than seven days":               {inQuery, editQuery("Expires=300", "Expires=604801"), 0, func(v *Verifier) { v.MaxExpires = 365 * 24 * time.Hour }, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires"},
		"a life of zero":                               {inQuery, editQuery("Expires=300", "Expires=0"), 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires"},
		"a life that is no number":                     {inQuery, editQuery("Expires=300", "Expires=-5"), 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires"},
		"a life that overflows":                        {inQuery, editQuery("Expires=300", "Expires=18446744073709551916"), 0, nil, "sigv4: AuthorizationQueryParametersError: X-Amz-Expires"},
		"another session token":                        {inHeaders, edit("x-amz-security-token", "TOKEN", "OTHER"), 0, nil, "sigv4: InvalidAccessKeyId"},
		"another session token in the query":           {inQuery, editQuery("Token=TOKEN", "Token=OTHER"), 0, nil, "sigv4: InvalidAccessKeyId"},
		"no session token":                             {inHeaders, func(r *Request) { dropHeader(r, "x-amz-security-token") }, 0, nil, "sigv4: AccessDenied: signed headers: one of them"},
		"another key":                                  {inBoth, nil, 0, func(v *Verifier) { v.Lookup = func(string, string) (string, error) { return "other", nil } }, "sigv4: SignatureDoesNotMatch"},
		"an unknown key":                               {inBoth, nil, 0, func(v *Verifier) { v.Lookup = func(string, string) (string, error) { return "", errors.New("no") } }, "sigv4: InvalidAccessKeyId: the access key is not known"},
		"a lookup that finds nothing and says nothing": {inBoth, nil, 0, func(v *Verifier) { v.Lookup = func(string, string) (string, error) { return "", nil } }, "sigv4: InvalidAccessKeyId: the access key is not known"},
		"a lookup with its own code": {inBoth, nil, 0, func(v *Verifier) {
			v.Lookup = func(string, string) (string, error) { return "", &VerifyError{Code: CodeExpiredToken, Text: "x"} }
		}, "sigv4: ExpiredToken: x"},
		"no region set": {inBoth, nil, 0, func(v *Verifier) { v.Region = "" }, "sigv4: AccessDenied: verifier"},
		"no lookup set": {inBoth, nil, 0, func(v *Verifier) { v.Lookup = nil }, "sigv4: AccessDenied: verifier"},
	}
	for name, c := range cases {
		for way, label := range map[int]string{inHeaders: "headers", inQuery: "query"} {
			if c.ways&way == 0 {
				continue
			}
			t.Run(name+"/"+label, func(t *testing.T) {
				t.Parallel()
				r := signedS3(t, way == inQuery, session, OptionsFor("s3"))
				if c.change != nil {
					c.change(&r)
				}
				v := verifier(OptionsFor("s3"), session)
				if c.adjust != nil {
					c.adjust(v)
				}
				got, err := v.Verify(&r, exampleScope.Time.Add(c.at))
				text := ""
				if err != nil {
					text = err.Error()
				}
				if c.want == "" && err != nil || c.want != "" && !strings.HasPrefix(text, c.want) {
					t.Fatalf("%v, want %s", err, c.want)
				}
				if (got == nil) == (err == nil) {
					t.Fatalf("%v and %v", got, err)
				}
				var refused *VerifyError
				if errors.As(err, &refused) && (refused.Code == CodeMismatch) != (refused.CanonicalRequest != "") {
					t.Errorf("code %s with canonical request %q", refused.Code, refused.CanonicalRequest)
				}
				for _, secret := range []string{session.SecretAccessKey, session.SessionToken} {
					if strings.Contains(text, secret) {
						t.Errorf("the error holds a secret: %s", text)
					}
				}
			})
		}
	}
}

func TestVerified(t *testing.T) {
	t.Parallel()
	session := exampleCredentials
	session.SessionToken = "TOKEN"
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	for _, query := range []bool{false, true} {
		r := signedS3(t, query, session, OptionsFor("s3"))
		got, err := verifier(OptionsFor("s3"), session).Verify(&r, exampleScope.Time)
		if err != nil {
			t.Fatal(err)
		}
		want := &Verified{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SessionToken: "TOKEN", Time: exampleScope.Time, PayloadHash: hello,
			SignedHeaders: []string{"content-type", "host", "x-amz-acl", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}}
		if query {
			want.Presigned, want.Expires = true, exampleScope.Time.Add(5*time.Minute)
			want.SignedHeaders = want.SignedHeaders[:4]
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

// A presigned S3 request without body says nothing of it, so that a browser can
// use the URL; with one it says so in a signed header.
func TestPresignedPayload(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, OptionsFor("s3"))
	var s Signed
	for name, c := range map[string]struct {
		r    Request
		hash string
		sent bool
	}{
		"neither body nor hash": {Request{}, UnsignedPayload, false},
		"unsigned":              {Request{PayloadHash: UnsignedPayload}, UnsignedPayload, false},
		"an empty body":         {Request{Body: []byte{}}, EmptyPayload, true},
		"unsigned with trailer": {Request{PayloadHash: StreamingUnsignedTrailer}, StreamingUnsignedTrailer, true},
	} {
		c.r.Method, c.r.Host = "PUT", "example.org"
		if err := signer.SignQuery(&s, &c.r, exampleCredentials, exampleScope); err != nil {
			t.Fatal(err)
		}
		if s.PayloadHash != c.hash || (len(s.SetHeaders) == 1) != c.sent {
			t.Errorf("%s: hash %s, headers %v", name, s.PayloadHash, s.SetHeaders)
		}
		verify(t, signer, &s, c.r, exampleCredentials)
		v := verifier(signer.options, exampleCredentials)
		v.AllowUnsignedPayload = false
		signed := s.Apply(c.r)
		_, err := v.Verify(&signed, exampleScope.Time)
		if refused := err != nil; refused != (c.hash != EmptyPayload) {
			t.Errorf("%s: where unsigned payloads are not allowed: %v", name, err)
		}
	}
}
