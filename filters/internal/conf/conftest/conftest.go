// Package conftest runs a folder of configurations through a filter's decoder
// and through its schema. Tests alone import it.
package conftest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-proxy/gatehouse/filters/all/golden"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
)

// Secret is the text that cases use wherever a secret stands; it must never
// show in an error or a printed configuration.
const Secret = "s3cret-do-not-show"

// Env is the environment of all cases: TOKEN is Secret, EMPTY is empty.
func Env(name string) (string, bool) {
	switch name {
	case "TOKEN":
		return Secret, true
	case "EMPTY":
		return "", true
	}
	return "", false
}

// cases is the folder of a filter's configurations.
const cases = "testdata/config"

// Cases runs testdata/config/*.txt: a configuration, a line of ten dashes, and
// the decoded configuration or the error. The schema of fields must agree.
func Cases(t *testing.T, fields conf.Fields, load func(config []byte, env func(string) (string, bool)) (any, error)) {
	t.Helper()
	if err := conf.Lint(fields); err != nil {
		t.Errorf("the declaration: %v", err)
	}
	schema, err := Compile(conf.Schema("test", fields))
	if err != nil {
		t.Fatal(err)
	}
	golden.Cases(t, cases, ".txt", func(t *testing.T, input string) string {
		c, err := load([]byte(input), Env)
		Agree(t, schema, []byte(input), err)
		var out string
		if err != nil {
			out = err.Error()
		} else {
			out = Dump(c)
		}
		if strings.Contains(out, Secret) {
			t.Error("the output shows a secret")
			out = strings.ReplaceAll(out, Secret, "(secret)")
		}
		return out
	})
}

// Fuzz tries any text as a configuration, beginning with those of Cases: it is a
// filter or an error, never a panic. drive puts a request through the filter.
func Fuzz(f *testing.F, load func([]byte, filter.Host) (filter.Filter, error), drive func(filter.Filter)) {
	f.Helper()
	for _, input := range golden.Inputs(f, cases, ".txt") {
		f.Add([]byte(input))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		got, err := load(config, hosttest.NewHost())
		if (got == nil) == (err == nil) {
			t.Fatalf("load gave %v and %v", got, err)
		}
		if got != nil {
			drive(got)
		}
	})
}

// Compile compiles a schema, after holding it against its metaschema.
func Compile(schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

// Agree fails the test unless the schema refuses a configuration exactly if err,
// the decoder's, lists a fault that is not beyond schemas.
func Agree(t *testing.T, schema *jsonschema.Schema, config []byte, err error) {
	t.Helper()
	var faults conf.Errors
	if err != nil && !errors.As(err, &faults) {
		t.Errorf("not a list of faults: %v", err)
	}
	within := slices.ContainsFunc(faults, func(f conf.Fault) bool { return !f.Beyond })
	if refused := Valid(schema, config); within != (refused != nil) {
		t.Errorf("decoder and schema differ\ndecoder: %v\nschema: %v", err, refused)
	}
}

// Valid holds a configuration against a schema. Nothing is {}, as for a filter.
func Valid(schema *jsonschema.Schema, config []byte) error {
	if len(bytes.TrimSpace(config)) == 0 {
		config = []byte("{}")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

// Dump prints the exported fields of a configuration that are not zero, one a
// line, nested ones with their path.
func Dump(config any) string {
	var b strings.Builder
	dump(&b, "", reflect.ValueOf(config))
	if b.Len() == 0 {
		return "(nothing)"
	}
	return b.String()
}

func dump(b *strings.Builder, path string, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case secret.Value:
		if x.IsSet() {
			fmt.Fprintf(b, "%s: %v\n", path, x)
		}
		return
	case time.Duration:
		if x != 0 {
			fmt.Fprintf(b, "%s: %v\n", path, x)
		}
		return
	}
	inner := func(name string, v reflect.Value) {
		if path != "" {
			name = path + "." + name
		}
		dump(b, name, v)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				inner(f.Name, v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			inner(fmt.Sprint(i), v.Index(i))
		}
	case reflect.String:
		if v.Len() > 0 {
			fmt.Fprintf(b, "%s: %q\n", path, v.String())
		}
	default:
		if !v.IsZero() {
			fmt.Fprintf(b, "%s: %v\n", path, v.Interface())
		}
	}
}
