// Package manifest finds the configurations of Wasm filters in the files that
// mount them: Envoy's own configuration (bootstrap, listener, patch), Istio's
// WasmPlugin and Envoy Gateway's EnvoyExtensionPolicy, as YAML or JSON.
package manifest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mount is one place where a filter is configured.
type Mount struct {
	Filter string // Envoy's root_id, Istio's pluginName, Envoy Gateway's rootID
	Name   string // of the filter in Envoy or of the resource
	Line   int    // of the configuration, from 1
	Config []byte // JSON; empty if none is given
	// BufferLimit is Envoy's buffer limit for this mount, in bytes, where the
	// file shows it; 0 where it does not.
	BufferLimit int
}

// What aliases of YAML can blow a file up to.
const (
	maxNodes = 1_000_000
	maxDepth = 200
)

var errTooLarge = errors.New("too large, or nested too deeply, once its aliases are followed")

// budget bounds a walk over nodes.
type budget struct{ nodes, depth int }

func (b *budget) enter() error {
	b.nodes++
	b.depth++
	if b.nodes > maxNodes || b.depth > maxDepth {
		return errTooLarge
	}
	return nil
}

func (b *budget) leave() { b.depth-- }

// Find returns the mounts of Wasm filters in a file, in its order. A file
// without any is no error.
func Find(text []byte) ([]Mount, error) {
	docs, err := documents(text)
	if err != nil {
		return nil, err
	}
	f := finder{}
	for _, doc := range docs {
		if n := value(doc, "spec", "connection", "bufferLimit"); n != nil && scalar(value(doc, "kind")) == "ClientTrafficPolicy" {
			f.gatewayLimit = quantity(n.Value)
		}
	}
	for _, doc := range docs {
		if err := f.document(doc); err != nil {
			return nil, err
		}
	}
	return f.mounts, nil
}

// JSON turns a YAML document into JSON. Keys keep their order, and repeated keys
// stay, for the reader of the JSON to refuse.
func JSON(text []byte) ([]byte, error) {
	docs, err := documents(text)
	if err != nil {
		return nil, err
	}
	switch len(docs) {
	case 0:
		return []byte("{}"), nil
	case 1:
		return appendJSON(nil, docs[0], new(budget))
	default:
		return nil, errors.New("want one YAML document, got " + strconv.Itoa(len(docs)))
	}
}

// IsManifest tells whether a file describes a mount, rather than being the
// configuration of a filter itself.
func IsManifest(text []byte) bool {
	docs, err := documents(text)
	if err != nil {
		return false
	}
	for _, doc := range docs {
		for _, key := range []string{"apiVersion", "kind", "static_resources", "dynamic_resources", "resources", "virtual_hosts", "@type", "configs"} {
			if value(doc, key) != nil {
				return true
			}
		}
	}
	return false
}

func documents(text []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
			docs = append(docs, doc.Content[0])
		}
	}
}

type finder struct {
	mounts       []Mount
	budget       budget
	gatewayLimit int
}

func (f *finder) document(doc *yaml.Node) error {
	spec := value(doc, "spec")
	switch scalar(value(doc, "kind")) {
	case "WasmPlugin":
		return f.add(Mount{
			Filter: first(scalar(value(spec, "pluginName")), scalar(value(doc, "metadata", "name"))),
			Name:   scalar(value(doc, "metadata", "name")),
		}, doc, value(spec, "pluginConfig"))
	case "EnvoyExtensionPolicy":
		wasm := value(spec, "wasm")
		if wasm == nil {
			return nil
		}
		for _, w := range wasm.Content {
			err := f.add(Mount{
				Filter:      first(scalar(value(w, "rootID")), scalar(value(w, "name"))),
				Name:        first(scalar(value(w, "name")), scalar(value(doc, "metadata", "name"))),
				BufferLimit: f.gatewayLimit,
			}, w, value(w, "config"))
			if err != nil {
				return err
			}
		}
		return nil
	}
	return f.walk(doc, "", 0)
}

// add takes a mount whose configuration is plain JSON or YAML.
func (f *finder) add(m Mount, at, config *yaml.Node) error {
	m.Line = at.Line
	if config != nil {
		m.Line = config.Line
		text, err := appendJSON(nil, config, &f.budget)
		if err != nil {
			return err
		}
		m.Config = text
	}
	f.mounts = append(f.mounts, m)
	return nil
}

