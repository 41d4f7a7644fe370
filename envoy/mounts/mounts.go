// Package mounts checks the files in envoy/<filter> that mount a filter by a
// control plane (istio*.yaml, gateway*.yaml) the way that control plane would:
//
//	cd envoy/mounts && go test -count=1 ./...
//
// (-count=1, as Go's cache of test results does not see files of another module.)
// Every document is held against the CustomResourceDefinition of the release
// named in crds.go, as the Kubernetes API server does it: unknown fields, types,
// and the validation rules in CEL. What a document hands on to Envoy (patches and
// configuration) is held against Envoy's own protobufs and their rules, and Envoy
// Gateway's patches are applied to a listener that Envoy Gateway made.
//
// It is a module, and a workspace, of its own, so that the filters gain no
// dependency by it. The definitions come from the Go module proxy, by version and
// checksum, and are not copied into the project.
package mounts
