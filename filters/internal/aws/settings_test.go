package aws_test

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	static := `{"source":"static","access_key_id":"A","secret_access_key":"s"}`
	for name, c := range map[string]struct{ config, want string }{
		"nothing":                         {`{}`, "credentials: missing; want at least one source"},
		"keys that belong elsewhere":      {`{"credentials":[{"source":"static","access_key_id":"A","secret_access_key":"s","role_arn":"r"}]}`, `credentials.0.role_arn: does not belong to a source "static"`},
		"half a key":                      {`{"credentials":[{"source":"static","access_key_id":"A"}]}`, `credentials.0.secret_access_key: missing; a source "static" needs it`},
		"a key with a blank":              {`{"credentials":[{"source":"static","access_key_id":"A B","secret_access_key":"s"}]}`, "credentials.0: want keys of visible ASCII characters"},
		"no role":                         {`{"credentials":[{"source":"web_identity"}]}`, `credentials.0.role_arn: missing; a source "web_identity" needs it`},
		"a role that is no ARN":           {`{"credentials":[{"source":"web_identity","role_arn":"uploads"}]}`, "credentials.0.role_arn: want arn:partition:iam::account:role/name"},
		"a template that does not parse":  {`{"credentials":[{"source":"web_identity","role_arn":"arn:aws:iam::1:role/%CLAIM(a%"}]}`, "credentials.0.role_arn: column 29: want ) after the argument of %CLAIM"},
		"a policy that is no JSON":        {`{"credentials":[{"source":"web_identity","role_arn":"` + role + `","policy":"{"}]}`, "credentials.0.policy: column 2: not valid JSON once filled: want a key in double quotes; operators stand inside quotes"},
		"a role to assume by nobody":      {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `"}]}`, `credentials.0.base: missing; a source "assume_role" needs it`},
		"a base with half a key":          {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","base":{"source":"static"}}]}`, "2 faults\n  credentials.0.base.access_key_id: missing; a source \"static\" needs it\n  credentials.0.base.secret_access_key: missing; a source \"static\" needs it"},
		"a long life of a chained role":   {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","duration":"2h","base":{"source":"web_identity","role_arn":"` + role + `"}}]}`, "credentials.0.duration: want at most 1h, as STS does for a role assumed from a session"},
		"tags of a user's session":        {`{"credentials":[{"source":"web_identity","role_arn":"` + role + `","tags":[{"key":"a","value":"b"}]}]}`, `credentials.0.tags: does not belong to a source "web_identity"`},
		"claims that nobody verifies":     {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","tags":[{"key":"a","value":"%CLAIM(a)%"}],"base":` + static + `}]}`, `credentials.0: claims in a role that is assumed without the token: nobody has verified them; want base.source "web_identity", or "claims_verified": true after a filter that verifies tokens`},
		"an environment without keys":     {`{"credentials":[{"source":"environment"}]}`, "credentials: no source can work: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not among Envoy's environment_variables"},
		"a base environment without keys": {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","base":{"source":"environment"}}]}`, "credentials.0.base: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not among Envoy's environment_variables"},
		"next of the last source":         {`{"credentials":[{"source":"web_identity","role_arn":"` + role + `"}],"on_missing_token":"next"}`, `on_missing_token: want "deny" or "pass", since the last source needs a token too; got "next"`},
		"a token in a cookie":             {`{"credentials":[` + static + `],"auth_header":"cookie"}`, "auth_header: want a header with one token in it; got cookie"},
		"an unknown kind":                 {`{"credentials":[{"source":"instance"}]}`, `credentials.0.source: want one of "static", "environment", "web_identity", "assume_role", got the text "instance"`},
		"a base that needs another base":  {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","base":{"source":"assume_role"}}]}`, `credentials.0.base.source: want one of "static", "environment", "web_identity", got the text "assume_role"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := settings(t, c.config, func(string) (string, bool) { return "", false })
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config  string
		headers []string
		token   string
		problem aws.Problem
	}{
		"a bearer token":                     {``, []string{"authorization: Bearer abcd"}, "abcd", aws.None},
		"the scheme's case does not count":   {``, []string{"authorization: bEARER abcd"}, "abcd", aws.None},
		"blanks around it":                   {``, []string{"authorization: Bearer   abcd "}, "abcd", aws.None},
		"none":                               {``, nil, "", aws.None},
		"an empty header":                    {``, []string{"authorization: "}, "", aws.None},
		"the scheme alone":                   {``, []string{"authorization: Bearer"}, "", aws.BadToken},
		"another scheme":                     {``, []string{"authorization: Basic abcd"}, "", aws.BadToken},
		"a client's own signature":           {``, []string{"authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c"}, "", aws.BadToken},
		"two lines":                          {``, []string{"authorization: Bearer abcd", "authorization: Bearer efgh"}, "", aws.AmbiguousToken},
		"two that a proxy has joined":        {``, []string{"authorization: Bearer abcd, Bearer efgh"}, "", aws.AmbiguousToken},
		"two words":                          {``, []string{"authorization: Bearer abcd efgh"}, "", aws.BadToken},
		"not ASCII":                          {``, []string{"authorization: Bearer abcdé"}, "", aws.BadToken},
		"another header, with the scheme":    {`"auth_header":"x-token",`, []string{"x-token: Bearer abcd", "authorization: Basic x"}, "abcd", aws.None},
		"another header, without a scheme":   {`"auth_header":"x-token","auth_scheme":"",`, []string{"x-token: abcd"}, "abcd", aws.None},
		"another spelling of another header": {`"auth_header":"x-token","auth_scheme":"",`, []string{"x_token: abcd"}, "", aws.AmbiguousToken},
		"no scheme where one is wanted":      {`"auth_header":"x-token",`, []string{"x-token: abcd"}, "", aws.BadToken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := settings(t, `{`+c.config+`"credentials":[{"source":"web_identity","role_arn":"`+role+`"}]}`, nil)
			if err != nil {
				t.Fatal(err)
			}
			token, problem := s.Token(hosttest.Request("GET", "/", c.headers...))
			if token != c.token || problem != c.problem {
				t.Errorf("got %q and problem %d, want %q and %d", token, problem, c.token, c.problem)
			}
		})
	}
}
