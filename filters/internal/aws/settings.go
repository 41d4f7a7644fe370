package aws

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/tmpl"
	"github.com/gatehouse-proxy/gatehouse/sigv4/credentials"
)

// Settings say where credentials come from.
type Settings struct {
	Sources        []Source
	OnMissingToken string
	AuthHeader     string
	AuthScheme     string
	ClaimsVerified bool
	OpaqueTokenTTL time.Duration
	STS            STS
	Sessions       Sessions

	environment source // compiled once for all that use it
}

// Source is one way to get credentials.
type Source struct {
	Kind                                       string
	AccessKeyID, SecretAccessKey, SessionToken secret.Value
	RoleARN, SessionName, SourceIdentity       string
	Policy, ProviderID, ExternalID             string
	PolicyARNs                                 []string
	Tags                                       []Tag
	TransitiveTagKeys                          []string
	Duration                                   time.Duration
	HasBase                                    bool
	Base                                       *Source
}

// Tag is a session tag; the value is a template.
type Tag struct{ Key, Value string }

// STS is how STS is called.
type STS struct {
	Cluster, Endpoint, Region string
	Authority, Path           string
	Timeout                   time.Duration
	Retries                   int
	RetryOn                   string
	MaxReply                  int
	MaxConcurrent, MaxWaiters int
}

// Sessions is how temporary credentials are kept.
type Sessions struct {
	MaxEntries, MaxSize  int
	MaxAge, RefreshAhead time.Duration
	NegativeTTL          time.Duration
	Shared               bool
	SharedSlots          int
}

// The values of enumerated settings.
const (
	KindStatic      = "static"
	KindEnvironment = "environment"
	KindWebIdentity = "web_identity"
	KindAssumeRole  = "assume_role"

	MissingDeny = "deny"
	MissingPass = "pass"
	MissingNext = "next"

	EndpointRegional = "regional"
	EndpointGlobal   = "global"
)

