module github.com/gatehouse-proxy/gatehouse/sandbox/internal/benchcmp

go 1.26.0

require (
	github.com/gatehouse-proxy/gatehouse v0.0.0
	github.com/yuin/gopher-lua v1.1.2
)

replace github.com/gatehouse-proxy/gatehouse => ../../..
