package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// The names of the chains that sign for AWS begin with this.
const signing = "sign_"

// AWS's documented example key.
const (
	exampleKeyID  = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// Bodies that are hashed, in bytes; the difference of two sizes is the cost of a
// byte.
const (
	smallBody = 1 << 10
	largeBody = 64 << 10
)

const users = 256

// signingChains compare awssign with Envoy's aws_request_signing: the same
// requests, service, region and key, mounted in the same place.
//
// Envoy's filter signs all headers that it does not know to change, awssign host,
// x-amz-* and the content's: each does what it does by default.
func signingChains() []chain {
	const unsigned = `, "payload": "unsigned"`
	plain := []chain{
		{name: "sign_native", title: "aws_request_signing, unsigned payload", filter: nativeSigner(e2e.Node{"use_unsigned_payload": true})},
		{name: "sign_unsigned", title: "awssign, unsigned payload", filter: awssign("downstream", fixedKey+unsigned)},
		{name: "sign_native_query", title: "aws_request_signing, query", filter: nativeSigner(e2e.Node{"use_unsigned_payload": true, "query_string": e2e.Node{"expiration_time": "300s"}})},
		{name: "sign_query", title: "awssign, query", reference: "sign_native_query", filter: awssign("downstream", fixedKey+unsigned+`, "sign_query": true`)},
		{name: "sign_user", title: "awssign, a session for each of " + strconv.Itoa(users) + " users, cached", filter: awssign("downstream", userKey+unsigned)},
	}
	for i := range plain {
		c := &plain[i]
		if c.requests = [][]byte{s3Get("")}; c.name == "sign_user" {
			c.requests = nil
			for user := range users {
				c.requests = append(c.requests, s3Get("authorization: Bearer "+userToken(user)+"\r\n"))
			}
		}
		if c.reference == "" {
			c.reference = "sign_native"
		}
		c.base = "empty"
	}
	list := plain
	for _, body := range []struct {
		size   int
		name   string
		suffix string
	}{{smallBody, "1 KiB", "_1k"}, {largeBody, "64 KiB", "_64k"}} {
		// A direct response comes before the body: the buffer filter waits for it.
		put := [][]byte{s3Put(body.size)}
		hashed := []chain{
			{name: "sign_empty" + body.suffix, title: "no signature, body of " + body.name},
			{name: "sign_native" + body.suffix, title: "aws_request_signing, hashed body of " + body.name, filter: nativeSigner(e2e.Node{})},
			{name: "sign_hashed" + body.suffix, title: "awssign, hashed body of " + body.name, filter: awssign("downstream", fixedKey+`, "payload": "hashed"`)},
			{name: "sign_trusted" + body.suffix, title: "awssign, body of " + body.name + " that the client has hashed", filter: awssign("downstream", fixedKey+`, "payload": "hashed", "trust_content_sha256": true`)},
		}
		for _, c := range hashed {
			c.filter = append([]e2e.Plugin{buffered}, c.filter...)
			c.requests, c.body = put, body.size
			if c.base = "sign_empty" + body.suffix; c.name != c.base {
				c.reference = "sign_native" + body.suffix
			}
			list = append(list, c)
		}
	}
	for _, c := range []chain{
		{name: "sign_empty_upstream", title: "no signature, with an upstream"},
		{name: "sign_native_upstream", title: "aws_request_signing in the cluster, unsigned payload", upstream: nativeSigner(e2e.Node{"use_unsigned_payload": true})},
		{name: "sign_unsigned_upstream", title: "awssign in the cluster, unsigned payload", upstream: awssign("upstream", fixedKey+unsigned)},
	} {
		c.requests, c.asks, c.proxied = [][]byte{s3Get("")}, 1, true
		if c.base = "sign_empty_upstream"; c.name != c.base {
			c.reference = "sign_native_upstream"
		}
		list = append(list, c)
	}
	for i := range list {
		c := &list[i]
		c.closed = true
		switch {
		case strings.HasPrefix(c.name, "sign_native"):
			c.counter = "http." + c.name + ".aws_request_signing.signing_added"
			if c.body > 0 {
				c.counter = "http." + c.name + ".aws_request_signing.payload_signing_added"
			}
			if c.upstream != nil {
				c.counter = "" // the upstream filter counts elsewhere; the auth service counts the requests
			}
		case !strings.HasPrefix(c.name, "sign_empty"):
			c.counter = "wasmcustom.gatehouse.awssign.verdicts.signed"
		}
	}
	return list
}

const (
	fixedKey = `[{"source": "static", "access_key_id": "` + exampleKeyID + `", "secret_access_key": "` + exampleSecret + `"}]`
	userKey  = `[{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/uploads"}], "sts": {"cluster": "auth", "path": "` + stsPath + `"}`
)

func awssign(mount, credentials string) []e2e.Plugin {
	return []e2e.Plugin{{Filter: "awssign", VM: "bench-sign", Body: true,
		Config: `{"mount": "` + mount + `", "service": "s3", "region": "us-east-1", "allowed_hosts": ["*"], "credentials": ` + credentials + `}`}}
}

func nativeSigner(more e2e.Node) []e2e.Plugin {
	config := e2e.Node{
		"@type":        "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
		"service_name": "s3",
		"region":       "us-east-1",
		"credential_provider": e2e.Node{
			"inline_credential": e2e.Node{"access_key_id": exampleKeyID, "secret_access_key": exampleSecret},
		},
	}
	for k, v := range more {
		config[k] = v
	}
	return []e2e.Plugin{{Native: e2e.Node{"name": "envoy.filters.http.aws_request_signing", "typed_config": config}}}
}

var buffered = e2e.Plugin{Native: e2e.Node{
	"name": "envoy.filters.http.buffer",
	"typed_config": e2e.Node{
		"@type":             "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
		"max_request_bytes": 1 << 20,
	},
}}

func s3Get(header string) []byte {
	return fmt.Appendf(nil, "GET /reports/2026/november.csv HTTP/1.1\r\nhost: uploads.s3.us-east-1.amazonaws.com\r\nuser-agent: bench/1.0\r\naccept: */*\r\nx-amz-meta-owner: someone\r\n%s\r\n", header)
}

func s3Put(size int) []byte {
	body := strings.Repeat("0123456789abcdef", size/16)
	return fmt.Appendf(nil, "PUT /reports/2026/november.csv HTTP/1.1\r\nhost: uploads.s3.us-east-1.amazonaws.com\r\nuser-agent: bench/1.0\r\naccept: */*\r\nx-amz-meta-owner: someone\r\nx-amz-content-sha256: %x\r\ncontent-type: text/csv\r\ncontent-length: %d\r\n\r\n%s",
		sha256.Sum256([]byte(body)), len(body), body)
}

// userToken is as long as identity providers' are; the bench's STS checks none.
func userToken(user int) string {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return encode(`{"alg":"RS256","typ":"JWT","kid":"2026-11"}`) + "." +
		encode(fmt.Sprintf(`{"iss":"https://login.example.org","sub":"user-%04d","aud":"uploads-gateway","iat":1790000000,"exp":4102444800,"scope":"openid profile uploads:write","email":"user-%04d@example.org"}`, user, user)) + "." +
		encode(strings.Repeat("signature of RSA", 16))
}

// stsPath is where the auth service is an STS too.
const stsPath = "/sts"

// answerSTS gives each session name credentials of its own, as
// AssumeRoleWithWebIdentity does.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func answerSTS(w http.ResponseWriter, name string) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := fmt.Fprintf(w, `{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"ASIAEXAMPLE%s","SecretAccessKey":"%s","SessionToken":"%s","Expiration":%d},"SubjectFromWebIdentityToken":"%s"}}}`,
		strings.ToUpper(strings.ReplaceAll(name, "-", "")), exampleSecret, strings.Repeat("IQoJb3JpZ2luX2Vj", 40), time.Now().Add(12*time.Hour).Unix(), name)
	return err
}