// Fields declares the settings, for the filter's own to be put around them.
func (s *Settings) Fields() conf.Fields {
	return conf.Fields{
		conf.List("credentials", "Where credentials come from: the first source that applies is used. `static` always applies; `environment` if Envoy's `environment_variables` have `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; `web_identity`, and what is based on it, if the request has a token (see `on_missing_token`). A source that applies and fails ends the search: nobody falls back to another identity.", func() conf.Fields {
			s.Sources = append(s.Sources, Source{Base: new(Source)})
			e := &s.Sources[len(s.Sources)-1]
			return append(e.fields(KindStatic, KindEnvironment, KindWebIdentity, KindAssumeRole),
				conf.Optional("base", &e.HasBase, e.Base.fields(KindStatic, KindEnvironment, KindWebIdentity), "`assume_role`: the credentials that sign the call. With `web_identity`, STS first takes the token, then the role is assumed from that session (role chaining; at most one hour)."))
		}),
		conf.Enum("on_missing_token", &s.OnMissingToken, "When a source needs a token and the request has none: `deny` answers 401; `pass` lets the request go on as it came, unsigned; `next` goes to the next source.", MissingDeny, MissingPass, MissingNext).Default(MissingDeny),
		conf.HeaderName("auth_header", &s.AuthHeader, "Header of the request's OAuth or OpenID Connect token. It is removed from every request that is signed. Twice is answered 400.").Default("authorization"),
		conf.String("auth_scheme", &s.AuthScheme, "Scheme before the token, in any case. Empty: the whole header is the token.").Default("Bearer"),
		conf.Bool("claims_verified", &s.ClaimsVerified, "A filter before this one (such as `jwt_authn`) has verified the token of every request that comes here. Without it, claims may only be used where STS verifies the token before they count.").Default("false"),
		conf.Duration("opaque_token_ttl", &s.OpaqueTokenTTL, "How long a session may be used whose token does not say when it ends: no JWT, or without `exp`. 0: such tokens are answered 401.").Default("0s").Between("0s", "12h"),
		conf.Object("sts", conf.Fields{
			conf.String("cluster", &s.STS.Cluster, "Envoy cluster of AWS STS, with verified TLS. Without it: the host's name.").Example("sts"),
			conf.Enum("endpoint", &s.STS.Endpoint, "The region's endpoint, or the global one (`sts.amazonaws.com`, in us-east-1).", EndpointRegional, EndpointGlobal).Default(EndpointRegional),
			conf.String("region", &s.STS.Region, "Region of the endpoint. Without it: `region`.").Check("a region such as eu-west-1", checkRegion).Example("eu-west-1"),
			conf.String("authority", &s.STS.Authority, "`:authority` of the call. Without it: the endpoint's host.").Check("a host, which may have a port", checkAuthority).Example("sts.eu-west-1.amazonaws.com"),
			conf.String("path", &s.STS.Path, "Path of the call.").Default("/").Check("a path that starts with /", checkPath),
			conf.Duration("timeout", &s.STS.Timeout, "How long STS may take, over all retries.").Default("5s").Between("1ms", "60s"),
			conf.Int("retries", &s.STS.Retries, "How often Envoy repeats a call that failed in a way named by `retry_on`.").Default("1").Between("0", "10"),
			conf.String("retry_on", &s.STS.RetryOn, "Envoy's `x-envoy-retry-on` conditions.").Default("connect-failure,refused-stream,reset"),
			conf.Size("max_reply_size", &s.STS.MaxReply, "Largest answer. Set Envoy's runtime key `http.async_response_buffer_limit` above it.").Default("64KiB").Between("1KiB", "64KiB"),
			conf.Int("max_concurrent", &s.STS.MaxConcurrent, "Calls that a worker has in flight at most; 0 is no cap.").Default("256").Between("0", "1000000"),
			conf.Int("max_waiters", &s.STS.MaxWaiters, "Requests of a worker that wait for one call.").Default("1000").Between("0", "1000000"),
		}, "How STS is called: by POST, the token in the body."),
		conf.Object("sessions", conf.Fields{
			conf.Int("max_entries", &s.Sessions.MaxEntries, "Sessions, and tokens, that a worker keeps.").Default("10000").Between("1", "1000000"),
			conf.Size("max_size", &s.Sessions.MaxSize, "Memory for each of the two.").Default("32MiB").Between("256KiB", "1GiB"),
			conf.Duration("max_age", &s.Sessions.MaxAge, "Most time that STS's answer about a token is used, so that a revoked token does not live on. The ends of session and token bound it too.").Default("1h").Between("1m", "12h"),
			conf.Duration("refresh_ahead", &s.Sessions.RefreshAhead, "How long before its end a session is renewed, at most a quarter of its life. It is not used in its last 30 s.").Default("5m").Between("1s", "1h"),
			conf.Duration("negative_ttl", &s.Sessions.NegativeTTL, "How long a refusal of STS is kept. 0: not.").Default("5s").Between("0s", "5m"),
			conf.Bool("shared", &s.Sessions.Shared, "Also keep sessions in Envoy's shared data, for all workers of the `vm_id`: in plain text, readable by every plugin with that `vm_id`.").Default("false"),
			conf.Int("shared_slots", &s.Sessions.SharedSlots, "Sessions kept there; each takes up to 8 KiB.").Default("1024").Between("1", "65536"),
		}, "How temporary credentials are kept."),
	}
}

func (e *Source) fields(kinds ...string) conf.Fields {
	f := conf.Fields{
		conf.Enum("source", &e.Kind, "Kind of the source.", kinds...).Required(),
		conf.Secret("access_key_id", &e.AccessKeyID, "`static`: the key's ID."),
		conf.Secret("secret_access_key", &e.SecretAccessKey, "`static`: the secret key."),
		conf.Secret("session_token", &e.SessionToken, "`static`: of temporary credentials. They are used as long as they stand here."),
		conf.String("role_arn", &e.RoleARN, "`web_identity`, `assume_role`: the role, of any partition; a template. Unless the whole text is one operator, a value may have letters, digits and `_+=,.@-` only.").Example("arn:aws:iam::123456789012:role/uploads"),
		conf.String("session_name", &e.SessionName, "`web_identity`, `assume_role`: name of the session, which CloudTrail shows; a template. What STS does not take becomes `-`, and a hash is added. Without it: `%CLAIM(sub)%` for `web_identity`, else `gatehouse`."),
		conf.String("policy", &e.Policy, "`web_identity`, `assume_role`: session policy, JSON; a template whose wildcards (`*`, `?`, `$`) in values stand for themselves."),
		conf.Strings("policy_arns", &e.PolicyARNs, "`web_identity`, `assume_role`: managed session policies.").Between("0", "10"),
		conf.Duration("duration", &e.Duration, "`web_identity`, `assume_role`: life of the session. Without it: 1 h.").Between("15m", "12h"),
		conf.String("provider_id", &e.ProviderID, "`web_identity`: for OAuth 2.0 access tokens that are no JWT: `www.amazon.com` or `graph.facebook.com`."),
	}
	if kinds[len(kinds)-1] != KindAssumeRole {
		return f
	}
	return append(f,
		conf.String("external_id", &e.ExternalID, "`assume_role`: as the role's trust policy asks."),
		conf.String("source_identity", &e.SourceIdentity, "`assume_role`: source identity; a template."),
		conf.List("tags", "`assume_role`: session tags.", func() conf.Fields {
			e.Tags = append(e.Tags, Tag{})
			t := &e.Tags[len(e.Tags)-1]
			return conf.Fields{
				conf.String("key", &t.Key, "Key.").Required().Between("1", "128").Example("team"),
				conf.String("value", &t.Value, "Value; a template.").Required().Example("%CLAIM(team)%"),
			}
		}).Between("0", "50"),
		conf.Strings("transitive_tag_keys", &e.TransitiveTagKeys, "`assume_role`: keys of those tags that further role chaining keeps."),
	)
}

