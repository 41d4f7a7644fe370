package cache

import "time"

// Permission is what the headers of an answer say about keeping it. Its zero
// value is Forbidden.
type Permission uint8

// The permissions.
const (
	Forbidden   Permission = iota // must not be kept, or the headers cannot be read
	Unspecified                   // no lifetime is given: the caller's default
	Explicit                      // for Lifetime.TTL
)

// Lifetime is what [LifetimeOf] reads from the headers of an answer.
type Lifetime struct {
	Permission Permission
	// TTL is the remaining lifetime, positive and counted from the time of asking
	// ([Terms.TTL]), when the permission is Explicit.
	TTL time.Duration
	// NoStale forbids any use after the TTL: must-revalidate, proxy-revalidate
	// and s-maxage, which implies it (RFC 9111 section 5.2.2.10).
	NoStale bool
	// HasStale tells that stale-if-error was there (RFC 5861 section 4), for
	// StaleIfError. Never together with NoStale.
	HasStale     bool
	StaleIfError time.Duration
}

// LifetimeOf applies RFC 9111 to the headers of an answer, names in lower case,
// that was asked for at asked. The cache is a shared one in the sense of the RFC:
// s-maxage comes before max-age, max-age before Expires, and no-store, no-cache
// and private forbid, the last two also where they name fields. Age and Date are
// subtracted. "Vary: *" forbids; any other Vary is met by a key made of all that
// was sent.
//
// Stricter than the RFC, as an answer kept too long is an open door: all that
// cannot be read, is given twice with two values, or is spent on arrival is
// Forbidden, and so are dates in the two obsolete formats. A default or minimum
// of the caller must not revive any of it.
func LifetimeOf(headers [][2]string, asked time.Time) Lifetime {
	var (
		d             directives
		age           int64
		date, expires time.Time
		ages, dates   int
		hasExpires    bool
	)
	for _, h := range headers {
		ok := true
		switch h[0] {
		case "cache-control":
			ok = d.read(h[1])
		case "age":
			age, ok = seconds(trim(h[1]))
			ages++
		case "date":
			date, ok = httpDate(trim(h[1]))
			dates++
		case "expires":
			if hasExpires {
				return Lifetime{}
			}
			hasExpires = true
			// max-age overrides Expires, valid or not; one that is not valid is 0,
			// which has passed.
			expires, _ = httpDate(trim(h[1]))
		case "vary":
			ok = !varyAll(h[1])
		}
		if !ok {
			return Lifetime{}
		}
	}
	if d.forbid || ages > 1 || dates > 1 {
		return Lifetime{}
	}
	now := asked.Unix()
	life := Lifetime{NoStale: d.revalidate || d.sMaxAge.set}
	if d.staleIfError.set && !life.NoStale {
		life.HasStale, life.StaleIfError = true, time.Duration(d.staleIfError.n)*time.Second
	}
	var total int64
	switch {
	case d.sMaxAge.set:
		total = d.sMaxAge.n
	case d.maxAge.set:
		total = d.maxAge.n
	case hasExpires:
		if dates == 0 {
			date = asked
		}
		if expires.IsZero() {
			return Lifetime{} // "Expires: 0" and the like: already expired
		}
		total = min(expires.Unix()-date.Unix(), maxSeconds)
	default:
		life.Permission = Unspecified
		return life
	}
	// Section 4.2.3, seen from the time of asking: the delay of the answer, which
	// the RFC adds to the age, is time that already counts against the TTL.
	if dates > 0 {
		age = max(age, now-date.Unix())
	}
	if total <= age {
		return Lifetime{}
	}
	life.Permission = Explicit
	life.TTL = time.Duration(total-age) * time.Second
	return life
}

// directives are what is known of Cache-Control (RFC 9111 section 5.2.2, RFC
// 5861). Others are ignored, as section 5.2.3 wants.
type directives struct {
	forbid       bool
	revalidate   bool
	maxAge       delta
	sMaxAge      delta
	staleIfError delta
}

type delta struct {
	n   int64
	set bool
}

