package app

import (
	"context"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/queue"
)

// alone lets one call of a hop at a time act for a key. The sweep may wake a hop
// that is only slow; a second call then finds a row in the middle of a step, and
// takes it for what a crash left behind. It comes again a little later instead, so
// it holds no worker, and looks at the row as the first call left it.
func alone(handle queue.Handler, now func() time.Time) queue.Handler {
	var busy sync.Map // of keys
	return func(ctx context.Context, key string) error {
		if _, taken := busy.LoadOrStore(key, true); taken {
			return &queue.Later{At: now().Add(2 * time.Second), Reason: "another call is at work on it"}
		}
		defer busy.Delete(key)
		return handle(ctx, key)
	}
}