// Check holds the rules across fields. region is the filter's; env reads Envoy's
// environment variables.
func (s *Settings) Check(errs *conf.Errors, region string, env func(string) (string, bool)) {
	s.checkSTS(errs, region)
	if env != nil {
		id, _ := env("AWS_ACCESS_KEY_ID")
		key, _ := env("AWS_SECRET_ACCESS_KEY")
		session, _ := env("AWS_SESSION_TOKEN")
		if id == "" || key == "" {
			id, key, session = "", "", "" // half of it is nothing
		}
		s.environment.static.AccessKeyID, s.environment.static.SecretAccessKey, s.environment.static.SessionToken = id, key, session
	}
	if len(s.Sources) == 0 {
		errs.Add("credentials", "missing; want at least one source")
	}
	usable := false
	for i := range s.Sources {
		e := &s.Sources[i]
		path := "credentials." + strconv.Itoa(i)
		e.check(errs, path, s)
		usable = usable || e.Kind != KindEnvironment || s.hasEnvironment()
		if s.OnMissingToken == MissingNext && i == len(s.Sources)-1 && e.needsToken() {
			errs.Add("on_missing_token", "want \"deny\" or \"pass\", since the last source needs a token too; got \"next\"")
		}
	}
	if len(s.Sources) > 0 && !usable {
		errs.Add("credentials", "no source can work: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not among Envoy's environment_variables")
	}
	if s.AuthHeader == "cookie" {
		errs.Add("auth_header", "want a header with one token in it; got cookie")
	}
}

func (s *Settings) hasEnvironment() bool { return s.environment.static.AccessKeyID != "" }

func (s *Settings) checkSTS(errs *conf.Errors, region string) {
	if s.STS.Region == "" {
		s.STS.Region = region
	}
	calls := false
	for i := range s.Sources {
		calls = calls || s.Sources[i].Kind == KindWebIdentity || s.Sources[i].Kind == KindAssumeRole
	}
	if !calls {
		return
	}
	if s.STS.Endpoint == EndpointGlobal {
		s.STS.Region = ""
	} else if s.STS.Region == "" {
		errs.Add("sts.region", "missing; give it, or region, or \"endpoint\": \"global\"")
		return
	}
	host, signing := credentials.Endpoint(s.STS.Region)
	s.STS.Region = signing
	if s.STS.Authority == "" {
		s.STS.Authority = host
	}
	if s.STS.Cluster == "" {
		s.STS.Cluster = host
	}
}

