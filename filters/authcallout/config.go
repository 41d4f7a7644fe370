package authcallout

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/tmpl"
)

// Config is the filter's configuration. The defaults are those of the profile
// kong-custom-auth; another profile is a document that lies under the user's.
type Config struct {
	Profile string

	// The callout.
	Cluster, Authority string
	AuthHost           string
	AuthPort           int
	Path               string
	AppendPath         bool
	Method             string
	BodyTemplate       string
	BodyContentType    string
	ForwardBody        bool
	MaxBodySize        int
	PartialBody        bool
	Timeout            time.Duration
	Retries            int
	RetryOn            string
	MaxReplySize       int
	MaxConcurrent      int

	// What the auth service is sent.
	TokenHeader      string
	RequireToken     bool
	TokenScheme      string
	AllowedHeaders   []string
	DisallowedHeader []string
	HeadersToAdd     [][2]string
	SecretHeaders    []secretHeader
	Forwarded        string

	// The decision.
	AllowStatus  []conf.StatusRange
	ErrorStatus  []conf.StatusRange
	AllowField   string
	AllowValues  []string
	Only, Except []rule
	Ambiguous    []string

	// After the decision.
	UpstreamHeaders       []string
	UpstreamHeadersAppend []string
	HeadersFromJSON       []jsonHeader
	HeadersToRemove       []string
	RemovalHeader         string
	IdentityHeaders       []string
	ClientOnSuccess       []string
	ClientOnDenial        []string

	Deny            deny
	FailureMode     string
	StatusOnError   int
	FailureHeader   bool
	WWWAuthenticate string
	Recheck         bool
	Mode            string
	Enabled         bool
	Cache           cacheConfig

	compiled
}

// compiled is what check makes of the texts, once a configuration.
type compiled struct {
	path, authority, body   *tmpl.Template
	add                     []headerTemplate
	allowed, disallowed     msg.Patterns
	onSuccess, onDenial     msg.Patterns
	strip                   *identity.Names
	ambiguity               msg.Ambiguity
	needsJSON, originalVerb bool

	fixedPath, fixedAuthority bool // whatever the request
}

type secretHeader struct {
	Name  string
	Value secret.Value
}

type headerTemplate struct {
	name  string
	value *tmpl.Template
}

type jsonHeader struct {
	Header, Field string
	Append        bool
}

type rule struct {
	Path, PathPrefix string
	Methods          []string
	Headers          [][2]string
}

type deny struct {
	Status      int
	PassStatus  bool
	PassBody    bool
	MaxBodySize int
	Body        string
	ContentType string
	Headers     [][2]string
}

type cacheConfig struct {
	On                  bool
	Lifetime            string
	TTL, MinTTL, MaxTTL time.Duration
	NegativeTTL         time.Duration
	StaleIfError        time.Duration
	MaxEntries, MaxSize int
	Shared              bool
	SharedSlots         int
	MaxWaiters          int
}

// The values of enumerated settings.
const (
	profileKong    = "kong-custom-auth"
	profileExt     = "ext-authz"
	profileForward = "forward-auth"

	forwardedNone      = "none"
	forwardedXForward  = "x-forwarded"
	forwardedXOriginal = "x-original"

	failClosed = "closed"
	failOpen   = "open"

	methodOriginal = "original"

	modeEnforce = "enforce"
	modeShadow  = "shadow"

	lifetimeFromReply = "cache_control"
	lifetimeFixed     = "fixed"
)

// presets are the profiles besides the default, as configurations.
var presets = map[string]string{
	profileExt: `{
  "method": "original", "append_path": true, "authority": "%AUTHORITY%", "body_template": "",
  "require_token": false, "token_scheme": "",
  "error_status": ["5xx"], "status_on_error": 403,
  "allowed_client_headers": ["*"], "headers_to_remove_header": "x-envoy-auth-headers-to-remove",
  "deny": {"status": 403, "pass_status": true, "pass_body": true}
}`,
	profileForward: `{
  "method": "GET", "body_template": "",
  "require_token": false, "token_scheme": "",
  "allowed_headers": ["*"], "forwarded_headers": "x-forwarded",
  "allow_status": ["2xx"], "error_status": ["5xx"],
  "allowed_client_headers": ["*"],
  "deny": {"pass_status": true, "pass_body": true}
}`,
}

