package host

import (
	"bytes"
	"slices"
	"testing"
)

func TestPairsSurviveTheABI(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string][][2]string{
		"none":               {},
		"one":                {{":status", "200"}},
		"empty name, value":  {{"", ""}, {"a", ""}, {"", "b"}},
		"a repeated header":  {{"accept", "a"}, {"accept", "b"}},
		"a zero byte inside": {{"x", "a\x00b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := serialize(nil, pairs)
			if got := deserialize(string(fresh), nil); !slices.Equal(got, pairs) {
				t.Errorf("%q became %q", pairs, got)
			}
			used := bytes.Repeat([]byte{'x'}, 100)
			if again := serialize(used, pairs); !bytes.Equal(again, fresh) {
				t.Errorf("in used memory %q is %q, want %q", pairs, again, fresh)
			}
			room := [][2]string{{"x", "x"}, {"x", "x"}, {"x", "x"}}
			if got := deserialize(string(fresh), room[:0]); !slices.Equal(got, pairs) {
				t.Errorf("in used memory %q became %q", pairs, got)
			}
		})
	}
}

// FuzzDeserialize looks for lengths that lead out of the text.
func FuzzDeserialize(f *testing.F) {
	f.Add([]byte{})
	f.Add(serialize(nil, [][2]string{{":path", "/"}, {"accept", "*/*"}}))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xffx"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pairs := deserialize(string(b), nil)
		if again := deserialize(string(serialize(nil, pairs)), nil); !slices.Equal(again, pairs) {
			t.Errorf("%q became %q", pairs, again)
		}
	})
}
