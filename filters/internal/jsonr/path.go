package jsonr

import (
	"errors"
	"strconv"
	"strings"
)

// special are the characters that must be escaped in a path: those that stand
// for queries, wildcards and modifiers in other dialects (gjson, JSONPath), so
// that such a path fails when it is configured instead of never matching.
const special = `.\*?#|@!{}[]()`

// CheckPath checks a path into a document: names of members and indexes of
// array elements, with dots between them, such as user.groups.0. A backslash
// before a character of punctuation takes it as it is (claims.example\.org);
// it is needed before . \ * ? # | @ ! { } [ ] ( and ). There are no queries,
// wildcards or modifiers. A number is an index in an array, without leading
// zeros, and a name in an object. Names must not be empty.
func CheckPath(path string) error {
	empty := true
	for i := 0; i < len(path); i++ {
		switch b := path[i]; {
		case b == '\\':
			i++
			if i == len(path) || !isPunct(path[i]) {
				return errors.New(`a backslash must stand before a character of punctuation`)
			}
			empty = false
		case b == '.':
			if empty {
				return errors.New("a name in the path is empty")
			}
			empty = true
		case strings.IndexByte(special, b) >= 0:
			return errors.New(`queries, wildcards and modifiers are not supported: write ` + string(rune(b)) + ` as \` + string(rune(b)))
		default:
			empty = false
		}
	}
	if empty {
		return errors.New("a name in the path is empty")
	}
	return nil
}

func isPunct(b byte) bool {
	return '!' <= b && b <= '/' || ':' <= b && b <= '@' || '[' <= b && b <= '`' || '{' <= b && b <= '~'
}

// Get returns the value at a path that [CheckPath] accepts; ok is false where
// there is none. A null in the text is there.
func (v Value) Get(path string) (_ Value, ok bool) {
	for path != "" {
		var name string
		name, path = cutPath(path)
		found := false
		v.Each(func(key string, e Value) bool {
			if key == name {
				v, found = e, true
			}
			return !found
		})
		if !found {
			return Value{}, false
		}
	}
	return v, true
}

// cutPath takes the first name off a path.
func cutPath(path string) (name, rest string) {
	plain := true
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' {
			plain = false
			i++
		} else if path[i] == '.' {
			path, rest = path[:i], path[i+1:]
			break
		}
	}
	if plain {
		return path, rest
	}
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+1 < len(path) {
			i++
		}
		b = append(b, path[i])
	}
	return string(b), rest
}

// AppendPath appends a name to a path for an error message. Names come from
// the text, so characters that do not print are shown as U+FFFD, and a long name
// is cut, as is a path of more than some 200 bytes.
func AppendPath(path []byte, name string) []byte {
	if len(path) > 200 {
		if path[len(path)-1] != '.' {
			path = append(path, "..."...)
		}
		return path
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	n := 0
	for _, r := range name {
		if n++; n > 40 {
			return append(path, "..."...)
		}
		switch {
		case r < 0x80 && strings.IndexByte(special, byte(r)) >= 0:
			path = append(path, '\\', byte(r))
		case !strconv.IsPrint(r):
			path = append(path, "\uFFFD"...)
		default:
			path = append(path, string(r)...)
		}
	}
	if n == 0 {
		path = append(path, `""`...)
	}
	return path
}
