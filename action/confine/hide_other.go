//go:build unix && !linux

package confine

// HideMemory does nothing on this system.
func HideMemory() {}
