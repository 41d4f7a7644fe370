package secret

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const text = "hunter2-hunter2"

// leaks tells whether printed text holds the secret in any spelling that fmt
// has for a text.
func leaks(printed string) bool {
	bytes := strings.Trim(strings.ReplaceAll(fmt.Sprintf("%d", []byte(text)), " ", ""), "[]")
	plain := strings.NewReplacer(" ", "", "0x", "", ",", "", "0X", "").Replace(strings.ToLower(printed))
	return strings.Contains(printed, "hunter") ||
		strings.Contains(plain, hex.EncodeToString([]byte(text))) ||
		strings.Contains(plain, bytes)
}

func TestLeaksSeesALeak(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d"} {
		for _, value := range []any{text, []byte(text), struct{ s string }{text}} {
			if strings.HasSuffix(format, "d") {
				value = []byte(text)
			}
			if printed := fmt.Sprintf(format, value); !leaks(printed) {
				t.Errorf("%s of %T: %q passes as harmless", format, value, printed)
			}
		}
	}
}

func TestNoVerbPrintsTheText(t *testing.T) {
	t.Parallel()
	v := New(text)
	type exported struct{ Token Value }
	type unexported struct{ token Value }
	holders := map[string]any{
		"the value":              v,
		"a pointer to it":        &v,
		"an exported field":      exported{v},
		"an unexported field":    unexported{v},
		"a pointer to a struct":  &unexported{v},
		"a slice":                []Value{v},
		"a map":                  map[string]Value{"a": v},
		"a struct inside a map":  map[string]any{"a": unexported{v}},
		"an array in a field":    struct{ a [2]Value }{[2]Value{v, v}},
		"an interface in a list": []any{v, &v},
	}
	for name, holder := range holders {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			for _, flags := range []string{"", "+", "#", " ", "0", "-", "20.3", "#+"} {
				format := "%" + flags + string(verb)
				if printed := fmt.Sprintf(format, holder); leaks(printed) {
					t.Errorf("%s of %s: %s", format, name, printed)
				}
			}
		}
		if printed := fmt.Sprint(errors.Join(fmt.Errorf("%w: %v", errors.ErrUnsupported, holder))); leaks(printed) {
			t.Errorf("in an error, %s: %s", name, printed)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(format, v); printed != "[redacted]" {
			t.Errorf("%s prints %s", format, printed)
		}
	}
}

func TestEncodersGetRedacted(t *testing.T) {
	t.Parallel()
	v := New(text)
	out, err := json.Marshal(map[string]any{"value": v, "pointer": &v, "map": map[string]Value{"k": v}})
	if want := `{"map":{"k":"[redacted]"},"pointer":"[redacted]","value":"[redacted]"}`; err != nil || string(out) != want {
		t.Errorf("JSON: %s, %v", out, err)
	}
	if out, err := v.MarshalText(); err != nil || string(out) != "[redacted]" {
		t.Errorf("text: %s, %v", out, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", struct{ V Value }{v})
	if leaks(log.String()) || strings.Count(log.String(), "[redacted]") != 2 {
		t.Errorf("slog: %s", log.String())
	}
}

func TestSetOrNotPrintsTheSame(t *testing.T) {
	t.Parallel()
	set, unset := fmt.Sprintf("%v %s %#v", New("x"), New("x"), New("x")), fmt.Sprintf("%v %s %#v", Value{}, Value{}, Value{})
	if set != unset {
		t.Errorf("%q tells a set value from an unset one, %q", set, unset)
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value Value
		other string
		want  bool
	}{
		"the same text":               {New(text), text, true},
		"another text":                {New(text), "hunter2-hunter3", false},
		"a prefix":                    {New(text), "hunter2", false},
		"longer":                      {New(text), text + "x", false},
		"its first byte repeated":     {New("aa"), "aaa", false},
		"shorter by its first byte":   {New("aaa"), "aa", false},
		"one byte":                    {New("a"), "a", true},
		"another case":                {New(text), strings.ToUpper(text), false},
		"empty against a text":        {New(text), "", false},
		"unset against empty":         {Value{}, "", false},
		"unset against a text":        {Value{}, text, false},
		"made of an empty text":       {New(""), "", false},
		"what an unset value prints":  {Value{}, "[redacted]", false},
		"what it prints, not what is": {New(text), "[redacted]", false},
	} {
		if got := test.value.Equal(test.other); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestRevealAndIsSet(t *testing.T) {
	t.Parallel()
	if v := New(text); !v.IsSet() || v.Reveal() != text {
		t.Errorf("IsSet %v, Reveal %q", v.IsSet(), v.Reveal())
	}
	for _, v := range []Value{{}, New("")} {
		if v.IsSet() || v.Reveal() != "" {
			t.Errorf("IsSet %v, Reveal %q; want unset", v.IsSet(), v.Reveal())
		}
	}
}
