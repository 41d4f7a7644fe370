package e2e

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// cpuTime is what all threads of a process have used; /proc/PID/stat has it in
// steps of 10 ms only.
func cpuTime(pid int) (time.Duration, error) {
	const schedClock = 2 // of a process, not of a thread: see clock_getcpuclockid(3)
	clock := uintptr(^uint32(pid)<<3 | schedClock)
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(int32(clock)), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}
