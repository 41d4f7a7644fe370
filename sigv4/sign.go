package sigv4

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// Signer signs requests by the options of one service. It may be used by many
// goroutines at once; the derived keys are kept, about a thousand.
type Signer struct {
	options Options
	rules   rules
	keys    keyCache
}

// NewSigner checks the options. It fails if Expires is no number of seconds up
// to MaxExpires, or if Include or Exclude name what must or cannot be signed.
func NewSigner(o Options) (*Signer, error) {
	s := &Signer{options: o}
	var err error
	if s.rules, err = compileRules(&o); err != nil {
		return nil, err
	}
	if e := o.Expires; e < 0 || e > MaxExpires || e%time.Second != 0 {
		return nil, fault("expires: want whole seconds from 1 s to 7 days")
	}
	return s, nil
}

// String hides the keys that a Signer keeps, with the secrets they come from.
func (s *Signer) String() string { return "sigv4.Signer" }

// GoString is String, for %#v.
func (s *Signer) GoString() string { return s.String() }

// Signed is what a signature changes in a request. Its slices are overwritten when
// it is passed to another call, strings are not: a Signed that is kept saves the
// allocations. The zero value is ready.
type Signed struct {
	// SetHeaders replace every header of their name.
	SetHeaders [][2]string
	// RemoveHeaders are the names (lower case) of headers that the request has and
	// that belong to an earlier signature.
	RemoveHeaders []string
	// Path is the path to send: as it came, but for S3 (Options.SingleEncode) with
	// %2B for each "+", which S3 itself takes for a space and other stores for a plus.
	Path string
	// RawQuery is the query to send: as it came, less an earlier signature's
	// parameters, plus, where the query is signed, those of this one.
	RawQuery string
	// SignedHeaders are the names of the signed headers, separated by ";".
	SignedHeaders string
	// Signature is 64 lower-case hex digits.
	Signature string
	// PayloadHash is the hash that was signed.
	PayloadHash string

	self uintptr // its address: see start
	b    builder
	sts  text
	text []byte
	kept text // strings that were handed out
	sum  [sha256.Size]byte
	hex  [2 * sha256.Size]byte
	d    sha256.Digest

	// What requests have in common, most often.
	date  string     // the time, or "" before the first
	at    int64      // the second that it is of
	right scopeTexts // of the last call that passed the checks
	scope string     // that of date and right, or ""
	last  *last
}

// last is more of that.
type last struct {
	signer *Signer
	names  nameTable // by signer's rules
	opened *opened   // a pointer in a pointer: fmt, which prints all it gets at, follows one
}

// opened is the key of a secret for the date and the scope of a Signed, after the
// first block of a string to sign, which these two fill. secret is "" if they have
// changed, or fill no block.
type opened struct {
	secret string
	key    sha256.Key
}

// CanonicalRequest is the first step: the request in one spelling. A service
// that refuses a signature shows its own in the error; compare them.
func (s *Signed) CanonicalRequest() string { return string(s.b.canon) }

// StringToSign is the second step; the signature is the HMAC of it.
func (s *Signed) StringToSign() string { return string(s.sts) }

// Apply returns the request as it is to be sent. Headers that are set come last.
func (s *Signed) Apply(r Request) Request {
	headers := make([][2]string, 0, len(r.Headers)+len(s.SetHeaders))
next:
	for _, h := range r.Headers {
		for _, set := range s.SetHeaders {
			if strings.EqualFold(h[0], set[0]) {
				continue next
			}
		}
		for _, name := range s.RemoveHeaders {
			if strings.EqualFold(h[0], name) {
				continue next
			}
		}
		headers = append(headers, h)
	}
	r.Headers = append(headers, s.SetHeaders...)
	r.Path, r.RawQuery = s.Path, s.RawQuery
	r.PayloadHash = s.PayloadHash
	return r
}

