package sandbox

import (
	"math"
	"strconv"
)

// What is left of os: the clock, where the host gives one.
var osLib = []entry{
	{path: "os.clock", fn: osClock},
	{path: "os.difftime", fn: osDifftime},
	{path: "os.time", fn: osTime},

	{path: "os.date", fn: osDate, hidden: true},
}

const second = 1_000_000_000

func (c *Call) now() (int64, error) {
	f := c.r.script.prog.cfg.Now
	if f == nil {
		return 0, errorText("no clock is given to scripts")
	}
	return f(), nil
}

// osClock counts from the epoch: scripts only take differences, and processor
// time is not theirs to see.
func osClock(c *Call) error {
	ns, err := c.now()
	if err == nil {
		c.push(Number(float64(ns) / second))
	}
	return err
}

func osDifftime(c *Call) error {
	a, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	b := 0.0
	if !c.Arg(2).IsNil() {
		if b, err = c.CheckNumber(2); err != nil {
			return err
		}
	}
	c.push(Number(math.Trunc(a) - math.Trunc(b))) // whole seconds, as of C's times
	return nil
}

// osTime is the current time, or that of a table, in UTC: the machine has no
// time zones.
func osTime(c *Call) error {
	if c.Arg(1).IsNil() {
		ns, err := c.now()
		if err == nil {
			c.push(Number(float64(floorDiv(ns, second))))
		}
		return err
	}
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	var f [6]int64
	names := [...]string{"year", "month", "day", "hour", "min", "sec"}
	for i := len(names) - 1; i >= 0; i-- { // in the order of C's library
		name := names[i]
		n, ok := c.r.number(t.getString(name))
		switch {
		case ok:
			f[i] = int64(min(max(n, -1e9), 1e9))
		case i < 3:
			return errorText("field '" + name + "' missing in date table")
		case i == 3:
			f[i] = 12
		}
	}
	c.push(Number(float64(unixTime(f))))
	return nil
}

// unixTime takes year, month, day, hour, minute, second, each beyond its range
// if need be.
func unixTime(f [6]int64) int64 {
	year, month := f[0]+floorDiv(f[1]-1, 12), mod(f[1]-1, 12)+1
	return (days(year, month)+f[2]-1)*86400 + f[3]*3600 + f[4]*60 + f[5]
}

// days counts the days from the epoch to the first of a month (H. Hinnant,
// "chrono-Compatible Low-Level Date Algorithms").
func days(y, m int64) int64 {
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*mod(m+9, 12) + 2) / 5
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

//go:noinline
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

//go:noinline
func mod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// civil is the date of a day since the epoch.
func civil(day int64) (y, m, d int64) {
	z := day + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	m = mod(mp+2, 12) + 1
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, doy - (153*mp+2)/5 + 1
}

var (
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

// osDate knows the directives of C's strftime in the C locale that do not
// depend on a time zone; all times are UTC, with or without "!".
func osDate(c *Call) error {
	format, err := c.OptString(1, "%c")
	if err != nil {
		return err
	}
	var unix int64
	if c.Arg(2).IsNil() {
		ns, err := c.now()
		if err != nil {
			return err
		}
		unix = floorDiv(ns, second)
	} else {
		n, err := c.CheckNumber(2)
		if err != nil {
			return err
		}
		unix = int64(min(max(n, -1e15), 1e15))
	}
	if len(format) > 0 && format[0] == '!' {
		format = format[1:]
	}
	day := floorDiv(unix, 86400)
	rest := unix - day*86400
	y, m, d := civil(day)
	hour, minute, sec := rest/3600, rest/60%60, rest%60
	wday, yday := mod(day+4, 7), day-days(y, 1)
	if len(format) >= 2 && format[:2] == "*t" {
		t, err := c.NewTable(0, 9)
		if err != nil {
			return err
		}
		for _, f := range [...]struct {
			name string
			v    int64
		}{{"year", y}, {"month", m}, {"day", d}, {"hour", hour}, {"min", minute}, {"sec", sec}, {"wday", wday + 1}, {"yday", yday + 1}} {
			if err := c.SetString(t, f.name, Number(float64(f.v))); err != nil {
				return err
			}
		}
		if err := c.SetString(t, "isdst", Bool(false)); err != nil {
			return err
		}
		c.push(t.value())
		return nil
	}
	b := buffer{r: c.r}
	// one gives what a verb stands for: text, or a number with its width and
	// what fills it.
	one := func(verb byte) (text string, n int64, width int, fill byte) {
		switch verb {
		case 'a':
			return dayNames[wday][:3], 0, 0, 0
		case 'A':
			return dayNames[wday], 0, 0, 0
		case 'b', 'h':
			return monthNames[m-1][:3], 0, 0, 0
		case 'B':
			return monthNames[m-1], 0, 0, 0
		case 'd':
			return "", d, 2, '0'
		case 'e':
			return "", d, 2, ' '
		case 'H':
			return "", hour, 2, '0'
		case 'I':
			return "", mod(hour+11, 12) + 1, 2, '0'
		case 'j':
			return "", yday + 1, 3, '0'
		case 'm':
			return "", m, 2, '0'
		case 'M':
			return "", minute, 2, '0'
		case 'n':
			return "\n", 0, 0, 0
		case 'p':
			if hour < 12 {
				return "AM", 0, 0, 0
			}
			return "PM", 0, 0, 0
		case 's':
			return "", unix, 1, 0
		case 'S':
			return "", sec, 2, '0'
		case 't':
			return "\t", 0, 0, 0
		case 'U':
			return "", (yday + 7 - wday) / 7, 2, '0'
		case 'W':
			return "", (yday + 7 - mod(wday+6, 7)) / 7, 2, '0'
		case 'w':
			return "", wday, 1, 0
		case 'y':
			return "", mod(y, 100), 2, '0'
		case 'Y':
			return "", y, 1, 0
		case 'z':
			return "+0000", 0, 0, 0
		case 'Z':
			return "UTC", 0, 0, 0
		case '%':
			return "%", 0, 0, 0
		}
		return "", 0, 0, 0
	}
	var write func(format string) error
	write = func(format string) error {
		for i := 0; i < len(format); i++ {
			text := format[i : i+1]
			if text[0] == '%' && i+1 < len(format) {
				i++
				if whole := dateFormat(format[i]); whole != "" {
					if err := write(whole); err != nil {
						return err
					}
					continue
				}
				var n int64
				var width int
				var fill byte
				if text, n, width, fill = one(format[i]); width > 0 {
					text = strconv.FormatInt(n, 10)
					for len(text) < width {
						text = string(rune(fill)) + text
					}
				} else if text == "" {
					text = format[i-1 : i+1]
				}
			}
			if err := b.add(text); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(format); err != nil {
		return err
	}
	v, err := b.value()
	if err != nil {
		return err
	}
	c.push(v)
	return nil
}

// dateFormat returns what a verb is that stands for several others.
func dateFormat(verb byte) string {
	switch verb {
	case 'c':
		return "%a %b %e %H:%M:%S %Y"
	case 'D', 'x':
		return "%m/%d/%y"
	case 'F':
		return "%Y-%m-%d"
	case 'R':
		return "%H:%M"
	case 'T', 'X':
		return "%H:%M:%S"
	}
	return ""
}
