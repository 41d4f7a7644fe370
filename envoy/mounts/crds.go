package mounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// module is a Go module whose files are read, at a version with a checksum.
type module struct{ path, version, sum string }

// The releases that the mounts are checked against.
var (
	istioAPI     = module{"istio.io/api", "v1.31.1", "h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk="}
	envoyGateway = module{"github.com/envoyproxy/gateway", "v1.9.1", "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY="}
	gatewayAPI   = module{"sigs.k8s.io/gateway-api", "v1.6.1", "h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY="}
)

// definitions lists the files with CustomResourceDefinitions.
var definitions = []struct {
	module module
	glob   string
}{
	{istioAPI, "kubernetes/customresourcedefinitions.gen.yaml"},
	{envoyGateway, "charts/gateway-helm/charts/crds/crds/generated/*.yaml"},
	{gatewayAPI, "config/crd/standard/*.yaml"},
}

// dir returns the module's folder in the module cache, after downloading it.
func (m module) dir() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", m.path+"@"+m.version)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil {
		return "", fmt.Errorf("go mod download %s@%s: %w", m.path, m.version, errors.Join(err, jsonErr))
	}
	if got.Error != "" {
		return "", fmt.Errorf("go mod download %s@%s: %s", m.path, m.version, got.Error)
	}
	if got.Sum != m.sum {
		return "", fmt.Errorf("%s@%s has the checksum %s, want %s", m.path, m.version, got.Sum, m.sum)
	}
	return got.Dir, nil
}

// kind validates the objects of one version of a resource.
type kind struct {
	structural *schema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// kinds holds the definitions by "apiVersion Kind".
var kinds = sync.OnceValues(func() (map[string]*apiextensionsv1.CustomResourceValidation, error) {
	all := map[string]*apiextensionsv1.CustomResourceValidation{}
	for _, d := range definitions {
		dir, err := d.module.dir()
		if err != nil {
			return nil, err
		}
		files, err := filepath.Glob(filepath.Join(dir, d.glob))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s@%s has no %s", d.module.path, d.module.version, d.glob)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			for _, document := range documents(text) {
				var crd apiextensionsv1.CustomResourceDefinition
				if err := yaml.Unmarshal(document, &crd); err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
				if crd.Kind != "CustomResourceDefinition" {
					continue
				}
				for _, v := range crd.Spec.Versions {
					if v.Served && v.Schema != nil {
						all[crd.Spec.Group+"/"+v.Name+" "+crd.Spec.Names.Kind] = v.Schema
					}
				}
			}
		}
	}
	return all, nil
})

// documents splits a YAML stream.
func documents(text []byte) [][]byte {
	var list [][]byte
	for _, d := range bytes.Split(append([]byte("\n"), text...), []byte("\n---")) {
		var content any
		if err := yaml.Unmarshal(d, &content); err == nil && content == nil {
			continue // comments alone
		}
		list = append(list, d)
	}
	return list
}

// kindOf compiles the definition of a resource.
func kindOf(apiVersion, name string) (*kind, error) {
	all, err := kinds()
	if err != nil {
		return nil, err
	}
	v1, ok := all[apiVersion+" "+name]
	if !ok {
		return nil, fmt.Errorf("no definition of %s %s is served", apiVersion, name)
	}
	internal := new(apiextensions.CustomResourceValidation)
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(v1, internal, nil); err != nil {
		return nil, err
	}
	k := new(kind)
	if k.structural, err = schema.NewStructural(internal.OpenAPIV3Schema); err != nil {
		return nil, err
	}
	if k.openAPI, _, err = validation.NewSchemaValidator(internal.OpenAPIV3Schema); err != nil {
		return nil, err
	}
	k.rules = cel.NewValidator(k.structural, true, celconfig.PerCallLimit)
	return k, nil
}

// check validates an object as the API server does on creation. It sets defaults
// in the object.
func (k *kind) check(object map[string]any) error {
	var errs []error
	unknown := pruning.PruneWithOptions(object, k.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		errs = append(errs, fmt.Errorf("%s: unknown field", path))
	}
	defaulting.Default(object, k.structural)
	list := validation.ValidateCustomResource(nil, object, k.openAPI)
	list = append(list, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...)
	if len(list) == 0 { // rules are evaluated on well-typed objects only
		failed, _ := k.rules.Validate(context.Background(), nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
		list = append(list, failed...)
	}
	for _, e := range list {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// text returns a string of an object by its path, empty if it is not there.
func text(object map[string]any, path ...string) string {
	s, _ := at(object, path...).(string)
	return s
}

// list returns a list of objects by its path.
func list(object map[string]any, path ...string) (objects []map[string]any) {
	items, _ := at(object, path...).([]any)
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

func at(object map[string]any, path ...string) any {
	var v any = object
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// describe names an object in messages.
func describe(object map[string]any) string {
	return strings.TrimSpace(text(object, "kind") + " " + text(object, "metadata", "name"))
}
