// Package all lists the filters, for the command and for the tests that hold
// for every filter. A module of one filter must not import it: it would link
// them all.
package all

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/authcallout"
	"github.com/gatehouse-proxy/gatehouse/filters/awssign"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// Entry is one filter.
type Entry struct {
	Plugin filter.Plugin
	// Fields returns the settings of a fresh configuration.
	Fields func() conf.Fields
}

// Entries lists the filters in the order of the documentation.
var Entries = []Entry{
	{authcallout.Plugin, func() conf.Fields { return new(authcallout.Config).Fields() }},
	{awssign.Plugin, func() conf.Fields { return new(awssign.Config).Fields() }},
}

// Names lists the filters' names.
func Names() []string {
	names := make([]string, len(Entries))
	for i := range Entries {
		names[i] = Entries[i].Plugin.Name
	}
	return names
}

// Find returns the filter of a name. The error names the nearest one.
func Find(name string) (Entry, error) {
	for _, e := range Entries {
		if e.Plugin.Name == name {
			return e, nil
		}
	}
	text := "no filter is called " + strconv.QuoteToASCII(name)
	if near, ok := conf.Nearest(name, Names()); ok {
		text += "; did you mean " + near + "?"
	} else {
		text += "; there are " + strings.Join(Names(), ", ")
	}
	return Entry{}, errors.New(text)
}

// Env reads an environment variable.
type Env func(name string) (value string, ok bool)

// Validate loads a configuration as the filter in Envoy does. The error lists
// all faults, each with its path; it holds no secret.
func Validate(name string, config []byte, env Env) error {
	e, err := Find(name)
	if err != nil {
		return err
	}
	_, err = e.Load(config, env)
	return err
}

// Loaded is a configuration that a filter accepts.
type Loaded struct{ filter filter.Filter }

// Load is Validate for a caller that has questions about the configuration.
func (e Entry) Load(config []byte, env Env) (Loaded, error) {
	f, err := e.Plugin.Load(config, host{env})
	return Loaded{f}, err
}

// LoadOverlay loads the overlay of a route over the filter's own configuration.
func (e Entry) LoadOverlay(config, overlay []byte, env Env) (Loaded, error) {
	merged, err := jsonr.Merge(config, overlay)
	if err != nil {
		return Loaded{}, err
	}
	return e.Load(merged, env)
}

// CheckOverlay checks the fields of an overlay whose base is not known. Rules
// across fields, and whether all that is required is there, depend on the base.
func (e Entry) CheckOverlay(overlay []byte, env Env) error {
	// Without a base, the nulls that would remove a field of it fall away.
	fields, err := jsonr.Merge(nil, overlay)
	if err != nil {
		return err
	}
	return conf.Decode(fields, conf.Partial(e.Fields()), env)
}

// Rechecks tells whether this is a second mount, which decides again.
func (l Loaded) Rechecks() bool {
	r, ok := l.filter.(filter.Rechecker)
	return ok && r.Rechecks()
}

// EditsHeader tells whether the filter may edit a request header.
func (l Loaded) EditsHeader(name string) bool {
	h, ok := l.filter.(filter.HeaderEditor)
	return ok && h.EditsHeader(name)
}

// Schema is the JSON Schema of the filter's configuration: schema.json in its
// folder.
func (e Entry) Schema() []byte {
	return conf.Schema("Gatehouse "+e.Plugin.Name, e.Fields())
}

// OverBuffer tells which body limits of a valid configuration are above
// Envoy's buffer limit, in bytes, one sentence each.
func (e Entry) OverBuffer(config []byte, env Env, limit int) []string {
	fields := e.Fields()
	if conf.Decode(config, fields, env) != nil {
		return nil
	}
	var out []string
	for _, over := range conf.OverBuffer(fields, limit) {
		out = append(out, over.Path+": "+strconv.Itoa(over.Size)+" bytes are above Envoy's buffer limit of "+
			strconv.Itoa(limit)+", so Envoy answers 413 first")
	}
	return out
}

// host is what a filter gets when it is loaded without a proxy.
type host struct{ env Env }

func (h host) Env(name string) (string, bool) {
	if h.env == nil {
		return "", false
	}
	return h.env(name)
}

func (host) Counter(string) filter.Counter { return noCounter{} }
func (host) Log(string, ...string)         {}
func (host) Shared() filter.Store          { return nil }

type noCounter struct{}

func (noCounter) Add(uint64) {}

// SchemaRef is the address of a filter's schema.json as the wrapped schemas in
// envoy/schema refer to it.
func SchemaRef(name string) string { return "../../filters/" + name + "/schema.json" }

// Version returns the release and, where the build knows it, the commit.
func Version() (number, commit string) { return filter.Version, filter.Commit }