// SignHeaders signs with the Authorization header. On an error, out holds
// nothing that could be sent.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func (s *Signer) SignHeaders(out *Signed, r *Request, c Credentials, scope Scope) error {
	if err := out.start(s, r, &c, &scope, payloadHash(r), s.options.SignBody); err != nil {
		return err
	}
	out.set(headerAuthorization, "", false)
	out.set(headerDate, out.date, true)
	if c.SessionToken != "" {
		out.set(headerToken, c.SessionToken, !s.options.OmitSessionToken)
	}
	if s.options.SignBody {
		out.set(headerContentSHA256, out.PayloadHash, true)
	}
	out.b.sortHeaders()
	if err := out.finish(s, r, &c, &scope); err != nil {
		return err
	}

	signed := out.b.signed.view()
	authorization := out.kept.keep(Algorithm+" Credential=", c.AccessKeyID, "/", out.scope, ", SignedHeaders=", signed,
		", Signature=", text(out.hex[:]).view())
	rest := authorization[:len(authorization)-len(out.hex)]
	out.Signature = authorization[len(rest):]
	rest = rest[:len(rest)-len(", Signature=")]
	out.SignedHeaders = rest[len(rest)-len(signed):]
	out.SetHeaders[0][1] = authorization
	out.pruneRemoved()
	return nil
}

// set takes a header that the signature adds.
//
//go:noinline
func (s *Signed) set(name, value string, sign bool) {
	s.SetHeaders = append(s.SetHeaders, [2]string{name, value})
	if sign {
		s.b.sign(name, value)
	}
}

// SignQuery signs with query parameters: the URL is valid for Options.Expires,
// for anyone who has it and sends the signed headers. On an error, out holds
// nothing that could be sent.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (s *Signer) SignQuery(out *Signed, r *Request, c Credentials, scope Scope) error {
	hash, sends := r.PayloadHash, false
	switch {
	case !s.options.SignBodyInQuery:
		hash = payloadHash(r)
	case hash == "" && r.Body == nil:
		hash = UnsignedPayload
	default:
		hash = payloadHash(r)
		sends = hash != UnsignedPayload
	}
	if err := out.start(s, r, &c, &scope, hash, sends); err != nil {
		return err
	}
	b := &out.b
	if sends {
		out.set(headerContentSHA256, hash, true)
	}
	b.sortHeaders()
	out.SignedHeaders = string(b.signed)
	text := append(append(out.text[:0], c.AccessKeyID...), '/')
	text = append(text, out.scope...)
	own := len(b.params)
	b.add(queryAlgorithm, Algorithm)
	b.add(queryCredential, string(text))
	b.add(queryDate, out.date)
	b.add(querySignedHeaders, out.SignedHeaders)
	b.add(queryExpires, strconv.FormatInt(int64(cmp.Or(s.options.Expires, DefaultExpires)/time.Second), 10))
	if c.SessionToken != "" {
		b.add(queryToken, c.SessionToken)
	}
	text = b.appendRaw(append(text[:0], out.RawQuery...), b.params[own:])
	if c.SessionToken != "" && s.options.OmitSessionToken {
		b.drop()
	}
	out.text = text
	if err := out.finish(s, r, &c, &scope); err != nil {
		return err
	}
	text = append(append(text, "&"+querySignature+"="...), out.hex[:]...)
	out.text = text
	out.RawQuery = string(text)
	out.pruneRemoved()
	out.Signature = out.RawQuery[len(text)-2*sha256.Size:]
	return nil
}

func payloadHash(r *Request) string {
	if r.PayloadHash != "" {
		return r.PayloadHash
	}
	return HashPayload(r.Body)
}

// start checks what is common to both ways and collects the request's own query
// parameters and headers.
func (s *Signed) start(signer *Signer, r *Request, c *Credentials, scope *Scope, hash string, setsHash bool) error {
	// A copy of a Signed that was used shares no memory with it from here on.
	if address := uintptr(unsafe.Pointer(s)); s.self != address {
		*s = Signed{self: address}
	}
	s.clear()
	s.sts = s.sts[:0]
	s.b.reset()
	if err := s.check(c, scope); err != nil {
		return err
	}
	if s.last == nil {
		s.last = &last{opened: &opened{}}
	}
	if s.last.signer != signer {
		s.last.signer, s.last.names = signer, nameTable{}
	}
	if at := scope.Time.Unix(); at != s.at || s.date == "" {
		s.date, s.scope = "", ""
		var stamp [timeLen]byte
		if _, err := appendTime(stamp[:0], scope.Time); err != nil {
			return err
		}
		s.date, s.at = string(stamp[:]), at
	}
	if s.scope == "" {
		s.last.opened.secret = ""
		s.scope = scopeOf(s.date, scope.Region, scope.Service)
	}
	if err := checkPayloadHash(hash); err != nil {
		return err
	}
	s.PayloadHash = hash
	err := s.collectQuery(r.RawQuery)
	if err == nil {
		err = s.collectHeaders(signer, r, setsHash)
	}
	if err != nil {
		s.clear()
	}
	return err
}

