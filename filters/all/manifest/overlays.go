package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Overlay is the configuration that a route has for a filter, in its metadata:
// filter_metadata["gatehouse.<filter>"].config.
type Overlay struct {
	Filter string
	Where  string // what carries it, such as "route admin"
	Line   int    // from 1
	Config []byte // JSON, as it stands
	Fault  string // why a filter does not read it; Config is empty then
}

// VirtualHost is what the routes of a virtual host have to do with overlays.
type VirtualHost struct {
	Name    string
	Line    int                 // from 1
	Headers []string            // that its routes match on, in lower case
	routes  []map[string]string // the overlays of each, by filter
}

// Differ tells whether two of the routes have different overlays for a filter;
// having none is different from having one.
func (v *VirtualHost) Differ(filter string) bool {
	for _, r := range v.routes {
		if r[filter] != v.routes[0][filter] {
			return true
		}
	}
	return false
}

// FindOverlays returns the overlays in Envoy's configuration (bootstrap, route
// configuration, config dump), in Istio's EnvoyFilter and in Envoy Gateway's
// EnvoyPatchPolicy, and the virtual hosts there. A file without any is no error.
func FindOverlays(text []byte) ([]Overlay, []*VirtualHost, error) {
	docs, err := documents(text)
	if err != nil {
		return nil, nil, err
	}
	var o overlays
	for _, doc := range docs {
		if err := o.walk(doc, carrier{}, nil); err != nil {
			return nil, nil, err
		}
	}
	return o.found, o.hosts, nil
}

const (
	kindRoute  = "route"
	kindHost   = "virtual host"
	kindRoutes = "route configuration"
)

// namespace starts the keys of filter_metadata that are ours.
const namespace = "gatehouse."

// carrier is an object that can have metadata.
type carrier struct {
	kind string // empty: another one than those of routing
	name string
	set  map[string]string // of a route: collects its overlays by filter
}

func (c carrier) String() string {
	switch {
	case c.kind == "":
		return "metadata"
	case c.name == "":
		return c.kind
	}
	return c.kind + " " + c.name
}

type overlays struct {
	found  []Overlay
	hosts  []*VirtualHost
	budget budget
}

// patched are the objects that an EnvoyFilter patches.
var patched = map[string]string{"HTTP_ROUTE": kindRoute, "VIRTUAL_HOST": kindHost, "ROUTE_CONFIGURATION": kindRoutes}

// walk looks for metadata anywhere below a node. as is what the node is known to
// be, host the virtual host around it.
func (o *overlays) walk(n *yaml.Node, as carrier, host *VirtualHost) error {
	defer o.budget.leave()
	if err := o.budget.enter(); err != nil {
		return err
	}
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		for _, e := range n.Content {
			if err := o.walk(e, carrier{}, host); err != nil {
				return err
			}
		}
		return nil
	}
	if patch := value(n, "patch", "value"); patch != nil && value(n, "applyTo") != nil {
		host := value(n, "match", "routeConfiguration", "vhost")
		return o.walk(patch, carrier{
			kind: patched[scalar(value(n, "applyTo"))],
			name: first(scalar(value(host, "route", "name")), scalar(value(host, "name"))),
		}, nil)
	}
	if patch := value(n, "value"); patch != nil && value(n, "op") != nil {
		return o.jsonPatch(patch, scalar(value(n, "jsonPath")), scalar(value(n, "path")))
	}
	if name := scalar(value(n, "name")); as.name == "" {
		as.name = name
	}
	switch match := value(n, "match"); {
	case value(n, "virtual_hosts") != nil:
		as.kind = kindRoutes
	case value(n, "domains") != nil:
		as.kind = kindHost
		host = &VirtualHost{Name: as.name, Line: n.Line}
		o.hosts = append(o.hosts, host)
	case isRoute(n):
		as.kind = kindRoute
		as.set = map[string]string{}
		if host != nil {
			host.routes = append(host.routes, as.set)
			host.matchOn(match)
		}
	case host != nil && strings.HasSuffix(scalar(value(n, "@type")), ".HttpRequestHeaderMatchInput"):
		host.Headers = append(host.Headers, strings.ToLower(scalar(value(n, "header_name"))))
	}
	if own := value(n, "metadata", "filter_metadata"); own != nil {
		o.metadata(own, as)
	}
	for i := 1; i < len(n.Content); i += 2 {
		if err := o.walk(n.Content[i], carrier{}, host); err != nil {
			return err
		}
	}
	return nil
}

