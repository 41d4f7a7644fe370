package sigv4_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// AWS's documented GET of an object: its canonical request, string to sign and
// signature are those of the page.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func Example() {
	signer, err := sigv4.NewSigner(sigv4.OptionsFor("s3"))
	if err != nil {
		panic(err)
	}
	request := sigv4.Request{
		Method:  "GET",
		Path:    "/test.txt",
		Host:    "examplebucket.s3.amazonaws.com",
		Headers: [][2]string{{"Range", "bytes=0-9"}},
	}
	credentials := sigv4.Credentials{
		AccessKeyID:     "AKIAIOSFODNN7EXAMPLE",
		SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	scope := sigv4.Scope{Service: "s3", Region: "us-east-1", Time: time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)}

	var signed sigv4.Signed
	if err := signer.SignHeaders(&signed, &request, credentials, scope); err != nil {
		panic(err)
	}
	fmt.Println(signed.CanonicalRequest())
	fmt.Println()
	fmt.Println(signed.StringToSign())
	fmt.Println()
	for _, header := range signed.SetHeaders {
		fmt.Println(header[0]+":", strings.ReplaceAll(header[1], ", ", ",\n  "))
	}
	// Output:
	// GET
	// /test.txt
	//
	// host:examplebucket.s3.amazonaws.com
	// range:bytes=0-9
	// x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	// x-amz-date:20130524T000000Z
	//
	// host;range;x-amz-content-sha256;x-amz-date
	// e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	//
	// AWS4-HMAC-SHA256
	// 20130524T000000Z
	// 20130524/us-east-1/s3/aws4_request
	// 7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972
	//
	// authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,
	//   SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,
	//   Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41
	// x-amz-date: 20130524T000000Z
	// x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
}

// AWS's documented presigned URL.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func ExampleSigner_SignQuery() {
	options := sigv4.OptionsFor("s3")
	options.Expires = 24 * time.Hour
	signer, err := sigv4.NewSigner(options)
	if err != nil {
		panic(err)
	}
	request := sigv4.Request{Method: "GET", Path: "/test.txt", Host: "examplebucket.s3.amazonaws.com"}
	credentials := sigv4.Credentials{
		AccessKeyID:     "AKIAIOSFODNN7EXAMPLE",
		SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	scope := sigv4.Scope{Service: "s3", Region: "us-east-1", Time: time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)}

	var signed sigv4.Signed
	if err := signer.SignQuery(&signed, &request, credentials, scope); err != nil {
		panic(err)
	}
	fmt.Println("https://" + request.Host + request.Path + "?" + strings.ReplaceAll(signed.RawQuery, "&", "\n  &"))
	// Output:
	// https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256
	//   &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request
	//   &X-Amz-Date=20130524T000000Z
	//   &X-Amz-SignedHeaders=host
	//   &X-Amz-Expires=86400
	//   &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404
}

func ExampleVerifier() {
	verifier := sigv4.Verifier{
		Service: "s3",
		Region:  "us-east-1",
		Options: sigv4.OptionsFor("s3"),
		Lookup: func(accessKeyID, sessionToken string) (string, error) {
			if accessKeyID == "AKIAIOSFODNN7EXAMPLE" && sessionToken == "" {
				return "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", nil
			}
			return "", fmt.Errorf("unknown")
		},
	}
	request := sigv4.Request{
		Method: "GET",
		Path:   "/test.txt",
		Host:   "examplebucket.s3.amazonaws.com",
		Headers: [][2]string{
			{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
				"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
				"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
			{"Range", "bytes=0-9"},
			{"x-amz-content-sha256", sigv4.EmptyPayload},
			{"x-amz-date", "20130524T000000Z"},
		},
	}
	now := time.Date(2013, 5, 24, 0, 5, 0, 0, time.UTC)
	verified, err := verifier.Verify(&request, now)
	fmt.Println(verified.AccessKeyID, verified.SignedHeaders, err)

	request.Headers[1][1] = "bytes=0-"
	_, err = verifier.Verify(&request, now)
	fmt.Println(err)
	// Output:
	// AKIAIOSFODNN7EXAMPLE [host range x-amz-content-sha256 x-amz-date] <nil>
	// sigv4: SignatureDoesNotMatch: the signature is not that of this request
}
