package awssign

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/tmpl"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// Config is the filter's configuration.
type Config struct {
	Profile string
	Enabled bool
	Mode    string
	Mount   string

	// What is signed for.
	Service, Region string
	Host            string
	AllowedHosts    []string

	// Where the request goes, in the downstream mount.
	OverrideHost     string
	OverridePort     int
	OverrideProtocol string
	UseAlteredTarget bool
	Target           targetConfig

	Credentials aws.Settings
	// The original's names for one web_identity source.
	RoleARN, RoleName, AccountID string

	PreserveAuthHeader    bool
	PreserveAuthHeaderKey string
	ReturnSTSError        bool

	// How it is signed.
	Payload            string
	TrustContentSHA256 bool
	MaxBodySize        int
	SignQuery          bool
	QueryExpires       time.Duration
	SignHeaders        []string
	SignAllHeaders     bool
	UnsignedHeaders    []string
	MaxClockSkew       time.Duration

	compiled
}

// compiled is what check makes of the texts, once a configuration.
type compiled struct {
	allowed   aws.Hosts
	host      *tmpl.Template // override_target_host
	overrides bool           // any override_target_*
	hashes    bool           // some bodies are hashed
}

type targetConfig struct {
	FilterState   bool
	ClusterHeader string
	HTTPSCluster  string
	HTTPCluster   string
}

// The values of enumerated settings.
const (
	profileNone = "gatehouse"
	profileLego = "lego-1.0.9"

	mountUpstream   = "upstream"
	mountDownstream = "downstream"

	payloadAuto     = "auto"
	payloadUnsigned = "unsigned"
	payloadHashed   = "hashed"
)

// presets are the profiles besides the default, as configurations.
var presets = map[string]string{
	profileLego: `{"mount": "downstream", "sts": {"endpoint": "global"}}`,
}

// signedHeaders are signed by default besides host and x-amz-*, where the request
// has them: those of the original, and what AWS asks for. Nothing between here
// and AWS has a reason to change them.
var signedHeaders = []string{"content-type", "content-length", "content-md5"}

