package awssign

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

const (
	keyID     = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	roleARN   = "arn:aws:iam::123456789012:role/uploads"
	function  = "abc123.lambda-url.eu-west-1.on.aws"

	static  = `"credentials":[{"source":"static","access_key_id":"` + keyID + `","secret_access_key":"` + secretKey + `"}]`
	perUser = `"credentials":[{"source":"web_identity","role_arn":"` + roleARN + `"}],"region":"eu-west-1"`
	lego    = `"profile":"lego-1.0.9","aws_assume_role_arn":"` + roleARN + `","aws_assume_role_name":"uploads","aws_region":"eu-west-1","aws_service":"lambda"`
	s3      = static + `,"service":"s3","region":"us-east-1"`
)

func newFilter(t testing.TB, config string) (*Filter, *hosttest.Host) {
	t.Helper()
	host := hosttest.NewHost()
	f, err := load([]byte("{"+config+"}"), host)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*Filter), host
}

// request makes one to a host; headers are "name: value".
func request(method, authority, path string, headers ...string) *hosttest.Message {
	m := hosttest.Request(method, path, headers...)
	m.SetHeader(":authority", authority)
	return m
}

func get(headers ...string) *hosttest.Message {
	return request("GET", "bucket.s3.us-east-1.amazonaws.com", "/a%20b?list-type=2", headers...)
}

// bearer makes an Authorization header for a subject whose token ends in an hour.
func bearer(sub string) string { return "authorization: Bearer " + token(sub, time.Hour) }

func token(sub string, life time.Duration) string {
	b := base64.RawURLEncoding
	claims := `{"sub":"` + sub + `","exp":` + strconv.FormatInt(hosttest.Now.Add(life).Unix(), 10) + `}`
	return b.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + b.EncodeToString([]byte(claims)) + ".c2ln"
}

// grants answers as STS: the key's ID is the session's name, the secret and the
// session token are made of it.
func grants(c filter.Callout) filter.CalloutResult {
	form, _ := url.ParseQuery(string(c.Body))
	name, action := form.Get("RoleSessionName"), form.Get("Action")
	return filter.CalloutResult{Status: 200, Body: []byte(`{"` + action + `Response":{"` + action + `Result":{"Credentials":{"AccessKeyId":"ASIA-` + name +
		`","SecretAccessKey":"secret-` + name + `","SessionToken":"token-` + name + `","Expiration":` + strconv.FormatInt(hosttest.Now.Add(time.Hour).Unix(), 10) + `}}}}`)}
}

func answers(res filter.CalloutResult) func(filter.Callout) filter.CalloutResult {
	return func(filter.Callout) filter.CalloutResult { return res }
}

// verify holds a request that went on against AWS's rules, and returns the key
// that signed it.
func verify(m *hosttest.Message, service, region string, now time.Time) (sigv4.Verified, error) {
	method, _ := m.Header(":method")
	target, _ := m.Header(":path")
	authority, _ := m.Header(":authority")
	path, query, _ := strings.Cut(target, "?")
	options := sigv4.OptionsFor(service)
	v := sigv4.Verifier{
		Service: service, Region: region, Options: options, AllowUnsignedPayload: true,
		Lookup: func(id, session string) (string, error) {
			name, temporary := strings.CutPrefix(id, "ASIA-")
			switch {
			case id == keyID && session == "":
				return secretKey, nil
			case temporary && session == "token-"+name:
				return "secret-" + name, nil
			}
			return "", errors.New("unknown key")
		},
	}
	r := sigv4.Request{Method: method, Path: path, RawQuery: query, Host: authority, Headers: m.Fields, Body: m.Whole}
	if r.Body == nil {
		r.Body = []byte{}
	}
	verified, err := v.Verify(&r, now)
	if err != nil {
		return sigv4.Verified{}, err
	}
	return *verified, nil
}

