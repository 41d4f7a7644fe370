package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Node is a piece of an Envoy configuration in its JSON form, for what the types
// of this file do not name.
type Node = map[string]any

// Listener is one listener on a free port of the loopback interface, hardened
// as the shipped samples are.
type Listener struct {
	Name       string
	Port       int      // 0 takes a free one
	Plugins    []Plugin // in the order of the filter chain
	Routes     []Node   // Envoy's Route messages; default: all to the cluster "echo"
	HTTP       Node     // added to, or replacing, fields of the HTTP connection manager
	BufferSize int      // per_connection_buffer_limit_bytes; 0 leaves Envoy's 1 MiB
	TLS        Node     // a DownstreamTlsContext; nil: plain text
}

// Plugin is one filter of ours in a chain.
type Plugin struct {
	Name     string // in the chain; default: gatehouse.<filter>
	Filter   string // root_id, and the module of that name unless Module says otherwise
	Module   string // a file of dist/ without .wasm
	Config   string // JSON text
	Body     bool   // allow_on_headers_stop_iteration
	Env      map[string]string
	HostEnv  []string // names of Envoy's own environment that the VM gets
	VM       string   // vm_id; plugins with the same module and vm_id share a VM
	FailOpen bool     // failure_policy FAIL_OPEN instead of FAIL_RELOAD
	Allowed  []string // capabilities; nil: all
	Native   Node     // a filter of Envoy's own instead, as its HttpFilter message
}

// Cluster is one upstream.
type Cluster struct {
	Name  string
	Addr  string // host:port on the loopback interface
	HTTP2 bool
	// Upstream HTTP filters.
	Plugins []Plugin
	Extra   Node // added to, or replacing, fields of the Cluster message
}

// Bootstrap is a whole configuration. With Dynamic, listeners and clusters come
// from files below Dir, and Envoy.Update replaces them while it runs.
type Bootstrap struct {
	Dir       string
	Listeners []Listener
	Clusters  []Cluster
	Dynamic   bool
	Extra     Node // added to, or replacing, top-level fields
}

// accessLogFormat is what one line of access.log holds, as JSON. The filter's
// verdict comes from its filter state.
var accessLogFormat = Node{
	"listener": "%FILTER_CHAIN_NAME%",
	"method":   "%REQ(:METHOD)%",
	"path":     "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
	"case":     "%REQ(X-CASE)%",
	"status":   "%RESPONSE_CODE%",
	"details":  "%RESPONSE_CODE_DETAILS%",
	"flags":    "%RESPONSE_FLAGS%",
	"verdict":  "%FILTER_STATE(wasm.gatehouse.authcallout:PLAIN)%",
	"awssign":  "%FILTER_STATE(wasm.gatehouse.awssign:PLAIN)%",
}

// JSON renders the configuration for Options.Bootstrap.
func (b Bootstrap) JSON() ([]byte, error) {
	listeners, err := listenerNodes(b.Dir, b.Listeners)
	if err != nil {
		return nil, err
	}
	clusters, err := clusterNodes(b.Clusters)
	if err != nil {
		return nil, err
	}
	root := Node{
		"node":  Node{"id": "e2e", "cluster": "e2e"},
		"admin": Node{"address": loopback(0)},
		"layered_runtime": Node{"layers": []Node{{
			"name":         "static",
			"static_layer": Node{"http.async_response_buffer_limit": 1 << 20},
		}}},
	}
	if b.Dynamic {
		if err := b.write(1); err != nil {
			return nil, err
		}
		source := func(dir string) Node {
			return Node{"resource_api_version": "V3", "path_config_source": Node{
				"path": dir + "/resources.json", "watched_directory": Node{"path": dir},
			}}
		}
		root["dynamic_resources"] = Node{"lds_config": source(b.Dir + "/lds"), "cds_config": source(b.Dir + "/cds")}
	} else {
		root["static_resources"] = Node{"listeners": listeners, "clusters": clusters}
	}
	merge(root, b.Extra)
	return json.Marshal(root)
}

