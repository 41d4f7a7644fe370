package mounts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	wasmfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreamhttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"sigs.k8s.io/yaml"
)

const listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"

// plugin is a filter as some mount configures it.
type plugin struct {
	file   string
	config string // JSON
	// envoy is what Envoy gets; nil for a WasmPlugin, which Istio translates.
	envoy *wasmv3.PluginConfig
}

// plugins returns the filters that a file mounts, in Envoy's terms as far as the
// file decides them.
func plugins(t *testing.T, file string) []plugin {
	t.Helper()
	var all []plugin
	for _, o := range of(t, file, "WasmPlugin") {
		config, err := json.Marshal(at(o, "spec", "pluginConfig"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, plugin{file: file, config: string(config)})
	}
	for _, o := range of(t, file, "EnvoyFilter") {
		made, err := checkEnvoyFilter(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made {
			if c, ok := m.(*corev3.TypedExtensionConfig); ok {
				var w wasmfilterv3.Wasm
				if err := c.TypedConfig.UnmarshalTo(&w); err != nil {
					t.Fatal(err)
				}
				all = append(all, fromEnvoy(t, file, w.Config))
			}
			if c, ok := m.(*clusterv3.Cluster); ok { // an upstream filter
				for _, packed := range c.TypedExtensionProtocolOptions {
					var o upstreamhttpv3.HttpProtocolOptions
					if err := packed.UnmarshalTo(&o); err != nil {
						t.Fatal(err)
					}
					for _, h := range o.HttpFilters {
						var w wasmfilterv3.Wasm
						if h.GetTypedConfig().UnmarshalTo(&w) == nil {
							all = append(all, fromEnvoy(t, file, w.Config))
						}
					}
				}
			}
		}
	}
	for _, o := range of(t, file, "EnvoyExtensionPolicy") {
		all = append(all, fromEnvoy(t, file, gatewayPlugin(t, file, o)))
	}
	return all
}

func fromEnvoy(t *testing.T, file string, c *wasmv3.PluginConfig) plugin {
	t.Helper()
	var s wrapperspb.StringValue
	if err := c.GetConfiguration().UnmarshalTo(&s); err != nil {
		t.Fatal(err)
	}
	return plugin{file: file, config: s.Value, envoy: c}
}

// gatewayPlugin lets Envoy Gateway's own sample of a translated Wasm filter take
// the names and the settings of the policy, and applies the file's patches to it.
func gatewayPlugin(t *testing.T, file string, policy map[string]any) *wasmv3.PluginConfig {
	t.Helper()
	patched := gatewayListener(t, file, policy)
	for _, patch := range of(t, file, "EnvoyPatchPolicy") {
		if err := patched.apply(patch); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range managerOf(t, patched).HttpFilters {
		if strings.Contains(f.Name, "/"+text(policy, "metadata", "name")+"/") {
			var w wasmfilterv3.Wasm
			if err := f.GetTypedConfig().UnmarshalTo(&w); err != nil {
				t.Fatal(err)
			}
			return w.Config
		}
	}
	t.Fatal("the listener has lost the filter")
	return nil
}

func managerOf(t *testing.T, x xds) *hcmv3.HttpConnectionManager {
	t.Helper()
	for _, m := range x {
		if l, ok := m.(*listenerv3.Listener); ok {
			var manager hcmv3.HttpConnectionManager
			if err := l.DefaultFilterChain.Filters[0].GetTypedConfig().UnmarshalTo(&manager); err != nil {
				t.Fatal(err)
			}
			return &manager
		}
	}
	t.Fatal("no listener")
	return nil
}

// gatewayListener is the listener that Envoy Gateway would make of the file's
// Gateway and policy: that of its own test, with the names replaced.
func gatewayListener(t *testing.T, file string, policy map[string]any) xds {
	t.Helper()
	dir, err := envoyGateway.dir()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "internal/xds/translator/testdata/out/xds-ir/wasm.listeners.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	gateways := of(t, file, "Gateway")
	if len(gateways) != 1 {
		t.Fatalf("%s: want one Gateway, got %d", file, len(gateways))
	}
	name := text(gateways[0], "metadata", "namespace") + "/" + text(gateways[0], "metadata", "name") + "/" + text(list(gateways[0], "spec", "listeners")[0], "name")
	const theirListener, theirPolicy = "envoy-gateway/gateway-1/http", "envoyextensionpolicy/envoy-gateway/policy-for-gateway"
	for _, part := range []string{theirListener, theirPolicy} {
		if !bytes.Contains(content, []byte(part)) {
			t.Fatalf("Envoy Gateway's sample names nothing %s any more", part)
		}
	}
	content = bytes.ReplaceAll(content, []byte(theirListener), []byte(name))
	content = bytes.ReplaceAll(content, []byte(theirPolicy), []byte("envoyextensionpolicy/"+text(policy, "metadata", "namespace")+"/"+text(policy, "metadata", "name")))

	j, err := yaml.YAMLToJSON(content)
	if err != nil {
		t.Fatal(err)
	}
	var listeners []json.RawMessage
	if err := json.Unmarshal(j, &listeners); err != nil {
		t.Fatal(err)
	}
	var l listenerv3.Listener
	if err := decode(listeners[0], &l); err != nil {
		t.Fatal(err)
	}
	x := xds{resourceKey(listenerType, l.Name): &l}

	// The settings of the policy, where Envoy Gateway puts them.
	wasms := list(policy, "spec", "wasm")
	if len(wasms) != 1 {
		t.Fatalf("%s: want one filter, got %d", describe(policy), len(wasms))
	}
	manager := managerOf(t, x)
	for _, f := range manager.HttpFilters {
		if !strings.HasSuffix(f.Name, "/"+text(policy, "metadata", "name")+"/wasm/0") {
			continue
		}
		var w wasmfilterv3.Wasm
		if err := f.GetTypedConfig().UnmarshalTo(&w); err != nil {
			t.Fatal(err)
		}
		config, err := json.Marshal(wasms[0]["config"])
		if err != nil {
			t.Fatal(err)
		}
		failOpen, _ := wasms[0]["failOpen"].(bool)
		w.Config.FailOpen = failOpen //nolint:staticcheck // what Envoy Gateway sets
		w.Config.RootId = text(wasms[0], "rootID")
		var keys []string
		hostKeys, _ := at(wasms[0], "env", "hostKeys").([]any)
		for _, k := range hostKeys {
			keys = append(keys, k.(string))
		}
		w.Config.GetVmConfig().EnvironmentVariables = &wasmv3.EnvironmentVariables{HostEnvKeys: keys}
		if err := w.Config.Configuration.MarshalFrom(wrapperspb.String(string(config))); err != nil {
			t.Fatal(err)
		}
		if err := f.GetTypedConfig().MarshalFrom(&w); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.DefaultFilterChain.Filters[0].GetTypedConfig().MarshalFrom(manager); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestEnvoyFilters(t *testing.T) {
	t.Parallel()
	n := 0
	for _, file := range files(t) {
		for _, o := range of(t, file, "EnvoyFilter") {
			n++
			if _, err := checkEnvoyFilter(o); err != nil {
				t.Errorf("%s: %s: %v", file, describe(o), err)
			}
		}
	}
	if n == 0 {
		t.Error("no EnvoyFilter was found")
	}
}

func TestEnvoyPatchPolicies(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		for _, policy := range of(t, file, "EnvoyExtensionPolicy") {
			x := gatewayListener(t, file, policy)
			for _, patch := range of(t, file, "EnvoyPatchPolicy") {
				if err := x.apply(patch); err != nil {
					t.Errorf("%s: %s: %v", file, describe(patch), err)
				}
			}
			// The cluster that the filter calls is one that the patches add.
			var config struct {
				Cluster string
				STS     struct{ Cluster string }
			}
			if err := json.Unmarshal([]byte(plugins(t, file)[0].config), &config); err != nil {
				t.Fatal(err)
			}
			cluster := cmp.Or(config.Cluster, config.STS.Cluster)
			if x[resourceKey("type.googleapis.com/envoy.config.cluster.v3.Cluster", cluster)] == nil {
				t.Errorf("%s: no patch adds the cluster %q", file, cluster)
			}
		}
	}
}

// Envoy Gateway's bootstrap takes the patches of an EnvoyProxy.
func TestBootstrapPatches(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		for _, proxy := range of(t, file, "EnvoyProxy") {
			document := gatewayBootstrap(t)
			for i, p := range list(proxy, "spec", "bootstrap", "jsonPatches") {
				value, err := json.Marshal(p["value"])
				if err != nil {
					t.Fatal(err)
				}
				if document, err = patchJSON(document, text(p, "op"), text(p, "jsonPath"), text(p, "path"), value); err != nil {
					t.Fatalf("%s: jsonPatches[%d]: %v", file, i, err)
				}
			}
			var b bootstrapv3.Bootstrap
			if err := decode(document, &b); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if err := validate(&b); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			limit := b.LayeredRuntime.Layers[0].GetStaticLayer().Fields["http.async_response_buffer_limit"]
			if limit.GetNumberValue() != 1<<20 {
				t.Errorf("%s: http.async_response_buffer_limit is %v", file, limit)
			}
			tags := 0
			for _, tag := range b.StatsConfig.StatsTags {
				if strings.Contains(tag.GetRegex(), "gatehouse") {
					tags++
				}
			}
			if tags != 3 {
				t.Errorf("%s: %d tags of ours, want 3", file, tags)
			}
		}
	}
}

// gatewayBootstrap fills Envoy Gateway's template of a bootstrap. Only what the
// patches may touch must be right.
func gatewayBootstrap(t *testing.T) []byte {
	t.Helper()
	dir, err := envoyGateway.dir()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "internal/xds/bootstrap/bootstrap.yaml.tpl"))
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := template.New("").Option("missingkey=zero").Funcs(template.FuncMap{"base64": fmt.Sprint}).Parse(string(content))
	if err != nil {
		t.Fatal(err)
	}
	server := map[string]any{"Address": "127.0.0.1", "Port": 1, "AccessLogPath": "/dev/null"}
	var filled bytes.Buffer
	if err := tpl.Execute(&filled, map[string]any{
		"AdminServer": server, "XdsServer": server, "WasmServer": server, "StatsServer": server, "ServiceClusterName": "test",
		"OverloadManager": map[string]any{},
	}); err != nil {
		t.Fatal(err)
	}
	j, err := yaml.YAMLToJSON(filled.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// Every mount closes when the module fails, has a VM of its own, takes its secret
// from the environment and may call what the raw mount may call.
func TestPluginsAreHardened(t *testing.T) {
	t.Parallel()
	ids := map[string]string{}
	for _, file := range files(t) {
		raw := rawPlugin(t, filepath.Join(filepath.Dir(file), "envoy.yaml"))
		want := capabilities(raw)
		if len(want) == 0 {
			t.Fatalf("the raw mount beside %s restricts nothing", file)
		}
		for _, p := range plugins(t, file) {
			if p.envoy == nil {
				continue
			}
			c := p.envoy
			failOpen := c.FailOpen //nolint:staticcheck // it must be unset
			if c.FailurePolicy != wasmv3.FailurePolicy_FAIL_RELOAD || failOpen {
				t.Errorf("%s: failure policy %v, fail open %v", file, c.FailurePolicy, failOpen)
			}
			if !c.AllowOnHeadersStopIteration.GetValue() {
				t.Errorf("%s: allow_on_headers_stop_iteration is not set", file)
			}
			id := c.GetVmConfig().VmId
			if id == "" || ids[id] != "" {
				t.Errorf("%s: vm_id %q is empty or that of %s", file, id, ids[id])
			}
			ids[id] = file
			if got := capabilities(c); !slices.Equal(got, want) {
				t.Errorf("%s: capabilities differ from envoy.yaml:\n%v\n%v", file, got, want)
			}
			if got, want := c.GetVmConfig().GetEnvironmentVariables().GetHostEnvKeys(), raw.GetVmConfig().GetEnvironmentVariables().GetHostEnvKeys(); !slices.Equal(got, want) {
				t.Errorf("%s: environment %v, want %v", file, got, want)
			}
			if c.RootId != raw.RootId {
				t.Errorf("%s: root_id %q, want %q", file, c.RootId, raw.RootId)
			}
		}
		for _, o := range of(t, file, "WasmPlugin") {
			if got := text(o, "spec", "failStrategy"); got != "FAIL_RELOAD" {
				t.Errorf("%s: failStrategy %q", file, got)
			}
			if got := text(o, "spec", "pluginName"); got != raw.RootId {
				t.Errorf("%s: pluginName %q, which Istio makes the root_id; want %q", file, got, raw.RootId)
			}
		}
	}
}

func capabilities(c *wasmv3.PluginConfig) (names []string) {
	for name := range c.GetCapabilityRestrictionConfig().GetAllowedCapabilities() { //nolint:staticcheck // where Envoy 1.39 has it
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rawPlugin reads the filter of a static configuration of Envoy.
func rawPlugin(t *testing.T, file string) *wasmv3.PluginConfig {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	j, err := yaml.YAMLToJSONStrict(content)
	if err != nil {
		t.Fatal(err)
	}
	var found *wasmv3.PluginConfig
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if text(v, "@type") == "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm" {
				inner, err := json.Marshal(v["config"])
				if err != nil {
					t.Fatal(err)
				}
				found = new(wasmv3.PluginConfig)
				if err := decode(inner, found); err != nil {
					t.Fatal(err)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	var tree any
	if err := json.Unmarshal(j, &tree); err != nil {
		t.Fatal(err)
	}
	walk(tree)
	if found == nil {
		t.Fatalf("%s has no Wasm filter", file)
	}
	return found
}

// The filter's own decoder takes the configuration in every mount.
func TestConfigurationsLoad(t *testing.T) {
	t.Parallel()
	command := filepath.Join(t.TempDir(), "gatehouse")
	build := exec.Command("go", "build", "-o", command, "./cmd/gatehouse")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, file := range files(t) {
		all := plugins(t, file)
		for _, p := range all {
			config := filepath.Join(t.TempDir(), "config.json")
			if err := os.WriteFile(config, []byte(p.config), 0o600); err != nil {
				t.Fatal(err)
			}
			filter := filepath.Base(filepath.Dir(file))
			validate := exec.Command(command, "validate", filter, config)
			validate.Env = []string{"AUTH_SERVICE_KEY=key"} // what the mounts pass on, and no more
			if out, err := validate.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", file, err, out)
			}
		}
	}
}

// What the checks of Envoy's part must refuse.
func TestEnvoyChecksRefuse(t *testing.T) {
	t.Parallel()
	const istio, gateway = "../authcallout/istio-envoyfilter.yaml", "../authcallout/gateway.yaml"
	for name, c := range map[string]struct {
		file, kind, old, new, want string
	}{
		"a field that Envoy does not know": {
			istio, "EnvoyFilter", "failure_policy: FAIL_RELOAD", "failure_policies: FAIL_RELOAD", `unknown field "failure_policies"`,
		},
		"a value that Envoy does not know": {
			istio, "EnvoyFilter", "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_SAFE", "FAIL_SAFE",
		},
		"a type that Envoy does not know": {
			istio, "EnvoyFilter", "http.wasm.v3.Wasm\n          config:", "http.wasm.v3.Wasp\n          config:", "Wasp",
		},
		"what Envoy's own rules forbid, inside a packed message": {
			istio, "EnvoyFilter", "sha256: nil", `sha256: ""`, "Sha256",
		},
		"a patch for another policy's filter": {
			gateway, "EnvoyPatchPolicy", "envoyextensionpolicy/default/authcallout/wasm/0", "envoyextensionpolicy/default/other/wasm/0", "finds nothing",
		},
		"a patch for another listener": {
			gateway, "EnvoyPatchPolicy", "name: default/public/http", "name: default/public/https", "there is no",
		},
		"a cluster with a field that Envoy does not know": {
			gateway, "EnvoyPatchPolicy", "connect_timeout: 0.25s", "connection_timeout: 0.25s", `unknown field "connection_timeout"`,
		},
		"a cluster that breaks Envoy's rules": {
			gateway, "EnvoyPatchPolicy", "connect_timeout: 0.25s", "connect_timeout: 0s", "ConnectTimeout",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range documents(content) {
				if text(object(t, d), "kind") != c.kind {
					continue
				}
				spoiled := strings.Replace(string(d), c.old, c.new, 1)
				if spoiled == string(d) {
					t.Fatalf("%s has no %q", c.file, c.old)
				}
				o := object(t, []byte(spoiled))
				if c.kind == "EnvoyFilter" {
					_, err = checkEnvoyFilter(o)
				} else {
					err = gatewayListener(t, c.file, of(t, c.file, "EnvoyExtensionPolicy")[0]).apply(o)
				}
				// protobuf's messages vary their spaces on purpose.
				if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\u00a0", " "), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
				return
			}
			t.Fatalf("%s has no %s", c.file, c.kind)
		})
	}
}