// Fields declares every setting.
func (c *Config) Fields() conf.Fields {
	return conf.Fields{
		conf.Enum("profile", &c.Profile, "Whose behaviour the other settings start from: the Kong plugin (the defaults of this table), Envoy's `ext_authz` over HTTP, or Traefik's ForwardAuth. See Profiles.", profileKong, profileExt, profileForward).Default(profileKong),

		conf.Bool("enabled", &c.Enabled, "False lets every request pass as `disabled`; meant for the overlay of a route. Identity headers are removed all the same.").Default("true"),
		conf.Enum("mode", &c.Mode, "`shadow` asks, decides, counts and logs, but neither denies nor edits, except that identity headers are removed. See Shadow mode.", modeEnforce, modeShadow).Default(modeEnforce),

		conf.String("cluster", &c.Cluster, "Envoy cluster of the auth service. Without it: `auth_host:auth_port`.").Example("auth"),
		conf.String("authority", &c.Authority, "`:authority` of the callout; a template. Without it: `auth_host:auth_port`, else the cluster's name, or what follows its last `|` (Istio)."),
		conf.String("auth_host", &c.AuthHost, "Kong's name for the host of the auth service.").Example("testapi.default"),
		conf.Int("auth_port", &c.AuthPort, "Kong's name for its port.").Between("1", "65535").Example("8080"),
		conf.String("path", &c.Path, "Path of the callout, with query if any; a template (values are percent-encoded).").Default("/").Example("/apikey-simple/verify"),
		conf.Alias("auth_urlpath", "path", "Kong's name for `path`."),
		conf.Bool("append_path", &c.AppendPath, "Append the request's own path and query, as they came, to `path`.").Default("false"),
		conf.String("method", &c.Method, "Method of the callout; `original` is the request's own.").Default("POST").Check("a method in capitals, or \"original\"", checkMethod),
		conf.String("body_template", &c.BodyTemplate, "Body of the callout, a template. Empty: none.").Default(`{"path":"%PATH%","raw_query":"%RAW_QUERY%"}`),
		conf.String("body_content_type", &c.BodyContentType, "Content type of that body. If it is JSON, the template must be JSON and values are escaped for it.").Default("application/json"),
		conf.Bool("forward_body", &c.ForwardBody, "Send the request's own body instead of `body_template`. Needs `allow_on_headers_stop_iteration`. Upgrades and CONNECT have no body to send.").Default("false"),
		conf.Size("max_body_size", &c.MaxBodySize, "Largest body that `forward_body` takes; a larger one is answered 413. Must be below Envoy's buffer limit.").Default("64KiB").Between("1", "64MiB").Buffered(&c.ForwardBody),
		conf.Bool("partial_body", &c.PartialBody, "Send the first `max_body_size` bytes of a larger body instead of answering 413.").Default("false"),
		conf.Duration("timeout", &c.Timeout, "How long the auth service may take, over all retries.").Default("1s").Between("1ms", "60s"),
		conf.Int("retries", &c.Retries, "How often Envoy repeats a callout that failed in a way named by `retry_on`.").Default("0").Between("0", "10"),
		conf.String("retry_on", &c.RetryOn, "Envoy's `x-envoy-retry-on` conditions.").Default("connect-failure,refused-stream,reset,gateway-error"),
		conf.Size("max_reply_size", &c.MaxReplySize, "Largest body of an answer. Set Envoy's runtime key `http.async_response_buffer_limit` above it.").Default("64KiB").Between("0", "16MiB"),
		conf.Int("max_concurrent_callouts", &c.MaxConcurrent, "Callouts that a worker has in flight at most; 0 is no cap.").Default("1024").Between("0", "1000000"),

		conf.HeaderName("token_header", &c.TokenHeader, "Header of the token (`cookie` is none: it holds several). It is sent to the auth service as it came; twice is answered 400.").Default("authorization"),
		conf.Bool("require_token", &c.RequireToken, "Answer 401 without a callout when the token is missing.").Default("true"),
		conf.String("token_scheme", &c.TokenScheme, "Scheme that the token must have, before one space, in this very case; another one is answered 401 without a callout. Empty: any.").Default("Bearer"),
		conf.Strings("allowed_headers", &c.AllowedHeaders, "Request headers sent to the auth service besides the token: names, `prefix*`, or `*`. Hop-by-hop headers, `x-envoy-*` and what the client claims in `x-forwarded-*`, `x-original-*`, `forwarded` and `x-real-ip` never are.").Check("a header name, a prefix ending in *, or *", checkPattern),
		conf.Strings("disallowed_headers", &c.DisallowedHeader, "Exceptions from `allowed_headers`, in the same form.").Check("a header name, a prefix ending in *, or *", checkPattern),
		conf.Pairs("headers_to_add", &c.HeadersToAdd, "Headers sent to the auth service; the values are templates."),
		conf.List("secret_headers", "Headers sent to the auth service whose values are secrets.", func() conf.Fields {
			c.SecretHeaders = append(c.SecretHeaders, secretHeader{})
			h := &c.SecretHeaders[len(c.SecretHeaders)-1]
			return conf.Fields{
				conf.HeaderName("name", &h.Name, "Header name.").Required().Example("x-api-key"),
				conf.Secret("value", &h.Value, "Its value.").Required(),
			}
		}),
		conf.Enum("forwarded_headers", &c.Forwarded, "Tell the auth service about the request: `x-forwarded` sends `x-forwarded-method`, `-proto`, `-host`, `-uri` and `-for`; `x-original` sends `x-original-method` and `x-original-url`.", forwardedNone, forwardedXForward, forwardedXOriginal).Default(forwardedNone),

		conf.Statuses("allow_status", &c.AllowStatus, "Status of an answer that lets the request pass.").Default(`["200"]`),
		conf.Statuses("error_status", &c.ErrorStatus, "Status of an answer that counts as a failure of the auth service (`failure_mode`) instead of a denial."),
		conf.JSONPath("allow_field", &c.AllowField, "Field of the JSON answer that must also agree, such as `result.allow`."),
		conf.Strings("allow_values", &c.AllowValues, "Values of that field that let the request pass, as text.").Default(`["true"]`),
		ruleList("only", &c.Only, "Check only requests that match one of these rules; the others pass as `skipped`."),
		ruleList("except", &c.Except, "Let requests that match one of these rules pass as `skipped`. A path with encoded slashes, dot segments, double slashes or `;` never matches."),
		conf.Strings("reject_ambiguous_paths", &c.Ambiguous, "Answer 400 to paths that hops may read differently: any of "+ambiguityList()+".").Check("one of "+ambiguityList(), checkAmbiguity),

		conf.HeaderNames("allowed_upstream_headers", &c.UpstreamHeaders, "Headers of the answer set on the request. What the client sent under these names, in any spelling, is always removed."),
		conf.HeaderNames("allowed_upstream_headers_to_append", &c.UpstreamHeadersAppend, "Headers of the answer appended to the request's own."),
		conf.List("headers_from_json", "Headers set on the request from fields of the JSON answer; the client's are always removed.", func() conf.Fields {
			c.HeadersFromJSON = append(c.HeadersFromJSON, jsonHeader{})
			h := &c.HeadersFromJSON[len(c.HeadersFromJSON)-1]
			return conf.Fields{
				conf.HeaderName("header", &h.Header, "Header name.").Required().Example("x-user-id"),
				conf.JSONPath("field", &h.Field, "Field of the answer: a text, number or boolean. Missing or null sets nothing.").Required().Example("userUuid"),
				conf.Bool("append", &h.Append, "Append to the request's header instead.").Default("false"),
			}
		}),
		conf.HeaderNames("headers_to_remove", &c.HeadersToRemove, "Request headers removed before the request goes on, such as the token's."),
		conf.HeaderName("headers_to_remove_header", &c.RemovalHeader, "Header of the answer that lists further ones to remove, by comma."),
		conf.HeaderNames("identity_headers", &c.IdentityHeaders, "Further headers that only this filter may set: a client's are removed from every request, also where no check is made."),
		conf.Strings("allowed_client_headers_on_success", &c.ClientOnSuccess, "Headers of the answer added to the response of a request that passed: names, `prefix*` or `*`.").Check("a header name, a prefix ending in *, or *", checkPattern),
		conf.Strings("allowed_client_headers", &c.ClientOnDenial, "Headers of the answer that a denial passes to the client, in the same form.").Check("a header name, a prefix ending in *, or *", checkPattern),

		conf.Object("deny", conf.Fields{
			conf.StatusCode("status", &c.Deny.Status, "Status of a denial.").Default("401").Between("400", "599"),
			conf.Bool("pass_status", &c.Deny.PassStatus, "Use the answer's status instead, if it is 300 to 599.").Default("false"),
			conf.Bool("pass_body", &c.Deny.PassBody, "Pass the answer's body and content type.").Default("false"),
			conf.Size("max_body_size", &c.Deny.MaxBodySize, "A longer body is not passed.").Default("8KiB").Between("0", "1MiB"),
			conf.String("body", &c.Deny.Body, "Fixed body, if none is passed."),
			conf.String("content_type", &c.Deny.ContentType, "Content type of the fixed body.").Default("text/plain; charset=utf-8"),
			conf.Pairs("headers", &c.Deny.Headers, "Fixed headers."),
		}, "What a denied request gets."),
		conf.Enum("failure_mode", &c.FailureMode, "When the auth service fails: `closed` answers `status_on_error`; `open` lets the request pass as `failed_open`, counted and logged.", failClosed, failOpen).Default(failClosed),
		conf.StatusCode("status_on_error", &c.StatusOnError, "Status when the auth service fails.").Default("500").Between("400", "599"),
		conf.Bool("failure_mode_allow_header_add", &c.FailureHeader, "Mark requests that passed as `failed_open` with `x-envoy-auth-failure-mode-allowed: true`.").Default("false"),
		conf.Optional("cache", &c.Cache.On, conf.Fields{
			conf.Enum("lifetime", &c.Cache.Lifetime, "`cache_control`: as the answer's `cache-control`, `expires`, `age` and `date` say (RFC 9111); `no-store`, `no-cache` and `private` forbid. `fixed`: `ttl`, whatever the answer says.", lifetimeFromReply, lifetimeFixed).Default(lifetimeFromReply),
			conf.Duration("ttl", &c.Cache.TTL, "How long a verdict is kept that is `fixed` or whose answer does not say. 0: not.").Default("0s").Between("0s", "24h"),
			conf.Duration("min_ttl", &c.Cache.MinTTL, "Least lifetime of an answer that gives one.").Default("0s").Between("0s", "24h"),
			conf.Duration("max_ttl", &c.Cache.MaxTTL, "Most lifetime of an answer that gives one. A revoked token lives on that long.").Default("5m").Between("0s", "24h"),
			conf.Duration("negative_ttl", &c.Cache.NegativeTTL, "Most lifetime of a denial. 0: denials are not kept.").Default("0s").Between("0s", "24h"),
			conf.Duration("stale_if_error", &c.Cache.StaleIfError, "How long after its end a verdict still answers while the auth service fails; an answer's own `stale-if-error` or `must-revalidate` can only shorten it.").Default("0s").Between("0s", "24h"),
			conf.Int("max_entries", &c.Cache.MaxEntries, "Verdicts kept by a worker.").Default("10000").Between("1", "1000000"),
			conf.Size("max_size", &c.Cache.MaxSize, "Memory for them.").Default("8MiB").Between("64KiB", "1GiB"),
			conf.Bool("shared", &c.Cache.Shared, "Also keep verdicts in Envoy's shared data, for all workers of the `vm_id`.").Default("false"),
			conf.Int("shared_slots", &c.Cache.SharedSlots, "Verdicts kept there; each takes up to 4 KiB.").Default("4096").Between("1", "65536"),
			conf.Int("max_waiters", &c.Cache.MaxWaiters, "Requests of a worker that wait for one callout that asks the same.").Default("1000").Between("0", "1000000"),
		}, "Keep verdicts, and ask once for requests that ask the same at the same time. Off unless given, if only as `{}`. See Decision cache."),
		conf.Bool("recheck", &c.Recheck, "This is a second mount of the filter: decide again only about requests whose route has another overlay than when the first mount decided. See Limits.").Default("false"),
		conf.String("www_authenticate", &c.WWWAuthenticate, "Challenge of a 401 to which the auth service gave none (RFC 9110, section 11.6.1).").Default("Bearer").Check("a header value", checkValue),
	}
}

