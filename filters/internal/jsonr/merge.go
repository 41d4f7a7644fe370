package jsonr

// Merge applies a JSON merge patch (RFC 7396): members of objects are merged,
// null removes a member, anything else replaces. Members keep the order of
// base, new ones follow in the order of overlay. An empty base is {}. Both
// texts are read with the default limits; the error is an *Error.
func Merge(base, overlay []byte) ([]byte, error) {
	if len(base) == 0 {
		base = []byte("{}")
	}
	b, err := Parse(base, Limits{})
	if err != nil {
		return nil, err
	}
	o, err := Parse(overlay, Limits{})
	if err != nil {
		return nil, err
	}
	return merge(make([]byte, 0, len(base)+len(overlay)), b, o), nil
}

// merge recurses once a level of overlay, which Limits.Depth bounds.
func merge(dst []byte, base, overlay Value) []byte {
	if overlay.Kind() != Object {
		return append(dst, overlay.Raw()...)
	}
	patch := make(map[string]Value, overlay.Len())
	overlay.Each(func(key string, v Value) bool {
		patch[key] = v
		return true
	})
	dst = append(dst, '{')
	start := len(dst)
	member := func(key string) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, key), ':')
	}
	if base.Kind() == Object {
		base.Each(func(key string, v Value) bool {
			p, patched := patch[key]
			delete(patch, key)
			if !patched {
				member(key)
				dst = append(dst, v.Raw()...)
			} else if p.Kind() != Null {
				member(key)
				dst = merge(dst, v, p)
			}
			return true
		})
	}
	overlay.Each(func(key string, v Value) bool {
		if _, left := patch[key]; left && v.Kind() != Null {
			member(key)
			dst = merge(dst, Value{}, v)
		}
		return true
	})
	return append(dst, '}')
}
