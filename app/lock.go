//go:build unix

package app

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// lock takes the data directory for this process, until unlock is called or the
// process ends in whatever way.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "anvil.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, anvil.Problemf("DB_OPEN", "Check that the data directory can be written and the disk is not full.", "the data directory cannot be locked").Because(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, anvil.Problemf("DB_LOCKED", "Stop the other anvil server, or give this one a data_dir of its own.", "another process has the data directory")
		}
		return nil, anvil.Problemf("DB_OPEN", "Put data_dir on a local disk.", "the data directory cannot be locked").Because(err)
	}
	return func() { f.Close() }, nil
}