// check refuses what does not belong to the kind of the source.
func (e *Source) check(errs *conf.Errors, path string, s *Settings) {
	static := e.Kind == KindStatic
	calls := e.Kind == KindWebIdentity || e.Kind == KindAssumeRole
	for _, f := range [...]struct {
		name          string
		given, allows bool
	}{
		{"access_key_id", e.AccessKeyID.IsSet(), static},
		{"secret_access_key", e.SecretAccessKey.IsSet(), static},
		{"session_token", e.SessionToken.IsSet(), static},
		{"role_arn", e.RoleARN != "", calls},
		{"session_name", e.SessionName != "", calls},
		{"policy", e.Policy != "", calls},
		{"policy_arns", len(e.PolicyARNs) > 0, calls},
		{"duration", e.Duration != 0, calls},
		{"provider_id", e.ProviderID != "", e.Kind == KindWebIdentity},
		{"external_id", e.ExternalID != "", e.Kind == KindAssumeRole},
		{"source_identity", e.SourceIdentity != "", e.Kind == KindAssumeRole},
		{"tags", len(e.Tags) > 0, e.Kind == KindAssumeRole},
		{"transitive_tag_keys", len(e.TransitiveTagKeys) > 0, e.Kind == KindAssumeRole},
		{"base", e.HasBase, e.Kind == KindAssumeRole},
	} {
		if f.given && !f.allows {
			errs.Add(path+"."+f.name, "does not belong to a source "+strconv.Quote(e.Kind))
		}
	}
	missing := func(name string, given bool) {
		if !given {
			errs.Add(path+"."+name, "missing; a source "+strconv.Quote(e.Kind)+" needs it")
		}
	}
	switch e.Kind {
	case KindStatic:
		missing("access_key_id", e.AccessKeyID.IsSet())
		missing("secret_access_key", e.SecretAccessKey.IsSet())
		if e.AccessKeyID.IsSet() && !printable(e.AccessKeyID.Reveal()) || !printable(e.SecretAccessKey.Reveal()) || !printable(e.SessionToken.Reveal()) {
			errs.Add(path, "want keys of visible ASCII characters")
		}
	case KindAssumeRole:
		missing("base", e.HasBase)
		if e.HasBase {
			e.Base.check(errs, path+".base", s)
			if e.Base.Kind == KindEnvironment && !s.hasEnvironment() {
				errs.Add(path+".base", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not among Envoy's environment_variables")
			}
			if e.Base.Kind == KindWebIdentity && e.Duration > time.Hour {
				errs.Add(path+".duration", "want at most 1h, as STS does for a role assumed from a session")
			}
		}
	}
	if !calls {
		return
	}
	missing("role_arn", e.RoleARN != "")
	if e.SessionName == "" {
		if e.SessionName = "gatehouse"; e.Kind == KindWebIdentity {
			e.SessionName = "%CLAIM(sub)%"
		}
	}
	c := new(source)
	c.compile(e, func(name string, err error) { errs.Add(path+"."+name, err.Error()) })
	if c.usesClaims && e.Kind == KindAssumeRole && e.HasBase && e.Base.Kind != KindWebIdentity && !s.ClaimsVerified {
		errs.Add(path, "claims in a role that is assumed without the token: nobody has verified them; want base.source \"web_identity\", or \"claims_verified\": true after a filter that verifies tokens")
	}
}

// needsToken tells whether the source applies only to requests with a token.
func (e *Source) needsToken() bool {
	c := new(source)
	c.compile(e, func(string, error) {})
	return c.needsToken || e.HasBase && e.Base.needsToken()
}

// compile makes a source's templates; fault gets what is wrong with each.
func (s *source) compile(e *Source, fault func(name string, err error)) {
	parse := func(name, text string, esc tmpl.Escape) *tmpl.Template {
		if text == "" {
			return nil
		}
		t, err := tmpl.Parse(text, esc, tmpl.Claims)
		if err != nil {
			fault(name, err)
			return nil
		}
		s.usesClaims = s.usesClaims || t.HasClaims()
		s.usesRequest = s.usesRequest || t.HasRequest()
		return t
	}
	s.kind, s.settings = e.Kind, e
	s.static.AccessKeyID = e.AccessKeyID.Reveal()
	s.static.SecretAccessKey = e.SecretAccessKey.Reveal()
	s.static.SessionToken = e.SessionToken.Reveal()
	s.role = parse("role_arn", e.RoleARN, tmpl.Name)
	if s.role != nil {
		if s.role.Sole() {
			s.role = parse("role_arn", e.RoleARN, tmpl.Header)
		}
		if s.role.Constant() && !credentials.IsRoleARN(e.RoleARN) {
			fault("role_arn", errors.New("want arn:partition:iam::account:role/name"))
		}
	}
	s.sessionName = parse("session_name", e.SessionName, tmpl.Text)
	s.policy = parse("policy", e.Policy, tmpl.Policy)
	s.sourceIdentity = parse("source_identity", e.SourceIdentity, tmpl.Text)
	for i, t := range e.Tags {
		s.tags = append(s.tags, parse("tags."+strconv.Itoa(i)+".value", t.Value, tmpl.Text))
	}
	s.needsToken = e.Kind == KindWebIdentity || s.usesClaims
}

var errForm = errors.New("")

// checkRegion is wide: S3-compatible stores have regions of any name.
func checkRegion(s string) error {
	if s == "" || !ValidHost(s) || strings.ContainsAny(s, ".:_[]") {
		return errForm
	}
	return nil
}

func checkAuthority(s string) error {
	if _, _, ok := SplitPort(s); !ok {
		return errForm
	}
	return nil
}

func checkPath(s string) error {
	if s == "" || s[0] != '/' || !msg.ValidHeaderValue(s) {
		return errForm
	}
	return nil
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
