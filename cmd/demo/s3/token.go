package s3

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// Verifier checks the tokens of one OpenID Connect provider, signed with ES256.
type Verifier struct {
	Issuer   string                      // the claim iss
	Audience string                      // the claim aud has it
	Keys     map[string]*ecdsa.PublicKey // by kid
}

// Identity is whom a token speaks of.
type Identity struct{ Subject string }

var errExpired = errors.New("it has expired")

// Discover asks a provider for its keys (OpenID Connect Discovery 1.0 section 4,
// RFC 7517).
func Discover(ctx context.Context, issuer, audience string) (Verifier, error) {
	v := Verifier{Issuer: issuer, Audience: audience, Keys: map[string]*ecdsa.PublicKey{}}
	var config struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := getJSON(ctx, issuer+"/.well-known/openid-configuration", &config); err != nil {
		return v, err
	}
	if config.Issuer != issuer {
		return v, fmt.Errorf("%s: the issuer calls itself %q", issuer, config.Issuer)
	}
	var set struct {
		Keys []struct {
			KeyType string `json:"kty"`
			Curve   string `json:"crv"`
			ID      string `json:"kid"`
			X       string `json:"x"`
			Y       string `json:"y"`
		} `json:"keys"`
	}
	if err := getJSON(ctx, config.Keys, &set); err != nil {
		return v, err
	}
	for _, k := range set.Keys {
		if k.KeyType != "EC" || k.Curve != "P-256" {
			continue
		}
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
			return v, fmt.Errorf("%s: the key %q is malformed", config.Keys, k.ID)
		}
		// It refuses a point that is not on the curve.
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return v, fmt.Errorf("%s: the key %q: %w", config.Keys, k.ID, err)
		}
		v.Keys[k.ID] = key
	}
	if len(v.Keys) == 0 {
		return v, fmt.Errorf("%s has no key for ES256", config.Keys)
	}
	return v, nil
}

func getJSON(ctx context.Context, url string, to any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(to)
}

// audience is one text or a list (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*a = audience{""}
		return json.Unmarshal(data, &(*a)[0])
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// Verify checks signature, issuer, audience and times of a token (RFC 7519). The
// errors say what is wrong and hold nothing of the token. One that has expired is
// told apart, but only if all else is right.
func (v Verifier) Verify(token string, now time.Time) (Identity, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Identity{}, errors.New("it is no JWT")
	}
	var header struct {
		Algorithm string          `json:"alg"`
		Key       string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	// Only the one algorithm: neither "none" nor an HMAC by the public key.
	if decodePart(parts[0], &header) != nil || header.Algorithm != "ES256" || header.Critical != nil {
		return Identity{}, errors.New("its algorithm is not ES256")
	}
	key := v.Keys[header.Key]
	if key == nil {
		return Identity{}, errors.New("its key is not known")
	}
	// r and s, 32 bytes each (RFC 7518 section 3.4). Strict: no second spelling.
	made, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || len(made) != 64 || !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(made[:32]), new(big.Int).SetBytes(made[32:])) {
		return Identity{}, errors.New("its signature is wrong")
	}
	var claims struct {
		Issuer    string   `json:"iss"`
		Subject   string   `json:"sub"`
		Audience  audience `json:"aud"`
		Expires   float64  `json:"exp"`
		NotBefore float64  `json:"nbf"`
	}
	if decodePart(parts[1], &claims) != nil {
		return Identity{}, errors.New("its claims are malformed")
	}
	has := false
	for _, a := range claims.Audience {
		has = has || a == v.Audience
	}
	at := float64(now.UnixNano()) / 1e9
	switch {
	case claims.Issuer != v.Issuer:
		return Identity{}, errors.New("it is another issuer's")
	case !has:
		return Identity{}, errors.New("it is for another audience")
	case claims.Subject == "":
		return Identity{}, errors.New("it names no subject")
	case claims.Expires == 0:
		return Identity{}, errors.New("it has no end")
	case at < claims.NotBefore:
		return Identity{}, errors.New("it is not valid yet")
	case at >= claims.Expires:
		return Identity{}, errExpired
	}
	return Identity{claims.Subject}, nil
}

func decodePart(text string, to any) error {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