// What goes on is signed by AWS's rules, for the service, with the right payload.
func TestSigned(t *testing.T) {
	t.Parallel()
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	put := func(path string, headers ...string) *hosttest.Message {
		m := request("PUT", "bucket.s3.us-east-1.amazonaws.com", path, headers...)
		m.Whole = []byte("hello")
		return m
	}
	post := func(host string, headers ...string) *hosttest.Message {
		m := request("POST", host, "/a//b/../c?z=1&a", headers...)
		m.Whole = []byte("hello")
		return m
	}
	for name, c := range map[string]struct {
		config          string
		request         *hosttest.Message
		service, region string
		payload         string
		headers         string // signed
	}{
		"S3's payload is unsigned":                      {s3, put("/k"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"a key that needs care":                         {s3, put("/a%2Fb/%20c+d/../e//f/?x=%2F&y=+"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"a key in raw UTF-8":                            {s3, put("/ä/日本"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"a trailing slash":                              {static, post(function), "lambda", "eu-west-1", hello, "host;x-amz-content-sha256;x-amz-date"},
		"S3 hashed":                                     {s3 + `,"payload":"hashed"`, put("/k"), "s3", "us-east-1", hello, "host;x-amz-content-sha256;x-amz-date"},
		"others are hashed":                             {static + `,"service":"execute-api","region":"eu-west-1"`, post("api.execute-api.eu-west-1.amazonaws.com"), "execute-api", "eu-west-1", hello, "host;x-amz-content-sha256;x-amz-date"},
		"others unsigned":                               {static + `,"payload":"unsigned"`, post(function), "lambda", "eu-west-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"service and region of the host":                {static, put("/k"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"a given region, the host's service":            {static + `,"region":"eu-north-1"`, put("/k"), "s3", "eu-north-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"content headers and x-amz-* are signed":        {s3, put("/k", "content-type: text/plain", "content-length: 5", "content-md5: x", "x-amz-meta-a: 1", "x-amz-acl: private", "x-amz-copy-source: /b/k", "x-amz-checksum-crc32: AAAA", "range: bytes=0-1", "accept: */*"), "s3", "us-east-1", sigv4.UnsignedPayload, "content-length;content-md5;content-type;host;x-amz-acl;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-copy-source;x-amz-date;x-amz-meta-a"},
		"a target of JSON services is signed":           {static + `,"service":"dynamodb","region":"eu-west-1"`, post("dynamodb.eu-west-1.amazonaws.com", "x-amz-target: DynamoDB_20120810.GetItem"), "dynamodb", "eu-west-1", hello, "host;x-amz-content-sha256;x-amz-date;x-amz-target"},
		"more headers":                                  {s3 + `,"sign_headers":["range","x-custom-*"]`, put("/k", "range: bytes=0-1", "x-custom-a: 1", "accept: */*"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;range;x-amz-content-sha256;x-amz-date;x-custom-a"},
		"all headers but those that proxies change":     {s3 + `,"sign_all_headers":true,"unsigned_headers":["accept"]`, put("/k", "accept: */*", "x-custom: 1", "user-agent: u", "x-forwarded-for: 1", "x-envoy-a: 1", "x-request-id: 1"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date;x-custom"},
		"a client's hash is not believed":               {s3, put("/k", "x-amz-content-sha256: "+sigv4.EmptyPayload), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"unless it is to be trusted":                    {s3 + `,"trust_content_sha256":true`, put("/k", "x-amz-content-sha256: "+hello), "s3", "us-east-1", hello, "host;x-amz-content-sha256;x-amz-date"},
		"a trusted client may leave it unsigned":        {s3 + `,"trust_content_sha256":true`, put("/k", "x-amz-content-sha256: UNSIGNED-PAYLOAD"), "s3", "us-east-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
		"but not where bodies are to be hashed":         {s3 + `,"trust_content_sha256":true,"payload":"hashed"`, put("/k", "x-amz-content-sha256: UNSIGNED-PAYLOAD"), "s3", "us-east-1", hello, "host;x-amz-content-sha256;x-amz-date"},
		"an unsigned chunked body keeps its literal":    {s3, put("/k", "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "content-encoding: aws-chunked", "x-amz-trailer: x-amz-checksum-crc32", "x-amz-decoded-content-length: 5"), "s3", "us-east-1", sigv4.StreamingUnsignedTrailer, "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-trailer"},
		"also where bodies are to be hashed":            {s3 + `,"payload":"hashed"`, put("/k", "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"), "s3", "us-east-1", sigv4.StreamingUnsignedTrailer, "host;x-amz-content-sha256;x-amz-date"},
		"an upgrade is signed as the GET that it is":    {static, request("GET", "api.execute-api.eu-west-1.amazonaws.com", "/", "upgrade: websocket"), "execute-api", "eu-west-1", sigv4.EmptyPayload, "host;x-amz-content-sha256;x-amz-date"},
		"OpenSearch Serverless":                         {static, request("POST", "x.eu-west-1.aoss.amazonaws.com", "/i/_doc", "content-type: application/json", "content-length: 0"), "aoss", "eu-west-1", sigv4.EmptyPayload, "content-type;host;x-amz-content-sha256;x-amz-date"},
		"OpenSearch Serverless, all headers":            {static + `,"sign_all_headers":true`, request("POST", "x.eu-west-1.aoss.amazonaws.com", "/i/_doc", "accept: a", "content-length: 0"), "aoss", "eu-west-1", sigv4.EmptyPayload, "accept;host;x-amz-content-sha256;x-amz-date"},
		"a query, for S3":                               {s3 + `,"sign_query":true`, put("/k?x=1"), "s3", "us-east-1", sigv4.UnsignedPayload, "host"},
		"a query, for others":                           {static + `,"sign_query":true,"query_expires":"1m"`, post(function), "lambda", "eu-west-1", hello, "host;x-amz-content-sha256"},
		"a query, S3 hashed":                            {s3 + `,"sign_query":true,"payload":"hashed"`, put("/k"), "s3", "us-east-1", hello, "host;x-amz-content-sha256"},
		"signed for the host that the route will write": {static + `,"mount":"downstream","host":"b.s3.eu-west-1.amazonaws.com"`, put("/k"), "s3", "eu-west-1", sigv4.UnsignedPayload, "host;x-amz-content-sha256;x-amz-date"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, host := newFilter(t, c.config)
			m := c.request
			e, _ := hosttest.Drive(f, m, grants)
			if e.Word != Signed || e.Reply != nil || len(e.Callouts) > 0 {
				t.Fatalf("%s, %d callouts", e.Word, len(e.Callouts))
			}
			if f.config.Host != "" {
				m.SetHeader(":authority", f.config.Host)
			}
			v, err := verify(m, c.service, c.region, hosttest.Now)
			if err != nil {
				t.Fatalf("%v\n%s", err, m.Text())
			}
			if v.PayloadHash != c.payload || strings.Join(v.SignedHeaders, ";") != c.headers {
				t.Errorf("signed %s of %v", v.PayloadHash, v.SignedHeaders)
			}
			if c.payload == hello && host.Counts["hashed_bytes"] != 5 && !strings.Contains(c.config, "trust") {
				t.Errorf("counted %d bytes", host.Counts["hashed_bytes"])
			}
			if v.Presigned != strings.Contains(c.config, "sign_query") {
				t.Error("signed in the wrong place")
			}
		})
	}
}

// Only what belongs to a signature is taken from a request.
func TestStripped(t *testing.T) {
	t.Parallel()
	const own = "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=evil%2F20220101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20220101T000000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Security-Token=evil&x-amz-signature=0"
	for name, c := range map[string]struct {
		config, path string
		headers      []string
		want         string // path, and headers but those of our signature
	}{
		"nothing to take":                {s3, "/k?x-id=GetObject&a", []string{"x-amz-meta-a: 1", "x-custom: 1"}, "/k?x-id=GetObject&a\nx-amz-meta-a: 1\nx-custom: 1\n"},
		"a signature in headers":         {s3, "/k", []string{"x-amz-date: 19990101T000000Z", "x-amz-security-token: evil", "x-amz-content-sha256: evil", "authorization: AWS4-HMAC-SHA256 Credential=evil/20220101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0", "x-amz-acl: private"}, "/k\nx-amz-acl: private\n"},
		"a presigned query":              {s3, "/k?a=1" + own + "&b=2", []string{"x-amz-acl: private"}, "/k?a=1&b=2\nx-amz-acl: private\n"},
		"nothing but a presigned query":  {s3, "/k?" + own[1:], nil, "/k\n"},
		"parameters of the request stay": {s3, "/k?X-Amz-Object=1&x-amz-target=2&response-content-type=x", nil, "/k?X-Amz-Object=1&x-amz-target=2&response-content-type=x\n"},
		"a plus in a key, in a listener": {s3 + `,"mount":"downstream"`, "/a+b%2Bc?e=f+g", nil, "/a+b%2Bc?e=f+g\n"},
		"a plus in a key":                {s3, "/a+b%2Bc%20d?e=f+g", nil, "/a%2Bb%2Bc%20d?e=f+g\n"},
		"a plus in another path":         {static + `,"service":"execute-api","region":"eu-west-1"`, "/a+b?e=f+g", nil, "/a+b?e=f+g\n"},
		"the token":                      {perUser + `,"service":"s3"`, "/k", []string{bearer("ann")}, "/k\n"},
		"the token in a header of its own, and the client's Authorization": {perUser + `,"service":"s3","auth_header":"x-token","auth_scheme":""`, "/k", []string{"x-token: " + token("ann", time.Hour), "authorization: Basic evil"}, "/k\n"},
		"the client's copy of a preserved token":                           {perUser + `,"service":"s3","preserve_auth_header":true,"auth_header":"x-token","auth_scheme":""`, "/k", []string{"x-token: " + token("ann", time.Hour), "x-authorization: evil", "x_authorization: evil"}, "/k\nx-authorization: " + token("ann", time.Hour) + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, c.config)
			m := request("GET", "bucket.s3.us-east-1.amazonaws.com", c.path, c.headers...)
			if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed {
				t.Fatal(e.Word)
			}
			if strings.Contains(m.Text(), "evil") {
				t.Errorf("went on with\n%s", m.Text())
			}
			got, _ := m.Header(":path")
			got += "\n"
			for _, h := range m.Fields {
				switch h[0] {
				case ":method", ":path", ":authority", ":scheme", "authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256":
				default:
					got += h[0] + ": " + h[1] + "\n"
				}
			}
			if got != c.want {
				t.Errorf("went on with\n%swant\n%s", got, c.want)
			}
		})
	}
	for _, preserve := range []bool{false, true} {
		f, _ := newFilter(t, perUser+`,"auth_header":"x-token","preserve_auth_header":`+strconv.FormatBool(preserve))
		x := f.NewStream().(filter.TrailerStripper)
		for name, want := range map[string]bool{"authorization": true, "x-amz-security-token": true, "x-token": true, "x_token": true, "x-authorization": preserve, "x_authorization": preserve, "x-amz-checksum-crc32": false} {
			if x.StripsTrailer(name) != want {
				t.Errorf("trailer %s: %v", name, !want)
			}
		}
	}
}

// IoT verifies a presigned request without the session's token.
func TestTokenThatIsNotSigned(t *testing.T) {
	t.Parallel()
	for service, omitted := range map[string]bool{"iotdevicegateway": true, "execute-api": false} {
		f, _ := newFilter(t, perUser+`,"sign_query":true,"service":"`+service+`"`)
		m := request("GET", "a.iot.eu-west-1.amazonaws.com", "/mqtt", bearer("ann"), "upgrade: websocket")
		if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed {
			t.Fatal(e.Word)
		}
		if _, err := verify(m, service, "eu-west-1", hosttest.Now); err != nil {
			t.Errorf("%s: %v\n%s", service, err, m.Text())
		}
		target, _ := m.Header(":path")
		v := sigv4.Verifier{Service: service, Region: "eu-west-1", Options: sigv4.Options{OmitSessionToken: !omitted}, AllowUnsignedPayload: true,
			Lookup: func(string, string) (string, error) { return "secret-ann", nil }}
		path, query, _ := strings.Cut(target, "?")
		r := sigv4.Request{Method: "GET", Path: path, RawQuery: query, Host: "a.iot.eu-west-1.amazonaws.com", Headers: m.Fields}
		if _, err := v.Verify(&r, hosttest.Now); err == nil || !strings.Contains(err.Error(), sigv4.CodeMismatch) {
			t.Errorf("%s: the token is signed where it should not be, or the other way: %v", service, err)
		}
	}
}

const denied = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to "do" that</Message></Error></ErrorResponse>`

// Who gets no signature gets an answer.
func TestRefused(t *testing.T) {
	t.Parallel()
	const generic = `{"message":"Error fetching STS credentials. Enable 'return_sts_error' in config for details."}`
	big := get()
	big.Whole = []byte("0123456789")
	fails := func(f filter.Failure) filter.CalloutResult { return filter.CalloutResult{Failure: f} }
	user := perUser + `,"service":"s3"`
	for name, c := range map[string]struct {
		config  string
		request *hosttest.Message
		answer  filter.CalloutResult
		word    filter.Word
		status  int
		body    string
		asked   int
	}{
		"no token": {user, get(), fails(0), NoToken, 401, `{"message":"A token is required."}`, 0},
		"no token in the profile of the original": {lego, request("GET", function, "/"), fails(0), NoToken, 401, `{"message":"A token is required."}`, 0},
		"two tokens":                       {user, get(bearer("a"), bearer("b")), fails(0), AmbiguousToken, 400, `{"message":"More than one token."}`, 0},
		"another scheme":                   {user, get("authorization: Basic abcd"), fails(0), BadToken, 401, `{"message":"The token is malformed."}`, 0},
		"no JWT":                           {user, get("authorization: Bearer abcd"), fails(0), BadToken, 401, `{"message":"The token is malformed."}`, 0},
		"an expired token":                 {user, get("authorization: Bearer " + token("ann", -time.Second)), fails(0), ExpiredToken, 401, `{"message":"The token has expired."}`, 0},
		"no claim":                         {`"credentials":[{"source":"web_identity","role_arn":"arn:aws:iam::1:role/%CLAIM(role)%"}],"region":"eu-west-1"`, get(bearer("ann")), fails(0), MissingClaim, 401, `{"message":"The token lacks a claim."}`, 0},
		"a role that is none":              {`"credentials":[{"source":"web_identity","role_arn":"%REQ(x-role)%"}],"region":"eu-west-1"`, get(bearer("ann"), "x-role: admin"), fails(0), BadIdentity, 403, `{"message":"No role for this request."}`, 0},
		"no source applies":                {`"credentials":[{"source":"web_identity","role_arn":"` + roleARN + `"},{"source":"environment"}],"on_missing_token":"next","region":"eu-west-1"`, get(), fails(0), NoCredentials, 500, `{"message":"No credentials."}`, 0},
		"STS refuses":                      {user, get(bearer("ann")), filter.CalloutResult{Status: 403, Body: []byte(denied)}, STSDenied, 401, generic, 1},
		"STS refuses, its error passed on": {user + `,"return_aws_sts_error":true`, get(bearer("ann")), filter.CalloutResult{Status: 403, Body: []byte(`{"Error":{"Code":"AccessDenied","Message":"no","Type":"Sender"},"RequestId":"1"} `)}, STSDenied, 403, `{"message":"Unable to assume role [` + roleARN + `]","stsResponse":{"Error":{"Code":"AccessDenied","Message":"no","Type":"Sender"},"RequestId":"1"}}`, 1},
		"STS refuses in XML, its error passed on": {user + `,"return_aws_sts_error":true`, get(bearer("ann")), filter.CalloutResult{Status: 403, Body: []byte(denied)}, STSDenied, 403, `{"message":"Unable to assume role [` + roleARN + `]","stsResponse":{"Error":{"Code":"AccessDenied","Message":"Not authorized to \"do\" that"}}}`, 1},
		"STS fails": {user, get(bearer("ann")), filter.CalloutResult{Status: 500}, STSError, 502, generic, 1},
		"STS fails, in the profile of the original":   {lego, request("GET", function, "/", bearer("ann")), filter.CalloutResult{Status: 500}, STSError, 401, generic, 1},
		"STS fails, its error passed on":              {user + `,"return_aws_sts_error":true`, get(bearer("ann")), filter.CalloutResult{Status: 503}, STSError, 503, `{"message":"Unable to assume role [` + roleARN + `]","stsResponse":{"Error":{"Code":"","Message":""}}}`, 1},
		"STS says no error, but not 200 either":       {user + `,"return_aws_sts_error":true`, get(bearer("ann")), filter.CalloutResult{Status: 203, Body: grants(filter.Callout{Body: []byte("Action=AssumeRoleWithWebIdentity&RoleSessionName=ann")}).Body}, STSError, 502, generic, 1},
		"STS throttles":                               {user, get(bearer("ann")), filter.CalloutResult{Status: 400, Body: []byte(`{"Error":{"Code":"Throttling"}}`)}, STSError, 502, generic, 1},
		"STS's answer is nothing":                     {user, get(bearer("ann")), filter.CalloutResult{Status: 200, Body: []byte("hello")}, BadReply, 502, generic, 1},
		"STS's session has ended already":             {user, get(bearer("ann")), filter.CalloutResult{Status: 200, Body: []byte(strings.Replace(string(grants(filter.Callout{Body: []byte("Action=AssumeRoleWithWebIdentity")}).Body), strconv.FormatInt(hosttest.Now.Add(time.Hour).Unix(), 10), "1640995200", 1))}, BadReply, 502, generic, 1},
		"no connection to STS":                        {user, get(bearer("ann")), fails(filter.Unreachable), Unreachable, 502, generic, 1},
		"no connection to STS, errors passed on":      {user + `,"return_aws_sts_error":true`, get(bearer("ann")), fails(filter.Unreachable), Unreachable, 502, generic, 1},
		"STS is slow":                                 {user, get(bearer("ann")), fails(filter.Timeout), TimedOut, 504, generic, 1},
		"STS says too much":                           {user, get(bearer("ann")), filter.CalloutResult{Failure: filter.ReplyTooLarge, Status: 200}, ReplyTooLarge, 502, generic, 1},
		"no such cluster":                             {user, get(bearer("ann")), fails(filter.UnknownCluster), UnknownCluster, 500, generic, 1},
		"too many calls":                              {user, get(bearer("ann")), fails(filter.Overloaded), Overloaded, 503, generic, 1},
		"too many that wait":                          {user, get(bearer("ann")), fails(filter.TooManyWaiters), TooManyWaiters, 503, generic, 1},
		"a host that is none":                         {s3, request("GET", "a b", "/"), fails(0), BadHost, 400, `{"message":"The host is missing or malformed."}`, 0},
		"a host that is not AWS's":                    {s3, request("GET", "evil.example", "/"), fails(0), HostNotAllowed, 403, `{"message":"The host is not allowed."}`, 0},
		"a host that ends like AWS's":                 {s3, request("GET", "evilamazonaws.com", "/"), fails(0), HostNotAllowed, 403, `{"message":"The host is not allowed."}`, 0},
		"a host before credentials are asked for":     {user, request("GET", "evil.example", "/", bearer("ann")), fails(0), HostNotAllowed, 403, `{"message":"The host is not allowed."}`, 0},
		"a host of no list":                           {s3 + `,"allowed_hosts":["*.s3.eu-west-1.amazonaws.com"]`, get(), fails(0), HostNotAllowed, 403, `{"message":"The host is not allowed."}`, 0},
		"a host that names no service":                {static + `,"allowed_hosts":["*"]`, request("GET", "minio:9000", "/"), fails(0), UnknownService, 400, `{"message":"The host names no known service and region."}`, 0},
		"a body in signed chunks":                     {s3, get("x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), fails(0), ChunkSignatures, 400, `{"message":"Bodies with chunk signatures are not supported: send x-amz-content-sha256 UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER."}`, 0},
		"a body in signed chunks with a trailer":      {s3, get("x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), fails(0), ChunkSignatures, 400, `{"message":"Bodies with chunk signatures are not supported: send x-amz-content-sha256 UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER."}`, 0},
		"a body in chunks signed with SigV4A":         {s3 + `,"trust_content_sha256":true`, get("x-amz-content-sha256: streaming-aws4-ecdsa-p256-sha256-payload"), fails(0), ChunkSignatures, 400, `{"message":"Bodies with chunk signatures are not supported: send x-amz-content-sha256 UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER."}`, 0},
		"two payload hashes":                          {s3, get("x-amz-content-sha256: a", "x-amz-content-sha256: b"), fails(0), BadPayloadHash, 400, `{"message":"x-amz-content-sha256 is malformed."}`, 0},
		"a trusted hash that is none":                 {s3 + `,"trust_content_sha256":true`, get("x-amz-content-sha256: abc"), fails(0), BadPayloadHash, 400, `{"message":"x-amz-content-sha256 is malformed."}`, 0},
		"a body over the limit":                       {s3 + `,"payload":"hashed","max_body_size":"9B"`, big, fails(0), BodyTooLarge, 413, `{"message":"Request body exceeds size limit and cannot be used by plugins."}`, 0},
		"CONNECT":                                     {s3, request("CONNECT", "s3.us-east-1.amazonaws.com", ""), fails(0), BadUpgrade, 400, `{"message":"A tunnel cannot be signed."}`, 0},
		"an upgrade with a body":                      {s3 + `,"payload":"hashed"`, get("upgrade: websocket", "content-length: 5"), fails(0), BadUpgrade, 400, `{"message":"A tunnel cannot be signed."}`, 0},
		"an upgrade with chunks":                      {s3 + `,"payload":"hashed"`, get("upgrade: websocket", "transfer-encoding: chunked"), fails(0), BadUpgrade, 400, `{"message":"A tunnel cannot be signed."}`, 0},
		"a path that no signature covers":             {s3, request("GET", "s3.us-east-1.amazonaws.com", "/a%zz"), fails(0), Unsignable, 400, `{"message":"Unable to SIGV4 the request!"}`, 0},
		"such a path, in the profile of the original": {lego, request("GET", function, "/a?b=%zz", bearer("ann")), grants(filter.Callout{Body: []byte("Action=AssumeRoleWithWebIdentity")}), Unsignable, 500, `{"message":"Unable to SIGV4 the request!"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(c.config, `"environment"`) {
				host := hosttest.NewHost()
				if _, err := load([]byte("{"+c.config+"}"), host); err != nil {
					t.Fatal(err)
				}
			}
			f, _ := newFilter(t, c.config)
			m := &hosttest.Message{Fields: append([][2]string(nil), c.request.Fields...), Whole: c.request.Whole}
			e, _ := hosttest.Drive(f, m, answers(c.answer))
			if e.Reply == nil || e.Word != c.word || e.Reply.Status != c.status || string(e.Reply.Body) != c.body || len(e.Callouts) != c.asked {
				t.Fatalf("%s, %d callouts, %+v", e.Word, len(e.Callouts), e.Reply)
			}
			if _, n := m.Header("x-amz-date"); n > 0 {
				t.Error("an answered request was signed")
			}
			challenged := len(e.Reply.Headers) == 1 && e.Reply.Headers[0][0] == "www-authenticate" && strings.HasPrefix(e.Reply.Headers[0][1], "Bearer")
			if challenged != (c.status == 401) {
				t.Errorf("headers %v", e.Reply.Headers)
			}
		})
	}
	f, _ := newFilter(t, lego+`,"max_body_size":"9B"`)
	m := request("POST", function, "/", bearer("ann"))
	m.Whole = big.Whole
	if e, _ := hosttest.Drive(f, m, grants); e.Word != BodyTooLarge || e.Reply.Status != 400 {
		t.Errorf("a large body in the profile of the original: %s %+v", e.Word, e.Reply)
	}
}

// What passes unsigned passes as it came, and only by the settings' leave.
func TestPassed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		word   filter.Word
	}{
		"no token, and that may pass":         {perUser + `,"on_missing_token":"pass"`, Unsigned},
		"switched off":                        {perUser + `,"enabled":false`, Disabled},
		"keys before a token need none":       {static + `,"on_missing_token":"pass"`, Signed},
		"a user's source before keys decides": {`"region":"eu-west-1","on_missing_token":"pass","credentials":[{"source":"web_identity","role_arn":"` + roleARN + `"},` + strings.TrimPrefix(static, `"credentials":[`), Unsigned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, c.config)
			m := get("x-amz-date: 1", "x-custom: 1")
			before := m.Text()
			e, _ := hosttest.Drive(f, m, grants)
			if e.Word != c.word || (m.Text() == before) == (c.word == Signed) {
				t.Errorf("%s, went on with\n%s", e.Word, m.Text())
			}
		})
	}
}

// The flaws of the original, each with what happens here. (A request without a
// token, a trailing slash and unverified STS are in the tables above and below.)
func TestOriginalFlaws(t *testing.T) {
	t.Parallel()
	t.Run("another token gets its own credentials, not the first user's", func(t *testing.T) {
		t.Parallel()
		f, _ := newFilter(t, lego)
		forged := strings.TrimSuffix(bearer("ann"), "c2ln") + "Zm9yZ2Vk"
		users := map[string]string{}
		sts := func(c filter.Callout) filter.CalloutResult {
			form, _ := url.ParseQuery(string(c.Body))
			token := form.Get("WebIdentityToken")
			if token == strings.TrimPrefix(forged, "authorization: Bearer ") {
				return filter.CalloutResult{Status: 400, Body: []byte(`{"Error":{"Code":"InvalidIdentityToken"}}`)}
			}
			if users[token] == "" {
				users[token] = "u" + strconv.Itoa(len(users))
			}
			return grants(filter.Callout{Body: []byte("Action=AssumeRoleWithWebIdentity&RoleSessionName=" + users[token])})
		}
		keys := map[string]bool{}
		for _, user := range []string{"ann", "bob", "ann"} {
			m := request("GET", function, "/", bearer(user))
			if e, _ := hosttest.Drive(f, m, sts); e.Word != Signed {
				t.Fatal(e.Word)
			}
			v, err := verify(m, "lambda", "eu-west-1", hosttest.Now)
			if err != nil {
				t.Fatal(err)
			}
			keys[v.AccessKeyID] = true
		}
		if len(keys) != 2 {
			t.Errorf("two users were signed for with %v", keys)
		}
		if e, _ := hosttest.Drive(f, request("GET", function, "/", forged), sts); e.Word != STSDenied || e.Reply.Status != 401 {
			t.Errorf("a forged token after a good one: %s", e.Word)
		}
		if e, _ := hosttest.Drive(f, request("GET", function, "/", "authorization: Bearer garbage"), sts); e.Word != BadToken {
			t.Errorf("garbage after a good one: %s", e.Word)
		}
	})
	t.Run("no client empties the cache", func(t *testing.T) {
		t.Parallel()
		f, _ := newFilter(t, lego)
		for i, want := range []int{1, 0, 0} {
			m := request("GET", function, "/", bearer("ann"), "x-sts-refresh: true")
			e, _ := hosttest.Drive(f, m, grants)
			if len(e.Callouts) != want {
				t.Errorf("request %d: %d calls, want %d", i, len(e.Callouts), want)
			}
		}
	})
	t.Run("a trailing slash is signed", func(t *testing.T) {
		t.Parallel()
		f, _ := newFilter(t, lego)
		for _, path := range []string{"/a/b/", "/", "/a//", "/a/./b/../"} {
			m := request("GET", function, path, bearer("ann"))
			if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed {
				t.Fatalf("%s: %s", path, e.Word)
			}
			if _, err := verify(m, "lambda", "eu-west-1", hosttest.Now); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
	t.Run("the token is in no URL, and does not go to AWS's service", func(t *testing.T) {
		t.Parallel()
		f, _ := newFilter(t, lego)
		m := request("GET", function, "/", bearer("ann"))
		e, _ := hosttest.Drive(f, m, grants)
		secret := token("ann", time.Hour)
		call := e.Callouts[0]
		if call.Method != "POST" || strings.Contains(call.Path, secret) || call.Cluster != "sts.amazonaws.com" || call.Authority != "sts.amazonaws.com" {
			t.Errorf("called %s %s of %s", call.Method, call.Path, call.Cluster)
		}
		if strings.Contains(m.Text(), secret) {
			t.Error("the token goes on")
		}
	})
}

func TestTarget(t *testing.T) {
	t.Parallel()
	const down = `"mount":"downstream",`
	clusters := `,"target":{"cluster_header":"x-cluster","https_cluster":"tls","http_cluster":"plain"}`
	for name, c := range map[string]struct {
		config    string
		headers   []string
		state     map[string]string // set by an earlier filter
		word      filter.Word
		authority string
		host      string // filter state
		port      string
		cluster   string
	}{
		"the request's own":       {down + static, nil, nil, Signed, "bucket.s3.us-east-1.amazonaws.com", "", "", ""},
		"a host":                  {down + static + `,"override_target_host":"` + function + `"`, nil, nil, Signed, function, function, "443", ""},
		"host and port":           {down + static + `,"override_target_host":"` + function + `","override_target_port":8443`, nil, nil, Signed, function + ":8443", function, "8443", ""},
		"a port":                  {down + static + `,"override_target_port":8443`, nil, nil, Signed, "bucket.s3.us-east-1.amazonaws.com:8443", "bucket.s3.us-east-1.amazonaws.com", "8443", ""},
		"port 443 does not show":  {down + static + `,"override_target_host":"` + function + `","override_target_port":443`, nil, nil, Signed, function, function, "443", ""},
		"https by a cluster":      {down + static + `,"override_target_host":"` + function + `","override_target_protocol":"https"` + clusters, nil, nil, Signed, function, function, "443", "tls"},
		"http by another cluster": {down + static + `,"override_target_host":"` + function + `","override_target_protocol":"http"` + clusters, nil, nil, Signed, function, function, "80", "plain"},
		"a cluster alone":         {down + static + `,"override_target_host":"` + function + `","target":{"filter_state":false,"cluster_header":"x-cluster","https_cluster":"tls"}`, nil, nil, Signed, function, "", "", "tls"},
		"a client's choice of cluster is removed":      {down + static + clusters, []string{"x-cluster: evil", "x_cluster: evil"}, nil, Signed, "bucket.s3.us-east-1.amazonaws.com", "", "", "tls"},
		"also where the filter is off":                 {down + static + clusters + `,"enabled":false`, []string{"x-cluster: evil", "x_cluster: evil"}, nil, Disabled, "bucket.s3.us-east-1.amazonaws.com", "", "", ""},
		"a template":                                   {down + static + `,"override_target_host":"%REQ(x-fn)%.lambda-url.eu-west-1.on.aws","allowed_hosts":["*.lambda-url.eu-west-1.on.aws"]`, []string{"x-fn: abc"}, nil, Signed, "abc.lambda-url.eu-west-1.on.aws", "abc.lambda-url.eu-west-1.on.aws", "443", ""},
		"a template that leads away":                   {down + static + `,"override_target_host":"a.%REQ(x-fn)%","allowed_hosts":["*.lambda-url.eu-west-1.on.aws"]`, []string{"x-fn: evil.example"}, nil, HostNotAllowed, "bucket.s3.us-east-1.amazonaws.com", "", "", ""},
		"a template that ends the host early":          {down + static + `,"override_target_host":"%REQ(x-fn)%.lambda-url.eu-west-1.on.aws","allowed_hosts":["*.lambda-url.eu-west-1.on.aws"]`, []string{"x-fn: evil.example/"}, nil, BadHost, "bucket.s3.us-east-1.amazonaws.com", "", "", ""},
		"a host of one's own need not be listed":       {down + s3 + `,"override_target_host":"minio.internal"`, nil, nil, Signed, "minio.internal", "minio.internal", "443", ""},
		"an earlier filter's target":                   {down + static + `,"override_target_host":"` + function + `","use_altered_target":true`, nil, map[string]string{stateHost: "b.s3.eu-west-1.amazonaws.com"}, Signed, "b.s3.eu-west-1.amazonaws.com", "", "", ""},
		"which must be allowed":                        {down + static + `,"override_target_host":"` + function + `","use_altered_target":true`, nil, map[string]string{stateHost: "evil.example"}, HostNotAllowed, "bucket.s3.us-east-1.amazonaws.com", "", "", ""},
		"and must be a host":                           {down + static + `,"override_target_host":"` + function + `","use_altered_target":true`, nil, map[string]string{stateHost: "a b"}, BadHost, "bucket.s3.us-east-1.amazonaws.com", "", "", ""},
		"without one, the configuration's":             {down + static + `,"override_target_host":"` + function + `","use_altered_target":true`, nil, nil, Signed, function, function, "443", ""},
		"an earlier filter's target counts if told so": {down + static + `,"override_target_host":"` + function + `"`, nil, map[string]string{stateHost: "b.s3.eu-west-1.amazonaws.com"}, Signed, function, function, "443", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, c.config)
			m := get(c.headers...)
			m.Properties = map[string]string{}
			for k, v := range c.state {
				m.Properties["filter_state."+k] = v
			}
			e, _ := hosttest.Drive(f, m, grants)
			authority, _ := m.Header(":authority")
			cluster, _ := m.Header("x-cluster")
			if e.Word != c.word || authority != c.authority || m.FilterState[stateHost] != c.host || m.FilterState[statePort] != c.port || cluster != c.cluster {
				t.Errorf("%s to %s, state %v, cluster %q", e.Word, authority, m.FilterState, cluster)
			}
			if strings.Contains(m.Text("x"), "evil") && c.word == Signed {
				t.Errorf("goes on with\n%s", m.Text())
			}
			if c.word == Signed && !strings.HasPrefix(authority, "minio") {
				service, region := "s3", "us-east-1"
				if strings.Contains(authority, "lambda-url") {
					service = "lambda"
				}
				if strings.Contains(authority, "eu-west-1") {
					region = "eu-west-1"
				}
				if _, err := verify(m, service, region, hosttest.Now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	f, _ := newFilter(t, down+static+`,"override_target_host":"`+function+`"`)
	m := get()
	m.RefuseState = true
	if e, _ := hosttest.Drive(f, m, grants); e.Word != TargetRefused || e.Reply.Status != 500 {
		t.Errorf("Envoy refuses the target: %s", e.Word)
	}
}

// A signature is made when the body is there, not when the headers came, and the
// credentials are still good then.
func TestTimeOfSignature(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, perUser+`,"service":"lambda"`)
	m := request("POST", function, "/", bearer("ann"))
	m.Whole = []byte("hello")
	slow := func(c filter.Callout) filter.CalloutResult {
		res := grants(c)
		res.Duration = 90 * time.Second
		return res
	}
	if e, _ := hosttest.Drive(f, m, slow); e.Word != Signed {
		t.Fatal(e.Word)
	}
	if date, _ := m.Header("x-amz-date"); date != "20220101T000130Z" {
		t.Errorf("signed at %s", date)
	}
}

// A body that comes slowly makes no token and no session live longer.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		life  time.Duration // of the token
		after time.Duration
		word  filter.Word
		calls int // to STS, after the body
	}{
		"at once":                   {time.Hour, 0, Signed, 0},
		"after a short token's end": {5 * time.Second, 29 * time.Second, ExpiredToken, 0},
		"within the margin":         {10 * time.Minute, 29 * time.Second, Signed, 0},
		"within the session":        {time.Hour, 10 * time.Minute, Signed, 0},
		"after the token's end":     {10 * time.Minute, 11 * time.Minute, ExpiredToken, 0},
		"after the session's end":   {3 * time.Hour, 61 * time.Minute, Signed, 1},
		"while it is still good":    {3 * time.Hour, 58 * time.Minute, Signed, 0},
		"in its last seconds":       {3 * time.Hour, 59*time.Minute + 31*time.Second, Signed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, perUser+`,"service":"lambda"`)
			m := request("POST", function, "/", "authorization: Bearer "+token("ann", c.life))
			o := f.NewStream().OnRequest(m, hosttest.Now)
			granted := grants(*o.Callout)
			granted.Now = hosttest.Now
			o = o.OnReply(granted)
			if o.Kind != filter.KindBody {
				t.Fatalf("asks for no body: %s", o.Word)
			}
			now := hosttest.Now.Add(c.after)
			o = o.OnBody(filter.BodyResult{Now: now})
			calls := 0
			for ; o.Kind == filter.KindCall; calls++ {
				granted := grants(*o.Callout)
				granted.Now = now
				granted.Body = []byte(strings.Replace(string(granted.Body), strconv.FormatInt(hosttest.Now.Add(time.Hour).Unix(), 10), strconv.FormatInt(now.Add(time.Hour).Unix(), 10), 1))
				o = o.OnReply(granted)
			}
			if o.Word != c.word || calls != c.calls {
				t.Fatalf("%s after %d calls", o.Word, calls)
			}
			if c.word != Signed {
				return
			}
			if v, err := verify(m, "lambda", "eu-west-1", now); err != nil || v.AccessKeyID != "ASIA-ann" || !v.Time.Equal(now) {
				t.Errorf("signed by %s at %s: %v", v.AccessKeyID, v.Time, err)
			}
		})
	}
}

// AWS's refusal of a time corrects the clock for the next request.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config, status, date, next string
		corrections                uint64
	}{
		"a refusal from another time":    {s3, "403", "Sat, 01 Jan 2022 00:20:00 GMT", "20220101T002000Z", 1},
		"a refusal of another kind":      {s3, "403", "Sat, 01 Jan 2022 00:00:09 GMT", "20220101T000000Z", 0},
		"an answer that refuses nothing": {s3, "200", "Sat, 01 Jan 2022 00:20:00 GMT", "20220101T000000Z", 0},
		"a time beyond the limit":        {s3 + `,"max_clock_skew":"10m"`, "403", "Sat, 01 Jan 2022 00:20:00 GMT", "20220101T000000Z", 0},
		"corrections switched off":       {s3 + `,"max_clock_skew":"0s"`, "403", "Sat, 01 Jan 2022 00:20:00 GMT", "20220101T000000Z", 0},
		"a request that was not signed":  {perUser + `,"on_missing_token":"pass"`, "403", "Sat, 01 Jan 2022 00:20:00 GMT", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, host := newFilter(t, c.config)
			_, stream := hosttest.Drive(f, get(), grants)
			res := hosttest.Response(0, "date: "+c.date)
			res.SetHeader(":status", c.status)
			hosttest.DriveResponse(stream, res, nil)
			m := get()
			hosttest.Drive(f, m, grants)
			if date, _ := m.Header("x-amz-date"); date != c.next || host.Counts["clock_corrections"] != c.corrections {
				t.Errorf("the next one was signed at %s, %d corrections", date, host.Counts["clock_corrections"])
			}
		})
	}
}

// An upstream that lies about the time makes no token and no session live longer.
func TestClockOfALiar(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, perUser+`,"service":"s3"`)
	ten := "authorization: Bearer " + token("ann", 10*time.Minute)
	_, stream := hosttest.Drive(f, get(ten), grants)
	hosttest.DriveResponse(stream, hosttest.Response(403, "date: Fri, 31 Dec 2021 04:00:00 GMT"), nil)
	for after, want := range map[time.Duration]filter.Word{5 * time.Minute: Signed, 11 * time.Minute: ExpiredToken} {
		if e := hosttest.DriveAt(f, get(ten), hosttest.Now.Add(after), grants); e.Word != want {
			t.Errorf("after %s: %s, want %s", after, e.Word, want)
		}
	}
}

// The tick renews the proxy's own session; a request then asks nobody.
func TestTick(t *testing.T) {
	t.Parallel()
	host := hosttest.NewHost()
	host.Environment = map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secretKey}
	config := `"region":"us-east-1","credentials":[{"source":"assume_role","role_arn":"` + roleARN + `","base":{"source":"environment"}}]`
	loaded, err := load([]byte("{"+config+"}"), host)
	if err != nil {
		t.Fatal(err)
	}
	f := loaded.(*Filter)
	if f.TickPeriod() <= 0 {
		t.Fatal("does not tick")
	}
	if e := hosttest.DriveTick(f, hosttest.Now, grants); len(e.Callouts) != 1 || e.Callouts[0].Authority != "sts.us-east-1.amazonaws.com" {
		t.Fatalf("the tick called %v", e.Callouts)
	}
	if e := hosttest.DriveTick(f, hosttest.Now.Add(time.Minute), grants); len(e.Callouts) != 0 {
		t.Error("the tick renews what is fresh")
	}
	m := get()
	if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed || len(e.Callouts) != 0 || e.Cache != filter.CacheHit {
		t.Errorf("%s from %s after %d calls", e.Word, e.Cache, len(e.Callouts))
	}
	if v, err := verify(m, "s3", "us-east-1", hosttest.Now); err != nil || v.AccessKeyID != "ASIA-gatehouse" {
		t.Errorf("signed by %s: %v", v.AccessKeyID, err)
	}
	off, _ := newFilter(t, s3+`,"enabled":false`)
	if off.TickPeriod() != 0 || off.OnTick(hosttest.Now).Kind != filter.KindContinue {
		t.Error("a filter without sessions ticks")
	}
}

// Upstream, Envoy's retry comes back with the first attempt's edits: the token is
// gone, our signature is there. It is signed again, and for the same user; nothing
// that differs from what was signed is.
func TestRetries(t *testing.T) {
	t.Parallel()
	user := perUser + `,"service":"s3"`
	for name, c := range map[string]struct {
		config string
		change func(*hosttest.Message)
		after  time.Duration
		word   filter.Word
	}{
		"as it was":                       {user, nil, time.Second, Signed},
		"with headers that Envoy adds":    {user, func(m *hosttest.Message) { m.AddHeader("x-envoy-attempt-count", "2") }, time.Second, Signed},
		"signed in the query":             {user + `,"sign_query":true`, nil, time.Second, Signed},
		"with a hashed body":              {user + `,"payload":"hashed"`, nil, time.Second, Signed},
		"hashed, in the query":            {user + `,"payload":"hashed","sign_query":true`, nil, time.Second, Signed},
		"with the token left where it is": {user + `,"preserve_auth_header":true,"auth_header":"x-authorization","auth_scheme":""`, nil, time.Second, Signed},
		"a query, after its end":          {user + `,"sign_query":true,"query_expires":"1s"`, nil, time.Minute, NoToken},
		"with the token passed on":        {user + `,"preserve_auth_header":true`, nil, time.Second, Signed},
		"with a token header of its own":  {user + `,"auth_header":"x-token","auth_scheme":""`, nil, time.Second, Signed},
		"of the proxy's own keys":         {s3, nil, time.Second, Signed},
		"another path":                    {user, func(m *hosttest.Message) { m.SetHeader(":path", "/other") }, time.Second, BadToken},
		"another method":                  {user, func(m *hosttest.Message) { m.SetHeader(":method", "DELETE") }, time.Second, BadToken},
		"another host":                    {user, func(m *hosttest.Message) { m.SetHeader(":authority", "x.s3.us-east-1.amazonaws.com") }, time.Second, BadToken},
		"another x-amz header":            {user, func(m *hosttest.Message) { m.AddHeader("x-amz-acl", "public-read") }, time.Second, BadToken},
		"another signature": {user, func(m *hosttest.Message) {
			v, _ := m.Header("authorization")
			m.SetHeader("authorization", v[:len(v)-1]+"x")
		}, time.Second, BadToken},
		"another body than the hashed one": {user + `,"payload":"hashed"`, func(m *hosttest.Message) { m.SetHeader("x-amz-content-sha256", sigv4.EmptyPayload) }, time.Second, BadToken},
		"without the session's token":      {user, func(m *hosttest.Message) { m.RemoveHeader("x-amz-security-token") }, time.Second, BadToken},
		"with another session's token":     {user, func(m *hosttest.Message) { m.SetHeader("x-amz-security-token", "token-bob") }, time.Second, BadToken},
		"without the token in the query": {user + `,"sign_query":true`, func(m *hosttest.Message) {
			v, _ := m.Header(":path")
			m.SetHeader(":path", strings.Replace(v, "&X-Amz-Security-Token=token-ann", "", 1))
		}, time.Second, NoToken},
		"another user's key": {user, func(m *hosttest.Message) {
			v, _ := m.Header("authorization")
			m.SetHeader("authorization", strings.Replace(v, "ASIA-ann", "ASIA-bob", 1))
		}, time.Second, BadToken},
		"another query signed in it":             {user + `,"sign_query":true`, func(m *hosttest.Message) { v, _ := m.Header(":path"); m.SetHeader(":path", v+"&a=b") }, time.Second, NoToken},
		"long after":                             {user, nil, 6 * time.Minute, BadToken},
		"a signature that is sent to a listener": {user + `,"mount":"downstream"`, nil, time.Second, BadToken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, c.config)
			for _, sub := range []string{"bob", "ann"} {
				m := request("PUT", "bucket.s3.us-east-1.amazonaws.com", "/k?x=1", bearer(sub))
				if f.config.Credentials.AuthHeader != "authorization" {
					m.SetHeader(f.config.Credentials.AuthHeader, token(sub, time.Hour))
				}
				m.Whole = []byte("hello")
				if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed {
					t.Fatal(e.Word)
				}
				if sub == "bob" {
					continue
				}
				preserved, _ := m.Header("x-authorization")
				if c.change != nil {
					c.change(m)
				}
				e := hosttest.DriveAt(f, m, hosttest.Now.Add(c.after), answers(filter.CalloutResult{Failure: filter.Unreachable}))
				if e.Word != c.word || len(e.Callouts) > 0 {
					t.Fatalf("%s, %d callouts", e.Word, len(e.Callouts))
				}
				if c.word != Signed {
					return
				}
				region := "us-east-1"
				if c.config != s3 {
					region = "eu-west-1"
				}
				v, err := verify(m, "s3", region, hosttest.Now.Add(c.after))
				if err != nil || !v.Time.Equal(hosttest.Now.Add(c.after)) || v.AccessKeyID != "ASIA-ann" && c.config != s3 {
					t.Errorf("signed by %s at %v: %v", v.AccessKeyID, v.Time, err)
				}
				if still, _ := m.Header("x-authorization"); still != preserved {
					t.Errorf("the token that is passed on became %q", still)
				}
			}
		})
	}
}

