package cache

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// keyOf adds every second text as bytes, which must make no difference.
func keyOf(fields ...string) string {
	var k Key
	for i, f := range fields {
		if i%2 == 0 {
			k.Text(f)
		} else {
			k.Bytes([]byte(f))
		}
	}
	return string(k.Value())
}

func TestKeysTellTextsApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	lists := [][]string{
		nil, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a\x00b"}, {"a,b"},
		{"\x01a"}, {"\x01", "a"}, {long}, {long, ""}, {long[:199], "x"}, {"\x00"}, {"\x00", "\x00"},
	}
	seen := map[string][]string{}
	for _, list := range lists {
		k := keyOf(list...)
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q are one key", list, other)
		}
		seen[k] = list
	}
}

func TestCountsTellListsApart(t *testing.T) {
	t.Parallel()
	key := func(lists ...[]string) string {
		var k Key
		for _, list := range lists {
			k.Count(len(list))
			for _, s := range list {
				k.Text(s)
			}
		}
		return string(k.Value())
	}
	if key([]string{"a"}, []string{"b", "c"}) == key([]string{"a", "b"}, []string{"c"}) {
		t.Error("a text moved from one list to the next and the key is the same")
	}
	if key([]string{"a"}, nil) == key(nil, []string{"a"}) {
		t.Error("an empty list moved and the key is the same")
	}
}

func TestAKeyIsReusable(t *testing.T) {
	t.Parallel()
	var k Key
	for _, s := range []string{"first", strings.Repeat("x", 100<<10), "last"} {
		k.Reset()
		k.Text(s)
		if got := string(k.Value()); got != keyOf(s) {
			t.Errorf("a reused key differs for %d bytes", len(s))
		}
	}
	k.Reset()
	if len(k.Value()) != 0 || cap(k.Value()) > 64<<10 {
		t.Errorf("after Reset: %d bytes, buffer of %d", len(k.Value()), cap(k.Value()))
	}
}

// FuzzText holds the encoding against encoding/binary, and what is cut against
// what would be appended.
func FuzzText(f *testing.F) {
	f.Add([]byte{}, "", uint64(0))
	f.Add([]byte{3, 'a', 'b', 'c', 9}, "text", uint64(1<<63))
	f.Add([]byte{0x80, 0}, "", uint64(127))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, "", uint64(128))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, "", uint64(300))
	f.Fuzz(func(t *testing.T, b []byte, s string, n uint64) {
		if got, want := AppendUint(nil, n), binary.AppendUvarint(nil, n); !bytes.Equal(got, want) {
			t.Fatalf("%d is % x, want % x", n, got, want)
		}
		gotS, rest, ok := CutText(append(AppendText(nil, s), b...))
		if !ok || gotS != s || !bytes.Equal(rest, b) {
			t.Fatalf("%q comes back as %q, %t", s, gotS, ok)
		}
		gotN, rest, ok := CutUint(append(AppendUint(nil, n), b...))
		if !ok || gotN != n || !bytes.Equal(rest, b) {
			t.Fatalf("%d comes back as %d, %t", n, gotN, ok)
		}
		if n, rest, ok := CutUint(b); ok && !bytes.Equal(append(AppendUint(nil, n), rest...), b) {
			t.Fatalf("% x is read as %d, which is not written so", b, n)
		}
		if want, width := binary.Uvarint(b); width > 0 && (width == 1 || b[width-1] != 0) {
			if got, rest, ok := CutUint(b); !ok || got != want || len(rest) != len(b)-width {
				t.Fatalf("% x is %d, %t; encoding/binary reads %d", b, got, ok, want)
			}
		} else if _, _, ok := CutUint(b); ok {
			t.Fatalf("% x is accepted", b)
		}
		if s, rest, ok := CutText(b); ok && !bytes.Equal(append(AppendText(nil, s), rest...), b) {
			t.Fatalf("% x is read as %q, which is not written so", b, s)
		}
	})
}

// FuzzKey compares the keys of two lists of texts with the lists.
func FuzzKey(f *testing.F) {
	f.Add("a\nb", "a\n\nb")
	f.Add("", "\n")
	f.Add("\x01a", "\x01\na")
	f.Fuzz(func(t *testing.T, a, b string) {
		first, second := strings.Split(a, "\n"), strings.Split(b, "\n")
		if (keyOf(first...) == keyOf(second...)) != slices.Equal(first, second) {
			t.Fatalf("%q and %q", first, second)
		}
	})
}
