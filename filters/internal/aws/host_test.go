package aws_test

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
)

func TestServiceOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"s3.eu-west-1.amazonaws.com":                                   "s3 eu-west-1",
		"S3.EU-West-1.amazonaws.com":                                   "s3 eu-west-1",
		"bucket.s3.eu-west-1.amazonaws.com":                            "s3 eu-west-1",
		"bucket.with.dots.s3.us-east-2.amazonaws.com":                  "s3 us-east-2",
		"s3.amazonaws.com":                                             "s3 us-east-1",
		"bucket.s3.amazonaws.com":                                      "s3 us-east-1",
		"s3-us-west-2.amazonaws.com":                                   "s3 us-west-2",
		"bucket.s3-us-west-2.amazonaws.com":                            "s3 us-west-2",
		"s3.dualstack.eu-central-1.amazonaws.com":                      "s3 eu-central-1",
		"bucket.s3.dualstack.eu-central-1.amazonaws.com":               "s3 eu-central-1",
		"s3-fips.us-gov-west-1.amazonaws.com":                          "s3 us-gov-west-1",
		"ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com":       "s3 eu-west-1",
		"123456789012.s3-control.eu-west-1.amazonaws.com":              "s3 eu-west-1",
		"x.s3-object-lambda.eu-west-1.amazonaws.com":                   "s3-object-lambda eu-west-1",
		"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com": "s3express us-east-1",
		"bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com":        "s3 us-east-1",
		"s3.cn-north-1.amazonaws.com.cn":                               "s3 cn-north-1",
		"abc.lambda-url.eu-west-1.on.aws":                              "lambda eu-west-1",
		"lambda.us-east-1.amazonaws.com":                               "lambda us-east-1",
		"lambda.us-east-1.api.aws":                                     "lambda us-east-1",
		"abc.execute-api.us-east-1.amazonaws.com":                      "execute-api us-east-1",
		"search-x-y.eu-west-1.es.amazonaws.com":                        "es eu-west-1",
		"x.eu-west-1.aoss.amazonaws.com":                               "aoss eu-west-1",
		"sts.amazonaws.com":                                            "sts us-east-1",
		"sts.eusc-de-east-1.amazonaws.eu":                              "sts eusc-de-east-1",
		"dynamodb.us-iso-east-1.c2s.ic.gov":                            "dynamodb us-iso-east-1",
		"streams.dynamodb.us-east-1.amazonaws.com":                     "dynamodb us-east-1",
		"bedrock-runtime.us-east-1.amazonaws.com":                      "bedrock us-east-1",
		"runtime.sagemaker.us-east-1.amazonaws.com":                    "sagemaker us-east-1",
		"x.appsync-api.us-east-1.amazonaws.com":                        "appsync us-east-1",
		"api.ecr.us-east-1.amazonaws.com":                              "ecr us-east-1",
		"x.vpc-lattice-svcs.us-west-2.on.aws":                          "vpc-lattice-svcs us-west-2",

		"bucket.s3-accelerate.amazonaws.com":      "", // of no region
		"sqs.amazonaws.com":                       "",
		"amazonaws.com":                           "",
		".amazonaws.com":                          "",
		"us-east-1.amazonaws.com":                 "",
		"example.org":                             "",
		"s3.us-east-1.amazonaws.com.evil.example": "",
		"s3.us-east-1.evilamazonaws.com":          "",
		"minio":                                   "",
		"":                                        "",
	} {
		service, region, ok := aws.ServiceOf(host)
		got := service + " " + region
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	h := aws.CompileHosts([]string{"*.amazonaws.com", "MinIO.example"})
	for host, want := range map[string]bool{
		"s3.amazonaws.com": true, "a.b.AMAZONAWS.com": true, "minio.example": true,
		"amazonaws.com": false, "evilamazonaws.com": false, "s3.amazonaws.com.evil.example": false, "x.minio.example": false,
		"s3.amazonaws.com.": false, "": false,
	} {
		if h.Has(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
	every := aws.CompileHosts([]string{"*"})
	if !every.Has("anything") {
		t.Error("* is not every host")
	}
	for pattern, want := range map[string]bool{
		"*": true, "*.a.b": true, "a": true, "[::1]": false, "*a.b": false, "a.*": false, "**": false, "": false, "a:80": false, "https://a": false, "*.": false,
	} {
		if aws.HostPattern(pattern) != want {
			t.Errorf("pattern %q: %v", pattern, !want)
		}
	}
}

func TestSplitPort(t *testing.T) {
	t.Parallel()
	for authority, want := range map[string][2]string{
		"a.b": {"a.b", ""}, "a:80": {"a", "80"}, "[::1]:80": {"[::1]", "80"}, "[::1]": {"[::1]", ""}, "127.0.0.1:9000": {"127.0.0.1", "9000"},
		"": {}, "a:": {}, ":80": {}, "a:b": {}, "a:80:90": {}, "a/b": {}, "u@a": {}, "a b": {}, "a..b": {}, "a.": {}, "[::1": {}, "a#": {}, "a\\b": {}, "a?b": {}, "ä": {}, "a:800000": {},
	} {
		host, port, ok := aws.SplitPort(authority)
		if ok != (want[0] != "") || ok && (host != want[0] || port != want[1]) {
			t.Errorf("%q: got %q %q %v, want %q", authority, host, port, ok, want)
		}
	}
}