func ruleList(name string, rules *[]rule, doc string) *conf.Field {
	return conf.List(name, doc, func() conf.Fields {
		*rules = append(*rules, rule{})
		r := &(*rules)[len(*rules)-1]
		return conf.Fields{
			conf.String("path", &r.Path, "The whole path, without query; `/a` is not `/a/`."),
			conf.String("path_prefix", &r.PathPrefix, "First segments of the path: `/a` matches `/a` and `/a/b`, not `/ab`."),
			conf.Strings("methods", &r.Methods, "One of these methods, as Envoy has it; an upstream that obeys `x-http-method-override` may see another."),
			conf.Pairs("headers", &r.Headers, "All of these headers; the value `*` is any. With one that occurs twice a request is checked."),
		}
	})
}

// load decodes a configuration; it is the plugin's Load.
func load(data []byte, host filter.Host) (filter.Filter, error) {
	c, err := decode(data, host.Env)
	if err != nil {
		return nil, err
	}
	return &Filter{config: c, metrics: newMetrics(host), host: host, cache: c.newCache(data, host.Shared())}, nil
}

func decode(data []byte, env func(string) (string, bool)) (*Config, error) {
	data, err := withPreset(data)
	if err != nil {
		return nil, err
	}
	c := new(Config)
	if err := conf.Decode(data, c.Fields(), env, c.check); err != nil {
		return nil, err
	}
	return c, nil
}

