// Package s3 is a small S3 store with its own STS, for the demo: one bucket, in
// memory, and a folder in it for each user.
//
// Whoever wants in needs a token of the identity provider that the store trusts.
// The STS, at POST /, gives temporary credentials for it
// (AssumeRoleWithWebIdentity), and each request must be signed with such
// credentials. Bad ones are refused with the codes and the XML of S3.
//
// There are PUT, GET (with one range), HEAD and DELETE of objects, and the second
// version of the list. What else S3 can do is answered with NotImplemented, so
// that nothing passes for done that was not. Memory is bounded: see [Limits].
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
package s3

import (
	"crypto/md5" // an ETag of S3 is one: no security depends on it
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// Limits bound the memory of a store. Zero takes the default.
type Limits struct {
	Object   int64 // bytes of one object; 16 MiB
	Total    int64 // bytes of all, those under way included; 64 MiB
	Objects  int   // how many; 1000
	Sessions int   // of the STS, at a time; 1000
}

func (l *Limits) fill() {
	for _, f := range []struct {
		at    *int64
		value int64
	}{{&l.Object, 16 << 20}, {&l.Total, 64 << 20}} {
		if *f.at == 0 {
			*f.at = f.value
		}
	}
	for _, n := range []*int{&l.Objects, &l.Sessions} {
		if *n == 0 {
			*n = 1000
		}
	}
}

// Options say what a store is and whom it trusts.
type Options struct {
	Region  string
	Bucket  string
	RoleARN string           // the one role that tokens are exchanged for
	Tokens  Verifier         // of web identities
	Limits  Limits           // of memory
	Now     func() time.Time // nil is time.Now
}

// Store is an http.Handler.
type Store struct {
	options  Options
	verifier sigv4.Verifier
	sessions sessions
	objects  objects
}

// New makes an empty store.
func New(o Options) *Store {
	o.Limits.fill()
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{options: o}
	s.sessions = sessions{limit: o.Limits.Sessions, byID: map[string]session{}}
	s.objects = objects{limits: o.Limits, byKey: map[string]object{}}
	s.verifier = sigv4.Verifier{
		Service: "s3", Region: o.Region, Options: sigv4.OptionsFor("s3"),
		AllowUnsignedPayload: true,
		DeferPayload:         true, // who is nobody gets no memory
		Lookup: func(id, token string) (string, error) {
			found, err := s.sessions.lookup(id, token, s.options.Now())
			return found.secret, err
		},
	}
	return s
}

// ServeHTTP implements http.Handler. The path is taken as it was sent: a mux
// would clean it by a redirect.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == "/" && r.URL.RawQuery == "" {
		s.serveSTS(w, r)
		return
	}
	w.Header().Set("Server", "gatehouse-demo-s3")
	w.Header().Set("X-Amz-Request-Id", randomText(8))
	if err := s.serve(w, r); err != nil {
		writeError(w, r, err)
	}
}

// failure is an answer of S3 that is an error.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
type failure struct {
	status int
	code   string
	text   string
}

func (f failure) Error() string { return f.code + ": " + f.text }

