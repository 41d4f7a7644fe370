package main

import "github.com/gatehouse-proxy/gatehouse/filters/all"

const schemaUsage = `usage: gatehouse schema [--wrap istio|gateway [--ref ADDRESS]] FILTER

Prints the JSON Schema (2020-12) of a filter's configuration or, with --wrap, of
the Kubernetes resource that mounts it, for editors:

  # yaml-language-server: $schema=authcallout.istio.json

`

// schema prints schemas.
func schema(args []string, std stdio) int {
	flags := newFlags(schemaUsage)
	wrap := flags.String("wrap", "", "`resource`: istio (WasmPlugin) or gateway (EnvoyExtensionPolicy)")
	ref := flags.String("ref", "", "`address` of the filter's own schema in the wrapped one (default ../../filters/FILTER/schema.json)")
	rest, code, done := parse(flags, args, std, 1, 1)
	if done {
		return code
	}
	filter, err := all.Find(rest[0])
	if err != nil {
		return misuse(flags, std, err.Error())
	}
	if *wrap == "" {
		if *ref != "" {
			return misuse(flags, std, "--ref needs --wrap")
		}
		std.out.printf("%s", filter.Schema())
		return exitOK
	}
	if *ref == "" {
		*ref = all.SchemaRef(filter.Plugin.Name)
	}
	text, err := filter.Wrap(*wrap, *ref)
	if err != nil {
		return misuse(flags, std, "--wrap: "+err.Error())
	}
	std.out.printf("%s", text)
	return exitOK
}