// A retry of what the proxy's own keys have signed, where others have tokens.
func TestRetriesOfTheProxysOwn(t *testing.T) {
	t.Parallel()
	const own = `{"source":"static","access_key_id":"` + keyID + `","secret_access_key":"` + secretKey + `"}`
	const users = `{"source":"web_identity","role_arn":"` + roleARN + `"}`
	const assumed = `{"source":"assume_role","role_arn":"` + roleARN + `","session_name":"own","base":` + own + `}`
	for name, config := range map[string]string{
		"keys after users":           `"on_missing_token":"next","credentials":[` + users + `,` + own + `]`,
		"keys after users, in query": `"on_missing_token":"next","sign_query":true,"credentials":[` + users + `,` + own + `]`,
		"keys before users":          `"credentials":[` + own + `,` + users + `]`,
		"a role after users":         `"on_missing_token":"next","credentials":[` + users + `,` + assumed + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, config+`,"region":"us-east-1","service":"s3"`)
			m := get()
			if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed {
				t.Fatal(e.Word)
			}
			e := hosttest.DriveAt(f, m, hosttest.Now.Add(time.Second), grants)
			if e.Word != Signed || len(e.Callouts) > 0 {
				t.Fatalf("%s, %d callouts", e.Word, len(e.Callouts))
			}
			if v, err := verify(m, "s3", "us-east-1", hosttest.Now); err != nil || !v.Time.Equal(hosttest.Now.Add(time.Second)) {
				t.Errorf("signed at %v: %v", v.Time, err)
			}
			forged := get("authorization: AWS4-HMAC-SHA256 Credential="+keyID+"/20220101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64), "x-amz-date: 20220101T000000Z")
			if e, _ := hosttest.Drive(f, forged, grants); !strings.Contains(config, "sign_query") && e.Word != BadToken {
				t.Errorf("a forged signature: %s", e.Word)
			}
		})
	}
}

