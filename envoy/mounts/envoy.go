package mounts

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/ohler55/ojg/jp"
	"github.com/ohler55/ojg/oj"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/health_check/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

// decode reads JSON into one of Envoy's messages. Fields and types that Envoy
// does not know are errors.
func decode(text []byte, into proto.Message) error {
	return protojson.UnmarshalOptions{}.Unmarshal(text, into)
}

// validate checks a message against the rules of its definition, and what is
// packed in it too.
func validate(m proto.Message) error {
	var errs []error
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.ProtoReflect().Descriptor().Name(), err))
		}
	}
	each(m.ProtoReflect(), func(packed *anypb.Any) {
		inner, err := packed.UnmarshalNew()
		if err == nil {
			err = validate(inner)
		}
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

// each calls f for every Any in a message, but not for those inside an Any.
func each(m protoreflect.Message, f func(*anypb.Any)) {
	if packed, ok := m.Interface().(*anypb.Any); ok {
		f(packed)
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsMap():
			if field.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					each(v.Message(), f)
					return true
				})
			}
		case field.IsList():
			for i := range v.List().Len() {
				each(v.List().Get(i).Message(), f)
			}
		default:
			each(v.Message(), f)
		}
		return true
	})
}

// istioTarget returns, for the applyTo of an EnvoyFilter, a message of the kind
// that the patch's value is a part of, with what Envoy requires of it. A MERGE is
// judged on top of it.
func istioTarget(applyTo string) (proto.Message, error) {
	switch applyTo {
	case "LISTENER":
		return &listenerv3.Listener{}, nil
	case "NETWORK_FILTER":
		manager, err := anypb.New(&hcmv3.HttpConnectionManager{
			StatPrefix: "test",
			RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: &corev3.ConfigSource{
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			}}},
		})
		return &listenerv3.Filter{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: manager},
		}, err
	case "HTTP_FILTER":
		return &hcmv3.HttpFilter{}, nil
	case "EXTENSION_CONFIG":
		return &corev3.TypedExtensionConfig{}, nil
	case "CLUSTER":
		return &clusterv3.Cluster{Name: "test"}, nil
	case "BOOTSTRAP":
		return &bootstrapv3.Bootstrap{}, nil
	}
	return nil, fmt.Errorf("applyTo %q is not known here", applyTo)
}

// checkEnvoyFilter checks every patch of an EnvoyFilter and returns the messages
// that it makes.
func checkEnvoyFilter(o map[string]any) ([]proto.Message, error) {
	var made []proto.Message
	var errs []error
	for i, p := range list(o, "spec", "configPatches") {
		m, err := istioPatch(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("configPatches[%d]: %w", i, err))
		}
		made = append(made, m)
	}
	return made, errors.Join(errs...)
}

func istioPatch(p map[string]any) (proto.Message, error) {
	m, err := istioTarget(text(p, "applyTo"))
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(at(p, "patch", "value"))
	if err != nil {
		return nil, err
	}
	patch := m.ProtoReflect().New().Interface()
	if err := decode(value, patch); err != nil {
		return nil, err
	}
	switch text(p, "patch", "operation") {
	case "MERGE":
		if err := merge(m, patch); err != nil {
			return nil, err
		}
	case "ADD", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER":
		m = patch
	default:
		return nil, fmt.Errorf("operation %q is not known here", text(p, "patch", "operation"))
	}
	return m, validate(m)
}

// merge is proto.Merge that also merges what is packed in a filter, as Istio does.
func merge(into, patch proto.Message) error {
	filter, isFilter := into.(*listenerv3.Filter)
	change, _ := patch.(*listenerv3.Filter)
	if !isFilter || change.GetTypedConfig() == nil {
		proto.Merge(into, patch)
		return nil
	}
	was, err := filter.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return err
	}
	with, err := change.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return err
	}
	if a, b := was.ProtoReflect().Descriptor().FullName(), with.ProtoReflect().Descriptor().FullName(); a != b {
		return fmt.Errorf("a %s cannot be merged into a %s", b, a)
	}
	proto.Merge(was, with)
	return filter.GetTypedConfig().MarshalFrom(was)
}

// xds is one configuration of a proxy: resources by type and name.
type xds map[string]proto.Message

func resourceKey(typeURL, name string) string { return typeURL + " " + name }

// apply carries out the patches of an EnvoyPatchPolicy as Envoy Gateway does:
// an addition without a path is a new resource; any other patch changes all places
// that its JSONPath finds, at least one.
func (x xds) apply(policy map[string]any) error {
	for i, p := range list(policy, "spec", "jsonPatches") {
		if err := x.patch(p); err != nil {
			return fmt.Errorf("jsonPatches[%d]: %w", i, err)
		}
	}
	return nil
}

func (x xds) patch(p map[string]any) error {
	key := resourceKey(text(p, "type"), text(p, "name"))
	operation, _ := at(p, "operation").(map[string]any)
	jsonPath, path := text(operation, "jsonPath"), text(operation, "path")
	value, err := json.Marshal(operation["value"])
	if err != nil {
		return err
	}
	if text(operation, "op") == "add" && jsonPath == "" && path == "" {
		packed, err := packed(text(p, "type"), value)
		if err != nil {
			return err
		}
		x[key] = packed
		return validate(packed)
	}
	resource, ok := x[key]
	if !ok {
		return fmt.Errorf("there is no %s", key)
	}
	document, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resource)
	if err != nil {
		return err
	}
	document, err = patchJSON(document, text(operation, "op"), jsonPath, path, value)
	if err != nil {
		return err
	}
	changed := resource.ProtoReflect().New().Interface()
	if err := decode(document, changed); err != nil {
		return err
	}
	x[key] = changed
	return validate(changed)
}

// packed decodes a value of the type that a URL names.
func packed(typeURL string, value []byte) (proto.Message, error) {
	a := &anypb.Any{TypeUrl: typeURL}
	m, err := a.UnmarshalNew()
	if err != nil {
		return nil, err
	}
	return m, decode(value, m)
}

// patchJSON applies one operation of RFC 6902 at a JSON pointer, below every place
// that a JSONPath finds if there is one.
func patchJSON(document []byte, op, jsonPath, path string, value []byte) ([]byte, error) {
	pointers := []string{path}
	if jsonPath != "" {
		parsed, err := oj.Parse(document)
		if err != nil {
			return nil, err
		}
		expression, err := jp.ParseString(jsonPath)
		if err != nil {
			return nil, err
		}
		pointers = nil
		for _, place := range expression.Locate(parsed, 0) {
			pointers = append(pointers, pointer(place)+"/"+strings.TrimPrefix(path, "/"))
		}
		if len(pointers) == 0 {
			return nil, fmt.Errorf("%s finds nothing", jsonPath)
		}
	}
	options := jsonpatch.NewApplyOptions()
	options.EnsurePathExistsOnAdd = true
	for _, at := range pointers {
		operation, err := json.Marshal([]map[string]any{{"op": op, "path": at, "value": json.RawMessage(value)}})
		if err != nil {
			return nil, err
		}
		patch, err := jsonpatch.DecodePatch(operation)
		if err != nil {
			return nil, err
		}
		if document, err = patch.ApplyWithOptions(document, options); err != nil {
			return nil, err
		}
	}
	return document, nil
}

// pointer writes a place that a JSONPath has found as a JSON pointer.
func pointer(place jp.Expr) string {
	var b strings.Builder
	for _, f := range place {
		switch f := f.(type) {
		case jp.Child:
			b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(string(f)))
		case jp.Nth:
			fmt.Fprintf(&b, "/%d", int(f))
		}
	}
	return b.String()
}