// Fields declares every setting.
func (c *Config) Fields() conf.Fields {
	return slices.Concat(conf.Fields{
		conf.Enum("profile", &c.Profile, "`lego-1.0.9` starts from the behaviour of LEGO's Kong plugin. See Profile.", profileNone, profileLego).Default(profileNone),
		conf.Bool("enabled", &c.Enabled, "False lets every request pass as it came, as `disabled`; meant for the overlay of a route that does not lead to AWS.").Default("true"),
		conf.String("mode", &c.Mode, "`enforce` is all there is: a signer that only looks on would send unsigned requests.").Default("enforce").Check("\"enforce\" (a signer has no shadow mode: it would send requests unsigned)", checkMode).Pattern("^enforce$"),
		conf.Enum("mount", &c.Mount, "Where the filter is mounted: `upstream` as an HTTP filter of AWS's cluster, `downstream` in a listener. See Mounts.", mountUpstream, mountDownstream).Default(mountUpstream),

		conf.String("service", &c.Service, "Service to sign for, such as `s3`, `lambda`, `execute-api`. Without it, it is read from the host.").Check("a service's signing name", checkScope).Example("s3"),
		conf.Alias("aws_service", "service", "The original's name for `service`."),
		conf.String("region", &c.Region, "Region to sign for. Without it, it is read from the host.").Check("a region", checkScope).Example("eu-west-1"),
		conf.Alias("aws_region", "region", "The original's name for `region`."),
		conf.String("host", &c.Host, "Downstream: host to sign for, where route or cluster rewrite the host after this filter. Without it, the request's `:authority`.").Check("a host, which may have a port", checkAuthority).Example("s3.eu-west-1.amazonaws.com"),
		conf.Strings("allowed_hosts", &c.AllowedHosts, "Hosts that may be signed for: names, `*.suffix`, or `*` for any; ports do not count. Without it, those in AWS's own domains. `host` and a fixed `override_target_host` need not be listed unless this is given.").Check("a host name, *.suffix, or *", checkHosts).Example(`["*.s3.eu-west-1.amazonaws.com"]`),

		conf.String("override_target_host", &c.OverrideHost, "Downstream: host that the request goes to and is signed for; a template (values may have letters, digits, `.`, `-` and `_`), which needs `allowed_hosts`.").Check("a host without scheme and port", checkOverride).Example("abc123.lambda-url.eu-west-1.on.aws"),
		conf.Int("override_target_port", &c.OverridePort, "Downstream: its port.").Between("1", "65535").Example("8443"),
		conf.Enum("override_target_protocol", &c.OverrideProtocol, "Downstream: chooses between `target.https_cluster` and `target.http_cluster`.", "http", "https"),
		conf.Bool("use_altered_target", &c.UseAlteredTarget, "Downstream: where an earlier filter has set `envoy.upstream.dynamic_host`, sign for that host and override nothing.").Default("false"),
		conf.Object("target", conf.Fields{
			conf.Bool("filter_state", &c.Target.FilterState, "Tell a `dynamic_forward_proxy` cluster host and port, by the filter state `envoy.upstream.dynamic_host` and `dynamic_port`.").Default("true"),
			conf.HeaderName("cluster_header", &c.Target.ClusterHeader, "Header by which the route chooses the cluster (Envoy's `cluster_header`). A client's is always removed.").Example("x-gatehouse-cluster"),
			conf.String("https_cluster", &c.Target.HTTPSCluster, "Cluster with TLS.").Check("a cluster's name", checkCluster).Example("aws_tls"),
			conf.String("http_cluster", &c.Target.HTTPCluster, "Cluster without TLS.").Check("a cluster's name", checkCluster).Example("aws_plain"),
		}, "Downstream: how Envoy is told where an overridden request goes."),
	}, c.Credentials.Fields(), conf.Fields{
		conf.String("aws_assume_role_arn", &c.RoleARN, "The original's name for the `role_arn` of a single `web_identity` source."),
		conf.String("aws_account_id", &c.AccountID, "The original's other way to name it: the role `aws_assume_role_name` of this account.").Check("an account's number", checkAccount).Example("123456789012"),
		conf.String("aws_assume_role_name", &c.RoleName, "The original's name for that source's `session_name`, and with `aws_account_id` the role's name."),

		conf.Bool("preserve_auth_header", &c.PreserveAuthHeader, "Pass the token on to AWS, in `preserve_auth_header_key`, where a source uses tokens. Whoever reads AWS's logs, or runs the function behind, could then act as the user.").Default("false"),
		conf.HeaderName("preserve_auth_header_key", &c.PreserveAuthHeaderKey, "That header. A client's own is removed, with `preserve_auth_header` from every request that goes on.").Default("x-authorization"),
		conf.Bool("return_aws_sts_error", &c.ReturnSTSError, "Give clients STS's status and error.").Default("false"),

		conf.Enum("payload", &c.Payload, "What is signed for the body: its hash (`hashed`: the body is buffered first), nothing (`unsigned`: TLS alone protects it), or by service (`auto`: `unsigned` for S3 unless `override_target_protocol` is `http`, else `hashed`).", payloadAuto, payloadUnsigned, payloadHashed).Default(payloadAuto),
		conf.Bool("trust_content_sha256", &c.TrustContentSHA256, "Sign the hash that the client states in `x-amz-content-sha256`, without buffering; S3 holds the body against it. `UNSIGNED-PAYLOAD` counts only where `payload` says so too.").Default("false"),
		conf.Size("max_body_size", &c.MaxBodySize, "Largest body that is hashed; a larger one is answered 413. Must be below Envoy's buffer limit.").Default("1MiB").Between("0", "256MiB").Buffered(&c.hashes),
		conf.Bool("sign_query", &c.SignQuery, "Sign by query parameters instead of headers.").Default("false"),
		conf.Duration("query_expires", &c.QueryExpires, "How long such a query is valid, for whoever gets to see it.").Default("5m").Between("1s", "168h"),
		conf.Strings("sign_headers", &c.SignHeaders, "Headers to sign besides `host`, `x-amz-*`, `content-type`, `content-length` and `content-md5`: names, or `prefix*`. A signed header that anyone changes on the way is a 403.").Check("a header name, or a prefix ending in *", checkPattern).Example(`["range"]`),
		conf.Bool("sign_all_headers", &c.SignAllHeaders, "Sign all headers but those that proxies are known to change.").Default("false"),
		conf.Strings("unsigned_headers", &c.UnsignedHeaders, "`sign_all_headers`: headers not to sign, in the same form.").Check("a header name, or a prefix ending in *", checkPattern),
		conf.Duration("max_clock_skew", &c.MaxClockSkew, "Most by which the clock is corrected when AWS refuses a signature for its time. 0: not corrected.").Default("24h").Between("0s", "8760h"),
	})
}