// What an upstream says of the time makes signatures wrong at worst.
func TestAnUpstreamsTimeLocksNobodyOut(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, perUser+`,"service":"s3"`)
	_, x := hosttest.Drive(f, get(bearer("ann")), grants)
	hosttest.DriveResponse(x, hosttest.Response(403, "date: Sat, 01 Jan 2022 02:00:00 GMT"), nil)
	for at, word := range map[time.Duration]filter.Word{time.Minute: Signed, 59 * time.Minute: Signed, 61 * time.Minute: ExpiredToken} {
		if e := hosttest.DriveAt(f, get(bearer("ann")), hosttest.Now.Add(at), grants); e.Word != word {
			t.Errorf("after %s: %s", at, e.Word)
		}
	}
}

// A client's own header never stands where the token would be passed on, and a token
// in a header of its own goes to nobody who did not ask for it.
func TestHeadersOfTokens(t *testing.T) {
	t.Parallel()
	const preserve, own = `,"preserve_auth_header":true`, `,"auth_header":"x-token","auth_scheme":""`
	for name, c := range map[string]struct {
		config string
		word   filter.Word
	}{
		"without a token":        {perUser + `,"service":"s3","on_missing_token":"pass"` + preserve, Unsigned},
		"the proxy's own keys":   {s3 + preserve, Signed},
		"keys, a token's header": {s3 + preserve + own, Signed},
	} {
		f, _ := newFilter(t, c.config)
		m := get("x-authorization: Bearer forged", "x_authorization: Bearer forged")
		if strings.Contains(c.config, "x-token") {
			m.AddHeader("x-token", "forged")
		}
		if e, _ := hosttest.Drive(f, m, grants); e.Word != c.word {
			t.Errorf("%s: %s", name, e.Word)
		}
		if strings.Contains(m.Text(), "forged") {
			t.Errorf("%s: went on with\n%s", name, m.Text())
		}
	}
}