var (
	errAccessDenied   = failure{http.StatusForbidden, "AccessDenied", "Access Denied"}
	errNoSuchBucket   = failure{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist"}
	errNoSuchKey      = failure{http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}
	errNotImplemented = failure{http.StatusNotImplemented, "NotImplemented", "A header or parameter you provided implies functionality that is not implemented."}
	errMethod         = failure{http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource."}
	errLength         = failure{http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header."}
	errTooLarge       = failure{http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size."}
	errIncomplete     = failure{http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header."}
	errFull           = failure{http.StatusServiceUnavailable, "SlowDown", "The store is full: delete something."}
	errKeyTooLong     = failure{http.StatusBadRequest, "KeyTooLongError", "Your key is too long."}
	errMetadata       = failure{http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size."}
	errRange          = failure{http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable"}
	errArgument       = failure{http.StatusBadRequest, "InvalidArgument", "Invalid Argument"}
	errURI            = failure{http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI."}
	errPayload        = failure{http.StatusBadRequest, sigv4.CodePayloadMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed."}
	errDigest         = failure{http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received."}
)

// refusals are the statuses of the verifier's codes.
var refusals = map[string]int{
	sigv4.CodeAccessDenied: 403, sigv4.CodeInvalidAccessKey: 403, sigv4.CodeSkewed: 403, sigv4.CodeMismatch: 403,
	sigv4.CodeMalformedHeader: 400, sigv4.CodeMalformedQuery: 400, sigv4.CodeInvalidRequest: 400, sigv4.CodeInvalidToken: 400,
	sigv4.CodeExpiredToken: 400, sigv4.CodePayloadMismatch: 400, sigv4.CodeNotImplemented: 501,
}

// writeError answers with S3's XML; with the steps of the signature where that is
// wrong, as S3 does.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	answer := struct {
		XMLName          xml.Name `xml:"Error"`
		Code             string
		Message          string
		Resource         string
		RequestID        string `xml:"RequestId"`
		StringToSign     string `xml:",omitempty"`
		CanonicalRequest string `xml:",omitempty"`
	}{Resource: r.URL.Path, RequestID: w.Header().Get("X-Amz-Request-Id")}
	status := http.StatusInternalServerError
	var refused *sigv4.VerifyError
	var failed failure
	switch {
	case errors.As(err, &refused):
		status = refusals[refused.Code]
		answer.Code, answer.Message = refused.Code, refused.Text
		answer.StringToSign, answer.CanonicalRequest = refused.StringToSign, refused.CanonicalRequest
	case errors.As(err, &failed):
		status, answer.Code, answer.Message = failed.status, failed.code, failed.text
	}
	if status == 0 || answer.Code == "" {
		status, answer.Code, answer.Message = http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."
	}
	writeXML(w, r, status, answer)
}

// writeXML sends a document; the answer to HEAD has none.
func writeXML(w http.ResponseWriter, r *http.Request, status int, document any) {
	text, err := xml.Marshal(document)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	text = append([]byte(xml.Header), text...)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		if _, err := w.Write(text); err != nil {
			return // the client is gone
		}
	}
}

// serve verifies the signature, then that the user may, then does it.
func (s *Store) serve(w http.ResponseWriter, r *http.Request) error {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	request := sigv4.Request{Method: r.Method, Path: path, RawQuery: query, Host: r.Host}
	for name, values := range r.Header {
		for _, v := range values {
			request.Headers = append(request.Headers, [2]string{name, v})
		}
	}
	verified, err := s.verifier.Verify(&request, s.options.Now())
	if err != nil {
		return err
	}
	if verified.PayloadHash == sigv4.StreamingUnsignedTrailer {
		return errNotImplemented // the chunks would have to be taken apart
	}
	user, err := s.sessions.lookup(verified.AccessKeyID, verified.SessionToken, s.options.Now())
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return errURI
	}
	bucket, rawKey, _ := strings.Cut(rest, "/")
	key, err := url.PathUnescape(rawKey)
	if err != nil {
		return errURI
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return errURI
	}
	for name := range parameters {
		if strings.HasPrefix(name, "X-Amz-") || name == "x-id" { // the signature's, and what SDKs add
			delete(parameters, name)
		}
	}
	switch {
	case bucket == "":
		return errAccessDenied // nobody may list the buckets
	case bucket != s.options.Bucket:
		return errNoSuchBucket
	case key == "":
		return s.serveBucket(w, r, user.subject, parameters)
	case !owns(user.subject, key):
		return errAccessDenied
	case len(parameters) > 0 || unsupported(r.Header):
		return errNotImplemented
	}
	return s.serveObject(w, r, key, verified.PayloadHash)
}

// owns tells whether a key is in the user's own folder, as the policy of a role
// would that allows arn:aws:s3:::bucket/${login.example.org:sub}/*.
func owns(subject, key string) bool {
	folder, _, ok := strings.Cut(key, "/")
	return ok && folder == subject
}

// unsupported finds what would change the meaning of a request.
func unsupported(h http.Header) bool {
	for name := range h {
		switch name = strings.ToLower(name); {
		case strings.HasPrefix(name, "if-"), strings.HasPrefix(name, "x-amz-copy-source"),
			strings.HasPrefix(name, "x-amz-server-side"), strings.HasPrefix(name, "x-amz-object-lock"),
			name == "x-amz-acl", strings.HasPrefix(name, "x-amz-grant"), name == "x-amz-tagging":
			return true
		case strings.HasPrefix(name, "x-amz-checksum-"), name == "x-amz-website-redirect-location":
			return true
		}
	}
	return false
}

// The most bytes that S3 allows of a key, and of an object's metadata.
const (
	maxKey      = 1024
	maxMetadata = 2 << 10
)

func (s *Store) serveObject(w http.ResponseWriter, r *http.Request, key, payload string) error {
	switch r.Method {
	case http.MethodPut:
		return s.put(w, r, key, payload)
	case http.MethodGet, http.MethodHead:
		o, ok := s.objects.get(key)
		if !ok {
			return errNoSuchKey
		}
		return o.write(w, r)
	case http.MethodDelete:
		s.objects.remove(key)
		w.WriteHeader(http.StatusNoContent) // also where there was none
		return nil
	}
	return errMethod
}

func (s *Store) put(w http.ResponseWriter, r *http.Request, key, payload string) error {
	switch {
	case r.ContentLength < 0:
		return errLength
	case r.ContentLength > s.options.Limits.Object:
		return errTooLarge
	case len(key) > maxKey:
		return errKeyTooLong
	}
	o := object{modified: s.options.Now().UTC(), contentType: r.Header.Get("Content-Type"), metadata: map[string]string{}}
	size := len(o.contentType)
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			value := strings.Join(values, ",")
			o.metadata[name] = value
			size += len(name) + len(value) - len("X-Amz-Meta-")
		}
	}
	if size > maxMetadata {
		return errMetadata
	}
	if !s.objects.reserve(r.ContentLength) {
		return errFull
	}
	// Of a body that ends early, nothing stays.
	stored := false
	defer func() {
		if !stored {
			s.objects.release(r.ContentLength)
		}
	}()
	o.data = make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, o.data); err != nil {
		return errIncomplete
	}
	if payload != sigv4.UnsignedPayload && payload != sigv4.HashPayload(o.data) {
		return errPayload
	}
	sum := md5.Sum(o.data)
	o.etag = `"` + hex.EncodeToString(sum[:]) + `"`
	if text := r.Header.Get("Content-Md5"); text != "" && text != encode64(sum[:]) {
		return errDigest
	}
	if stored = s.objects.put(key, o); !stored {
		return errFull
	}
	w.Header().Set("Etag", o.etag)
	w.WriteHeader(http.StatusOK)
	return nil
}

// write answers GET and HEAD.
func (o object) write(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	data, status := o.data, http.StatusOK
	h.Set("Accept-Ranges", "bytes")
	if from, to, ok := parseRange(r.Header.Get("Range"), int64(len(data))); ok {
		if from >= to {
			return errRange
		}
		h.Set("Content-Range", "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(to-1, 10)+"/"+strconv.Itoa(len(data)))
		data, status = data[from:to], http.StatusPartialContent
	}
	for name, value := range o.metadata {
		h.Set(name, value)
	}
	if o.contentType == "" {
		o.contentType = "binary/octet-stream"
	}
	h.Set("Content-Type", o.contentType)
	// What one user has uploaded shall not run as a page in another's browser.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Last-Modified", o.modified.Format(http.TimeFormat))
	h.Set("Etag", o.etag)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		if _, err := w.Write(data); err != nil {
			return nil // the client is gone
		}
	}
	return nil
}

// parseRange reads a single range (RFC 9110 section 14.1.2). One that cannot be
// read, or several, are as good as none; from >= to cannot be satisfied.
func parseRange(text string, size int64) (from, to int64, ok bool) {
	spec, found := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !found || !dash {
		return 0, 0, false
	}
	number := func(s string) int64 {
		if s == "" || strings.Trim(s, "0123456789") != "" {
			return -1
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			n = size // beyond any object
		}
		return n
	}
	a, b := number(first), number(last)
	switch {
	case first == "" && b >= 0:
		return max(size-b, 0), size, true
	case a >= 0 && last == "":
		return a, size, true
	case a >= 0 && b >= a:
		return a, min(b, size-1) + 1, true
	}
	return 0, 0, false
}

// serveBucket answers what is about the bucket itself: the list, of the user's
// own folder.
func (s *Store) serveBucket(w http.ResponseWriter, r *http.Request, subject string, q url.Values) error {
	switch {
	case r.Method == http.MethodHead && len(q) == 0:
		w.WriteHeader(http.StatusOK)
		return nil
	case r.Method != http.MethodGet:
		return errAccessDenied
	case q.Get("list-type") != "2":
		return errNotImplemented
	case !owns(subject, q.Get("prefix")):
		return errAccessDenied
	}
	known := []string{"list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token", "encoding-type", "fetch-owner"}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return errNotImplemented
		}
		if len(values) > 1 {
			return errArgument
		}
	}
	most := maxList
	if text := q.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return errArgument
		}
		most = min(n, maxList)
	}
	if e := q.Get("encoding-type"); e != "" && e != "url" {
		return errArgument
	}
	after := q.Get("start-after")
	if token := q.Get("continuation-token"); token != "" {
		key, err := decode64(token)
		if err != nil {
			return errArgument
		}
		after = string(key)
	}
	page := s.objects.list(q.Get("prefix"), q.Get("delimiter"), after, most)
	page.Bucket, page.Prefix, page.Delimiter, page.MaxKeys = s.options.Bucket, q.Get("prefix"), q.Get("delimiter"), most
	page.StartAfter, page.Token, page.Encoding = q.Get("start-after"), q.Get("continuation-token"), q.Get("encoding-type")
	if page.Encoding == "url" {
		page.escape()
	}
	writeXML(w, r, http.StatusOK, page)
	return nil
}
