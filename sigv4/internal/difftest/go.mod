module github.com/gatehouse-proxy/gatehouse/sigv4/internal/difftest

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.47.6
	github.com/gatehouse-proxy/gatehouse v0.0.0
)

require github.com/aws/smithy-go v1.28.8 // indirect

replace github.com/gatehouse-proxy/gatehouse => ../../..
