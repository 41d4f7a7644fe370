//go:build !linux

package e2e

import "syscall"

// dieWithParent does nothing: only Linux tells a child that its parent ended.
func dieWithParent(*syscall.SysProcAttr) {}
