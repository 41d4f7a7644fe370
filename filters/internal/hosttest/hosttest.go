// Package hosttest drives a filter without a proxy: a message in memory, and a
// function that answers callouts. The conformance test of internal/host puts
// this driver and the shell through the same cases.
package hosttest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// Now is the time of every exchange.
var Now = time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)

// Message is a request or a response in memory.
type Message struct {
	Fields     [][2]string
	Whole      []byte // what arrives as body
	Properties map[string]string
	// FilterState is what SetFilterState has set; with RefuseState it fails.
	FilterState map[string]string
	RefuseState bool

	body []byte
}

// Request makes a request; headers are "name: value".
func Request(method, path string, headers ...string) *Message {
	m := &Message{Fields: [][2]string{{":method", method}, {":path", path}, {":authority", "example.org"}, {":scheme", "https"}}}
	return m.with(headers)
}

// Response makes a response; headers are "name: value".
func Response(status int, headers ...string) *Message {
	m := &Message{Fields: [][2]string{{":status", strconv.Itoa(status)}}}
	return m.with(headers)
}

func (m *Message) with(headers []string) *Message {
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.Fields = append(m.Fields, [2]string{strings.ToLower(name), value})
	}
	return m
}

// Header implements filter.Message.
func (m *Message) Header(name string) (value string, n int) {
	for _, f := range m.Fields {
		if f[0] == name {
			if n == 0 {
				value = f[1]
			}
			n++
		}
	}
	return value, n
}

// MayHave implements filter.Message.
func (m *Message) MayHave(name string) bool {
	return slices.ContainsFunc(m.Fields, func(f [2]string) bool { return len(f[0]) == len(name) })
}

// Headers implements filter.Message.
func (m *Message) Headers() [][2]string { return m.Fields }

// SetHeader implements filter.Message.
func (m *Message) SetHeader(name, value string) {
	for i := range m.Fields {
		if m.Fields[i][0] == name {
			m.Fields[i][1] = value
			m.Fields = append(m.Fields[:i+1], without(m.Fields[i+1:], name)...)
			return
		}
	}
	m.AddHeader(name, value)
}

// AddHeader implements filter.Message.
func (m *Message) AddHeader(name, value string) {
	m.Fields = append(m.Fields, [2]string{name, value})
}

// RemoveHeader implements filter.Message.
func (m *Message) RemoveHeader(name string) { m.Fields = without(m.Fields, name) }

func without(fields [][2]string, name string) [][2]string {
	var kept [][2]string
	for _, f := range fields {
		if f[0] != name {
			kept = append(kept, f)
		}
	}
	return kept
}

// Body implements filter.Message.
func (m *Message) Body() []byte { return m.body }

// SetBody implements filter.Message.
func (m *Message) SetBody(b []byte) {
	m.Whole, m.body = b, b
	if _, n := m.Header("content-length"); n > 0 {
		m.SetHeader("content-length", strconv.Itoa(len(b)))
	}
}

// RouteName implements filter.Message.
func (m *Message) RouteName() string {
	name, _ := m.Property("xds", "route_name")
	return name
}

// Property implements filter.Message; the parts of a path are joined by dots.
func (m *Message) Property(path ...string) (string, bool) {
	v, ok := m.Properties[strings.Join(path, ".")]
	return v, ok
}

// SetFilterState implements filter.Message.
func (m *Message) SetFilterState(name, value string) bool {
	if m.RefuseState {
		return false
	}
	if m.FilterState == nil {
		m.FilterState = map[string]string{}
	}
	m.FilterState[name] = value
	return true
}

// Text shows the headers that start with one of the prefixes, or all without
// one, as sorted input order "name: value" lines.
func (m *Message) Text(prefixes ...string) string {
	var b strings.Builder
	for _, f := range m.Fields {
		show := len(prefixes) == 0
		for _, p := range prefixes {
			show = show || strings.HasPrefix(f[0], p)
		}
		if show {
			b.WriteString(f[0] + ": " + f[1] + "\n")
		}
	}
	return b.String()
}

// Host is the surroundings of a filter in memory.
type Host struct {
	Environment map[string]string
	Counts      map[string]uint64
	Logs        []string
	Store       Store
}

