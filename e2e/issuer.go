package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// Issuer is an OpenID Connect provider on the loopback interface: a discovery
// document, a key, and tokens of it (ES256).
type Issuer struct {
	*Server
	key *ecdsa.PrivateKey
}

// NewIssuer starts a provider.
func NewIssuer() (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	i := &Issuer{key: key}
	i.Server, err = NewServer(i.serve)
	return i, err
}

// URL is the issuer's name, the claim iss.
func (i *Issuer) URL() string { return "http://" + i.Addr }

// ConfigURL is that of the discovery document (OpenID Connect Discovery 1.0
// section 4).
func (i *Issuer) ConfigURL() string { return i.URL() + "/.well-known/openid-configuration" }

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = Node{
			"issuer": i.URL(), "jwks_uri": i.URL() + "/keys",
			"authorization_endpoint": i.URL() + "/authorize", "token_endpoint": i.URL() + "/token",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"ES256"},
		}
	case "/keys":
		public, err := i.key.PublicKey.Bytes() // 4, x, y
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		size := (len(public) - 1) / 2
		answer = Node{"keys": []Node{{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
			"x": base64.RawURLEncoding.EncodeToString(public[1 : 1+size]), "y": base64.RawURLEncoding.EncodeToString(public[1+size:]),
		}}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return // the client is gone
	}
}

// Token signs claims; iss is added.
func (i *Issuer) Token(claims Node) (string, error) {
	all := Node{"iss": i.URL()}
	merge(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT","kid":"1"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte // RFC 7518 section 3.4
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return fmt.Sprintf("%s.%s", text, base64.RawURLEncoding.EncodeToString(signature[:])), nil
}