// read takes one line of directives; false says that it cannot be read.
func (d *directives) read(line string) bool {
	for {
		line = skipSpace(line)
		if line == "" {
			return true
		}
		if line[0] == ',' { // empty elements are allowed: RFC 9110 section 5.6.1.2
			line = line[1:]
			continue
		}
		n := tokenLen(line)
		if n == 0 {
			return false
		}
		name, value, hasValue := line[:n], "", false
		line = line[n:]
		if line != "" && line[0] == '=' {
			var ok bool
			if value, line, ok = argument(line[1:]); !ok {
				return false
			}
			hasValue = true
		}
		line = skipSpace(line)
		if line != "" && line[0] != ',' {
			return false
		}
		if !d.apply(name, value, hasValue) {
			return false
		}
	}
}

func (d *directives) apply(name, value string, hasValue bool) bool {
	switch {
	case equalFold(name, "no-store"), equalFold(name, "no-cache"), equalFold(name, "private"):
		d.forbid = true
	case equalFold(name, "must-revalidate"), equalFold(name, "proxy-revalidate"):
		d.revalidate = true
	case equalFold(name, "max-age"):
		return hasValue && d.maxAge.take(value)
	case equalFold(name, "s-maxage"):
		return hasValue && d.sMaxAge.take(value)
	case equalFold(name, "stale-if-error"):
		return hasValue && d.staleIfError.take(value)
	}
	return true
}

func (d *delta) take(value string) bool {
	n, ok := seconds(value)
	if !ok || d.set && d.n != n {
		return false
	}
	d.n, d.set = n, true
	return true
}

// maxSeconds stands for any larger number (RFC 9111 section 1.2.2).
const maxSeconds = 1 << 31

// seconds reads delta-seconds: digits, and nothing else.
func seconds(s string) (int64, bool) {
	var n int64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), maxSeconds)
	}
	return n, s != ""
}

// argument reads a token or a quoted-string; recipients take either, whatever
// the directive's own form is (RFC 9111 section 5.2).
func argument(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		n := tokenLen(s)
		return s[:n], s[n:], n > 0
	}
	var text []byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return string(text), s[i+1:], true
		case c == '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			text = append(text, s[i])
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", false
		default:
			text = append(text, c)
		}
	}
	return "", "", false
}

// tokenLen is the length of the token that s begins with (RFC 9110 section
// 5.6.2).
func tokenLen(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			switch c {
			case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
			default:
				return i
			}
		}
	}
	return len(s)
}

// varyAll tells whether a Vary line has the member "*".
func varyAll(line string) bool {
	for line != "" {
		line = skipSpace(line)
		n := 0
		for n < len(line) && line[n] != ',' {
			n++
		}
		if trim(line[:n]) == "*" {
			return true
		}
		line = line[min(n+1, len(line)):]
	}
	return false
}

// HTTPDate reads a Date header: an IMF-fixdate, the form that senders must use
// (RFC 9110 section 5.6.7).
func HTTPDate(s string) (time.Time, bool) { return httpDate(trim(s)) }

// httpDate reads an IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110
// section 5.6.7).
func httpDate(s string) (time.Time, bool) {
	const form = "ddd, 00 mmm 0000 00:00:00 GMT"
	if len(s) != len(form) {
		return time.Time{}, false
	}
	for i := range len(form) {
		c := s[i]
		switch f := form[i]; f {
		case '0':
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
		case 'd', 'm': // compared below
		default:
			if c != f {
				return time.Time{}, false
			}
		}
	}
	number := func(from, to int) int {
		n := 0
		for _, c := range []byte(s[from:to]) {
			n = n*10 + int(c-'0')
		}
		return n
	}
	month := index("JanFebMarAprMayJunJulAugSepOctNovDec", s[8:11])
	weekday := index("SunMonTueWedThuFriSat", s[0:3])
	day, hour, minute, second := number(5, 7), number(17, 19), number(20, 22), number(23, 25)
	if month < 0 || weekday < 0 || hour > 23 || minute > 59 || second > 60 { // 60: a leap second
		return time.Time{}, false
	}
	t := time.Date(number(12, 16), time.Month(month+1), day, hour, minute, 0, 0, time.UTC)
	// time.Date turns 31 June into 1 July; the day tells, and so does the weekday.
	if t.Day() != day || int(t.Weekday()) != weekday {
		return time.Time{}, false
	}
	return t.Add(time.Duration(second) * time.Second), true
}

// index finds a name of three letters in a list of them.
func index(list, name string) int {
	for i := 0; i < len(list); i += 3 {
		if list[i:i+3] == name {
			return i / 3
		}
	}
	return -1
}

func skipSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

func trim(s string) string {
	s = skipSpace(s)
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold compares with an ASCII name in lower case.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