func decode(data []byte, env func(string) (string, bool)) (*Config, error) {
	c := new(Config)
	check := func(errs *conf.Errors) { c.check(errs, env) }
	if err := conf.Decode(withPreset(data), c.Fields(), env, check); err != nil {
		return nil, err
	}
	return c, nil
}

// withPreset puts the profile's document under the configuration. What is not
// even an object with a known profile is left to conf.Decode's messages.
func withPreset(data []byte) []byte {
	v, err := jsonr.Parse(data, jsonr.Limits{})
	if err != nil {
		return data
	}
	profile, _ := v.Get("profile")
	preset := presets[profile.String()]
	if preset == "" {
		return data
	}
	merged, err := jsonr.Merge([]byte(preset), data)
	if err != nil {
		return data
	}
	return merged
}

// check holds the rules across fields and compiles what requests need.
func (c *Config) check(errs *conf.Errors, env func(string) (string, bool)) {
	c.takeOriginalNames(errs)
	c.checkTarget(errs)
	c.Credentials.Check(errs, c.Region, env)
	if c.PreserveAuthHeader {
		if c.PreserveAuthHeaderKey == "authorization" || identity.Forbidden(c.PreserveAuthHeaderKey) || strings.HasPrefix(c.PreserveAuthHeaderKey, "x-amz-") {
			errs.Add("preserve_auth_header_key", "want a header that is not authorization, x-amz-*, x-envoy-*, hop-by-hop or of the body's framing; got "+c.PreserveAuthHeaderKey)
		}
	}
	if identity.Forbidden(c.Credentials.AuthHeader) || strings.HasPrefix(c.Credentials.AuthHeader, "x-amz-") {
		errs.Add("auth_header", "want a header that is not x-amz-*, x-envoy-*, hop-by-hop or of the body's framing; got "+c.Credentials.AuthHeader)
	}
	c.hashes = !c.unsignedPayload(c.Service)
	if c.QueryExpires%time.Second != 0 {
		errs.Add("query_expires", "want whole seconds")
		return
	}
	if len(c.UnsignedHeaders) > 0 && !c.SignAllHeaders {
		errs.Add("unsigned_headers", "has no meaning unless sign_all_headers is set")
	}
	if _, err := c.newSigner(""); err != nil {
		list, fault, _ := strings.Cut(strings.TrimPrefix(err.Error(), "sigv4: "), ": ")
		path := "sign_headers"
		if list == "exclude" {
			path = "unsigned_headers"
		}
		errs.Add(path, fault)
	}
}

