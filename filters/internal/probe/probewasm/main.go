// Command probewasm is the module of the probe, for e2e tests only.
package main

import (
	"github.com/gatehouse-proxy/gatehouse/filters"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/probe"
)

func init() { filters.Run(probe.Plugin) }

func main() {}
