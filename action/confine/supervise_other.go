//go:build unix && !linux

package confine

// canSupervise is false where a process cannot adopt orphans.
const canSupervise = false

// Supervise is not to be had on this system.
func Supervise([]string) int { return 125 }
