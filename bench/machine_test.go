package bench

import (
	"math"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// busy is the share of the machine below which a time says more about its other
// users than about us.
const busy = 0.75

// share measures how much of the machine this process gets when it wants all of
// it, from 0 to 1: 1 on a machine with nothing else to do.
func share() float64 {
	const spell = 150 * time.Millisecond
	began, used := time.Now(), processorTime()
	var spinning sync.WaitGroup
	for range runtime.NumCPU() {
		spinning.Go(func() {
			for time.Since(began) < spell {
			}
		})
	}
	spinning.Wait()
	return float64(processorTime()-used) / float64(time.Since(began)) / float64(runtime.NumCPU())
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// timed makes a measurement, and notes the smaller of the shares of the machine
// before and after it.
func (b *table) timed(measure func()) {
	before := share()
	measure()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.share = math.Min(before, share())
}

// A time that is over its limit is no failure on a machine that is busy.
func TestBusyMachine(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]row{
		"MISSED": {ratio: 2, limit: 1, share: 0.9}, "busy": {ratio: 2, limit: 1, share: 0.5}, "yes": {ratio: 0.5, limit: 1, share: 0.5},
	} {
		if got := r.verdict(); got != want {
			t.Errorf("a ratio of %v with the limit %v on %v of a machine is %q, want %q", r.ratio, r.limit, r.share, got, want)
		}
	}
}