// check refuses texts that would break a signature apart. Those of the last call
// are most often those of this one, and then equal by their address.
func (s *Signed) check(c *Credentials, scope *Scope) error {
	texts := scopeTexts{c.AccessKeyID, c.SessionToken, scope.Service, scope.Region}
	if texts.equal(&s.right) && c.AccessKeyID != "" && c.SecretAccessKey != "" {
		return nil
	}
	switch {
	case !isField(c.AccessKeyID):
		return fault("access key ID: want visible ASCII without / , =")
	case c.SecretAccessKey == "":
		return fault("secret access key: missing")
	case !isVisible(c.SessionToken):
		return fault("session token: want visible ASCII")
	case !isField(scope.Service):
		return fault("service: want visible ASCII without / , =")
	case !isField(scope.Region):
		return fault("region: want visible ASCII without / , =")
	}
	s.right, s.scope = texts, ""
	return nil
}

// scopeTexts are access key ID, session token, service and region.
type scopeTexts [4]string

// equal is ==, in a loop, which is less code.
func (t *scopeTexts) equal(u *scopeTexts) bool {
	for i := range t {
		if t[i] != u[i] {
			return false
		}
	}
	return true
}

func (s *Signed) clear() {
	s.SetHeaders, s.RemoveHeaders = s.SetHeaders[:0], s.RemoveHeaders[:0]
	s.Path, s.RawQuery, s.SignedHeaders, s.Signature, s.PayloadHash = "", "", "", "", ""
}

// finish takes the steps from what was collected to the signature in hex.
func (s *Signed) finish(signer *Signer, r *Request, c *Credentials, scope *Scope) error {
	if err := s.b.canonicalRequest(r.Method, r.Path, s.PayloadHash, &signer.options); err != nil {
		s.clear()
		return err
	}
	if s.Path = r.Path; s.b.plus {
		s.Path = strings.ReplaceAll(r.Path, "+", "%2B")
	}
	s.sts = s.sts[:0]
	s.sts.toSign(s.date, s.scope, s.b.canon)
	const block = sha256.BlockSize
	o := s.last.opened
	if o.secret != c.SecretAccessKey {
		key := signer.keys.get(c.AccessKeyID, c.SecretAccessKey, scope.Region, scope.Service, s.date)
		if len(s.sts)-len(s.hex) < block {
			s.d.MAC(&key.key, s.sts, &s.sum)
			appendHex(s.hex[:0], &s.sum)
			return nil
		}
		o.key, o.secret = key.key.After((*[block]byte)(s.sts)), c.SecretAccessKey
	}
	s.d.MAC(&o.key, s.sts[block:], &s.sum)
	appendHex(s.hex[:0], &s.sum)
	return nil
}

// collectQuery takes the request's parameters, less those of an earlier
// signature, and leaves the query without them in RawQuery.
func (s *Signed) collectQuery(raw string) error {
	if s.RawQuery = raw; raw == "" {
		return nil
	}
	b := &s.b
	kept := s.text[:0]
	cut, first, hashKept := false, true, false
	for rest, more := raw, raw != ""; more; {
		var pair string
		from := len(raw) - len(rest)
		pair, rest, more = strings.Cut(rest, "&")
		if pair != "" {
			if err := b.addPair(pair); err != nil {
				return err
			}
			p := b.params[len(b.params)-1]
			stale := ofQuerySignature(b.key(p))
			if !stale && strings.EqualFold(queryContentSHA256, string(b.key(p))) {
				stale = hashKept || string(b.key(p)) != queryContentSHA256 || string(b.value(p)) != s.PayloadHash
				hashKept = hashKept || !stale
			}
			if stale {
				b.drop()
				if !cut {
					cut = true
					kept = append(kept, strings.TrimSuffix(raw[:from], "&")...)
					first = from == 0
				}
				continue
			}
		}
		if cut {
			if !first {
				kept = append(kept, '&')
			}
			kept = append(kept, pair...)
			first = false
		}
	}
	if cut {
		s.RawQuery = string(kept)
	}
	s.text = kept
	return nil
}