// withPreset puts the profile's document under the configuration. What is not
// even an object with a known profile is left to conf.Decode's messages.
func withPreset(data []byte) ([]byte, error) {
	v, err := jsonr.Parse(data, jsonr.Limits{})
	if err != nil {
		return data, nil
	}
	profile, ok := v.Get("profile")
	if !ok || presets[profile.String()] == "" {
		return data, nil
	}
	return jsonr.Merge([]byte(presets[profile.String()]), data)
}

// check holds the rules across fields and compiles what requests need.
func (c *Config) check(errs *conf.Errors) {
	c.resolveNames(errs)
	c.compileTemplates(errs)
	for i, r := range c.Only {
		r.check(errs, "only."+strconv.Itoa(i))
	}
	for i, r := range c.Except {
		r.check(errs, "except."+strconv.Itoa(i))
	}
	if c.ForwardBody && c.PartialBody && c.Method == "GET" {
		errs.Add("method", "want a method with a body, since forward_body is set; got GET")
	}
	if c.TokenHeader == "cookie" {
		errs.Add("token_header", "want a header with one token in it; got cookie")
	}
	for i, h := range c.SecretHeaders {
		if identity.Forbidden(h.Name) {
			errs.Add("secret_headers."+strconv.Itoa(i)+".name", "want a header that is no pseudo-header, hop-by-hop or x-envoy-*; got "+h.Name)
		}
		if !msg.ValidHeaderValue(h.Value.Reveal()) {
			errs.Add("secret_headers."+strconv.Itoa(i)+".value", "want a header value without control characters")
		}
	}
	c.checkMutations(errs)
	for _, w := range c.Ambiguous {
		a, _ := msg.ParseAmbiguity(w)
		c.ambiguity |= a
	}
	if c.Cache.On && c.Cache.MinTTL > c.Cache.MaxTTL {
		errs.Add("cache.min_ttl", "want at most cache.max_ttl")
	}
	c.allowed, c.disallowed = msg.CompilePatterns(c.AllowedHeaders), msg.CompilePatterns(c.DisallowedHeader)
	c.onSuccess, c.onDenial = msg.CompilePatterns(c.ClientOnSuccess), msg.CompilePatterns(c.ClientOnDenial)
	c.needsJSON = c.AllowField != "" || len(c.HeadersFromJSON) > 0
	c.originalVerb = c.Method == methodOriginal
}