// NewHost returns an empty Host.
func NewHost() *Host { return &Host{Counts: map[string]uint64{}, Store: Store{}} }

// Env implements filter.Host.
func (h *Host) Env(name string) (string, bool) {
	v, ok := h.Environment[name]
	return v, ok
}

type counter struct {
	h    *Host
	name string
}

func (c counter) Add(n uint64) { c.h.Counts[c.name] += n }

// Counter implements filter.Host.
func (h *Host) Counter(name string) filter.Counter { return counter{h, name} }

// Store is shared data in memory.
type Store map[string]Stored

// Stored is one value and its version.
type Stored struct {
	Value []byte
	CAS   uint32
}

// Get implements filter.Store.
func (s Store) Get(key string) (value []byte, cas uint32, ok bool) {
	v, ok := s[key]
	return v.Value, v.CAS, ok
}

// Set implements filter.Store, as Envoy does: a key that is not there is created
// whatever cas is.
func (s Store) Set(key string, value []byte, cas uint32) bool {
	if old, ok := s[key]; ok && cas != 0 && old.CAS != cas {
		return false
	}
	s[key] = Stored{append([]byte(nil), value...), s[key].CAS + 1}
	return true
}

// Shared implements filter.Host.
func (h *Host) Shared() filter.Store { return h.Store }

// Log implements filter.Host.
func (h *Host) Log(text string, pairs ...string) {
	h.Logs = append(h.Logs, text+" "+strings.Join(pairs, " "))
}

// Exchange is the record of one driven message.
type Exchange struct {
	Word     filter.Word
	Cache    filter.Cache
	Reply    *filter.Reply // nil if the message went on
	Callouts []filter.Callout
}

// Drive runs a request through a filter, with answer standing in for the world
// behind callouts. It returns the stream's filter for DriveResponse.
func Drive(f filter.Filter, m *Message, answer func(filter.Callout) filter.CalloutResult) (Exchange, filter.Filter) {
	if s, ok := f.(filter.Streamer); ok {
		f = s.NewStream()
	}
	return settle(f.OnRequest(m, Now), m, Now, answer), f
}

// DriveAt is Drive at another time than Now.
func DriveAt(f filter.Filter, m *Message, now time.Time, answer func(filter.Callout) filter.CalloutResult) Exchange {
	return settle(f.(filter.Streamer).NewStream().OnRequest(m, now), m, now, answer)
}

// DriveResponse runs a response through the stream's filter.
func DriveResponse(f filter.Filter, m *Message, answer func(filter.Callout) filter.CalloutResult) Exchange {
	if s, ok := f.(filter.ResponseSkipper); ok && s.SkipsResponse() {
		return Exchange{}
	}
	return settle(f.OnResponse(m, Now), m, Now, answer)
}

// DriveTick runs a tick of a filter, and what it calls, at a time.
func DriveTick(f filter.Ticker, now time.Time, answer func(filter.Callout) filter.CalloutResult) Exchange {
	return settle(f.OnTick(now), nil, now, answer)
}

func settle(o filter.Outcome, m *Message, now time.Time, answer func(filter.Callout) filter.CalloutResult) Exchange {
	var e Exchange
	for {
		switch o.Kind {
		case filter.KindReply:
			e.Word, e.Cache, e.Reply = o.Word, o.Cache, o.Reply
			return e
		case filter.KindCall:
			e.Callouts = append(e.Callouts, *o.Callout)
			res := answer(*o.Callout)
			if res.Now.IsZero() {
				res.Now = now.Add(res.Duration)
			}
			now = res.Now
			o = o.OnReply(res)
		case filter.KindBody:
			res := filter.BodyResult{Now: now}
			m.body = m.Whole
			if len(m.body) > o.Body().Limit {
				if o.Body().Partial {
					m.body, res.Truncated = m.body[:o.Body().Limit], true
				} else {
					m.body, res.TooLarge = nil, true
				}
			}
			o = o.OnBody(res)
		default:
			e.Word, e.Cache = o.Word, o.Cache
			return e
		}
	}
}
