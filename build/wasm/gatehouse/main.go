// Command gatehouse is the bundle: Envoy's root_id chooses the filter.
package main

import (
	"github.com/gatehouse-proxy/gatehouse/filters"
	"github.com/gatehouse-proxy/gatehouse/filters/authcallout"
	"github.com/gatehouse-proxy/gatehouse/filters/awssign"
)

func init() {
	filters.Run(
		authcallout.Plugin,
		awssign.Plugin,
	)
}

func main() {}