// resolveNames fills cluster and authority from Kong's names.
func (c *Config) resolveNames(errs *conf.Errors) {
	kong := ""
	if c.AuthHost != "" && c.AuthPort != 0 {
		kong = c.AuthHost + ":" + strconv.Itoa(c.AuthPort)
	}
	if c.Cluster == "" {
		c.Cluster = kong
	}
	if c.Cluster == "" {
		errs.Add("cluster", "missing; give it, or auth_host and auth_port")
		return
	}
	if c.Authority == "" {
		c.Authority = kong
	}
	if c.Authority != "" {
		return
	}
	// Istio's "outbound|8080||host" names its host at the end.
	c.Authority = c.Cluster[strings.LastIndexByte(c.Cluster, '|')+1:]
	if !isHost(c.Authority) {
		errs.Add("authority", "missing; the cluster's name is no host name")
	}
}

func isHost(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-:[]", rune(c)) {
			return false
		}
	}
	return s != ""
}

func (c *Config) compileTemplates(errs *conf.Errors) {
	parse := func(path, text string, esc tmpl.Escape) *tmpl.Template {
		t, err := tmpl.Parse(text, esc)
		if err != nil {
			errs.Add(path, err.Error())
		}
		return t
	}
	if c.AppendPath && c.Path == "/" {
		c.Path = "" // the request's own path has its slash
	}
	c.path = parse("path", c.Path, tmpl.URL)
	if !c.AppendPath && !strings.HasPrefix(c.Path, "/") || c.AppendPath && c.Path != "" && !strings.HasPrefix(c.Path, "/") {
		errs.Add("path", "want a path that starts with /")
	}
	if c.AppendPath && strings.ContainsAny(c.Path, "?#") {
		errs.Add("path", "want a path without query, since append_path is set")
	}
	c.authority = parse("authority", c.Authority, tmpl.Header)
	c.fixedPath = c.path != nil && c.path.Constant()
	c.fixedAuthority = c.authority != nil && c.authority.Constant()
	if c.BodyTemplate != "" && !c.ForwardBody {
		esc := tmpl.Text
		if isJSON(c.BodyContentType) {
			esc = tmpl.JSON
		} else if msg.MediaType(c.BodyContentType) == "application/x-www-form-urlencoded" {
			esc = tmpl.URL
		}
		c.body = parse("body_template", c.BodyTemplate, esc)
	}
	for _, h := range c.HeadersToAdd {
		path := "headers_to_add." + h[0]
		if identity.Forbidden(h[0]) || h[0] == "content-type" {
			errs.Add(path, "want a header that is no pseudo-header, content-type, hop-by-hop or x-envoy-*")
		}
		c.add = append(c.add, headerTemplate{h[0], parse(path, h[1], tmpl.Header)})
	}
}

