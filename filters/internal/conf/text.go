package conf

import (
	"math"
	"strconv"
	"strings"
	"time"
)

func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// durationUnits and sizeUnits are tried in order; none is a prefix of a later
// one that could then not be read.
var (
	durationUnits = []unit{
		{"us", int64(time.Microsecond)},
		{"ms", int64(time.Millisecond)},
		{"s", int64(time.Second)},
		{"m", int64(time.Minute)},
		{"h", int64(time.Hour)},
	}
	sizeUnits = []unit{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}
)

type unit struct {
	name   string
	factor int64
}

// The patterns of durations and sizes, for the schema.
const (
	durationPattern = `^([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+$`
	sizePattern     = `^[0-9]+(B|KiB|MiB|GiB)$`
)

// tooLong stands for every duration that does not fit, which no bound allows.
const tooLong = math.MaxInt64

// parseDuration reads durationPattern, in nanoseconds; tooLong is one that
// overflows.
func parseDuration(s string) (total int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for s != "" {
		n, rest, ok := digits(s)
		if !ok {
			return 0, false
		}
		fraction, scale := int64(0), int64(1)
		if after, found := strings.CutPrefix(rest, "."); found {
			fraction, rest, ok = digits(after)
			places := len(after) - len(rest)
			if !ok || places > 9 {
				return 0, false
			}
			for range places {
				scale *= 10
			}
		}
		factor := int64(0)
		for _, u := range durationUnits {
			if after, found := strings.CutPrefix(rest, u.name); found {
				factor, s = u.factor, after
				break
			}
		}
		if factor == 0 {
			return 0, false
		}
		// In floating point: the product may not fit 64 bits.
		part := int64(float64(fraction) / float64(scale) * float64(factor))
		if n > (tooLong-total-part)/factor {
			total = tooLong
		}
		if total < tooLong {
			total += n*factor + part
		}
	}
	return total, true
}

// digits takes the number off the start of s; one that overflows becomes the
// largest.
func digits(s string) (n int64, rest string, ok bool) {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	if i == 0 {
		return 0, s, false
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, s[i:], true
}

// parseSizeUnit reads sizePattern, in bytes; one that overflows is above any
// bound.
func parseSizeUnit(s string) (int64, bool) {
	n, suffix, ok := digits(s)
	if !ok {
		return 0, false
	}
	for _, u := range sizeUnits {
		if suffix == u.name {
			return min(n, (maxInt+1)/u.factor) * u.factor, true
		}
	}
	return 0, false
}

// parseSize reads a size with or without unit, as declarations write it.
func parseSize(s string) (int64, bool) {
	if n, ok := parseSizeUnit(s); ok {
		return n, true
	}
	return parseInt(s)
}

const statusesPattern = `^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?)$`

// parseStatuses reads statusesPattern.
func parseStatuses(s string) (StatusRange, bool) {
	if len(s) == 3 && s[1:] == "xx" && '1' <= s[0] && s[0] <= '5' {
		low := int(s[0]-'0') * 100
		return StatusRange{low, low + 99}, true
	}
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	low, ok1 := parseStatus(from)
	high, ok2 := parseStatus(to)
	return StatusRange{low, high}, ok1 && ok2
}

func parseStatus(s string) (int, bool) {
	n, rest, ok := digits(s)
	return int(n), ok && rest == "" && len(s) == 3 && 100 <= n && n <= 599
}

// tokenPattern is RFC 9110, section 5.6.2.
const tokenPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

func isToken(s string) bool {
	for i := range len(s) {
		b := s[i]
		letter, digit := 'a' <= b|0x20 && b|0x20 <= 'z', '0' <= b && b <= '9'
		if !letter && !digit && strings.IndexByte("!#$%&'*+-.^_`|~", b) < 0 {
			return false
		}
	}
	return s != ""
}

// fieldValuePattern is RFC 9110, section 5.5: no control characters but tab,
// no space at the ends.
const fieldValuePattern = `^([^\x00-\x20\x7f]([^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)?$`

func isFieldValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return strings.Trim(s, " \t") == s
}

// lower is strings.ToLower for tokens, without the tables of Unicode.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// envPattern is POSIX's portable names, in either case.
const envPattern = `^[A-Za-z_][A-Za-z0-9_]{0,127}$`

func isEnvName(s string) bool {
	for i := range len(s) {
		b := s[i]
		letter := b == '_' || 'a' <= b|0x20 && b|0x20 <= 'z'
		if !letter && (i == 0 || b < '0' || b > '9') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 128
}

// Nearest returns the candidate that name is most likely a misspelling of: a
// third of its letters may differ. ok is false where none is close.
func Nearest(name string, candidates []string) (nearest string, ok bool) {
	best := max(1, len(name)/3) + 1
	for _, c := range candidates {
		if d := distance(name, c, best); d < best {
			best, nearest, ok = d, c, true
		}
	}
	return nearest, ok
}

// distance is the number of letters added, removed, changed or swapped with
// their neighbour between a and b (optimal string alignment), or limit if it
// is certain to be no less.
func distance(a, b string, limit int) int {
	if n := len(a) - len(b); n >= limit || -n >= limit || len(a) > 64 {
		return limit
	}
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(b)]
}
