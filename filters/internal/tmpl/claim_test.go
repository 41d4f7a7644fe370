package tmpl_test

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/tmpl"
)

// claimed is a request with a token.
type claimed struct {
	*hosttest.Message
	claims map[string]string
}

func (c claimed) Claim(path string) string { return c.claims[path] }

func TestClaims(t *testing.T) {
	t.Parallel()
	m := claimed{request(), map[string]string{"sub": "ann", "https://aws\\.amazon\\.com/tags.team": "a*b?${c}\"", "odd": "a:role/b", "paren\\)": "p"}}
	for name, c := range map[string]struct {
		text string
		esc  tmpl.Escape
		want string
	}{
		"a claim":                                   {"s-%CLAIM(sub)%", tmpl.Text, "s-ann"},
		"a claim that is missing":                   {"[%CLAIM(none)%]", tmpl.Text, "[]"},
		"the first bytes of a claim":                {"%CLAIM(sub):2%", tmpl.Text, "an"},
		"a claim with dots in its name":             {"%CLAIM(https://aws\\.amazon\\.com/tags.team)%", tmpl.Text, "a*b?${c}\""},
		"a parenthesis in a name":                   {"%CLAIM(paren\\))%", tmpl.Text, "p"},
		"in a policy, wildcards stand for themself": {`{"Resource":"arn:aws:s3:::b/%CLAIM(https://aws\.amazon\.com/tags.team)%/*"}`, tmpl.Policy, `{"Resource":"arn:aws:s3:::b/a${*}b${?}${$}{c}\"/*"}`},
		"in a policy, other values stay":            {`{"Resource":"arn:aws:s3:::b/%CLAIM(sub)%/*"}`, tmpl.Policy, `{"Resource":"arn:aws:s3:::b/ann/*"}`},
		"in a name, separators become blanks":       {"arn:aws:iam::1:role/%CLAIM(odd)%", tmpl.Name, "arn:aws:iam::1:role/a role b"},
		"in a name, other values stay":              {"arn:aws:iam::1:role/%CLAIM(sub)%", tmpl.Name, "arn:aws:iam::1:role/ann"},
		"a header's separators count too":           {"role/%REQ(x-space)%", tmpl.Name, "role/a b c d=e f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := tmpl.Parse(c.text, c.esc, tmpl.Claims)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(parsed.Append(nil, m)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestClaimErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		esc  tmpl.Escape
		opts []tmpl.Option
		want string
	}{
		"claims must be asked for":   {"%CLAIM(sub)%", tmpl.Text, nil, "column 1: unknown operator %CLAIM%; there are REQ, QUERY_PARAM, METHOD, SCHEME, AUTHORITY, PATH, RAW_QUERY, CLIENT_IP, PROPERTY (%% is a percent sign)"},
		"a claim needs a name":       {"a%CLAIM()%", tmpl.Text, []tmpl.Option{tmpl.Claims}, "column 9: want the path of a claim: a name in the path is empty"},
		"a path is no query":         {"%CLAIM(a.#)%", tmpl.Text, []tmpl.Option{tmpl.Claims}, `column 8: want the path of a claim: queries, wildcards and modifiers are not supported: write # as \#`},
		"an unknown name, near":      {"%CLAIMS(a)%", tmpl.Text, []tmpl.Option{tmpl.Claims}, "column 1: unknown operator %CLAIMS%; did you mean %CLAIM%? (%% is a percent sign)"},
		"a policy must be JSON":      {`{"a":%CLAIM(a)%}`, tmpl.Policy, []tmpl.Option{tmpl.Claims}, "column 6: not valid JSON once filled: want a value; operators stand inside quotes"},
		"a policy's keys are no use": {`{"%CLAIM(a)%":1}`, tmpl.Policy, []tmpl.Option{tmpl.Claims}, "column 3: operator in the key of a JSON object; only values can be filled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tmpl.Parse(c.text, c.esc, c.opts...)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// What a template depends on decides what its value may be cached by.
func TestDependencies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][3]bool{ // sole, claims, request
		"":                        {false, false, false},
		"plain":                   {false, false, false},
		"%CLAIM(a)%":              {true, true, false},
		"x%CLAIM(a)%":             {false, true, false},
		"%CLAIM(a)%%CLAIM(b)%":    {false, true, false},
		"%METHOD%":                {true, false, true},
		"%METHOD%x%CLAIM(a)%":     {false, true, true},
		"%PROPERTY(source.port)%": {true, false, true},
	} {
		p, err := tmpl.Parse(text, tmpl.Text, tmpl.Claims)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]bool{p.Sole(), p.HasClaims(), p.HasRequest()}; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