// takeOriginalNames makes a source of the original's names.
func (c *Config) takeOriginalNames(errs *conf.Errors) {
	if c.RoleARN == "" && c.RoleName == "" && c.AccountID == "" {
		return
	}
	if len(c.Credentials.Sources) > 0 {
		errs.Add("credentials", "given together with aws_assume_role_*, which are another name for one source")
		return
	}
	switch {
	case c.RoleARN != "" && c.AccountID != "":
		errs.Add("aws_account_id", "given together with aws_assume_role_arn; want one of them")
	case c.RoleARN == "" && c.AccountID == "":
		errs.Add("aws_assume_role_arn", "missing; give it, or aws_account_id")
	case c.RoleName == "":
		errs.Add("aws_assume_role_name", "missing; it names the session")
	}
	arn := c.RoleARN
	if arn == "" {
		arn = "arn:aws:iam::" + c.AccountID + ":role/" + c.RoleName
	}
	c.Credentials.Sources = append(c.Credentials.Sources, aws.Source{
		Kind: aws.KindWebIdentity, RoleARN: arn, SessionName: c.RoleName, Duration: time.Hour, Base: new(aws.Source),
	})
}

func (c *Config) checkTarget(errs *conf.Errors) {
	hosts, explicit := c.AllowedHosts, len(c.AllowedHosts) > 0
	if !explicit {
		hosts = aws.Domains
	}
	c.allowed = aws.CompileHosts(hosts)
	c.overrides = c.OverrideHost != "" || c.OverridePort != 0 || c.OverrideProtocol != ""
	if c.Mount == mountUpstream {
		for _, f := range [...]struct {
			name  string
			given bool
		}{
			{"host", c.Host != ""},
			{"override_target_host", c.OverrideHost != ""},
			{"override_target_port", c.OverridePort != 0},
			{"override_target_protocol", c.OverrideProtocol != ""},
			{"use_altered_target", c.UseAlteredTarget},
			{"target.cluster_header", c.Target.ClusterHeader != ""},
		} {
			if f.given {
				errs.Add(f.name, "in the upstream mount the cluster decides where a request goes: leave this out, or set mount to \"downstream\" and mount the filter in the listener")
			}
		}
		return
	}
	if c.OverrideHost != "" {
		t, err := tmpl.Parse(c.OverrideHost, tmpl.Name)
		if err != nil {
			errs.Add("override_target_host", err.Error())
			return
		}
		c.host = t
		if !t.Constant() && !explicit {
			errs.Add("allowed_hosts", "missing; want the hosts that requests may choose, since override_target_host is a template")
		}
		if t.Constant() && !aws.ValidHost(c.OverrideHost) {
			errs.Add("override_target_host", "want a host without scheme and port")
		}
	}
	if c.Host != "" && c.overrides {
		errs.Add("host", "given together with override_target_*, which set the host too")
	}
	for _, f := range [...][2]string{{"host", c.Host}, {"override_target_host", c.OverrideHost}} {
		name, _, ok := aws.SplitPort(f[1])
		if f[1] == "" || !ok || c.allowed.Has(name) {
			continue
		}
		if explicit {
			errs.Add(f[0], "want one of allowed_hosts; got "+name)
		} else {
			c.allowed = aws.CompileHosts(append([]string{name}, hosts...))
		}
	}
	t := &c.Target
	if t.ClusterHeader != "" && identity.Forbidden(t.ClusterHeader) {
		errs.Add("target.cluster_header", "want a header that is not x-envoy-*, hop-by-hop or of the body's framing; got "+t.ClusterHeader)
	}
	if t.ClusterHeader == "" && t.HTTPSCluster+t.HTTPCluster != "" {
		errs.Add("target.cluster_header", "missing; the clusters are chosen by it")
	}
	switch {
	case c.OverrideProtocol != "" && t.ClusterHeader == "":
		errs.Add("override_target_protocol", "want target.cluster_header and the two clusters: a filter cannot switch TLS on or off, it can only choose the cluster")
	case t.ClusterHeader != "" && c.OverrideProtocol == "http" && t.HTTPCluster == "":
		errs.Add("target.http_cluster", "missing")
	case t.ClusterHeader != "" && c.OverrideProtocol != "http" && t.HTTPSCluster == "":
		errs.Add("target.https_cluster", "missing")
	}
	if (c.OverrideHost != "" || c.OverridePort != 0) && !t.FilterState && t.ClusterHeader == "" {
		errs.Add("target", "want filter_state or cluster_header: otherwise the request is signed for a host that it does not go to")
	}
}

