package aws

import (
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// Domains are those in which AWS's services have their hosts, in all partitions,
// as patterns of [Hosts]. Not all hosts in them are the account's own: anyone
// can have a bucket or a function URL.
//
// Source: https://docs.aws.amazon.com/general/latest/gr/rande.html
var Domains = []string{
	"*.amazonaws.com", "*.api.aws", "*.on.aws",
	"*.amazonaws.com.cn", "*.api.amazonwebservices.com.cn",
	"*.amazonaws.eu", "*.api.amazonwebservices.eu",
	"*.c2s.ic.gov", "*.sc2s.sgov.gov", "*.csp.hci.ic.gov", "*.cloud.adc-e.uk",
}

// Hosts is a list of host names, some of them with "*." in front that stands for
// one label or more, or "*" for every host.
type Hosts struct {
	exact, suffixes []string
	any             bool
}

// CompileHosts makes Hosts of patterns that [HostPattern] takes.
func CompileHosts(patterns []string) Hosts {
	var h Hosts
	for _, p := range patterns {
		p = msg.Lower(p)
		switch suffix, wild := strings.CutPrefix(p, "*"); {
		case p == "*":
			h.any = true
		case wild:
			h.suffixes = append(h.suffixes, suffix)
		default:
			h.exact = append(h.exact, p)
		}
	}
	return h
}

// HostPattern tells whether a text is a pattern of [Hosts].
func HostPattern(s string) bool {
	return s == "*" || ValidHost(strings.TrimPrefix(s, "*.")) && !strings.Contains(s, ":")
}

// Has tells whether a host name (no port, any case) is in the list.
func (h *Hosts) Has(host string) bool {
	if h.any {
		return true
	}
	host = msg.Lower(host)
	for _, e := range h.exact {
		if e == host {
			return true
		}
	}
	for _, s := range h.suffixes {
		if len(host) > len(s) && strings.HasSuffix(host, s) {
			return true
		}
	}
	return false
}

// ValidHost tells whether s is a host name or an address, without port: labels of
// letters, digits, "-" and "_" between single dots, or an IPv6 address in
// brackets.
func ValidHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		for i := 0; i < len(inner); i++ {
			if strings.IndexByte("0123456789abcdefABCDEF:.", inner[i]) < 0 {
				return false
			}
		}
		return ok && inner != ""
	}
	label := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.' && label > 0:
			label = 0
		case c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			label++
		default:
			return false
		}
	}
	return label > 0 && len(s) <= 253
}

// SplitPort takes the port off an authority: "a:80" is "a" and "80", "[::1]:80"
// is "[::1]" and "80". A port is digits; ok is false for anything else after the
// colon, and for a host that [ValidHost] refuses.
func SplitPort(authority string) (host, port string, ok bool) {
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && strings.IndexByte(authority[i:], ']') < 0 {
		host, port = authority[:i], authority[i+1:]
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return "", "", false
		}
	}
	return host, port, ValidHost(host)
}

// services are signing names that differ from the label in the host.
var services = map[string]string{
	"lambda-url":            "lambda",
	"appsync-api":           "appsync",
	"appsync-realtime-api":  "appsync",
	"email":                 "ses",
	"bedrock-runtime":       "bedrock",
	"bedrock-agent":         "bedrock",
	"bedrock-agent-runtime": "bedrock",
	"s3-control":            "s3",
	"s3-accesspoint":        "s3",
	"s3express-control":     "s3express",
	"pinpoint":              "mobiletargeting",
	"git-codecommit":        "codecommit",
	"transcribestreaming":   "transcribe",
}

// regionBefore are services with the region before their own label.
var regionBefore = map[string]bool{"es": true, "aoss": true, "cloudsearch": true}

// global are services whose host may have no region; they sign for us-east-1.
var global = map[string]bool{"s3": true, "sts": true, "iam": true, "cloudfront": true, "route53": true, "organizations": true}

// ServiceOf reads the signing name and the region from a host name (no port) in
// one of [Domains]; ok is false if they are not in it. Names of a service's own
// choice that the host does not show (iotdata, iotdevicegateway ...) must be
// configured.
func ServiceOf(host string) (service, region string, ok bool) {
	host = msg.Lower(host)
	rest := ""
	for _, d := range Domains {
		if before, cut := strings.CutSuffix(host, d[1:]); cut {
			rest = before
			break
		}
	}
	labels := strings.Split(rest, ".")
	pop := func() (last string) {
		if n := len(labels); n > 0 {
			last, labels = labels[n-1], labels[:n-1]
		}
		return last
	}
	last := pop()
	if last == "vpce" {
		last = pop()
	}
	switch {
	case isRegion(last):
		region, service = last, pop()
		if service == "dualstack" {
			service = pop()
		}
	case regionBefore[last] && len(labels) > 0 && isRegion(labels[len(labels)-1]):
		region, service = labels[len(labels)-1], last
	case strings.HasPrefix(last, "s3-") && isRegion(last[3:]): // until 2019
		region, service = last[3:], "s3"
	case global[last] && strings.HasSuffix(host, ".amazonaws.com"):
		region, service = "us-east-1", last
	}
	service = strings.TrimSuffix(service, "-fips")
	if strings.HasPrefix(service, "s3express-") && services[service] == "" {
		service = "s3express" // s3express-use1-az4, of a zone
	}
	if name := services[service]; name != "" {
		service = name
	}
	return service, region, service != "" && region != ""
}

// isRegion tells whether a label has the form of a region: us-east-1,
// us-gov-west-1, eusc-de-east-1.
func isRegion(s string) bool {
	parts := strings.Split(s, "-")
	if n := len(parts); n < 3 || n > 4 || len(parts[0]) < 2 || len(parts[0]) > 4 {
		return false
	}
	for i, p := range parts {
		set := "abcdefghijklmnopqrstuvwxyz"
		if i == len(parts)-1 {
			set = "0123456789"
		}
		if p == "" || strings.Trim(p, set) != "" {
			return false
		}
	}
	return true
}
