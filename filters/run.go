// Package filters is the door between a module's main package and the shell.
//
//	func init() { filters.Run(authcallout.Plugin) }
//
// One plugin makes a module of its own; several make a bundle, in which Envoy's
// root_id names the filter.
package filters

import (
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/host"
)

// Run installs the plugins. It must be called from an init function: Envoy never
// calls main.
func Run(plugins ...filter.Plugin) { host.Run(plugins...) }