// wasmType is the type of Envoy's HTTP filter.
const wasmType = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"

// walk looks for Wasm filters anywhere below a node of Envoy's configuration.
// name is that of the filter the node is part of, limit the nearest buffer
// limit above it.
func (f *finder) walk(n *yaml.Node, name string, limit int) error {
	defer f.budget.leave()
	if err := f.budget.enter(); err != nil {
		return err
	}
	n = follow(n)
	if n.Kind == yaml.MappingNode {
		if s := scalar(value(n, "name")); s != "" {
			name = s
		}
		if l := value(n, "per_connection_buffer_limit_bytes"); l != nil {
			limit = quantity(l.Value)
		}
		wasm := n
		if t := scalar(value(n, "@type")); strings.HasSuffix(t, ".TypedStruct") && scalar(value(n, "type_url")) == wasmType {
			wasm = value(n, "value")
		} else if t != wasmType {
			wasm = nil
		}
		if config := value(wasm, "config"); config != nil {
			return f.envoy(config, name, limit)
		}
		for i := 1; i < len(n.Content); i += 2 {
			if err := f.walk(n.Content[i], name, limit); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range n.Content {
		if err := f.walk(e, name, limit); err != nil {
			return err
		}
	}
	return nil
}

// envoy takes a PluginConfig.
func (f *finder) envoy(plugin *yaml.Node, name string, limit int) error {
	m := Mount{
		Filter:      first(scalar(value(plugin, "root_id")), scalar(value(plugin, "name")), name),
		Name:        name,
		BufferLimit: limit,
	}
	config := value(plugin, "configuration")
	if config == nil {
		return f.add(m, plugin, nil)
	}
	inner := value(config, "value")
	switch t := scalar(value(config, "@type")); t {
	case "type.googleapis.com/google.protobuf.Struct":
		return f.add(m, config, inner)
	case "type.googleapis.com/google.protobuf.StringValue", "type.googleapis.com/google.protobuf.BytesValue":
		m.Line = config.Line
		if inner != nil {
			m.Line = inner.Line
			m.Config = []byte(inner.Value)
		}
		if strings.HasSuffix(t, "BytesValue") {
			text, err := base64.StdEncoding.DecodeString(string(m.Config))
			if err != nil {
				return fmt.Errorf("line %d: a BytesValue is base64: %w", m.Line, err)
			}
			m.Config = text
		}
		f.mounts = append(f.mounts, m)
		return nil
	default:
		return fmt.Errorf("line %d: configuration: want a StringValue or a Struct, got %q", config.Line, t)
	}
}

// value returns what stands at a path of keys, nil if nothing does.
func value(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if n = follow(n); n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var found *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = n.Content[i+1]
			}
		}
		if n = found; n == nil {
			return nil
		}
	}
	return follow(n)
}

func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// quantity reads a number of bytes as Kubernetes writes them; 0 if it is none.
func quantity(s string) int {
	for _, u := range []struct {
		suffix string
		factor int
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}} {
		if digits, ok := strings.CutSuffix(s, u.suffix); ok {
			n, err := strconv.Atoi(digits)
			if err != nil || n > math.MaxInt/u.factor {
				return 0
			}
			return n * u.factor
		}
	}
	return 0
}

func appendJSON(dst []byte, n *yaml.Node, b *budget) ([]byte, error) {
	defer b.leave()
	err := b.enter()
	if err != nil {
		return nil, err
	}
	n = follow(n)
	switch n.Kind {
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: merge keys (<<) are not supported", n.Content[i].Line)
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			key, err := json.Marshal(n.Content[i].Value)
			if err != nil {
				return nil, err
			}
			dst = append(append(dst, key...), ':')
			if dst, err = appendJSON(dst, n.Content[i+1], b); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, e := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, e, b); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	var v any
	switch n.Tag {
	case "!!null", "!!bool", "!!int", "!!float":
		if err := n.Decode(&v); err != nil {
			return nil, err
		}
	default:
		v = n.Value
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("line %d: %s is no JSON number", n.Line, n.Value)
	}
	return append(dst, text...), nil
}
