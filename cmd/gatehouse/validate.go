package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/all"
	"github.com/gatehouse-proxy/gatehouse/filters/all/manifest"
)

const validateUsage = `usage: gatehouse validate [flags] FILTER [FILE]

Checks a configuration as the filter in Envoy does, rules across fields included.
FILE is JSON or YAML, - or nothing is standard input. It holds

  - the configuration of the filter alone, or
  - a file that mounts it: Envoy's configuration (bootstrap, listener, EnvoyFilter
    or EnvoyPatchPolicy), an Istio WasmPlugin or an EnvoyExtensionPolicy. Each
    configuration of the filter in it is checked; other filters are passed over.
  - routes with overlays for it in their metadata (bootstrap, route configuration,
    EnvoyFilter, EnvoyPatchPolicy). Where FILE mounts the filter once, each is
    checked merged over that configuration, else by itself.

It warns when a body limit is above Envoy's buffer limit, where FILE shows that,
and when routes with different overlays match on a header that the filter edits.
Exit status: 0 valid, 1 invalid, 2 wrong usage or unreadable file.

`

// placeholder stands for a variable that is not set: long enough for the least
// length of any secret.
var placeholder = strings.Repeat("placeholder", 8)

// validate checks configurations.
func validate(args []string, std stdio) int {
	flags := newFlags(validateUsage)
	usePlaceholder := flags.Bool("env-placeholder", false,
		"take a placeholder for environment variables that are not set, instead of reporting them: where Envoy has them and this machine does not")
	rootID := flags.String("root-id", "",
		"look for mounts with this root_id (pluginName, rootID) `name` instead of FILTER's")
	rest, code, done := parse(flags, args, std, 1, 2)
	if done {
		return code
	}
	filter, err := all.Find(rest[0])
	if err != nil {
		return misuse(flags, std, err.Error())
	}
	file := "-"
	if len(rest) == 2 {
		file = rest[1]
	}
	text, err := read(file, std.in)
	if err != nil {
		std.err.printf("gatehouse: %v\n", err)
		return exitUsage
	}
	if file == "-" {
		file = "stdin"
	}
	env := std.env
	if *usePlaceholder {
		env = func(name string) (string, bool) {
			if v, ok := std.env(name); ok {
				return v, true
			}
			return placeholder, true
		}
	}
	if *rootID == "" {
		*rootID = filter.Plugin.Name
	}
	parts, err := find(file, text, filter.Plugin.Name, *rootID)
	if err != nil {
		std.err.printf("%s: %v\n", file, err)
		return exitInvalid
	}
	c := checker{file: file, filter: filter, env: env, std: std, code: exitOK}
	for _, m := range parts.mounts {
		c.mount(m)
	}
	c.overlays(parts, *rootID)
	return c.code
}

// checker checks the parts of one file.
type checker struct {
	file   string
	filter all.Entry
	env    all.Env
	std    stdio
	code   int
	// What the mounts have shown.
	bases    [][]byte // configurations of first mounts
	invalid  int      // mounts with a fault
	rechecks bool     // there is a second mount
	loaded   []all.Loaded
}

// at is the beginning of a message.
func (c *checker) at(line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d: %s", c.file, line, c.filter.Plugin.Name)
	}
	return c.file + ": " + c.filter.Plugin.Name
}

func (c *checker) fail(line int, what string, err error) {
	c.std.err.printf("%s: %s: %v\n", c.at(line), what, err)
	c.code = exitInvalid
}

func (c *checker) mount(m manifest.Mount) {
	loaded, err := c.filter.Load(m.Config, c.env)
	if err != nil {
		c.fail(m.Line, "configuration", err)
		c.invalid++
		return
	}
	c.loaded = append(c.loaded, loaded)
	if loaded.Rechecks() {
		c.rechecks = true
	} else {
		c.bases = append(c.bases, m.Config)
	}
	if m.BufferLimit > 0 {
		for _, warning := range c.filter.OverBuffer(m.Config, c.env, m.BufferLimit) {
			c.std.err.printf("%s: warning: %s\n", c.at(m.Line), warning)
		}
	}
	c.std.out.printf("%s: valid\n", c.at(m.Line))
}

