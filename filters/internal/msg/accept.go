package msg

import "strings"

// PrefersPlain reports whether an Accept header ranks text/plain above
// application/json (RFC 9110 section 12.5.1: the most specific range decides
// for a type, then the higher q). Without a preference the answer is JSON, so
// false. Parameters other than q are ignored, ranges with a malformed q too.
func PrefersPlain(accept string) bool {
	var plain, json choice
	for rest := accept; rest != ""; {
		var item string
		item, rest = cutQuoted(rest, ',')
		mediaRange, params := cutQuoted(item, ';')
		mediaRange = trim(mediaRange)
		q, ok := quality(params)
		if !ok {
			continue
		}
		switch {
		case equalFold(mediaRange, "text/plain"):
			plain.take(3, q)
		case equalFold(mediaRange, "text/*"):
			plain.take(2, q)
		case equalFold(mediaRange, "application/json"):
			json.take(3, q)
		case equalFold(mediaRange, "application/*"):
			json.take(2, q)
		case mediaRange == "*/*":
			plain.take(1, q)
			json.take(1, q)
		}
	}
	return plain.q > json.q
}

// choice is the q of the most specific range seen so far.
type choice struct{ specificity, q int }

func (c *choice) take(specificity, q int) {
	if specificity > c.specificity || specificity == c.specificity && q > c.q {
		c.specificity, c.q = specificity, q
	}
}

// quality returns the q parameter in thousandths, 1000 if there is none.
func quality(params string) (q int, ok bool) {
	for params != "" {
		var p string
		p, params = cutQuoted(params, ';')
		name, value, _ := strings.Cut(p, "=")
		if equalFold(trim(name), "q") {
			return qvalue(trim(value))
		}
	}
	return 1000, true
}

// qvalue reads "0", "1", "0.5", "1.000": RFC 9110 section 12.4.2.
func qvalue(s string) (int, bool) {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return 0, false
	}
	q := int(s[0]-'0') * 1000
	for i, unit := 2, 100; i < len(s); i, unit = i+1, unit/10 {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		q += int(s[i]-'0') * unit
	}
	return q, q <= 1000
}

// cutQuoted is strings.Cut at a byte outside quoted-strings.
func cutQuoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case !quoted && s[i] == sep:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
