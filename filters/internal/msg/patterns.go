package msg

import "strings"

// Patterns is a list of header names, some of them with a "*" at the end that
// stands for any rest: "x-auth-*", or "*" for every name. The zero value matches
// nothing.
type Patterns struct {
	exact, prefixes []string
}

// CompilePatterns makes Patterns from names in any case.
func CompilePatterns(list []string) Patterns {
	var p Patterns
	for _, s := range list {
		if prefix, ok := strings.CutSuffix(Lower(s), "*"); ok {
			p.prefixes = append(p.prefixes, prefix)
		} else {
			p.exact = append(p.exact, Lower(s))
		}
	}
	return p
}

// Match reports whether a lower-case name is in the list.
func (p Patterns) Match(name string) bool {
	for _, s := range p.exact {
		if s == name {
			return true
		}
	}
	for _, s := range p.prefixes {
		if strings.HasPrefix(name, s) {
			return true
		}
	}
	return false
}

// Empty reports that nothing matches.
func (p Patterns) Empty() bool { return len(p.exact) == 0 && len(p.prefixes) == 0 }
