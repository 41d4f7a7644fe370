// Command gatehouse is the bundle: Envoy's root_id chooses the filter.
package main

import (
	"github.com/gatehouse-proxy/gatehouse/filters"
	"github.com/gatehouse-proxy/gatehouse/filters/authcallout"
)

func init() {
	filters.Run(
		authcallout.Plugin,
	)
}

func main() {}
