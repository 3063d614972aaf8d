package publish

import (
	"context"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Place is a place besides GitHub in which people are told of tasks. An error of it says
// that the same is to be done again, a [*queue.Later] when; what no waiting cures is
// logged there and is no error, because the task does not depend on it.
type Place interface {
	// Show brings what a thread shows of a task up to date.
	Show(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error
	// Answer gives the reply of a delivery that came from there.
	Answer(ctx context.Context, d anvil.Delivery) error
}

// elsewhere shows a task in the session's threads outside of GitHub. One that fails does
// not keep the others from being shown.
func (a *Announcer) elsewhere(ctx context.Context, s anvil.Story) error {
	var again error
	for _, t := range s.Threads {
		place := a.Places[t.Place]
		if place == nil {
			continue // it is not configured any more
		}
		if err := place.Show(ctx, s, t); err != nil {
			again = err
		}
	}
	return again
}
