package s3

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
	"github.com/gatehouse-proxy/gatehouse/sigv4/credentials"
)

// session is one user's temporary credentials.
type session struct {
	subject string
	secret  string
	token   string
	expires time.Time
}

// sessions are those of the STS, by access key.
type sessions struct {
	limit int

	mu   sync.Mutex
	byID map[string]session
}

// lookup returns the session of a key. The token must be that very session's.
func (s *sessions) lookup(id, token string, now time.Time) (session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byID[id]
	switch {
	case !ok:
		return session{}, &sigv4.VerifyError{Code: sigv4.CodeInvalidAccessKey, Text: "The AWS Access Key Id you provided does not exist in our records."}
	case subtle.ConstantTimeCompare([]byte(found.token), []byte(token)) != 1:
		return session{}, &sigv4.VerifyError{Code: sigv4.CodeInvalidToken, Text: "The provided token is malformed or otherwise invalid."}
	case !now.Before(found.expires):
		return session{}, &sigv4.VerifyError{Code: sigv4.CodeExpiredToken, Text: "The provided token has expired."}
	}
	return found, nil
}

// open makes a session; it fails when there are too many that still run. One that
// has ended stays until its place is needed, to be answered with ExpiredToken.
func (s *sessions) open(subject string, expires, now time.Time) (id string, made session, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= s.limit {
		for id, old := range s.byID {
			if now.After(old.expires) {
				delete(s.byID, id)
			}
		}
		if len(s.byID) >= s.limit {
			return "", session{}, false
		}
	}
	id = "ASIA" + strings.ToUpper(randomText(8))
	made = session{subject, randomText(20), randomText(64), expires}
	s.byID[id] = made
	return id, made, true
}

// randomText is n random bytes in hex.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

func encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decode64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// maxForm is the most bytes of a call; STS takes tokens of up to 20000.
const maxForm = 64 << 10

// stsFailure is an answer of STS that is an error.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
type stsFailure struct {
	status     int
	code, text string
}

func (f stsFailure) Error() string { return f.code + ": " + f.text }

func invalid(text string) error { return stsFailure{http.StatusBadRequest, "ValidationError", text} }

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// assumed is the answer that brings credentials.
type assumed struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
	Result  struct {
		Subject  string `xml:"SubjectFromWebIdentityToken"`
		Audience string
		Provider string
		Role     struct {
			ARN string `xml:"Arn"`
			ID  string `xml:"AssumedRoleId"`
		} `xml:"AssumedRoleUser"`
		Credentials struct {
			SessionToken    string
			SecretAccessKey string
			Expiration      string
			AccessKeyID     string `xml:"AccessKeyId"`
		}
	} `xml:"AssumeRoleWithWebIdentityResult"`
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

// serveSTS answers calls of AssumeRoleWithWebIdentity.
func (s *Store) serveSTS(w http.ResponseWriter, r *http.Request) {
	request := randomText(16)
	answer, err := s.assume(r)
	if err != nil {
		failed := stsFailure{http.StatusInternalServerError, "InternalFailure", "The request processing has failed."}
		errors.As(err, &failed)
		writeXML(w, r, failed.status, struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Namespace string   `xml:"xmlns,attr"`
			Type      string   `xml:"Error>Type"`
			Code      string   `xml:"Error>Code"`
			Message   string   `xml:"Error>Message"`
			RequestID string   `xml:"RequestId"`
		}{Namespace: stsNamespace, Type: "Sender", Code: failed.code, Message: failed.text, RequestID: request})
		return
	}
	answer.RequestID = request
	w.Header().Set("Cache-Control", "no-store")
	writeXML(w, r, http.StatusOK, answer)
}

func (s *Store) assume(r *http.Request) (*assumed, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return nil, invalid("The request is too large.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalid("The request is no form.")
	}
	if action := form.Get("Action"); action != credentials.ActionWebIdentity || form.Get("Version") != "2011-06-15" {
		return nil, stsFailure{http.StatusBadRequest, "InvalidAction", "Could not find operation " + strconv.Quote(action) + " for this version."}
	}
	for name, values := range form {
		switch name {
		case "Action", "Version", "RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds":
			if len(values) > 1 {
				return nil, invalid(name + " is given twice.")
			}
		default:
			// A session policy that is not heeded would give too much.
			return nil, invalid(strconv.Quote(name) + " is not supported here.")
		}
	}
	life := time.Hour
	if text := form.Get("DurationSeconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		if life = time.Duration(seconds) * time.Second; err != nil || life < 15*time.Minute || life > 12*time.Hour {
			return nil, invalid("DurationSeconds: want 900 to 43200.")
		}
	}
	name := form.Get("RoleSessionName")
	if len(name) < 2 || name != credentials.SessionName(name) {
		return nil, invalid("RoleSessionName: want 2 to 64 of letters, digits and _=,.@-")
	}
	now := s.options.Now()
	identity, err := s.options.Tokens.Verify(form.Get("WebIdentityToken"), now)
	if errors.Is(err, errExpired) {
		return nil, stsFailure{http.StatusBadRequest, "ExpiredTokenException", "Token expired."}
	} else if err != nil {
		return nil, stsFailure{http.StatusBadRequest, "InvalidIdentityToken", "The token is refused: " + err.Error() + "."}
	}
	if form.Get("RoleArn") != s.options.RoleARN {
		return nil, stsFailure{http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	expires := now.Add(life).Truncate(time.Second)
	id, made, ok := s.sessions.open(identity.Subject, expires, now)
	if !ok {
		return nil, stsFailure{http.StatusBadRequest, "Throttling", "Too many sessions."}
	}
	a := new(assumed)
	a.Result.Subject, a.Result.Audience, a.Result.Provider = identity.Subject, s.options.Tokens.Audience, s.options.Tokens.Issuer
	a.Result.Role.ARN = strings.Replace(strings.Replace(s.options.RoleARN, ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/" + name
	a.Result.Role.ID = "AROAEXAMPLE:" + name
	a.Result.Credentials.AccessKeyID, a.Result.Credentials.SecretAccessKey = id, made.secret
	a.Result.Credentials.SessionToken, a.Result.Credentials.Expiration = made.token, expires.UTC().Format(time.RFC3339)
	return a, nil
}
