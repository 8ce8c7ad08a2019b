package meter

import "golang.org/x/sys/unix"

// cpuTime is what all threads of a process have used so far, in nanoseconds; 0 = this process.
func cpuTime(process int) int64 {
	// How Linux numbers the clock of a process: see clock_getcpuclockid(3).
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if process != 0 {
		clock = int32(^process)<<3 | 2
	}
	var used unix.Timespec
	if err := unix.ClockGettime(clock, &used); err != nil {
		return 0
	}
	return used.Nano()
}
