// Command filter is the sandbox beside a filter, which has the SDK, the shell
// and the packages that every filter has.
package main

import (
	"github.com/gatehouse-proxy/gatehouse/filters"
	"github.com/gatehouse-proxy/gatehouse/filters/authcallout"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/size"
)

func init() {
	filters.Run(authcallout.Plugin)
	size.Install()
}

func main() {}
