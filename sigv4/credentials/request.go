package credentials

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// Actions of STS.
const (
	ActionAssumeRole  = "AssumeRole"
	ActionWebIdentity = "AssumeRoleWithWebIdentity"
)

// What to send with the form.
const (
	// ContentType is that of a form.
	ContentType = "application/x-www-form-urlencoded; charset=utf-8"
	// Accept asks for JSON; an STS that knows only XML (MinIO) answers with that.
	Accept = "application/json"
	// Path is that of STS.
	Path = "/"

	version = "2011-06-15"
)

// Endpoint returns the host of STS for a region, and the region to sign for. An
// empty region is the global endpoint, sts.amazonaws.com.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html
func Endpoint(region string) (host, signingRegion string) {
	suffix := "amazonaws.com"
	switch {
	case region == "":
		return "sts." + suffix, "us-east-1"
	case strings.HasPrefix(region, "cn-"):
		suffix = "amazonaws.com.cn"
	case strings.HasPrefix(region, "eusc-"):
		suffix = "amazonaws.eu"
	case strings.HasPrefix(region, "us-iso-"):
		suffix = "c2s.ic.gov"
	case strings.HasPrefix(region, "us-isob-"):
		suffix = "sc2s.sgov.gov"
	case strings.HasPrefix(region, "us-isof-"):
		suffix = "csp.hci.ic.gov"
	case strings.HasPrefix(region, "eu-isoe-"):
		suffix = "cloud.adc-e.uk"
	}
	return "sts." + region + "." + suffix, region
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

// WebIdentity asks for credentials by an OAuth 2.0 or OpenID Connect token. The
// call is not signed.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
type WebIdentity struct {
	RoleARN     string        // of any partition: "arn:aws:iam::123456789012:role/name"
	SessionName string        // 2 to 64 of letters, digits and _=,.@-; see SessionName
	Token       string        // the token alone, without "Bearer"
	ProviderID  string        // only with an OAuth 2.0 access token of Amazon or Facebook
	Policy      string        // an inline session policy, JSON, up to 2048 characters
	PolicyARNs  []string      // managed session policies, up to 10
	Duration    time.Duration // 15 minutes to 12 hours; 0 is the role's default, 1 hour
}

// AssumeRole asks for credentials by credentials. The call is signed (service
// "sts") with the base credentials.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
type AssumeRole struct {
	RoleARN           string
	SessionName       string
	ExternalID        string // 2 to 1224 characters, as the role's trust policy asks
	SourceIdentity    string // 2 to 64 characters
	Policy            string
	PolicyARNs        []string
	Tags              []Tag    // up to 50
	TransitiveTagKeys []string // of Tags, that go on to chained roles
	Duration          time.Duration
}

// Form returns the body of the POST. It fails if STS would refuse the request
// for its form; the error names the parameter and holds no value.
func (w WebIdentity) Form() (string, error) {
	f := form{}
	f.start(ActionWebIdentity, w.RoleARN, w.SessionName)
	// Longer tokens are refused by STS; the lower bound is its own too.
	f.check(len(w.Token) >= 4 && len(w.Token) <= 20000 && visible(w.Token), "token", "want 4 to 20000 visible ASCII characters")
	f.add("WebIdentityToken", w.Token)
	if w.ProviderID != "" {
		f.check(len(w.ProviderID) >= 4 && len(w.ProviderID) <= 2048, "provider ID", "want 4 to 2048 characters")
		f.add("ProviderId", w.ProviderID)
	}
	f.end(w.Policy, w.PolicyARNs, w.Duration)
	return f.text, f.err
}

// Form returns the body of the POST. It fails if STS would refuse the request
// for its form; the error names the parameter and holds no value.
func (a AssumeRole) Form() (string, error) {
	f := form{}
	f.start(ActionAssumeRole, a.RoleARN, a.SessionName)
	if a.ExternalID != "" {
		f.check(within(a.ExternalID, 2, 1224, "_+=,.@:/-"), "external ID", "want 2 to 1224 of letters, digits and _+=,.@:/-")
		f.add("ExternalId", a.ExternalID)
	}
	if a.SourceIdentity != "" {
		f.check(within(a.SourceIdentity, 2, 64, "_+=,.@-"), "source identity", "want 2 to 64 of letters, digits and _+=,.@-")
		f.add("SourceIdentity", a.SourceIdentity)
	}
	f.check(len(a.Tags) <= 50, "tags", "want at most 50")
	for i, t := range a.Tags {
		f.check(runes(t.Key, 1, 128) && runes(t.Value, 0, 256), "tags", "want keys of 1 to 128 and values of up to 256 characters")
		for _, other := range a.Tags[:i] {
			f.check(!strings.EqualFold(other.Key, t.Key), "tags", "want each key once, in whatever case")
		}
		member := "Tags.member." + strconv.Itoa(i+1)
		f.add(member+".Key", t.Key)
		f.add(member+".Value", t.Value)
	}
	for i, key := range a.TransitiveTagKeys {
		f.check(runes(key, 1, 128) && len(a.TransitiveTagKeys) <= 50, "transitive tag keys", "want at most 50 of 1 to 128 characters")
		f.add("TransitiveTagKeys.member."+strconv.Itoa(i+1), key)
	}
	f.end(a.Policy, a.PolicyARNs, a.Duration)
	return f.text, f.err
}

// form collects parameters and keeps the first error.
type form struct {
	text string
	err  error
}

func (f *form) check(ok bool, parameter, want string) {
	if !ok && f.err == nil {
		f.text, f.err = "", errors.New("credentials: "+parameter+": "+want)
	}
}

func (f *form) add(key, value string) {
	if f.err == nil {
		f.text += "&" + key + "=" + escape(value)
	}
}

func (f *form) start(action, roleARN, sessionName string) {
	f.text = "Action=" + action + "&Version=" + version
	f.check(IsRoleARN(roleARN), "role ARN", "want arn:partition:iam::account:role/name")
	f.check(within(sessionName, 2, 64, "_+=,.@-"), "session name", "want 2 to 64 of letters, digits and _+=,.@-")
	f.add("RoleArn", roleARN)
	f.add("RoleSessionName", sessionName)
}

func (f *form) end(policy string, arns []string, duration time.Duration) {
	if policy != "" {
		f.check(runes(policy, 1, 2048), "policy", "want up to 2048 characters")
		f.add("Policy", policy)
	}
	f.check(len(arns) <= 10, "policy ARNs", "want at most 10")
	for i, arn := range arns {
		f.check(strings.HasPrefix(arn, "arn:") && len(arn) >= 20 && len(arn) <= 2048 && visible(arn), "policy ARNs", "want ARNs of 20 to 2048 characters")
		f.add("PolicyArns.member."+strconv.Itoa(i+1)+".arn", arn)
	}
	if duration != 0 {
		f.check(duration >= 15*time.Minute && duration <= 12*time.Hour && duration%time.Second == 0,
			"duration", "want whole seconds from 15 minutes to 12 hours")
		f.add("DurationSeconds", strconv.FormatInt(int64(duration/time.Second), 10))
	}
	if f.err != nil {
		f.text = ""
	}
}

// IsRoleARN tells whether s has the form of a role's ARN in any partition:
// arn:aws, arn:aws-cn, arn:minio.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func IsRoleARN(s string) bool {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || len(s) > 2048 || !visible(s) {
		return false
	}
	role, ok := strings.CutPrefix(parts[5], "role/")
	return ok && role != "" && parts[0] == "arn" && parts[1] != "" && parts[2] == "iam"
}

// escape is the percent-encoding of RFC 3986; a space is %20.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+len(s)/4)
	for i := range len(s) {
		if c := s[i]; alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func alnum(c byte) bool {
	return c-'0' <= 9 || c-'a' < 26 || c-'A' < 26
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// within tells whether s has a length from low to high and only letters, digits
// and others.
func within(s string, low, high int, others string) bool {
	for i := range len(s) {
		if !alnum(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return len(s) >= low && len(s) <= high
}

// runes tells whether s is valid UTF-8 of low to high characters.
func runes(s string, low, high int) bool {
	n := utf8.RuneCountInString(s)
	return n >= low && n <= high && utf8.ValidString(s)
}

// SessionName makes a session name of any text, such as a token's subject: a text
// that is one already stays; in any other, what STS does not take becomes "-" and
// a hash of the text follows, so that two texts never share a name by accident.
func SessionName(text string) string {
	if within(text, 2, 64, "_+=,.@-") {
		return text
	}
	b := make([]byte, 0, 64)
	for i := 0; i < len(text) && len(b) < 47; i++ {
		if c := text[i]; alnum(c) || strings.IndexByte("_+=,.@-", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '-')
		}
	}
	return string(b) + "-" + sigv4.HashPayload([]byte(text))[:16]
}
