package confine

import "syscall"

// HideMemory keeps other processes of the same user (not of root) from reading
// this one's memory and environment, where the tokens are. Programs that this
// process starts are not affected.
func HideMemory() {
	const prSetDumpable = 4
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
}
