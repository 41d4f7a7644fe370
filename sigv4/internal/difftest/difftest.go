// Package difftest compares package sigv4 with aws-sdk-go-v2 on random requests.
// It is a module of its own, so that the SDK burdens nobody who uses sigv4; its
// tests run from this folder with GOWORK=off.
package difftest