func isJSON(contentType string) bool {
	t := msg.MediaType(contentType)
	return t == "application/json" || strings.HasSuffix(t, "+json")
}

// checkMutations refuses names that an auth service must not set, and collects
// those that a client must not send.
func (c *Config) checkMutations(errs *conf.Errors) {
	forbidden := func(path, name string) {
		if identity.Forbidden(name) {
			errs.Add(path, "want a header that is no pseudo-header, host, content-length, hop-by-hop or x-envoy-*; got "+name)
		}
	}
	var strip []string
	for i, n := range c.UpstreamHeaders {
		forbidden("allowed_upstream_headers."+strconv.Itoa(i), n)
		strip = append(strip, n)
	}
	for i, n := range c.UpstreamHeadersAppend {
		forbidden("allowed_upstream_headers_to_append."+strconv.Itoa(i), n)
	}
	for i, h := range c.HeadersFromJSON {
		forbidden("headers_from_json."+strconv.Itoa(i)+".header", h.Header)
		if !h.Append {
			strip = append(strip, h.Header)
		}
	}
	for i, n := range c.HeadersToRemove {
		forbidden("headers_to_remove."+strconv.Itoa(i), n)
	}
	for i, n := range c.IdentityHeaders {
		forbidden("identity_headers."+strconv.Itoa(i), n)
		strip = append(strip, n)
	}
	if len(*errs) > 0 {
		return
	}
	names, err := identity.Compile(strip...)
	if err != nil {
		errs.Add("identity_headers", err.Error())
	}
	c.strip = names
}