// The link that a query signature makes is not for access logs.
func TestPathForLogs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config, before, want string
	}{
		"a query":                         {s3 + `,"sign_query":true`, "", "/k?x=1"},
		"a query after a route's rewrite": {s3 + `,"sign_query":true`, "/first", "/first"},
		"headers":                         {s3, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, c.config)
			m := request("GET", "bucket.s3.us-east-1.amazonaws.com", "/k?x=1")
			if c.before != "" {
				m.SetHeader("x-envoy-original-path", c.before)
			}
			if e, _ := hosttest.Drive(f, m, grants); e.Word != Signed {
				t.Fatal(e.Word)
			}
			if got, _ := m.Header("x-envoy-original-path"); got != c.want {
				t.Errorf("the path for logs is %q, want %q", got, c.want)
			}
		})
	}
}

// What a route should not match on, since the filter edits it.
func TestEditsHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		edits  string
	}{
		"keys of the proxy": {s3, "authorization x-amz-date"},
		"keys of the user":  {perUser + `,"auth_header":"x-token","preserve_auth_header":true`, "authorization x-amz-date x-token x-authorization"},
		"a query":           {s3 + `,"sign_query":true`, "authorization x-amz-date :path x-envoy-original-path"},
		"a target":          {static + `,"mount":"downstream","override_target_host":"a.on.aws","target":{"cluster_header":"x-cluster","https_cluster":"a"}`, "authorization x-amz-date :authority x-cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, c.config)
			var got []string
			for _, h := range []string{"authorization", "x-amz-date", "x-token", "x-authorization", ":path", "x-envoy-original-path", ":authority", "x-cluster", "x-amz-meta-a"} {
				if f.EditsHeader(h) {
					got = append(got, h)
				}
			}
			if strings.Join(got, " ") != c.edits {
				t.Errorf("edits %v, want %s", got, c.edits)
			}
		})
	}
}
