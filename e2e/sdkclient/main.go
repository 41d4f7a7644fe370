// Command sdkclient works with S3 by AWS's SDK for Go, with a bearer token
// instead of credentials. It does what e2e/boto3/client.py does, in the same
// order, with the same arguments, input and output; the reasons stand there.
//
// It is a module of its own, so that the SDK burdens nobody who imports
// Gatehouse: build/sdkclient compiles it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// tokenTransport adds the token to what the SDK sends, and notes what that was.
type tokenTransport struct {
	next          http.RoundTripper
	header, token string // without a header, the token goes as Authorization

	mu   sync.Mutex
	sent map[string]bool
}

func (t *tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	hashed := r.Header.Get("X-Amz-Content-Sha256")
	switch len(hashed) {
	case 0:
		hashed = "none"
	case 64:
		hashed = "hash"
	}
	if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		hashed += " aws-chunked"
	}
	if r.Header.Get("Authorization") != "" {
		hashed = "signed " + hashed
	}
	t.mu.Lock()
	t.sent[hashed] = true
	t.mu.Unlock()
	r = r.Clone(r.Context()) // a RoundTripper changes no request of its caller's
	if t.header != "" {
		r.Header.Set(t.header, t.token)
	} else {
		r.Header.Set("Authorization", "Bearer "+t.token)
	}
	return t.next.RoundTrip(r)
}

// same ends the program unless both are equal.
func same(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		log.Fatalf("%s: got %.200s, want %.200s", what, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
	}
}

// must returns what a call gave that is to succeed.
func must[T any](result T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return result
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 5 {
		log.Fatal("usage: sdkclient ENDPOINT BUCKET PREFIX CA [HEADER]    (the token is on standard input)")
	}
	endpoint, bucket, prefix, ca := os.Args[1], aws.String(os.Args[2]), os.Args[3], os.Args[4]
	header := ""
	ctx := context.Background()

	var keys aws.CredentialsProvider = aws.AnonymousCredentials{}
	if len(os.Args) > 5 {
		header = os.Args[5]
		keys = credentials.NewStaticCredentialsProvider("AKIDNOBODY", "nobody", "")
	}
	// What the SDK sends by default is settled here: s3.New alone makes no checksums.
	cfg := must(config.LoadDefaultConfig(ctx,
		config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(keys),
		config.WithCustomCABundle(bytes.NewReader(must(os.ReadFile(ca)))),
		config.WithRetryMaxAttempts(1),
	))
	client, ok := cfg.HTTPClient.(interface{ GetTransport() *http.Transport })
	if !ok {
		log.Fatalf("the SDK's HTTP client is a %T", cfg.HTTPClient)
	}
	transport := &tokenTransport{
		next: client.GetTransport(), header: header,
		token: strings.TrimSpace(string(must(io.ReadAll(os.Stdin)))), sent: map[string]bool{},
	}
	cfg.HTTPClient = &http.Client{Transport: transport}
	store := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = &endpoint
		o.UsePathStyle = true
	})

	get := func(name string, byteRange *string) *s3.GetObjectOutput {
		return must(store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(prefix + name), Range: byteRange}))
	}
	body := func(o *s3.GetObjectOutput) string {
		defer o.Body.Close()
		return string(must(io.ReadAll(o.Body)))
	}

	names := []string{"plain", "a b", "a+b", "a%2Fb", "ü/日本", "q?x=1&y#z", "(1)*'!;:@$,=", "~tilde", "dir/sub dir/"}
	var all []string
	for _, name := range names {
		key, text := aws.String(prefix+name), name
		if strings.HasSuffix(name, "/") {
			text = ""
		}
		must(store.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: key, Body: strings.NewReader(text),
			Metadata: map[string]string{"owner": "alice", "note": "a  b"}, ContentType: aws.String("text/plain"),
		}))
		got := get(name, nil)
		same(name, body(got), text)
		same(name+": metadata", got.Metadata["owner"], "alice")
		same(name+": type", aws.ToString(got.ContentType), "text/plain")
		head := must(store.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key}))
		same(name+": head", aws.ToInt64(head.ContentLength), int64(len(text)))
		all = append(all, *key)
	}

	var listed []string
	pages := s3.NewListObjectsV2Paginator(store, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &prefix, MaxKeys: aws.Int32(4)})
	for pages.HasMorePages() {
		for _, o := range must(pages.NextPage(ctx)).Contents {
			listed = append(listed, aws.ToString(o.Key))
		}
	}
	slices.Sort(listed)
	slices.Sort(all)
	same("list", listed, all)

	const part = 5 << 20
	big := make([]byte, 12<<20)
	for i := range big {
		big[i] = byte(i)
	}
	must(transfermanager.New(store, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = part, part, 2
	}).UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: bucket, Key: aws.String(prefix + "big"), Body: io.MultiReader(bytes.NewReader(big)), // no Seek, no size
	}))
	same("multipart", body(get("big", nil)), string(big))
	same("range over two parts", body(get("big", aws.String(fmt.Sprintf("bytes=%d-%d", part-3, part+4)))), string(big[part-3:part+5]))

	source := url.URL{Path: *bucket + "/" + prefix + "ü/日本"} // escaped by the caller, other than in boto3
	must(store.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String(prefix + "copy of ü"), CopySource: aws.String(source.EscapedPath())}))
	same("copy", body(get("copy of ü", nil)), "ü/日本")

	plain := aws.String(prefix + "plain")
	must(store.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: bucket, Key: plain, Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("a b")}},
	}}))
	var tags []string
	for _, tag := range must(store.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: bucket, Key: plain})).TagSet {
		tags = append(tags, aws.ToString(tag.Key)+"="+aws.ToString(tag.Value))
	}
	same("tags", tags, []string{"team=a b"})

	gone := []string{prefix + "a b", prefix + "a+b"}
	var objects []types.ObjectIdentifier
	for _, key := range gone {
		objects = append(objects, types.ObjectIdentifier{Key: &key})
	}
	var deleted []string
	for _, d := range must(store.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}})).Deleted {
		deleted = append(deleted, aws.ToString(d.Key))
	}
	slices.Sort(deleted)
	same("delete", deleted, gone)
	_, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &gone[0]})
	if missing := (*types.NoSuchKey)(nil); !errors.As(err, &missing) {
		log.Fatalf("a deleted object: got %v, want NoSuchKey", err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(slices.Sorted(maps.Keys(transport.sent))); err != nil {
		log.Fatal(err)
	}
}