// isRoute tells a route from the other objects that match something.
func isRoute(n *yaml.Node) bool {
	if value(n, "match") == nil {
		return false
	}
	for _, action := range []string{"route", "redirect", "direct_response", "filter_action", "non_forwarding_action"} {
		if value(n, action) != nil {
			return true
		}
	}
	return false
}

func (v *VirtualHost) matchOn(match *yaml.Node) {
	headers := value(match, "headers")
	if headers == nil {
		return
	}
	for _, h := range headers.Content {
		v.Headers = append(v.Headers, strings.ToLower(scalar(value(h, "name"))))
	}
}

// jsonPatch takes one operation of RFC 6902, as EnvoyPatchPolicy has them. Its
// path may lead into metadata.
func (o *overlays) jsonPatch(patch *yaml.Node, jsonPath, path string) error {
	before, after, inside := strings.Cut("/"+strings.TrimPrefix(path, "/")+"/", "/metadata/")
	if !inside {
		return o.walk(patch, carrier{}, nil)
	}
	as := carrier{name: path}
	switch route := strings.Contains(jsonPath+before, "routes"); {
	case route:
		as.kind = kindRoute
	case strings.Contains(jsonPath+before, "virtual_hosts"):
		as.kind = kindHost
	}
	steps := strings.Split(strings.TrimSuffix(after, "/"), "/")
	for i, step := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	switch {
	case steps[0] == "":
		if own := value(patch, "filter_metadata"); own != nil {
			o.metadata(own, as)
		}
	case steps[0] != "filter_metadata":
	case len(steps) == 1:
		o.metadata(patch, as)
	case !strings.HasPrefix(steps[1], namespace):
	case len(steps) == 2:
		o.filter(steps[1], patch, as)
	case len(steps) == 3 && steps[2] == "config":
		o.config(steps[1], patch, as)
	default:
		o.fault(steps[1], patch, as, `want "config" with JSON text, and nothing else`)
	}
	return nil
}

// metadata takes filter_metadata.
func (o *overlays) metadata(n *yaml.Node, as carrier) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i].Value; strings.HasPrefix(key, namespace) {
			o.filter(key, follow(n.Content[i+1]), as)
		}
	}
}

// filter takes what filter_metadata has for one filter.
func (o *overlays) filter(key string, n *yaml.Node, as carrier) {
	config := value(n, "config")
	if config == nil || len(n.Content) != 2 {
		o.fault(key, n, as, `want "config" with JSON text, and nothing else`)
		return
	}
	o.config(key, config, as)
}

func (o *overlays) config(key string, n *yaml.Node, as carrier) {
	switch got := kindOf(n); {
	case as.kind != kindRoute:
		o.fault(key, n, as, "has no effect here: a filter reads the metadata of routes; give it to each route")
	case got != "a text":
		o.fault(key, n, as, "config: want JSON text, got "+got+"; a Wasm filter would get it without its types, and close the route")
	default:
		if as.set != nil {
			as.set[strings.TrimPrefix(key, namespace)] = n.Value
		}
		if n.Value != "" { // which is none
			o.add(Overlay{Config: []byte(n.Value)}, key, n, as)
		}
	}
}

func (o *overlays) fault(key string, n *yaml.Node, as carrier, text string) {
	o.add(Overlay{Fault: text}, key, n, as)
}

func (o *overlays) add(v Overlay, key string, n *yaml.Node, as carrier) {
	v.Filter, v.Where, v.Line = strings.TrimPrefix(key, namespace), as.String(), n.Line
	o.found = append(o.found, v)
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a struct"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "null"
	case n.Tag == "!!bool":
		return "a boolean"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	default:
		return "a text"
	}
}
