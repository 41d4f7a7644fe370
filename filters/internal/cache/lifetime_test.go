package cache

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// date is a Date or Expires value at a time after start.
func date(d time.Duration) string { return at(d).Format(http.TimeFormat) }

var (
	forbidden   = Lifetime{}
	unspecified = Lifetime{Permission: Unspecified}
)

func explicit(seconds int) Lifetime {
	return Lifetime{Permission: Explicit, TTL: time.Duration(seconds) * time.Second}
}

func noStale(l Lifetime) Lifetime { l.NoStale = true; return l }

func staleIfError(seconds int, l Lifetime) Lifetime {
	l.HasStale, l.StaleIfError = true, time.Duration(seconds)*time.Second
	return l
}

// cc are headers with one Cache-Control line and further pairs.
func cc(line string, more ...string) [][2]string {
	h := [][2]string{{"content-type", "text/plain"}, {"cache-control", line}}
	for i := 0; i < len(more); i += 2 {
		h = append(h, [2]string{more[i], more[i+1]})
	}
	return h
}

var headers = map[string]struct {
	headers [][2]string
	want    Lifetime
}{
	"no headers at all":          {nil, unspecified},
	"headers that do not matter": {[][2]string{{"content-type", "text/plain"}, {"pragma", "no-cache"}}, unspecified},
	"max-age":                    {cc("max-age=60"), explicit(60)},
	"max-age among others":       {cc("public, max-age=60, immutable"), explicit(60)},
	"names in any case":          {cc("MAX-Age=60, Must-Revalidate"), noStale(explicit(60))},
	"a quoted number":            {cc(`max-age="60"`), explicit(60)},
	"an escaped quoted number":   {cc(`max-age="\60"`), explicit(60)},
	"a number beyond 2^31":       {cc("max-age=99999999999999999999999"), explicit(1 << 31)},
	"a number of leading zeros":  {cc("max-age=0060"), explicit(60)},
	"empty elements and spaces":  {cc(" ,\t, max-age=60 ,, "), explicit(60)},
	"an empty line":              {cc(""), unspecified},

	"s-maxage comes before max-age, and forbids stale use": {cc("max-age=600, s-maxage=60"), noStale(explicit(60))},
	"s-maxage may be longer than max-age":                  {cc("s-maxage=600, max-age=60"), noStale(explicit(600))},
	"s-maxage of 0 is spent whatever max-age is":           {cc("s-maxage=0, max-age=60"), forbidden},

	"no-store":                   {cc("no-store"), forbidden},
	"no-store beside a lifetime": {cc("max-age=60, no-store"), forbidden},
	"no-store with an argument it does not have":       {cc("max-age=60, no-store=x"), forbidden},
	"no-store on a second line":                        {cc("max-age=60", "cache-control", "NO-STORE"), forbidden},
	"no-cache":                                         {cc("max-age=60, no-cache"), forbidden},
	"no-cache that names a field":                      {cc(`max-age=60, no-cache="set-cookie"`), forbidden},
	"private":                                          {cc("private, max-age=60"), forbidden},
	"private that names fields":                        {cc(`private="x-a, x-b", max-age=60`), forbidden},
	"a name that only begins like no-store":            {cc("no-store-x, max-age=60"), explicit(60)},
	"no-store within a quoted argument of another":     {cc(`ext="no-store, max-age=1", max-age=60`), explicit(60)},
	"a quoted argument with an escaped quotation mark": {cc(`ext="a\", no-store", max-age=60`), explicit(60)},

	"max-age=0":                              {cc("max-age=0"), forbidden},
	"max-age without a number":               {cc("max-age"), forbidden},
	"max-age with an empty number":           {cc("max-age="), forbidden},
	"max-age with an empty quoted number":    {cc(`max-age=""`), forbidden},
	"a negative max-age":                     {cc("max-age=-1"), forbidden},
	"a fractional max-age":                   {cc("max-age=1.5"), forbidden},
	"a max-age with a unit":                  {cc("max-age=60s"), forbidden},
	"a max-age with a sign":                  {cc("max-age=+60"), forbidden},
	"spaces around the equals sign":          {cc("max-age = 60"), forbidden},
	"directives parted by spaces":            {cc("max-age=60 no-store"), forbidden},
	"directives parted by semicolons":        {cc("max-age=60; no-store"), forbidden},
	"a quotation mark that is not closed":    {cc(`max-age=60, ext="a`), forbidden},
	"an escape at the end":                   {cc(`max-age=60, ext="a\`), forbidden},
	"text after a quoted argument":           {cc(`max-age="60"s`), forbidden},
	"a control character":                    {cc("max-age=60, ext=\"\x00\""), forbidden},
	"an equals sign without a name":          {cc("=60"), forbidden},
	"two numbers for max-age":                {cc("max-age=60, max-age=600"), forbidden},
	"two numbers for max-age, on two lines":  {cc("max-age=60", "cache-control", "max-age=600"), forbidden},
	"the same number twice":                  {cc("max-age=60, max-age=60"), explicit(60)},
	"a broken s-maxage beside a good number": {cc("max-age=60, s-maxage=x"), forbidden},

	"must-revalidate forbids stale use":              {cc("max-age=60, must-revalidate"), noStale(explicit(60))},
	"proxy-revalidate forbids stale use":             {cc("max-age=60, proxy-revalidate"), noStale(explicit(60))},
	"must-revalidate without a lifetime":             {cc("must-revalidate"), noStale(unspecified)},
	"stale-if-error":                                 {cc("max-age=60, stale-if-error=300"), staleIfError(300, explicit(60))},
	"stale-if-error of 0":                            {cc("max-age=60, stale-if-error=0"), staleIfError(0, explicit(60))},
	"stale-if-error without a lifetime":              {cc("stale-if-error=300"), staleIfError(300, unspecified)},
	"stale-if-error without a number":                {cc("max-age=60, stale-if-error"), forbidden},
	"must-revalidate comes before stale-if-error":    {cc("max-age=60, stale-if-error=300, must-revalidate"), noStale(explicit(60))},
	"s-maxage comes before stale-if-error":           {cc("s-maxage=60, stale-if-error=300"), noStale(explicit(60))},
	"stale-while-revalidate is not stale-if-error":   {cc("max-age=60, stale-while-revalidate=300"), explicit(60)},
	"an unknown directive with a malformed argument": {cc("max-age=60, ext=,"), forbidden},

	"Age is subtracted":              {cc("max-age=60", "age", "20"), explicit(40)},
	"Age with spaces":                {cc("max-age=60", "age", " 20 "), explicit(40)},
	"Age as long as max-age":         {cc("max-age=60", "age", "60"), forbidden},
	"Age beyond max-age":             {cc("max-age=60", "age", "61"), forbidden},
	"Age that is no number":          {cc("max-age=60", "age", "x"), forbidden},
	"a negative Age":                 {cc("max-age=60", "age", "-1"), forbidden},
	"a list of Ages":                 {cc("max-age=60", "age", "1, 2"), forbidden},
	"two Age lines":                  {cc("max-age=60", "age", "1", "age", "2"), forbidden},
	"an Age without a lifetime":      {[][2]string{{"age", "20"}}, unspecified},
	"a bad Age without a lifetime":   {[][2]string{{"age", "x"}}, forbidden},
	"Date now":                       {cc("max-age=60", "date", date(0)), explicit(60)},
	"Date in the past is an age":     {cc("max-age=60", "date", date(-20*sec)), explicit(40)},
	"Date a lifetime ago":            {cc("max-age=60", "date", date(-60*sec)), forbidden},
	"Date in the future is no bonus": {cc("max-age=60", "date", date(time.Hour)), explicit(60)},
	"the larger of Age and Date":     {cc("max-age=60", "age", "30", "date", date(-20*sec)), explicit(30)},
	"the larger of Date and Age":     {cc("max-age=60", "age", "10", "date", date(-20*sec)), explicit(40)},
	"Date that is no date":           {cc("max-age=60", "date", "yesterday"), forbidden},
	"two Dates":                      {cc("max-age=60", "date", date(0), "date", date(0)), forbidden},

	"Expires":                                {[][2]string{{"expires", date(60 * sec)}, {"date", date(0)}}, explicit(60)},
	"Expires without Date":                   {[][2]string{{"expires", date(60 * sec)}}, explicit(60)},
	"Expires by a clock that is behind":      {[][2]string{{"expires", date(40 * sec)}, {"date", date(-20 * sec)}}, explicit(40)},
	"Expires by a clock that is ahead":       {[][2]string{{"expires", date(3660 * sec)}, {"date", date(time.Hour)}}, explicit(60)},
	"Expires with Age":                       {[][2]string{{"expires", date(60 * sec)}, {"date", date(0)}, {"age", "20"}}, explicit(40)},
	"Expires in the past":                    {[][2]string{{"expires", date(-sec)}, {"date", date(0)}}, forbidden},
	"Expires at once":                        {[][2]string{{"expires", date(0)}, {"date", date(0)}}, forbidden},
	"Expires: 0":                             {[][2]string{{"expires", "0"}}, forbidden},
	"Expires: -1 gives way to max-age":       {cc("max-age=60", "expires", "-1"), explicit(60)},
	"max-age comes before Expires":           {cc("max-age=60", "expires", date(time.Hour)), explicit(60)},
	"Expires with no-store":                  {cc("no-store", "expires", date(time.Hour)), forbidden},
	"two Expires":                            {[][2]string{{"expires", date(time.Hour)}, {"expires", date(time.Hour)}}, forbidden},
	"Expires in the format of RFC 850":       {[][2]string{{"expires", "Tuesday, 03-Nov-26 13:00:00 GMT"}}, forbidden},
	"Expires in the format of asctime":       {[][2]string{{"expires", "Tue Nov  3 13:00:00 2026"}}, forbidden},
	"Expires in another zone":                {[][2]string{{"expires", "Tue, 03 Nov 2026 13:00:00 CET"}}, forbidden},
	"Expires on a day with a wrong name":     {[][2]string{{"expires", "Mon, 03 Nov 2026 13:00:00 GMT"}}, forbidden},
	"Expires on a day that does not exist":   {[][2]string{{"expires", "Wed, 31 Nov 2026 13:00:00 GMT"}}, forbidden},
	"Expires at an hour that does not exist": {[][2]string{{"expires", "Tue, 03 Nov 2026 24:00:00 GMT"}}, forbidden},
	"Expires at a leap second":               {[][2]string{{"expires", "Tue, 03 Nov 2026 12:00:60 GMT"}}, explicit(60)},
	"Expires centuries ahead":                {[][2]string{{"expires", "Fri, 31 Dec 9999 23:59:59 GMT"}}, explicit(1 << 31)},

	"Vary by a field":               {cc("max-age=60", "vary", "authorization, accept"), explicit(60)},
	"Vary by everything":            {cc("max-age=60", "vary", "*"), forbidden},
	"Vary by everything, in a list": {cc("max-age=60", "vary", "accept ,\t* , cookie"), forbidden},
	"Vary by a field with a star":   {cc("max-age=60", "vary", "x-*"), explicit(60)},
}

func TestLifetimeOf(t *testing.T) {
	t.Parallel()
	for name, test := range headers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := LifetimeOf(test.headers, start); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestAPartOfASecondIsNoAge: Date has whole seconds, so an answer of this very
// second must not count as almost one second old.
func TestAPartOfASecondIsNoAge(t *testing.T) {
	t.Parallel()
	if got := LifetimeOf(cc("max-age=1", "date", date(0)), at(sec-1)); got != explicit(1) {
		t.Errorf("got %+v", got)
	}
}

func FuzzLifetimeOf(f *testing.F) {
	for _, test := range headers {
		lines := map[string]string{}
		for _, h := range test.headers {
			lines[h[0]] = h[1]
		}
		f.Add(lines["cache-control"], lines["age"], lines["date"], lines["expires"])
	}
	f.Fuzz(func(t *testing.T, control, age, date, expires string) {
		var h [][2]string
		for _, p := range [][2]string{{"age", age}, {"date", date}, {"expires", expires}} {
			if p[1] != "" {
				h = append(h, p)
			}
		}
		got := LifetimeOf(append([][2]string{{"cache-control", control}}, h...), start)
		switch {
		case got.Permission == Explicit && (got.TTL <= 0 || got.TTL > maxSeconds*time.Second):
			t.Errorf("TTL %v", got.TTL)
		case got.Permission != Explicit && got.TTL != 0, got.HasStale && got.NoStale, got.StaleIfError != 0 && !got.HasStale:
			t.Errorf("inconsistent: %+v", got)
		case got.Permission == Forbidden && got != forbidden:
			t.Errorf("forbidden, but %+v", got)
		}
		with := func(line string) Lifetime {
			return LifetimeOf(append([][2]string{{"cache-control", control}, {"cache-control", line}}, h...), start)
		}
		if got := with("no-store"); got != forbidden {
			t.Errorf("with no-store: %+v", got)
		}
		if got := with("must-revalidate"); got.HasStale {
			t.Errorf("with must-revalidate: %+v", got)
		}
		if again := with("unknown=1"); again != got {
			t.Errorf("an unknown directive makes of %+v %+v", got, again)
		}
		// Lines are a list: one line that joins readable ones says the same.
		joined := LifetimeOf(append([][2]string{{"cache-control", control + ", s-maxage=5"}}, h...), start)
		if apart := with("s-maxage=5"); apart != forbidden && apart != joined {
			t.Errorf("two lines %+v, one line %+v", apart, joined)
		}
		if swapped := LifetimeOf(append([][2]string{{"cache-control", swapCase(control)}}, h...), start); swapped != got {
			t.Errorf("in another case %+v instead of %+v", swapped, got)
		}
		// What net/http reads of a date is what we read, or we read nothing.
		if d, ok := httpDate(date); ok {
			theirs, err := http.ParseTime(date)
			leap := strings.HasSuffix(date, ":60 GMT")
			if !leap && (err != nil || !theirs.Equal(d)) {
				t.Errorf("%q is %v, net/http says %v, %v", date, d, theirs, err)
			}
		} else if theirs, err := time.Parse(http.TimeFormat, date); err == nil && theirs.Format(http.TimeFormat) == date {
			t.Errorf("%q is refused", date)
		}
		// Time that has passed never makes an answer live longer.
		if n, err := strconv.Atoi(age); err == nil && n >= 0 && n < maxSeconds && got.Permission == Explicit {
			older := [][2]string{{"cache-control", control}, {"age", strconv.Itoa(n + 1)}}
			older = append(older, h[1:]...)
			if o := LifetimeOf(older, start); o.TTL > got.TTL {
				t.Errorf("a second older: %v instead of %v", o.TTL, got.TTL)
			}
		}
	})
}

func swapCase(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}