// ofQuerySignature tells whether a parameter belongs to an earlier signature. The
// key is encoded, so every spelling of it looks the same but for its case.
func ofQuerySignature(key []byte) bool {
	if len(key) < len(queryDate) || key[0]|0x20 != 'x' || key[1] != '-' {
		return false
	}
	for _, name := range [...]string{queryAlgorithm, queryCredential, queryDate, queryExpires,
		querySignedHeaders, querySignature, queryToken, queryRegionSet} {
		if len(name) == len(key) && strings.EqualFold(name, string(key)) {
			return true
		}
	}
	return false
}

// collectHeaders takes the headers to sign, in one pass, and names those of an
// earlier signature. setsHash says that the payload hash will be set anyway.
func (s *Signed) collectHeaders(signer *Signer, r *Request, setsHash bool) error {
	b := &s.b
	host, named, connection := r.Host, r.Host != "", ""
	hashes, sameHash := 0, false
	for i := range r.Headers {
		name, value := r.Headers[i][0], r.Headers[i][1]
		if len(name) > 1 && name[0] == ':' {
			continue
		}
		k := s.last.names.get(name)
		if k == 0 {
			var ok bool
			if name, ok = lower(name); !ok {
				return fault("header: its name is no token")
			}
			k = signer.rules.kind(name)
			s.last.names.put(name, k)
		}
		switch k &^ kindConnection {
		case kindSigned:
			b.sign(name, value)
		case kindHost:
			value = trimBlanks(value)
			if !named {
				host, named = value, true
			} else if host != value {
				return fault("host: given twice, with different values")
			}
		case kindStale:
			s.remove(name)
		case kindHash:
			hashes++
			sameHash = trimBlanks(value) == s.PayloadHash
		}
		if k != kindSigned { // or else canonicalRequest looks at it
			var err error
			if s.text, err = appendValue(s.text[:0], value); err != nil {
				return badHeader(name, err)
			}
		}
		if k&kindConnection != 0 {
			connection += "," + value
		}
	}
	switch {
	case setsHash:
	case hashes == 1 && sameHash:
		b.sign(headerContentSHA256, s.PayloadHash)
	case hashes > 0:
		s.remove(headerContentSHA256)
	}
	if connection != "" {
		var err error
		b.headers = slices.DeleteFunc(b.headers, func(h header) bool {
			if !nominated(connection, h.name) || required(h.name) || signer.rules.include.match(h.name) {
				return false
			}
			if _, bad := appendValue(nil, h.value); bad != nil {
				err = badHeader(h.name, bad)
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	if !isHost(host) {
		return fault("host: want one, without blanks")
	}
	b.sign("host", host)
	return nil
}

func (s *Signed) remove(name string) {
	if !slices.Contains(s.RemoveHeaders, name) {
		s.RemoveHeaders = append(s.RemoveHeaders, name)
	}
}

// pruneRemoved takes what is set off the list of what is removed.
func (s *Signed) pruneRemoved() {
	if len(s.RemoveHeaders) == 0 {
		return
	}
	s.RemoveHeaders = slices.DeleteFunc(s.RemoveHeaders, func(name string) bool {
		return slices.ContainsFunc(s.SetHeaders, func(h [2]string) bool { return h[0] == name })
	})
}

// nominated tells whether Connection names a header: it is hop-by-hop then (RFC
// 9110 section 7.6.1), and the next proxy removes it.
func nominated(connection, name string) bool {
	for rest := connection; rest != ""; {
		var option string
		option, rest, _ = strings.Cut(rest, ",")
		if strings.EqualFold(trimBlanks(option), name) {
			return true
		}
	}
	return false
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }

// isHost refuses what would change the canonical request or the URL; it is no
// check that the host exists.
func isHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '/' || c == '?' || c == '#' || c == '@' || c == '\\' || c == ',' {
			return false
		}
	}
	return s != ""
}
