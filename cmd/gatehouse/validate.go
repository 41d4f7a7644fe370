package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

It warns when a body limit is above Envoy's buffer limit, where FILE shows that.
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
	mounts, err := find(file, text, *rootID)
	if err != nil {
		std.err.printf("%s: %v\n", file, err)
		return exitInvalid
	}
	code = exitOK
	for _, m := range mounts {
		at := file
		if m.Line > 0 {
			at = fmt.Sprintf("%s:%d", file, m.Line)
		}
		if err := all.Validate(filter.Plugin.Name, m.Config, env); err != nil {
			std.err.printf("%s: %s: configuration: %v\n", at, filter.Plugin.Name, err)
			code = exitInvalid
			continue
		}
		if m.BufferLimit > 0 {
			for _, warning := range filter.OverBuffer(m.Config, env, m.BufferLimit) {
				std.err.printf("%s: %s: warning: %s\n", at, filter.Plugin.Name, warning)
			}
		}
		std.out.printf("%s: %s: valid\n", at, filter.Plugin.Name)
	}
	return code
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

// find returns the configurations of a filter in a file: its mounts, or the
// whole file.
func find(file string, text []byte, rootID string) ([]manifest.Mount, error) {
	json := isJSON(file, text)
	mounts, err := manifest.Find(text)
	if err != nil {
		if json {
			// As a bare configuration it gets the decoder's own message.
			return []manifest.Mount{{Config: text}}, nil
		}
		return nil, err
	}
	if len(mounts) == 0 && !manifest.IsManifest(text) {
		if !json {
			if text, err = manifest.JSON(text); err != nil {
				return nil, err
			}
		}
		return []manifest.Mount{{Config: text}}, nil
	}
	var found []manifest.Mount
	var others []string
	for _, m := range mounts {
		if m.Filter == rootID {
			found = append(found, m)
		} else {
			others = append(others, fmt.Sprintf("%s (line %d)", m.Filter, m.Line))
		}
	}
	if len(found) == 0 {
		if len(others) == 0 {
			return nil, errors.New("mounts no Wasm filter")
		}
		return nil, fmt.Errorf("does not mount %s, but %s; --root-id chooses by another name", rootID, strings.Join(others, ", "))
	}
	return found, nil
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
