package credentials

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func temporary(id string, life time.Duration) Temporary {
	return Temporary{
		Credentials: sigv4.Credentials{AccessKeyID: id, SecretAccessKey: "SECRET-" + id, SessionToken: "TOKEN-" + id},
		Expires:     start.Add(life),
	}
}

// A session is asked at times after start; each step says what is seen there.
func TestSession(t *testing.T) {
	t.Parallel()
	type step struct {
		at    time.Duration
		do    func(t *testing.T, s *Session, now time.Time)
		use   string // the access key's ID that is used, "" if none
		start bool   // whether a call is due
	}
	const timeout = 10 * time.Second
	store := func(id string, end, notAfter time.Duration) func(*testing.T, *Session, time.Time) {
		return func(t *testing.T, s *Session, now time.Time) {
			bound := time.Time{}
			if notAfter != 0 {
				bound = start.Add(notAfter)
			}
			if err := s.Store(temporary(id, end), bound, now); err != nil {
				t.Errorf("store: %v", err)
			}
		}
	}
	fail := func(_ *testing.T, s *Session, now time.Time) { s.Fail(errors.New("down"), now) }
	cases := map[string]struct {
		policy Policy
		steps  []step
	}{
		"empty: a call is due, once": {steps: []step{
			{0, nil, "", true}, {time.Second, nil, "", false}, {9 * time.Second, nil, "", false},
		}},
		"a call that never ends is given up after its timeout": {steps: []step{
			{0, nil, "", true}, {timeout, nil, "", true}, {timeout + 1, nil, "", false},
		}},
		"an hour: refreshed 5 minutes ahead, used until 30 seconds before the end": {steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{55*time.Minute - 1, nil, "A", false},
			{55 * time.Minute, nil, "A", true},
			{55*time.Minute + time.Second, nil, "A", false},
			{time.Hour - 30*time.Second - 1, nil, "A", true},
			{time.Hour - 30*time.Second, nil, "", false},
			{time.Hour, nil, "", true},
		}},
		"refreshed ahead": {steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{56 * time.Minute, nil, "A", true},
			{56*time.Minute + time.Second, store("B", 2*time.Hour, 0), "B", false},
			{time.Hour, nil, "B", false},
		}},
		"a refresh that fails leaves what is valid in use, and pauses": {steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{56 * time.Minute, nil, "A", true},
			{56*time.Minute + 1, fail, "A", false},
			{56*time.Minute + time.Second + 1, nil, "A", true},
			{56*time.Minute + 2*time.Second, fail, "A", false},
			{56*time.Minute + 3*time.Second, nil, "A", false},
			{56*time.Minute + 4*time.Second, nil, "A", true},
			{60 * time.Minute, fail, "", false},
		}},
		"the pause grows to a minute and no further": {steps: []step{
			{0, fail, "", false}, {1 * time.Second, fail, "", false}, {3 * time.Second, fail, "", false},
			{7 * time.Second, fail, "", false}, {15 * time.Second, fail, "", false}, {31 * time.Second, fail, "", false},
			{63 * time.Second, fail, "", false}, {123*time.Second - 1, nil, "", false}, {123 * time.Second, fail, "", false},
			{183*time.Second - 1, nil, "", false}, {183 * time.Second, nil, "", true},
		}},
		"success ends the pauses": {steps: []step{
			{0, fail, "", false}, {1 * time.Second, fail, "", false},
			{2 * time.Second, store("A", time.Minute, 0), "A", false},
			{time.Minute, fail, "", false}, {time.Minute + time.Second, nil, "", true},
		}},
		"the token ends before the credentials": {steps: []step{
			{0, store("A", time.Hour, 10*time.Minute), "A", false},
			{7*time.Minute + 30*time.Second - 1, nil, "A", false},
			{7*time.Minute + 30*time.Second, nil, "A", true},
			{9*time.Minute + 30*time.Second - 1, nil, "A", true},
			{9*time.Minute + 30*time.Second, nil, "", false},
		}},
		"the token ends after the credentials": {steps: []step{
			{0, store("A", time.Hour, 10*time.Hour), "A", false},
			{time.Hour - 30*time.Second, nil, "", true},
		}},
		"credentials of a minute: margins shrink with it": {steps: []step{
			{0, store("A", time.Minute, 0), "A", false},
			{45*time.Second - 1, nil, "A", false},
			{45 * time.Second, nil, "A", true},
			{54*time.Second - 1, nil, "A", false},
			{54 * time.Second, nil, "", false},
		}},
		"a policy of one's own": {policy: Policy{Ahead: time.Minute, Margin: time.Second, Backoff: 5 * time.Second}, steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{59*time.Minute - 1, nil, "A", false},
			{59 * time.Minute, nil, "A", true},
			{59*time.Minute + 1, fail, "A", false},
			{59*time.Minute + 5*time.Second, nil, "A", false},
			{59*time.Minute + 6*time.Second, nil, "A", true},
			{time.Hour - time.Second - 1, nil, "A", true},
			{time.Hour - time.Second, nil, "", false},
		}},
		"in doubt: a call is due, once, and what is there stays in use": {steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{time.Minute, func(_ *testing.T, s *Session, _ time.Time) { s.Renew() }, "A", true},
			{time.Minute + time.Second, func(_ *testing.T, s *Session, _ time.Time) { s.Renew() }, "A", false},
			{time.Minute + 2*time.Second, fail, "A", false},
			{time.Minute + 3*time.Second, nil, "A", true},
			{time.Minute + 4*time.Second, store("B", 2*time.Hour, 0), "B", false},
		}},
		"forgotten: a call is due": {steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{time.Minute, func(_ *testing.T, s *Session, _ time.Time) { s.Forget() }, "", true},
		}},
		"expired when they come: a failure": {steps: []step{
			{0, store("A", time.Hour, 0), "A", false},
			{58 * time.Minute, func(t *testing.T, s *Session, now time.Time) {
				if err := s.Store(temporary("B", 58*time.Minute), time.Time{}, now); !errors.Is(err, ErrExpired) || !errors.Is(s.Err(), ErrExpired) {
					t.Errorf("%v and %v, want ErrExpired", err, s.Err())
				}
			}, "A", false},
		}},
		"a token that has expired: a failure": {steps: []step{
			{time.Minute, func(t *testing.T, s *Session, now time.Time) {
				if err := s.Store(temporary("B", time.Hour), start, now); !errors.Is(err, ErrExpired) {
					t.Errorf("%v, want ErrExpired", err)
				}
			}, "", false},
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Session{Policy: c.policy}
			for _, step := range c.steps {
				now := start.Add(step.at)
				if step.do != nil {
					step.do(t, &s, now)
				}
				got, ok := s.Credentials(now)
				if ok != (step.use != "") || got.AccessKeyID != step.use {
					t.Errorf("after %v: credentials %q, %v; want %q", step.at, got.AccessKeyID, ok, step.use)
				}
				if ok && (got.SecretAccessKey != "SECRET-"+step.use || got.SessionToken != "TOKEN-"+step.use || !now.Before(s.Expires())) {
					t.Errorf("after %v: mixed up: %s %s", step.at, got.SecretAccessKey, got.SessionToken)
				}
				if due := s.Start(now, timeout); due != step.start {
					t.Errorf("after %v: a call is due: %v, want %v", step.at, due, step.start)
				}
			}
		})
	}
}

