package mounts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
)

// files are the mounts of all filters.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../*/istio*.yaml", "../*/gateway*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Fatalf("no file %s", pattern)
		}
		all = append(all, found...)
	}
	return all
}

// objects reads a file's documents.
func objects(t testing.TB, file string) []map[string]any {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, d := range documents(content) {
		all = append(all, object(t, d))
	}
	return all
}

// object decodes a document as the API server does: repeated keys are refused,
// whole numbers are integers.
func object(t testing.TB, document []byte) map[string]any {
	t.Helper()
	j, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	var o map[string]any
	if err := kjson.Unmarshal(j, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// of returns the file's objects of one kind.
func of(t testing.TB, file, kind string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, o := range objects(t, file) {
		if text(o, "kind") == kind {
			found = append(found, o)
		}
	}
	return found
}

func TestObjectsFollowTheirDefinitions(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		for _, o := range objects(t, file) {
			t.Run(file+" "+describe(o), func(t *testing.T) {
				if text(o, "kind") == "ConfigMap" {
					checkConfigMap(t, o)
					return
				}
				k, err := kindOf(text(o, "apiVersion"), text(o, "kind"))
				if err != nil {
					t.Fatal(err)
				}
				if err := k.check(o); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// checkConfigMap checks what Istio lays over the Deployment of a gateway.
func checkConfigMap(t *testing.T, o map[string]any) {
	strict := func(text []byte, into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Fatal(err)
		}
	}
	j, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var m corev1.ConfigMap
	strict(j, &m)
	var d appsv1.Deployment
	for key, value := range m.Data {
		if key != "deployment" {
			t.Errorf("%s: no key of Istio's", key)
		}
		strict([]byte(value), &d)
	}
	annotation := d.Spec.Template.Annotations["proxy.istio.io/config"]
	if annotation == "" {
		t.Fatal("no annotation proxy.istio.io/config")
	}
	proxyJSON, err := yaml.YAMLToJSONStrict([]byte(annotation))
	if err != nil {
		t.Fatal(err)
	}
	var proxy meshv1alpha1.ProxyConfig
	if err := proxy.UnmarshalJSON(proxyJSON); err != nil {
		t.Fatal(err)
	}
	if got := proxy.RuntimeValues["http.async_response_buffer_limit"]; got == "" {
		t.Error("the runtime key http.async_response_buffer_limit is not set")
	}
}

// What the check must refuse: each case spoils one place of a mount that passes.
func TestChecksRefuse(t *testing.T) {
	t.Parallel()
	const istio, gateway = "../authcallout/istio.yaml", "../authcallout/gateway.yaml"
	for name, c := range map[string]struct {
		file, kind string
		old, new   string
		want       string
	}{
		"an unknown field": {
			istio, "WasmPlugin", "phase: AUTHN", "phaze: AUTHN", "spec.phaze: unknown field",
		},
		"an unknown value": {
			istio, "WasmPlugin", "failStrategy: FAIL_RELOAD", "failStrategy: FAIL_NEVER", `Unsupported value: "FAIL_NEVER"`,
		},
		"a wrong type": {
			istio, "WasmPlugin", "pluginName: authcallout", "pluginName: [authcallout]", "pluginName in body must be of type string",
		},
		"a missing field": {
			istio, "WasmPlugin", "  url: ", "  # url: ", "spec.url: Required value",
		},
		"a value beside the source of an environment variable (CEL)": {
			istio, "WasmPlugin", "valueFrom: HOST", "valueFrom: HOST, value: x", "value may only be set when valueFrom is INLINE",
		},
		"an environment variable twice": {
			istio, "WasmPlugin", "    - {name: AUTH_SERVICE_KEY, valueFrom: HOST}",
			"    - {name: A, valueFrom: HOST}\n    - {name: A, valueFrom: HOST}", "Duplicate value",
		},
		"code that is not of its type (CEL)": {
			gateway, "EnvoyExtensionPolicy", "type: Image", "type: HTTP", "If type is Image, image field needs to be set",
		},
		"a target of another kind (CEL)": {
			gateway, "ClientTrafficPolicy", "kind: Gateway, name: public", "kind: HTTPRoute, name: public", "this policy can only have a targetRef",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range documents(content) {
				o := object(t, d)
				if text(o, "kind") != c.kind {
					continue
				}
				spoiled := strings.Replace(string(d), c.old, c.new, 1)
				if spoiled == string(d) {
					t.Fatalf("%s has no %q", c.file, c.old)
				}
				k, err := kindOf(text(o, "apiVersion"), c.kind)
				if err != nil {
					t.Fatal(err)
				}
				err = k.check(object(t, []byte(spoiled)))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
				return
			}
			t.Fatalf("%s has no %s", c.file, c.kind)
		})
	}
}
