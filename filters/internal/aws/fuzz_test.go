package aws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

// FuzzToken: whatever a token holds, STS is asked with just that token or not at
// all, for a role and a name of the form that it takes.
func FuzzToken(f *testing.F) {
	for _, claims := range []string{
		`{"sub":"ann","team":"a","exp":4000000000}`, `{"sub":"a:b/c","team":"x*","exp":4e9}`, `{"sub":"ann","exp":-1}`, `{"sub":"ann","exp":1e400}`,
		`{"sub":"ann","exp":null}`, `[]`, `{`, `{"sub":{"a":[1]},"exp":4000000000}`, "{\"sub\":\"\\ud800\",\"exp\":4000000000,\"team\":\"\"}",
	} {
		f.Add("Bearer " + jwt(claims))
	}
	f.Add("Bearer a.b.c")
	f.Add("bearer  " + user("ann", time.Hour))
	f.Add("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c")
	config := `{"credentials":[{"source":"web_identity","role_arn":"arn:aws:iam::1:role/%CLAIM(team)%","policy":"{\"a\":\"%CLAIM(sub)%\"}"}]}`
	f.Fuzz(func(t *testing.T, header string) {
		s, err := settings(t, config, nil)
		if err != nil {
			t.Fatal(err)
		}
		chain, _ := newChain(t, config)
		m := hosttest.Request("GET", "/")
		m.AddHeader("authorization", header)
		token, problem := s.Token(m)
		if problem != aws.None || token == "" {
			return
		}
		if !strings.HasSuffix(strings.TrimRight(header, " \t"), token) || strings.ContainsAny(token, " \t\r\n") {
			t.Fatalf("token %q of %q", token, header)
		}
		fake := newSTS(t)
		if got := fake.search(chain, token); len(fake.calls) > 0 && !strings.HasPrefix(got, "K1-") {
			t.Fatalf("asked, but got %s", got)
		}
		for _, form := range fake.calls {
			role, found := strings.CutPrefix(form.Get("RoleArn"), "arn:aws:iam::1:role/")
			if form.Get("WebIdentityToken") != token || !found || strings.ContainsAny(role, ":/* ") || len(form) != 6 {
				t.Fatalf("asked for %v", form)
			}
		}
	})
}

// FuzzReply: whatever STS answers, credentials come of a 200 alone, and never
// last longer than the token.
func FuzzReply(f *testing.F) {
	f.Add(200, []byte(`{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"t","Expiration":4000000000}}}}`), "")
	f.Add(200, []byte(`<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`), "")
	f.Add(403, []byte(`{"Error":{"Code":"AccessDenied"}}`), "Sat, 01 Jan 2022 00:20:00 GMT")
	f.Add(500, []byte(`<`), "")
	f.Fuzz(func(t *testing.T, status int, body []byte, date string) {
		chain, _ := newChain(t, perUser)
		token := user("ann", time.Hour)
		q := &aws.Query{Message: hosttest.Request("GET", "/"), Token: token, Now: hosttest.Now}
		_, ask := chain.Get(q)
		res := filter.CalloutResult{Status: status, Body: body, Now: hosttest.Now, Headers: [][2]string{{"date", date}}}
		a, next := ask.Answer(&res)
		if next != nil {
			t.Fatal("asked twice without a signature")
		}
		if (a.Problem == aws.None) != (a.Credentials.AccessKeyID != "") || a.Problem == aws.None && status != 200 {
			t.Fatalf("status %d gave %+v", status, a)
		}
		q.Now = hosttest.Now.Add(time.Hour)
		if a, _ := chain.Get(q); a.Problem != aws.ExpiredToken {
			t.Fatalf("after the token's end: %+v", a.Problem)
		}
	})
}

// FuzzServiceOf: no host panics, and what is read from one can be signed for.
func FuzzServiceOf(f *testing.F) {
	f.Add("bucket.s3.eu-west-1.amazonaws.com")
	f.Add("..us-east-1.amazonaws.com")
	f.Fuzz(func(t *testing.T, host string) {
		service, region, ok := aws.ServiceOf(host)
		if !ok || !aws.ValidHost(host) {
			return
		}
		if !aws.ValidHost(service) || !aws.ValidHost(region) || strings.Contains(service+region, ".") {
			t.Fatalf("%q: %q %q", host, service, region)
		}
	})
}
