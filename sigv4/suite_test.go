package sigv4

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// suiteCase is a case of AWS's signing test suite
// (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4).
type suiteCase struct {
	dir     string
	request Request
	context struct {
		Credentials struct {
			AccessKeyID     string `json:"access_key_id"`
			SecretAccessKey string `json:"secret_access_key"`
			SessionToken    string `json:"token"`
		} `json:"credentials"`
		Expiration int       `json:"expiration_in_seconds"`
		Normalize  bool      `json:"normalize"`
		Omit       bool      `json:"omit_session_token"`
		Region     string    `json:"region"`
		Service    string    `json:"service"`
		SignBody   bool      `json:"sign_body"`
		Timestamp  time.Time `json:"timestamp"`
	}
}

func suite(t testing.TB) map[string]suiteCase {
	t.Helper()
	root := os.Getenv("SIGV4_SUITE")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "aws-signing-test-suite")
	}
	dirs, err := filepath.Glob(filepath.Join(root, "v4", "*", "context.json"))
	if err != nil || len(dirs) == 0 {
		t.Skipf("no AWS signing test suite in %s: set SIGV4_SUITE to its folder (the one that holds v4)", root)
	}
	cases := map[string]suiteCase{}
	for _, file := range dirs {
		c := suiteCase{dir: filepath.Dir(file)}
		if err := json.Unmarshal([]byte(c.read(t, "context.json")), &c.context); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		c.request = parseRequest(t, c.read(t, "request.txt"))
		cases[filepath.Base(c.dir)] = c
	}
	return cases
}

func (c suiteCase) read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parseRequest reads a request of the suite: raw bytes in its target, folded
// header lines, "\n" line ends.
func parseRequest(t testing.TB, text string) (r Request) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	method, rest, ok := strings.Cut(lines[0], " ")
	target, ok2 := strings.CutSuffix(rest, " HTTP/1.1")
	if !ok || !ok2 {
		t.Fatalf("request line: %q", lines[0])
	}
	r.Method = method
	r.Path, r.RawQuery, _ = strings.Cut(target, "?")
	for _, line := range lines[1:] {
		if line[0] == ' ' || line[0] == '\t' {
			last := &r.Headers[len(r.Headers)-1]
			last[1] += "\n" + line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		r.Headers = append(r.Headers, [2]string{name, value})
	}
	r.Body = []byte(body)
	return r
}

func (c suiteCase) options() Options {
	return Options{
		KeepPath:         !c.context.Normalize,
		SignBody:         c.context.SignBody,
		OmitSessionToken: c.context.Omit,
		Expires:          time.Duration(c.context.Expiration) * time.Second,
	}
}

func (c suiteCase) credentials() Credentials {
	return Credentials(c.context.Credentials)
}

func (c suiteCase) scope() Scope {
	return Scope{Service: c.context.Service, Region: c.context.Region, Time: c.context.Timestamp}
}

func TestAWSSuite(t *testing.T) {
	t.Parallel()
	cases := suite(t)
	if len(cases) != 38 {
		t.Errorf("the suite has %d cases, want 38", len(cases))
	}
	for name, c := range cases {
		for _, way := range []string{"header", "query"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				signer, err := NewSigner(c.options())
				if err != nil {
					t.Fatal(err)
				}
				sign := signer.SignHeaders
				if way == "query" {
					sign = signer.SignQuery
				}
				var got Signed
				if err := sign(&got, &c.request, c.credentials(), c.scope()); err != nil {
					t.Fatal(err)
				}
				compare(t, "canonical request", got.CanonicalRequest(), c.read(t, way+"-canonical-request.txt"))
				compare(t, "string to sign", got.StringToSign(), c.read(t, way+"-string-to-sign.txt"))
				compare(t, "signature", got.Signature, c.read(t, way+"-signature.txt"))

				signed := got.Apply(c.request)
				want := parseRequest(t, c.read(t, way+"-signed-request.txt"))
				compare(t, "query to send", signed.RawQuery, want.RawQuery)
				for _, h := range want.Headers {
					if g := values(signed.Headers, h[0]); !strings.Contains(g, strings.TrimSpace(h[1])) {
						t.Errorf("header %s: got %q, want %q", h[0], g, h[1])
					}
				}
				if len(signed.Headers) != len(want.Headers) {
					t.Errorf("headers to send: %q, want %q", signed.Headers, want.Headers)
				}

				// AWS's own signed request, not ours, goes to the verifier.
				want.Body = c.request.Body
				verifier := Verifier{
					Service: c.context.Service, Region: c.context.Region, Options: c.options(),
					Lookup: func(id, token string) (string, error) {
						if id != c.context.Credentials.AccessKeyID || token != c.context.Credentials.SessionToken {
							t.Errorf("lookup of %s with token %s", id, token)
						}
						return c.context.Credentials.SecretAccessKey, nil
					},
				}
				if _, err := verifier.Verify(&want, c.context.Timestamp.Add(time.Minute)); err != nil {
					t.Errorf("verify: %v", err)
				}
			})
		}
	}
}

func compare(t *testing.T, stage, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", stage, got, want)
	}
}

func values(headers [][2]string, name string) string {
	var all []string
	for _, h := range headers {
		if strings.EqualFold(h[0], name) {
			all = append(all, h[1])
		}
	}
	return strings.Join(all, ",")
}
