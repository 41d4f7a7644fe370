package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"path"
	"regexp"
	"sort"
	"strings"
)

// The reference is SigV4 written down as the documentation has it, slowly and
// with the standard library: what the fast one is compared with.

func refEscape(s string, keep string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~"+keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

func refURI(raw string, o Options) (string, error) {
	if raw == "" {
		raw = "/"
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil || raw[0] != '/' || strings.ContainsAny(raw, "?#") || strings.ContainsFunc(raw, refControl) {
		return "", errors.New("path")
	}
	if !o.KeepPath {
		clean := path.Clean(raw)
		if strings.HasSuffix(raw, "/") && clean != "/" {
			clean += "/"
		}
		raw = clean
		if decoded, err = url.PathUnescape(raw); err != nil {
			return "", err
		}
	}
	if o.SingleEncode {
		return refEscape(decoded, "/"), nil
	}
	return refEscape(raw, "/"), nil
}

func refControl(r rune) bool { return r < ' ' || r == 0x7f }

func refQuery(raw string, drop ...string) (string, error) {
	type pair struct{ k, v string }
	var pairs []pair
	for _, p := range strings.Split(raw, "&") {
		if p == "" {
			continue
		}
		if strings.Contains(p, "#") || strings.ContainsFunc(p, refControl) {
			return "", errors.New("query")
		}
		k, v, _ := strings.Cut(p, "=")
		dk, err := url.QueryUnescape(k)
		dv, err2 := url.QueryUnescape(v)
		if err := errors.Join(err, err2); err != nil {
			return "", err
		}
		dropped := false
		for _, d := range drop {
			dropped = dropped || strings.EqualFold(d, dk)
		}
		if !dropped {
			pairs = append(pairs, pair{refEscape(dk, ""), refEscape(dv, "")})
		}
	}
	sort.SliceStable(pairs, func(i, j int) bool {
		if pairs[i].k != pairs[j].k {
			return pairs[i].k < pairs[j].k
		}
		return pairs[i].v < pairs[j].v
	})
	var out []string
	for _, p := range pairs {
		out = append(out, p.k+"="+p.v)
	}
	return strings.Join(out, "&"), nil
}

var (
	refFold   = regexp.MustCompile(`\r?\n[ \t]`)
	refBlanks = regexp.MustCompile(`[ \t]+`)
)

func refValue(v string) (string, error) {
	v = refFold.ReplaceAllString(v, " ")
	v = strings.Trim(refBlanks.ReplaceAllString(v, " "), " ")
	for _, c := range []byte(v) {
		if c < ' ' || c == 0x7f {
			return "", errors.New("value")
		}
	}
	return v, nil
}

// refCanonical is the canonical request for a given list of signed headers.
func refCanonical(r Request, signedHeaders, payload string, o Options, drop ...string) (string, error) {
	uri, err := refURI(r.Path, o)
	if err != nil {
		return "", err
	}
	query, err := refQuery(r.RawQuery, drop...)
	if err != nil {
		return "", err
	}
	out := r.Method + "\n" + uri + "\n" + query + "\n"
	for _, name := range strings.Split(signedHeaders, ";") {
		var all []string
		for _, h := range r.Headers {
			if strings.ToLower(h[0]) == name && name != "host" {
				v, err := refValue(h[1])
				if err != nil {
					return "", err
				}
				all = append(all, v)
			}
		}
		if name == "host" {
			all = []string{r.Host}
		}
		out += name + ":" + strings.Join(all, ",") + "\n"
	}
	return out + "\n" + signedHeaders + "\n" + payload, nil
}

func refMAC(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func refSignature(secret string, s Scope, canonical string) string {
	stamp := s.Time.UTC().Format("20060102T150405Z")
	sum := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{stamp[:8], s.Region, s.Service, "aws4_request"}, "/")
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = refMAC(key, part)
	}
	return hex.EncodeToString(refMAC(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
}