func listenerNodes(dir string, listeners []Listener) ([]Node, error) {
	nodes := []Node{}
	for _, l := range listeners {
		n, err := l.node(dir)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func clusterNodes(clusters []Cluster) ([]Node, error) {
	nodes := []Node{}
	for _, c := range clusters {
		n, err := c.node()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (l Listener) node(dir string) (Node, error) {
	filters := []Node{}
	for i, p := range l.Plugins {
		n, err := p.node(l.Name + "-" + strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		filters = append(filters, n)
	}
	filters = append(filters, Node{
		"name":         "envoy.filters.http.router",
		"typed_config": Node{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
	})
	routes := l.Routes
	if routes == nil {
		routes = []Node{RouteTo("echo")}
	}
	hcm := Node{
		"@type":                            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix":                      l.Name,
		"use_remote_address":               true,
		"preserve_external_request_id":     true, // tests find their requests by it
		"normalize_path":                   true,
		"merge_slashes":                    true,
		"path_with_escaped_slashes_action": "REJECT_REQUEST",
		"access_log": []Node{{
			"name": "file",
			"typed_config": Node{
				"@type":      "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
				"path":       dir + "/access.log",
				"log_format": Node{"json_format": accessLogFormat},
			},
		}},
		"upgrade_configs": []Node{{"upgrade_type": "websocket"}},
		"route_config": Node{"name": l.Name, "virtual_hosts": []Node{{
			"name": "all", "domains": []string{"*"}, "routes": routes,
		}}},
		"http_filters": filters,
	}
	merge(hcm, l.HTTP)
	chain := Node{
		"name": l.Name,
		"filters": []Node{{
			"name":         "envoy.filters.network.http_connection_manager",
			"typed_config": hcm,
		}},
	}
	if l.TLS != nil {
		chain["transport_socket"] = Node{"name": "envoy.transport_sockets.tls", "typed_config": l.TLS}
	}
	n := Node{"name": l.Name, "address": loopback(l.Port), "filter_chains": []Node{chain}}
	if l.BufferSize > 0 {
		n["per_connection_buffer_limit_bytes"] = l.BufferSize
	}
	return n, nil
}

func (p Plugin) node(name string) (Node, error) {
	if p.Native != nil {
		return p.Native, nil
	}
	module := p.Module
	if module == "" {
		module = p.Filter
	}
	path, err := Module(module)
	if err != nil {
		return nil, err
	}
	vm := Node{
		"runtime": "envoy.wasm.runtime.v8",
		"code":    Node{"local": Node{"filename": path}},
	}
	if p.VM != "" {
		vm["vm_id"] = p.VM
	}
	if p.Env != nil || p.HostEnv != nil {
		vm["environment_variables"] = Node{"key_values": p.Env, "host_env_keys": p.HostEnv}
	}
	config := Node{
		"name":           name,
		"root_id":        p.Filter,
		"failure_policy": "FAIL_RELOAD",
		"vm_config":      vm,
		"configuration": Node{
			"@type": "type.googleapis.com/google.protobuf.StringValue",
			"value": p.Config,
		},
	}
	if p.FailOpen {
		config["failure_policy"] = "FAIL_OPEN"
	}
	if p.Body {
		config["allow_on_headers_stop_iteration"] = true
	}
	if p.Allowed != nil {
		allowed := Node{}
		for _, name := range p.Allowed {
			allowed[name] = Node{}
		}
		config["capability_restriction_config"] = Node{"allowed_capabilities": allowed}
	}
	inChain := p.Name
	if inChain == "" {
		inChain = "gatehouse." + p.Filter
	}
	return Node{
		"name": inChain,
		"typed_config": Node{
			"@type":  "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
			"config": config,
		},
	}, nil
}

func (c Cluster) node() (Node, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		panic(fmt.Sprintf("cluster %s: %v", c.Name, err)) // a mistake in the test itself
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		panic(fmt.Sprintf("cluster %s: %v", c.Name, err))
	}
	n := Node{
		"name":            c.Name,
		"type":            "STATIC",
		"connect_timeout": "1s",
		"load_assignment": Node{"cluster_name": c.Name, "endpoints": []Node{{"lb_endpoints": []Node{{
			"endpoint": Node{"address": Node{"socket_address": Node{"address": host, "port_value": number}}},
		}}}}},
	}
	if c.HTTP2 || len(c.Plugins) > 0 {
		const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
		options := Node{"@type": "type.googleapis.com/" + name, "explicit_http_config": Node{"http_protocol_options": Node{}}}
		if c.HTTP2 {
			options["explicit_http_config"] = Node{"http2_protocol_options": Node{}}
		}
		filters := []Node{}
		for i, p := range c.Plugins {
			f, err := p.node(c.Name + "-" + strconv.Itoa(i))
			if err != nil {
				return nil, err
			}
			filters = append(filters, f)
		}
		if len(filters) > 0 {
			options["http_filters"] = append(filters, Node{
				"name":         "envoy.filters.http.upstream_codec",
				"typed_config": Node{"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"},
			})
		}
		n["typed_extension_protocol_options"] = Node{name: options}
	}
	merge(n, c.Extra)
	return n, nil
}

// RouteTo routes everything to one cluster.
func RouteTo(cluster string) Node {
	return Node{"match": Node{"prefix": "/"}, "route": Node{"cluster": cluster, "timeout": "30s"}}
}

func loopback(port int) Node {
	return Node{"socket_address": Node{"address": "127.0.0.1", "port_value": port}}
}

// merge replaces top-level fields of dst.
func merge(dst, src Node) {
	for k, v := range src {
		dst[k] = v
	}
}

// write replaces the files that a dynamic Envoy watches.
func (b Bootstrap) write(version int) error {
	listeners, err := listenerNodes(b.Dir, b.Listeners)
	if err != nil {
		return err
	}
	// Clusters first, so that a new listener finds the ones it names.
	clusters, err := clusterNodes(b.Clusters)
	if err != nil {
		return err
	}
	if err := b.writeResources("cds", "type.googleapis.com/envoy.config.cluster.v3.Cluster", version, clusters); err != nil {
		return err
	}
	return b.writeResources("lds", "type.googleapis.com/envoy.config.listener.v3.Listener", version, listeners)
}

// writeResources writes a DiscoveryResponse and moves it into the folder that
// Envoy watches. Each folder gets this one file only: whatever is moved into it
// makes Envoy read again, and count again.
func (b Bootstrap) writeResources(dir, typeURL string, version int, resources []Node) error {
	for _, r := range resources {
		r["@type"] = typeURL
	}
	data, err := json.Marshal(Node{"version_info": strconv.Itoa(version), "resources": resources})
	if err != nil {
		return err
	}
	dir = filepath.Join(b.Dir, dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(dir+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(dir+".tmp", filepath.Join(dir, "resources.json"))
}

// Update replaces listeners and clusters of a Dynamic configuration and waits
// until Envoy has refused the listeners, or taken them and closed the
// connections of the old ones.
func (e *Envoy) Update(b Bootstrap) (accepted bool, err error) {
	before, err := e.Stats()
	if err != nil {
		return false, err
	}
	e.version++
	if err := b.write(e.version + 1); err != nil {
		return false, err
	}
	const success, rejected = "listener_manager.lds.update_success", "listener_manager.lds.update_rejected"
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		now, err := e.Stats()
		if err != nil {
			return false, err
		}
		if now[rejected] > before[rejected] {
			return false, nil
		}
		busy := now["listener_manager.total_listeners_warming"] + now["listener_manager.total_listeners_draining"] +
			now["listener_manager.total_filter_chains_draining"]
		if now[success] > before[success] && busy == 0 {
			e.mu.Lock()
			e.addrs = nil
			e.mu.Unlock()
			return true, nil
		}
	}
	return false, fmt.Errorf("no answer of Envoy to version %d of its listeners", e.version+1)
}
