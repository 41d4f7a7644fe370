package host

import (
	"math"
	"strconv"
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// message is the view of one direction of a stream. All headers are fetched at
// the first read (three single reads cost more than one of all), and edits go
// to Envoy and to this copy alike.
type message struct {
	response bool
	fetched  bool
	unsure   bool // there may be headers that are not among headers
	edited   bool // a header was changed
	refused  bool // or should have been, and Envoy did not
	routed   bool // route is known
	route    string
	headers  [][2]string
	lengths  uint64 // of names, modulo 64: bits of those that occur, or have done
	body     []byte
}

func (m *message) fetch() {
	if m.fetched {
		return
	}
	m.fetched = true
	m.headers = headerPairs(m.kind(), m.headers)
	m.unsure = len(m.headers) == 0
	for i := range m.headers {
		m.lengths |= lengthBit(m.headers[i][0])
	}
}

func lengthBit(name string) uint64 { return 1 << (len(name) % 64) }

// forget makes a message ready for the next exchange, which gets the list of
// headers, but none of the texts in it.
func (m *message) forget() {
	if cap(m.headers) > maxSpareHeaders {
		m.headers = nil
	}
	clear(m.headers[:cap(m.headers)]) // dropFrom leaves some behind the end
	*m = message{response: m.response, headers: m.headers[:0]}
}

// maxSpareHeaders bounds a list that is kept for the next exchange.
const maxSpareHeaders = 64

// Header implements filter.Message.
func (m *message) Header(name string) (value string, n int) {
	if !m.MayHave(name) {
		return "", 0
	}
	for i := range m.headers {
		// The length first: it tells nearly all names apart, without a call.
		if len(m.headers[i][0]) != len(name) {
			continue
		}
		if h := &m.headers[i]; h[0] == name {
			if n == 0 {
				value = h[1]
			}
			if n++; strings.HasPrefix(name, ":") {
				break // Envoy has one of each
			}
		}
	}
	return value, n
}

// MayHave implements filter.Message.
func (m *message) MayHave(name string) bool {
	if !m.fetched {
		m.fetch()
	}
	return m.lengths&lengthBit(name) != 0
}

// Headers implements filter.Message.
func (m *message) Headers() [][2]string {
	if !m.fetched {
		m.fetch()
	}
	return m.headers
}

// SetHeader implements filter.Message.
func (m *message) SetHeader(name, value string) {
	m.fetch()
	m.edited = true
	if m.MayHave(name) {
		for i := range m.headers {
			if h := &m.headers[i]; len(h[0]) == len(name) && h[0] == name {
				h[1] = value
				m.headers = dropFrom(m.headers, i+1, name)
				m.edit(replaceHeader, name, value)
				return
			}
		}
	}
	// To add what is not there spares Envoy a search. Headers that could not be read
	// may be there, and while the message waited others may have come: the attempts of
	// a hedged request share its headers. Nobody's own shall stand beside one that the
	// filter sets.
	e := addHeader
	if m.unsure {
		e = replaceHeader
	}
	m.edit(e, name, value)
	m.append(name, value)
}

// edit changes a header in Envoy.
func (m *message) edit(e edit, name, value string) {
	if !editHeader(e, m.kind(), name, value) {
		m.refused = true
	}
}

// kind is that of the message's headers.
func (m *message) kind() headerKind {
	if m.response {
		return responseHeaders
	}
	return requestHeaders
}

func (m *message) append(name, value string) {
	m.headers = append(m.headers, [2]string{name, value})
	m.lengths |= lengthBit(name)
}

// AddHeader implements filter.Message.
func (m *message) AddHeader(name, value string) {
	m.fetch()
	m.edited = true
	m.edit(addHeader, name, value)
	m.append(name, value)
}

// RemoveHeader implements filter.Message. Removing what is not there costs no
// call to Envoy and does not clear its route cache.
func (m *message) RemoveHeader(name string) {
	if _, n := m.Header(name); n == 0 {
		return
	}
	m.edited = true
	if m.response {
		_ = proxywasm.RemoveHttpResponseHeader(name)
	} else if proxywasm.RemoveHttpRequestHeader(name) != nil {
		m.refused = true
	}
	m.headers = dropFrom(m.headers, 0, name)
}

func dropFrom(headers [][2]string, from int, name string) [][2]string {
	kept := headers[:from]
	for _, h := range headers[from:] {
		if h[0] != name {
			kept = append(kept, h)
		}
	}
	return kept
}

// Body implements filter.Message.
func (m *message) Body() []byte { return m.body }

// SetBody implements filter.Message.
func (m *message) SetBody(body []byte) {
	m.body = body
	if m.response {
		_ = proxywasm.ReplaceHttpResponseBody(body)
	} else {
		_ = proxywasm.ReplaceHttpRequestBody(body)
	}
	if _, n := m.Header("content-length"); n > 0 {
		m.SetHeader("content-length", strconv.Itoa(len(body)))
	}
}

// Property implements filter.Message.
func (m *message) Property(path ...string) (string, bool) {
	if len(path) == 2 && path[0] == "xds" && path[1] == "route_name" {
		name := m.RouteName()
		return name, name != ""
	}
	v, st := getProperty(propertyOf(path...))
	return string(v), st == statusOK
}

// RouteName implements filter.Message. It is the name of the route when it was first
// asked for: the route that a decision was made under, also when the filter's edits
// have moved it since.
func (m *message) RouteName() string {
	if !m.routed {
		m.routed = true
		name, _ := getProperty(routeNameProperty)
		m.route = string(name)
	}
	return m.route
}

// SetFilterState implements filter.Message. The argument of Envoy's function is a
// protobuf message: 1 the object's name, 2 its text, both strings.
func (m *message) SetFilterState(name, value string) bool {
	b := make([]byte, 0, len(name)+len(value)+8)
	b = append(appendLength(append(b, 1<<3|2), len(name)), name...)
	b = append(appendLength(append(b, 2<<3|2), len(value)), value...)
	_, err := proxywasm.CallForeignFunction("set_envoy_filter_state", b)
	return err == nil
}

// appendLength appends a protobuf varint.
func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// readBody takes up to most bytes of what Envoy has buffered.
func (m *message) readBody(most int) []byte {
	if most > math.MaxInt32 {
		most = math.MaxInt32
	}
	var body []byte
	if m.response {
		body, _ = proxywasm.GetHttpResponseBody(0, most)
	} else {
		body, _ = proxywasm.GetHttpRequestBody(0, most)
	}
	return body
}

func (m *message) resume() {
	if m.response {
		_ = proxywasm.ResumeHttpResponse()
	} else {
		_ = proxywasm.ResumeHttpRequest()
	}
}

// replacePiece writes a piece of a body that passed through the filter, which
// may have changed it in place. Envoy takes no data with trailers, so a last
// piece that came empty stays empty.
func (m *message) replacePiece(piece []byte, size int) {
	if size == 0 && len(piece) == 0 {
		return
	}
	if m.response {
		_ = proxywasm.ReplaceHttpResponseBody(piece)
	} else {
		_ = proxywasm.ReplaceHttpRequestBody(piece)
	}
}
