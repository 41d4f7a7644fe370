// Command wasm is the sandbox on the bare SDK.
package main

import "github.com/gatehouse-proxy/gatehouse/sandbox/internal/size"

func init() { size.Install() }

func main() {}