// EditsHeader implements filter.HeaderEditor.
func (f *Filter) EditsHeader(name string) bool {
	c := f.config
	switch name {
	case "authorization", "x-amz-date", "x-amz-security-token", contentSHA256:
		return true
	case ":authority":
		return c.overrides
	case ":path", originalPath:
		return c.SignQuery
	}
	return name == c.Target.ClusterHeader || name == c.Credentials.AuthHeader || c.PreserveAuthHeader && name == c.PreserveAuthHeaderKey
}

// newSigner makes the signer for the rules of a service, one of ruled.
func (c *Config) newSigner(service string) (*sigv4.Signer, error) {
	o := sigv4.OptionsFor(service)
	o.SignBody = true // every service takes the header; unsigned payloads need it
	o.SignBodyInQuery = true
	o.Expires = c.QueryExpires
	o.OnlyIncluded = !c.SignAllHeaders
	o.Include = slices.Concat(signedHeaders, c.SignHeaders)
	o.Exclude = slices.Concat(o.Exclude, c.UnsignedHeaders)
	o.OmitSessionToken = o.OmitSessionToken && c.SignQuery
	if c.SignAllHeaders {
		o.Include = c.SignHeaders
	}
	return sigv4.NewSigner(o)
}

// refuse answers a request that is not signed for another reason than
// credentials.
func (c *Config) refuse(w filter.Word) filter.Outcome {
	d := denial{word: w, status: 400, message: "Unable to SIGV4 the request!"}
	switch w {
	case BadHost:
		d.message = "The host is missing or malformed."
	case HostNotAllowed:
		d.status, d.message = 403, "The host is not allowed."
	case UnknownService:
		d.message = "The host names no known service and region."
	case TargetRefused:
		d.status = 500
	case ChunkSignatures:
		d.message = "Bodies with chunk signatures are not supported: send x-amz-content-sha256 UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER."
	case BadPayloadHash:
		d.message = "x-amz-content-sha256 is malformed."
	case BodyTooLarge:
		d.message = "Request body exceeds size limit and cannot be used by plugins."
		if d.status = 413; c.Profile == profileLego {
			d.status = 400
		}
	case BadUpgrade:
		d.message = "A tunnel cannot be signed."
	case Unsignable:
		if c.Profile == profileLego {
			d.status = 500
		}
	}
	return filter.Send(w, c.reply(d))
}

var errForm = errors.New("")

func checkMode(s string) error { return want(s == "enforce") }

func checkScope(s string) error {
	return want(s != "" && aws.ValidHost(s) && !strings.ContainsAny(s, "._:[]"))
}

func checkAuthority(s string) error {
	_, _, ok := aws.SplitPort(s)
	return want(ok)
}

func checkHosts(s string) error { return want(aws.HostPattern(s)) }

func checkOverride(s string) error {
	return want(s != "" && !strings.ContainsAny(s, "/ \t") && (strings.Contains(s, "%") || aws.ValidHost(s)))
}

func checkAccount(s string) error { return want(s != "" && strings.Trim(s, "0123456789") == "") }

func checkCluster(s string) error { return want(s != "" && !strings.ContainsAny(s, " \t\r\n")) }

func checkPattern(s string) error {
	name := strings.TrimSuffix(s, "*")
	for i := 0; i < len(name); i++ {
		c := name[i] | 0x20
		if (c < 'a' || c > 'z') && (name[i] < '0' || name[i] > '9') && name[i] != '-' && name[i] != '_' {
			return errForm
		}
	}
	return want(name != "")
}

func want(ok bool) error {
	if !ok {
		return errForm
	}
	return nil
}
