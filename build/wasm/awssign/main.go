// Command awssign is the module of the filter awssign alone.
package main

import (
	"github.com/gatehouse-proxy/gatehouse/filters"
	"github.com/gatehouse-proxy/gatehouse/filters/awssign"
)

func init() { filters.Run(awssign.Plugin) }

func main() {}
