package awssign

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// The filter state by which a dynamic_forward_proxy cluster is told where to go.
//
// Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/well_known_filter_state
const (
	stateHost = "envoy.upstream.dynamic_host"
	statePort = "envoy.upstream.dynamic_port"
)

// target is where a request goes and what it is signed for.
type target struct {
	authority string // of the signature
	rewrite   bool   // :authority becomes that too
	service   string
	region    string
	rules     int    // an index of ruled
	cluster   string // for the cluster header
}

// aim decides the target, as Config.aim, which is asked once for requests to one host
// after the other where the host alone decides.
func (x *exchange) aim(m filter.Message) filter.Word {
	f, c := x.Filter, x.config
	ofHost := !c.overrides && !c.UseAlteredTarget
	if ofHost {
		if authority, n := m.Header(":authority"); n == 1 && authority != "" && authority == f.aimedAt {
			x.target = f.aimed
			return ""
		}
	}
	t := new(target)
	x.target = t
	if w := c.aim(m, t); w != "" || !ofHost {
		return w
	}
	// The texts of a request lie in its memory: it shall not stay for them. Requests
	// that wait keep the target that they have.
	authority, _ := m.Header(":authority")
	f.aimedAt, f.aimed = strings.Clone(authority), t
	t.service, t.region = strings.Clone(t.service), strings.Clone(t.region)
	if c.Host == "" {
		t.authority = f.aimedAt
	}
	return ""
}

// aim decides the target. Only the request's own host and what the configuration
// says take part.
func (c *Config) aim(m filter.Message, t *target) filter.Word {
	authority, n := m.Header(":authority")
	if n != 1 {
		return BadHost
	}
	own, ownPort, ok := aws.SplitPort(authority)
	if !ok {
		return BadHost
	}
	t.authority = authority
	host, port := own, ownPort
	altered := false
	if c.UseAlteredTarget {
		if other, set := m.Property("filter_state", stateHost); set && other != "" {
			// An earlier filter has told the dynamic_forward_proxy cluster.
			if host, port, altered = aws.SplitPort(other); !altered {
				return BadHost
			}
		}
	}
	switch {
	case altered:
		t.authority, t.rewrite = join(host, port, c.OverrideProtocol), true
	case c.overrides:
		if c.host != nil {
			if host = string(c.host.Append(nil, m)); !aws.ValidHost(host) {
				return BadHost
			}
		}
		if c.OverridePort != 0 {
			port = strconv.Itoa(c.OverridePort)
		} else if c.host != nil {
			port = "" // the port of the request is another host's
		}
		t.authority, t.rewrite = join(host, port, c.OverrideProtocol), true
	case c.Host != "":
		t.authority = c.Host
		host, _, _ = aws.SplitPort(c.Host)
	}
	if !c.allowed.Has(host) {
		return HostNotAllowed
	}
	if t.service, t.region = c.Service, c.Region; t.service == "" || t.region == "" {
		service, region, _ := aws.ServiceOf(host)
		if t.service == "" {
			t.service = service
		}
		if t.region == "" {
			t.region = region
		}
		if t.service == "" || t.region == "" {
			return UnknownService
		}
	}
	t.rules = rulesOf(t.service)
	if c.Target.ClusterHeader != "" {
		if t.cluster = c.Target.HTTPSCluster; c.OverrideProtocol == "http" {
			t.cluster = c.Target.HTTPCluster
		}
	}
	if t.rewrite && !altered && c.Target.FilterState && !c.setState(m, host, port) {
		return TargetRefused
	}
	return ""
}

// ruled are services that stand for all that are signed by the same rules.
var ruled = [...]string{"", rulesOfS3: "s3", "aoss", "iotdevicegateway"}

const rulesOfS3 = 1

// rulesOf returns the index of a service's rules in ruled.
func rulesOf(service string) int {
	if sigv4.OptionsFor(service).KeepPath {
		return rulesOfS3
	}
	return max(0, slices.Index(ruled[:], service))
}

// setState must be called by OnRequest itself: see filter.Message.
func (c *Config) setState(m filter.Message, host, port string) bool {
	if port == "" {
		if port = "443"; c.OverrideProtocol == "http" {
			port = "80"
		}
	}
	return m.SetFilterState(stateHost, host) && m.SetFilterState(statePort, port)
}

// join adds a port to the host as clients do, and the original: not 80, not 443,
// unless it is the other protocol's.
func join(host, port, protocol string) string {
	if port == "" || port == "443" && protocol != "http" || port == "80" && protocol != "https" {
		return host
	}
	return host + ":" + port
}