// overlays checks the overlays of routes, and how the routes are chosen.
func (c *checker) overlays(p parts, rootID string) {
	if len(p.overlays) == 0 {
		return
	}
	alone := ""
	switch {
	case c.invalid > 0:
		alone = "the configuration under them is not valid"
	case len(c.bases) == 0:
		alone = "the file does not mount " + rootID
	case len(c.bases) > 1:
		alone = fmt.Sprintf("the file mounts %s %d times", rootID, len(c.bases))
	}
	if alone != "" {
		c.std.err.printf("%s: note: overlays are checked by themselves, without rules across fields: %s\n", c.at(0), alone)
	}
	for _, o := range p.overlays {
		what := "overlay of " + o.Where
		if o.Fault != "" {
			c.fail(o.Line, what, errors.New(o.Fault))
			continue
		}
		var err error
		if alone != "" {
			err = c.filter.CheckOverlay(o.Config, c.env)
		} else {
			var loaded all.Loaded
			if loaded, err = c.filter.LoadOverlay(c.bases[0], o.Config, c.env); err == nil {
				c.loaded = append(c.loaded, loaded)
			}
		}
		if err != nil {
			c.fail(o.Line, what, err)
			continue
		}
		c.std.out.printf("%s: %s: valid\n", c.at(o.Line), what)
	}
	if !c.rechecks {
		c.reroutes(p.hosts)
	}
}

// reroutes warns where the filter's own edits can move a request to a route with
// another overlay, after the decision.
func (c *checker) reroutes(hosts []*manifest.VirtualHost) {
	for _, h := range hosts {
		if !h.Differ(c.filter.Plugin.Name) {
			continue
		}
		var edited []string
		for _, name := range h.Headers {
			edits := func(l all.Loaded) bool { return l.EditsHeader(name) }
			if !slices.Contains(edited, name) && slices.ContainsFunc(c.loaded, edits) {
				edited = append(edited, name)
			}
		}
		if len(edited) > 0 {
			c.std.err.printf("%s: warning: routes of virtual host %s match on %s, which the filter edits, and their overlays differ: a request can be decided by one and served under another (mount the filter a second time, with \"recheck\": true)\n",
				c.at(h.Line), h.Name, strings.Join(edited, ", "))
		}
	}
}

// maxFile bounds what is read: a config dump of a large proxy fits.
const maxFile = 64 << 20

func read(file string, in io.Reader) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", file, maxFile)
	}
	return text, err
}

// parts is what a file has for one filter.
type parts struct {
	mounts   []manifest.Mount
	overlays []manifest.Overlay
	hosts    []*manifest.VirtualHost
}

// find returns what a file has for a filter: its mounts and the overlays of
// routes, or the whole file as its configuration.
func find(file string, text []byte, name, rootID string) (parts, error) {
	json := isJSON(file, text)
	bare := parts{mounts: []manifest.Mount{{Config: text}}}
	mounts, err := manifest.Find(text)
	if err != nil {
		if json {
			// As a bare configuration it gets the decoder's own message.
			return bare, nil
		}
		return parts{}, err
	}
	overlays, hosts, err := manifest.FindOverlays(text)
	if err != nil {
		return parts{}, err
	}
	if len(mounts) == 0 && len(overlays) == 0 && !manifest.IsManifest(text) {
		if !json {
			bare.mounts[0].Config, err = manifest.JSON(text)
		}
		return bare, err
	}
	found := parts{hosts: hosts}
	for _, o := range overlays {
		if o.Filter == name {
			found.overlays = append(found.overlays, o)
		} else if _, err := all.Find(o.Filter); err != nil {
			// Nobody would ever read it.
			return parts{}, fmt.Errorf("line %d: overlay of %s: filter_metadata: gatehouse.%s: %w", o.Line, o.Where, o.Filter, err)
		}
	}
	var others []string
	for _, m := range mounts {
		if m.Filter == rootID {
			found.mounts = append(found.mounts, m)
		} else {
			others = append(others, fmt.Sprintf("%s (line %d)", m.Filter, m.Line))
		}
	}
	if len(found.mounts) > 0 || len(found.overlays) > 0 {
		return found, nil
	}
	if len(others) == 0 {
		return parts{}, errors.New("mounts no Wasm filter")
	}
	return parts{}, fmt.Errorf("does not mount %s, but %s; --root-id chooses by another name", rootID, strings.Join(others, ", "))
}

func isJSON(file string, text []byte) bool {
	switch filepath.Ext(file) {
	case ".json":
		return true
	case ".yaml", ".yml":
		return false
	}
	text = bytes.TrimSpace(text)
	return len(text) == 0 || text[0] == '{' || text[0] == '['
}
