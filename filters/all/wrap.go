package all

import (
	"errors"
	"strconv"
	"strings"
)

// Wraps lists the resources that Wrap knows.
var Wraps = []string{"istio", "gateway"}

// Wrap writes the JSON Schema of a Kubernetes resource that mounts a filter, for
// editors: Istio's WasmPlugin ("istio", spec.pluginConfig) or Envoy Gateway's
// EnvoyExtensionPolicy ("gateway", spec.wasm[].config). It checks what concerns
// the filter and leaves the rest to the resource's own schema; other resources
// in the same file pass. ref is the address of the filter's schema.json.
func (e Entry) Wrap(kind, ref string) ([]byte, error) {
	var text string
	switch kind {
	case "istio":
		text = istio
	case "gateway":
		text = gateway
	default:
		return nil, errors.New("want istio or gateway, got " + strconv.QuoteToASCII(kind))
	}
	return []byte(strings.NewReplacer(
		"TITLE", strconv.Quote("Mount of Gatehouse "+e.Plugin.Name),
		"NAME", strconv.Quote(e.Plugin.Name),
		"REF", strconv.Quote(ref),
	).Replace(text)), nil
}

const istio = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": TITLE,
  "if": {
    "properties": {"kind": {"const": "WasmPlugin"}},
    "required": ["kind"]
  },
  "then": {
    "type": "object",
    "properties": {
      "apiVersion": {"const": "extensions.istio.io/v1alpha1"},
      "spec": {
        "type": "object",
        "properties": {
          "pluginName": {
            "description": "Chooses the filter in a module that holds several.",
            "const": NAME
          },
          "pluginConfig": {"$ref": REF}
        },
        "required": ["url", "pluginName", "pluginConfig"]
      }
    },
    "required": ["apiVersion", "metadata", "spec"]
  }
}
`

const gateway = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": TITLE,
  "if": {
    "properties": {"kind": {"const": "EnvoyExtensionPolicy"}},
    "required": ["kind"]
  },
  "then": {
    "type": "object",
    "properties": {
      "apiVersion": {"const": "gateway.envoyproxy.io/v1alpha1"},
      "spec": {
        "type": "object",
        "properties": {
          "wasm": {
            "type": "array",
            "items": {
              "type": "object",
              "required": ["rootID", "code"],
              "if": {"properties": {"rootID": {"const": NAME}}},
              "then": {
                "properties": {
                  "config": {"$ref": REF},
                  "failOpen": {
                    "description": "True also lets requests pass while the configuration is invalid.",
                    "const": false
                  }
                },
                "required": ["config"]
              }
            },
            "contains": {"properties": {"rootID": {"const": NAME}}}
          }
        },
        "required": ["wasm"]
      }
    },
    "required": ["apiVersion", "metadata", "spec"]
  }
}
`
