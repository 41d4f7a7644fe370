// Command authcallout is the module of the filter authcallout alone.
package main

import (
	"github.com/gatehouse-proxy/gatehouse/filters"
	"github.com/gatehouse-proxy/gatehouse/filters/authcallout"
)

func init() { filters.Run(authcallout.Plugin) }

func main() {}
