package credentials

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// Error is an answer of STS that brings no credentials.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
type Error struct {
	Status    int    // HTTP
	Code      string // such as "ExpiredTokenException"; empty if the body says nothing
	Message   string // STS's own, up to 1024 bytes, without control characters
	RequestID string
}

func (e *Error) Error() string {
	text := "credentials: STS answered " + strconv.Itoa(e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Retryable tells whether the same call may work later: STS was busy or broken,
// or could not reach the token's issuer.
func (e *Error) Retryable() bool {
	switch strings.TrimSuffix(e.Code, "Exception") {
	case "Throttling", "ThrottledException", "RequestLimitExceeded", "IDPCommunicationError", "ServiceUnavailable", "InternalFailure":
		return true
	}
	return e.Status == 429 || e.Status >= 500
}

// Errors of Parse besides *Error.
var (
	errReply  = errors.New("credentials: reply: neither JSON nor XML of STS")
	errTooBig = errors.New("credentials: reply: too big")
)

// Parse reads the answer to a call of action: its status, and its body as JSON or
// XML. It returns an *Error for an answer that is an error, and another error for
// one that cannot be understood; neither holds a part of the credentials.
//
// Expiration may be RFC 3339 or seconds since 1970, the latter also as text.
func Parse(action string, status int, body []byte) (Temporary, error) {
	if len(body) > maxReply {
		return Temporary{}, errTooBig
	}
	if status != 200 {
		return Temporary{}, parseError(status, string(body))
	}
	found := map[string]string{}
	prefix := action + "Response/" + action + "Result/"
	expirationIsNumber := false
	err := read(string(body), func(path []string, value string, k kind) {
		name, ok := strings.CutPrefix(strings.Join(path, "/"), prefix)
		if !ok || k == word {
			return
		}
		if name == "Credentials/Expiration" {
			expirationIsNumber = k == number
		} else if k == number {
			return
		}
		// A name that holds the separator cannot pass for two.
		if strings.Count(name, "/") == len(path)-3 {
			found[name] = value
		}
	})
	if err != nil {
		return Temporary{}, err
	}
	t := Temporary{
		Credentials: sigv4.Credentials{
			AccessKeyID:     strings.TrimSpace(found["Credentials/AccessKeyId"]),
			SecretAccessKey: strings.TrimSpace(found["Credentials/SecretAccessKey"]),
			SessionToken:    strings.TrimSpace(found["Credentials/SessionToken"]),
		},
		AssumedRoleARN: strings.TrimSpace(found["AssumedRoleUser/Arn"]),
		Subject:        strings.TrimSpace(found["SubjectFromWebIdentityToken"]),
	}
	for _, part := range [...]struct{ name, value string }{
		{"AccessKeyId", t.AccessKeyID}, {"SecretAccessKey", t.SecretAccessKey}, {"SessionToken", t.SessionToken},
	} {
		// All three go into a signature or a header.
		if part.value == "" || !visible(part.value) {
			return Temporary{}, errors.New("credentials: reply: " + part.name + ": missing or malformed")
		}
	}
	expires, ok := parseExpiration(strings.TrimSpace(found["Credentials/Expiration"]), expirationIsNumber)
	if !ok {
		return Temporary{}, errors.New("credentials: reply: Expiration: missing or malformed")
	}
	t.Expires = expires
	return t, nil
}

func read(body string, f leaf) error {
	switch start := strings.TrimLeft(body, " \t\r\n"); {
	case strings.HasPrefix(start, "{"):
		return readJSON(body, f)
	case strings.HasPrefix(start, "<"):
		return readXML(start, f)
	}
	return errReply
}

func parseError(status int, body string) *Error {
	e := &Error{Status: status}
	fields := map[string]*string{
		"ErrorResponse/Error/Code": &e.Code, "ErrorResponse/Error/Message": &e.Message, "ErrorResponse/RequestId": &e.RequestID, // STS in XML
		"Error/Code": &e.Code, "Error/Message": &e.Message, "Error/RequestId": &e.RequestID, "RequestId": &e.RequestID, // STS in JSON; S3's form
		"__type": &e.Code, "code": &e.Code, "Code": &e.Code, "message": &e.Message, "Message": &e.Message, // other JSON protocols
	}
	err := read(body, func(path []string, value string, k kind) {
		if to := fields[strings.Join(path, "/")]; to != nil && *to == "" && k == text {
			*to = printable(value)
		}
	})
	if err != nil {
		return &Error{Status: status}
	}
	// A __type may be a shape's full name: com.amazon.coral#Throttling.
	e.Code = e.Code[strings.LastIndexByte(e.Code, '#')+1:]
	return e
}

// printable makes a text fit for a log line.
func printable(s string) string {
	b := make([]byte, 0, min(len(s), 1024))
	for i := 0; i < len(s) && len(b) < 1024; i++ {
		if c := s[i]; c < ' ' || c == 0x7f {
			b = append(b, ' ')
		} else {
			b = append(b, c)
		}
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "")
}

// Limits of an expiration: the year 9999 is the last that RFC 3339 can write.
const maxEpoch = 253402300799

func parseExpiration(s string, isNumber bool) (time.Time, bool) {
	digits := s != ""
	for i := range len(s) {
		digits = digits && s[i]-'0' <= 9
	}
	if isNumber || digits {
		// JSON may write 1.7e9.
		seconds, err := strconv.ParseFloat(s, 64)
		if err != nil || !(seconds >= 1 && seconds <= maxEpoch) {
			return time.Time{}, false
		}
		return time.Unix(int64(seconds), 0).UTC(), true
	}
	return parseRFC3339(s)
}

// parseRFC3339 reads 2006-01-02T15:04:05Z, with a fraction, which it drops, or an
// offset. Package time's parser would cost 70 KB in Wasm.
func parseRFC3339(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	bad := false
	n := func(i, j int) (v int) {
		for ; i < j; i++ {
			if s[i]-'0' > 9 {
				bad = true
				return 0
			}
			v = 10*v + int(s[i]-'0')
		}
		return v
	}
	year, month, day := n(0, 4), n(5, 7), n(8, 10)
	hour, minute, second := n(11, 13), n(14, 16), n(17, 19)
	i := 19
	if s[i] == '.' {
		for i++; i < len(s) && s[i]-'0' <= 9; i++ {
		}
		if i == 20 {
			return time.Time{}, false
		}
	}
	offset := 0
	switch zone := s[i:]; {
	case zone == "Z":
	case len(zone) == 6 && zone[3] == ':' && (zone[0] == '+' || zone[0] == '-'):
		h, m := n(i+1, i+3), n(i+4, i+6)
		bad = bad || h > 23 || m > 59
		offset = h*3600 + m*60
		if zone[0] == '-' {
			offset = -offset
		}
	default:
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date carries what is out of range over; a date of the calendar stays.
	y, mo, d := t.Date()
	if bad || y != year || int(mo) != month || d != day || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return t.Add(-time.Duration(offset) * time.Second), true
}
