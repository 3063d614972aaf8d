package apptest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is how long something may take on a machine that has much else to do.
const patience = 90 * time.Second

// look is how often Await looks again.
const look = 25 * time.Millisecond

// Hopeless is returned by what [Await] asks where waiting is in vain.
func Hopeless(format string, args ...any) error { return &hopeless{fmt.Errorf(format, args...)} }

type hopeless struct{ error }

func (h *hopeless) Unwrap() error { return h.error }

// Await looks again and again until so returns nil, or something [Hopeless], or
// patience ends: then the error is the last one.
func Await(ctx context.Context, so func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		err := so()
		var h *hopeless
		if err == nil || errors.As(err, &h) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for long: %w", err)
		case <-tick.C:
		}
	}
}
