package host

import "strings"

// property is the path of an attribute as Envoy takes it, made once: the parts
// with a zero byte between them.
type property string

func propertyOf(parts ...string) property { return property(strings.Join(parts, "\x00")) }

var routeNameProperty = propertyOf("xds", "route_name")

// status is an answer of Envoy's (proxy-wasm ABI 0.2, proxy_result_t).
type status int32

const (
	statusOK       status = 0
	statusNotFound status = 1
	statusOther    status = 10 // proxy_result_t's internal failure
)