func FuzzSessionIsNeverUsedBeyondItsEnd(f *testing.F) {
	f.Add(int64(3600), int64(0), int64(0), int64(0), int64(3590))
	f.Add(int64(1), int64(1), int64(5), int64(7), int64(1))
	f.Fuzz(func(t *testing.T, life, notAfter, ahead, margin, at int64) {
		second := func(n int64) time.Duration { return time.Duration(n%1e6) * time.Second }
		s := Session{Policy: Policy{Ahead: second(ahead), Margin: second(margin)}}
		bound := time.Time{}
		if notAfter != 0 {
			bound = start.Add(second(notAfter))
		}
		c := temporary("A", second(life))
		err := s.Store(c, bound, start)
		now := start.Add(second(at))
		_, ok := s.Credentials(now)
		switch {
		case ok && (err != nil || !now.Before(c.Expires) || !bound.IsZero() && !now.Before(bound)):
			t.Fatalf("used at %v: they end at %v, the token at %v", now, c.Expires, bound)
		case err == nil && !ok && now.Equal(start):
			t.Fatalf("stored, and of no use at once: %+v", s.Policy)
		case !ok && !s.Start(now, time.Second) && err == nil:
			t.Fatal("neither usable nor asked for again")
		}
	})
}

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	c := temporary("A", time.Hour)
	s := Session{}
	if err := s.Store(c, time.Time{}, start); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, &c, s, &s, []Temporary{c}, map[string]Session{"a": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "SECRET") || strings.Contains(got, "TOKEN") {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/path/name"
	web := WebIdentity{RoleARN: role, SessionName: "alice", Token: "header.payload.signature"}
	assume := AssumeRole{RoleARN: role, SessionName: "alice"}
	cases := map[string]struct {
		form interface{ Form() (string, error) }
		want string // the form, or the error
	}{
		"web identity, the least": {web, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpath%2Fname" +
			"&RoleSessionName=alice&WebIdentityToken=header.payload.signature"},
		"web identity, all of it": {WebIdentity{role, "a@b=c", "a+b/c==", "www.amazon.com", `{"Version":"2012-10-17"}`, []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, time.Hour},
			"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpath%2Fname" +
				"&RoleSessionName=a%40b%3Dc&WebIdentityToken=a%2Bb%2Fc%3D%3D&ProviderId=www.amazon.com&Policy=%7B%22Version%22%3A%222012-10-17%22%7D" +
				"&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess&DurationSeconds=3600"},
		"assume role, the least": {assume, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpath%2Fname&RoleSessionName=alice"},
		"assume role, all of it": {AssumeRole{"arn:minio:iam:::role/x", "alice", "id:1", "bob", "{}", nil, []Tag{{"Team", "a b&c"}, {"ü", ""}}, []string{"Team"}, 15 * time.Minute},
			"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aminio%3Aiam%3A%3A%3Arole%2Fx&RoleSessionName=alice&ExternalId=id%3A1&SourceIdentity=bob" +
				"&Tags.member.1.Key=Team&Tags.member.1.Value=a%20b%26c&Tags.member.2.Key=%C3%BC&Tags.member.2.Value=&TransitiveTagKeys.member.1=Team" +
				"&Policy=%7B%7D&DurationSeconds=900"},
		"no role":                             {WebIdentity{SessionName: "alice", Token: "token"}, "credentials: role ARN: want arn:partition:iam::account:role/name"},
		"a role that is a user":               {AssumeRole{RoleARN: "arn:aws:iam::123456789012:user/name", SessionName: "alice"}, "credentials: role ARN: want arn:partition:iam::account:role/name"},
		"no session name":                     {AssumeRole{RoleARN: role}, "credentials: session name: want 2 to 64 of letters, digits and _+=,.@-"},
		"a session name that adds parameters": {AssumeRole{RoleARN: role, SessionName: "a&Policy=x"}, "credentials: session name: want 2 to 64 of letters, digits and _+=,.@-"},
		"a session name of 65":                {AssumeRole{RoleARN: role, SessionName: strings.Repeat("a", 65)}, "credentials: session name: want 2 to 64 of letters, digits and _+=,.@-"},
		"no token":                            {WebIdentity{RoleARN: role, SessionName: "alice"}, "credentials: token: want 4 to 20000 visible ASCII characters"},
		"a token with a blank":                {WebIdentity{RoleARN: role, SessionName: "alice", Token: "Bearer x"}, "credentials: token: want 4 to 20000 visible ASCII characters"},
		"a token that is too long":            {WebIdentity{RoleARN: role, SessionName: "alice", Token: strings.Repeat("a", 20001)}, "credentials: token: want 4 to 20000 visible ASCII characters"},
		"a duration that is too short":        {WebIdentity{RoleARN: role, SessionName: "alice", Token: "token", Duration: time.Minute}, "credentials: duration: want whole seconds from 15 minutes to 12 hours"},
		"a duration that is too long":         {AssumeRole{RoleARN: role, SessionName: "alice", Duration: 13 * time.Hour}, "credentials: duration: want whole seconds from 15 minutes to 12 hours"},
		"a negative duration":                 {AssumeRole{RoleARN: role, SessionName: "alice", Duration: -time.Hour}, "credentials: duration: want whole seconds from 15 minutes to 12 hours"},
		"an external ID with a blank":         {AssumeRole{RoleARN: role, SessionName: "alice", ExternalID: "a b"}, "credentials: external ID: want 2 to 1224 of letters, digits and _+=,.@:/-"},
		"a source identity of one":            {AssumeRole{RoleARN: role, SessionName: "alice", SourceIdentity: "a"}, "credentials: source identity: want 2 to 64 of letters, digits and _+=,.@-"},
		"a tag without key":                   {AssumeRole{RoleARN: role, SessionName: "alice", Tags: []Tag{{"", "x"}}}, "credentials: tags: want keys of 1 to 128 and values of up to 256 characters"},
		"a tag value that is too long":        {AssumeRole{RoleARN: role, SessionName: "alice", Tags: []Tag{{"a", strings.Repeat("ü", 257)}}}, "credentials: tags: want keys of 1 to 128 and values of up to 256 characters"},
		"a tag that is no UTF-8":              {AssumeRole{RoleARN: role, SessionName: "alice", Tags: []Tag{{"a", "\xff"}}}, "credentials: tags: want keys of 1 to 128 and values of up to 256 characters"},
		"a tag twice":                         {AssumeRole{RoleARN: role, SessionName: "alice", Tags: []Tag{{"Team", "a"}, {"team", "b"}}}, "credentials: tags: want each key once, in whatever case"},
		"51 tags":                             {AssumeRole{RoleARN: role, SessionName: "alice", Tags: make([]Tag, 51)}, "credentials: tags: want at most 50"},
		"a policy that is too long":           {AssumeRole{RoleARN: role, SessionName: "alice", Policy: strings.Repeat("a", 2049)}, "credentials: policy: want up to 2048 characters"},
		"eleven policy ARNs":                  {AssumeRole{RoleARN: role, SessionName: "alice", PolicyARNs: make([]string, 11)}, "credentials: policy ARNs: want at most 10"},
		"a policy ARN that is none":           {AssumeRole{RoleARN: role, SessionName: "alice", PolicyARNs: []string{"ReadOnlyAccess and more"}}, "credentials: policy ARNs: want ARNs of 20 to 2048 characters"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.form.Form()
			if err != nil {
				if got != "" {
					t.Errorf("a form in spite of the error: %s", got)
				}
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			if err == nil {
				if _, err := url.ParseQuery(got); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// FuzzForm holds that no value of a request can add or change a parameter.
func FuzzForm(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/name", "alice", "token", "policy", "id", "k", "v")
	f.Add("arn:x:iam:::role/&Action=x", "a=b", "&a=b;c", "{\"a\":\"&\"}", "a:b", "&", "=\u00fc")
	f.Fuzz(func(t *testing.T, role, session, token, policy, external, key, value string) {
		expect := func(form string, err error, want url.Values) {
			if err != nil {
				if form != "" {
					t.Fatalf("a form in spite of %v", err)
				}
				for _, secret := range []string{token, policy} {
					if len(secret) > 60 && strings.Contains(err.Error(), secret) {
						t.Fatalf("the error holds a value: %v", err)
					}
				}
				return
			}
			for k := range want {
				if want.Get(k) == "" && k != "Tags.member.1.Value" {
					want.Del(k)
				}
			}
			if got, err := url.ParseQuery(form); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%v, want %v", got, want)
			}
		}
		form, err := WebIdentity{RoleARN: role, SessionName: session, Token: token, Policy: policy}.Form()
		expect(form, err, url.Values{"Action": {ActionWebIdentity}, "Version": {"2011-06-15"}, "RoleArn": {role},
			"RoleSessionName": {session}, "WebIdentityToken": {token}, "Policy": {policy}})
		form, err = AssumeRole{RoleARN: role, SessionName: session, Policy: policy, ExternalID: external, Tags: []Tag{{key, value}}}.Form()
		expect(form, err, url.Values{"Action": {ActionAssumeRole}, "Version": {"2011-06-15"}, "RoleArn": {role},
			"RoleSessionName": {session}, "Policy": {policy}, "ExternalId": {external}, "Tags.member.1.Key": {key}, "Tags.member.1.Value": {value}})
	})
}

func TestIsRoleARN(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]bool{
		"arn:aws:iam::123456789012:role/name":                         true,
		"arn:aws:iam::123456789012:role/path/to/name":                 true,
		"arn:aws-cn:iam::123456789012:role/name":                      true,
		"arn:aws-us-gov:iam::123456789012:role/name":                  true,
		"arn:aws-iso-b:iam::123456789012:role/name":                   true,
		"arn:minio:iam:::role/dGVzdA":                                 true,
		"arn:aws:iam::123456789012:role/a:b":                          true,
		"":                                                            false,
		"role/name":                                                   false,
		"arn:aws:iam::123456789012:role/":                             false,
		"arn:aws:iam::123456789012:user/name":                         false,
		"arn:aws:sts::123456789012:assumed-role/name/x":               false,
		"arn::iam::123456789012:role/name":                            false,
		"urn:aws:iam::123456789012:role/name":                         false,
		"arn:aws:iam::123456789012:role/na me":                        false,
		"arn:aws:iam::123456789012:role/name\n":                       false,
		"arn:aws:iam:123456789012:role/name":                          false,
		"arn:aws:iam::123456789012:role/" + strings.Repeat("a", 2048): false,
	} {
		if IsRoleARN(arn) != want {
			t.Errorf("%q: %v, want %v", arn, !want, want)
		}
	}
}

func TestSessionName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"alice":                 "alice",
		"a@example.org":         "a@example.org",
		"auth0|123":             "auth0-123-4043445eadeeeb2a",
		"a":                     "a-ca978112ca1bbdca",
		"":                      "-e3b0c44298fc1c14",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
		strings.Repeat("x", 65): strings.Repeat("x", 47) + "-" + sigv4.HashPayload([]byte(strings.Repeat("x", 65)))[:16],
		"ü":                     "---" + sigv4.HashPayload([]byte("ü"))[:16],
	} {
		got := SessionName(text)
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if _, err := (AssumeRole{RoleARN: "arn:aws:iam::123456789012:role/name", SessionName: got}).Form(); err != nil {
			t.Errorf("%q gives %q: %v", text, got, err)
		}
	}
	if SessionName("a|b") == SessionName("a/b") {
		t.Error("two texts share a name")
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for region, want := range map[string][2]string{
		"":               {"sts.amazonaws.com", "us-east-1"},
		"eu-central-1":   {"sts.eu-central-1.amazonaws.com", "eu-central-1"},
		"us-gov-west-1":  {"sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
		"cn-north-1":     {"sts.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		"us-iso-east-1":  {"sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
		"us-isob-east-1": {"sts.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
		"us-isof-east-1": {"sts.us-isof-east-1.csp.hci.ic.gov", "us-isof-east-1"},
		"eu-isoe-west-1": {"sts.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"},
		"eusc-de-east-1": {"sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
	} {
		if host, signing := Endpoint(region); host != want[0] || signing != want[1] {
			t.Errorf("%s: %s %s, want %v", region, host, signing, want)
		}
	}
}

func TestEncodedCredentials(t *testing.T) {
	t.Parallel()
	c := temporary("A", time.Hour)
	c.AssumedRoleARN, c.Subject = "arn:aws:sts::123456789012:assumed-role/a/b", strings.Repeat("ü", 40000)
	b := c.Encode()
	if got, err := Decode(b); err != nil || got != c {
		t.Errorf("decoded %v, %v", got == c, err)
	}
	for i := range 400 {
		if _, err := Decode(b[:i]); err == nil {
			t.Errorf("%d bytes of it are taken", i)
		}
	}
	if _, err := Decode(append(b, 0)); err == nil {
		t.Error("more than it is taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(temporary("A", time.Hour).Encode())
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(b)
		if err == nil && string(c.Encode()) != string(b) {
			t.Fatalf("%x decodes and encodes to %x", b, c.Encode())
		}
		if err != nil && c != (Temporary{}) {
			t.Fatalf("credentials in spite of %v", err)
		}
	})
}