// EditsHeader implements filter.HeaderEditor. What headers_to_remove_header will
// name is not known.
func (f *Filter) EditsHeader(name string) bool {
	c := f.config
	for _, h := range c.HeadersFromJSON {
		if h.Header == name {
			return true
		}
	}
	return c.strip.Has(name) || slices.Contains(c.UpstreamHeadersAppend, name) || slices.Contains(c.HeadersToRemove, name)
}

func (r *rule) check(errs *conf.Errors, path string) {
	if r.Path == "" && r.PathPrefix == "" && len(r.Methods) == 0 && len(r.Headers) == 0 {
		errs.Add(path, "want at least one of path, path_prefix, methods, headers; an empty rule matches everything")
	}
	for _, p := range [...][2]string{{"path", r.Path}, {"path_prefix", r.PathPrefix}} {
		if p[1] != "" && !strings.HasPrefix(p[1], "/") {
			errs.Add(path+"."+p[0], "want a path that starts with /")
		}
	}
	for i, m := range r.Methods {
		if checkMethod(m) != nil || m == methodOriginal {
			errs.Add(path+".methods."+strconv.Itoa(i), "want a method in capitals")
		}
	}
}

var errForm = errors.New("")

func checkMethod(s string) error {
	if s == methodOriginal {
		return nil
	}
	if s == "" || strings.ToUpper(s) != s || !msg.ValidHeaderName(s) || s == "CONNECT" {
		return errForm
	}
	return nil
}

func checkPattern(s string) error {
	name := strings.TrimSuffix(s, "*")
	if s == "" || name != "" && !msg.ValidHeaderName(name) || strings.Contains(name, "*") {
		return errForm
	}
	return nil
}

func checkValue(s string) error {
	if !msg.ValidHeaderValue(s) {
		return errForm
	}
	return nil
}

func checkAmbiguity(s string) error {
	if _, ok := msg.ParseAmbiguity(s); !ok {
		return errForm
	}
	return nil
}

func ambiguityList() string { return "`" + strings.Join(msg.AmbiguityWords(), "`, `") + "`" }
