package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/cmd/demo/s3"
	"github.com/gatehouse-proxy/gatehouse/e2e"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

const (
	s3Host   = "s3.localhost"
	s3Bucket = "uploads"
	s3Role   = "arn:aws:iam::123456789012:role/uploads"
	// How long the printed tokens are good for.
	tokenLife = 12 * time.Hour
)

// store is an S3 store with an STS, and the identity provider that it trusts.
type store struct {
	addr   string // of both
	title  string
	role   string
	policy string // of each session, where the role alone would allow too much
	issuer *e2e.Issuer
	stop   func() error
	users  []token
	region string
}

// startStore starts the demo's own store, or MinIO.
func startStore(ctx context.Context, kind, dir string) (s *store, err error) {
	s = &store{region: e2e.MinIORegion, stop: func() error { return nil }}
	if s.issuer, err = e2e.NewIssuer(); err != nil {
		return nil, err
	}
	if kind == "minio" {
		err = s.startMinIO(ctx, dir)
	} else {
		err = s.startOwn(ctx)
	}
	if err == nil {
		err = s.mint(time.Now())
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) close() error { return errors.Join(s.stop(), s.issuer.Close()) }

func (s *store) startOwn(ctx context.Context) error {
	tokens, err := s3.Discover(ctx, s.issuer.URL(), e2e.MinIOAudience)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr, s.role, s.title = ln.Addr().String(), s3Role, "the demo's own S3 store"
	server := &http.Server{
		Handler:           s3.New(s3.Options{Region: s.region, Bucket: s3Bucket, RoleARN: s3Role, Tokens: tokens}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // a body holds memory while it comes
	}
	s.stop = server.Close
	go func() {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			panic(err) //nolint:forbidigo // a listener of our own that breaks ends the demo
		}
	}()
	return nil
}

func (s *store) startMinIO(ctx context.Context, dir string) error {
	m, err := e2e.StartMinIO(ctx, dir, s.issuer)
	if err != nil {
		return err
	}
	s.addr, s.role, s.title, s.stop = m.Addr, m.RoleARN, "MinIO", m.Stop
	// MinIO's role may everything: the session's policy leaves the user's folder.
	policy, err := json.Marshal(e2e.Node{"Version": "2012-10-17", "Statement": []e2e.Node{
		{"Effect": "Allow", "Action": []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, "Resource": []string{"arn:aws:s3:::" + s3Bucket + "/%CLAIM(sub)%/*"}},
		{"Effect": "Allow", "Action": []string{"s3:ListBucket"}, "Resource": []string{"arn:aws:s3:::" + s3Bucket},
			"Condition": e2e.Node{"StringLike": e2e.Node{"s3:prefix": []string{"%CLAIM(sub)%/*"}}}},
	}})
	if err != nil {
		return err
	}
	s.policy = string(policy)
	return s.makeBucket(ctx)
}

// makeBucket asks MinIO for the bucket, as its administrator.
func (s *store) makeBucket(ctx context.Context) error {
	signer, err := sigv4.NewSigner(sigv4.OptionsFor("s3"))
	if err != nil {
		return err
	}
	var signed sigv4.Signed
	r := sigv4.Request{Method: http.MethodPut, Path: "/" + s3Bucket, Host: s.addr}
	admin := sigv4.Credentials{AccessKeyID: e2e.MinIOUser, SecretAccessKey: e2e.MinIOPassword}
	if err := signer.SignHeaders(&signed, &r, admin, sigv4.Scope{Service: "s3", Region: s.region, Time: time.Now()}); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+s.addr+r.Path, nil)
	if err != nil {
		return err
	}
	for _, h := range signed.SetHeaders {
		req.Header.Set(h[0], h[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("making the bucket: MinIO answered %s", resp.Status)
	}
	return nil
}

// mint makes tokens of two users, and a forged one: Bob's claims say that he is
// Ann, under the signature of his own token.
func (s *store) mint(now time.Time) error {
	for _, user := range []string{"ann", "bob"} {
		t, err := s.issuer.Token(e2e.Node{"sub": user, "aud": e2e.MinIOAudience, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix()})
		if err != nil {
			return err
		}
		s.users = append(s.users, token{strings.ToUpper(user), t})
	}
	ann, bob := strings.Split(s.users[0].value, "."), strings.Split(s.users[1].value, ".")
	s.users = append(s.users, token{"FORGED", ann[0] + "." + ann[1] + "." + bob[2]})
	return nil
}

// route is the one to the store: nobody but the filter knows what S3 wants.
func (s *store) route() route {
	source := e2e.Node{"source": "web_identity", "role_arn": s.role}
	if s.policy != "" {
		source["policy"] = s.policy
	}
	config, err := json.MarshalIndent(e2e.Node{
		"mount":         "downstream",
		"service":       "s3",
		"region":        s.region,
		"allowed_hosts": []string{s3Host},
		"credentials":   []e2e.Node{source},
		"sts":           e2e.Node{"cluster": "s3", "authority": s.addr},
	}, "", "  ")
	if err != nil {
		panic(err) //nolint:forbidigo // maps and texts are always JSON
	}
	const (
		file = "/" + s3Bucket + "/ann/hello.txt"
		ann  = "Authorization: Bearer $ANN"
	)
	return route{
		host:    s3Host,
		filter:  "awssign",
		title:   "awssign before " + s.title + ": files with nothing but a bearer token; STS exchanges it, the filter signs, each user has a folder",
		config:  string(config),
		cluster: "s3",
		tokens:  s.users,
		tries: []try{
			{what: "upload a file", path: file, method: http.MethodPut, headers: []string{ann, "Content-Type: text/plain"}, upload: "Hello from Ann", status: 200},
			{what: "read it", path: file, headers: []string{ann}, status: 200, body: "Hello from Ann"},
			{what: "read a part of it", path: file, headers: []string{ann, "Range: bytes=6-9"}, status: 206, body: "from"},
			{what: "list the folder", path: "/" + s3Bucket + "?list-type=2&prefix=ann/", headers: []string{ann}, status: 200, body: "<Key>ann/hello.txt</Key>"},
			{what: "without a token nothing goes out, signed or unsigned", path: file, status: 401, body: "A token is required."},
			{what: "Bob is somebody, but it is Ann's folder: S3's own answer", path: file, headers: []string{"Authorization: Bearer $BOB"}, status: 403, body: "<Code>AccessDenied</Code>"},
			{what: "a forged token, although there is a session for Ann: STS refuses it", path: file, headers: []string{"Authorization: Bearer $FORGED"}, status: 401, body: "Error fetching STS credentials"},
		},
	}
}
