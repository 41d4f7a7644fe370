package conf

// Over is a body limit above a buffer limit.
type Over struct {
	Path string
	Size int // bytes
}

// OverBuffer lists the decoded body limits that are above Envoy's buffer limit,
// in bytes, so that Envoy's own 413 comes first. Those inside lists are not
// looked at.
func OverBuffer(fields Fields, limit int) []Over {
	var over []Over
	for i := range fields {
		switch t := fields[i].typ.(type) {
		case sizeType:
			if on := fields[i].buffered; on != nil && *on && *t.p > limit {
				over = append(over, Over{fields[i].name, *t.p})
			}
		case objectType:
			for _, o := range OverBuffer(t.fields, limit) {
				over = append(over, Over{fields[i].name + "." + o.Path, o.Size})
			}
		}
	}
	return over
}
