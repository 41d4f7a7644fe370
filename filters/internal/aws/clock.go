package aws

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/cache"
)

// Clock corrects the local clock by what AWS says the time is. Its zero value
// never corrects.
type Clock struct {
	// Limit is the most that is corrected; 0 is nothing.
	Limit  time.Duration
	offset time.Duration
	before time.Duration // the offset until the last correction
	doubt  bool          // somebody says that it is later than by STS: by ahead before the local time
	ahead  time.Duration
	sts    time.Duration // the offset by the last answer of STS
}

// tolerance is below the least that AWS refuses (5 minutes; S3 15), so that a
// refusal by the clock is always seen, and above what a Date header can be off
// by for other reasons.
const tolerance = 4 * time.Minute

// Now is the corrected time, which signatures are made by.
func (c *Clock) Now(local time.Time) time.Time {
	if c.offset == 0 {
		return local // nearly always; Add would be a call
	}
	return local.Add(c.offset)
}

// Corrected tells whether Now is another time than the local one.
func (c *Clock) Corrected() bool { return c.offset != 0 }

// Ends is the time that tokens and sessions end by: that of STS, which gave them. An
// upstream that lies about the time makes none live longer, and none end.
func (c *Clock) Ends(local time.Time) time.Time { return local.Add(c.sts) }

// over tells whether a token's end has passed by any measure. STS is asked where only
// its time says so, which an earlier answer may have brought and nothing else corrects.
func (c *Clock) over(end, local time.Time) bool {
	return !local.Before(end) && !c.Ends(local).Before(end)
}

// late tells whether somebody says that an end has passed that has not by STS's time:
// STS must be asked, for a machine that was stopped has a clock that is behind.
func (c *Clock) late(end, local time.Time) bool {
	return c.doubt && !local.Add(c.ahead).Before(end)
}

// heard takes the Date header of an answer that STS itself has given.
func (c *Clock) heard(date string, local time.Time) {
	if there, ok := cache.HTTPDate(date); ok {
		if c.sts = there.Sub(local); c.sts.Abs() < tolerance || c.sts.Abs() > c.Limit {
			c.sts = 0
		}
	}
}

// Near tells whether a time that was stamped by this clock is at most age from
// local, also if the clock was corrected in between.
func (c *Clock) Near(at, local time.Time, age time.Duration) bool {
	d := at.Sub(local)
	return (d-c.offset).Abs() <= age || (d-c.before).Abs() <= age
}

// Observe takes the Date header of a refusal that came at local. It corrects the
// clock, and reports so, if the date explains the refusal: it differs from the
// corrected time by more than a signature may, and from the local time by no
// more than Limit.
func (c *Clock) Observe(date string, local time.Time) bool {
	there, ok := cache.HTTPDate(date)
	if !ok || c.Limit <= 0 {
		return false
	}
	offset := there.Sub(local)
	if offset-c.sts > tolerance && offset <= c.Limit {
		c.doubt, c.ahead = true, offset
	}
	if (offset-c.offset).Abs() < tolerance || offset.Abs() > c.Limit {
		return false
	}
	c.before = c.offset
	if c.offset = offset; offset.Abs() < tolerance {
		c.offset = 0 // the local clock was put right
	}
	return true
}
