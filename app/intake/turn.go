package intake

import (
	"context"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// turnFor is how long a command waits for one that was said before it: what takes
// longer to decide has a trouble of its own.
const turnFor = 30 * time.Second

// inTurn puts off a command while one that came before it in the same thread is still
// undecided, so that people are served in the order in which they spoke.
func (d *Decider) inTurn(ctx context.Context, c anvil.Command, reader Reader, came time.Time) error {
	pending, err := d.Store.PendingDeliveries(ctx, came.Add(-time.Microsecond))
	if err != nil {
		return err
	}
	for _, id := range pending {
		before, err := d.Store.Delivery(ctx, id)
		if err != nil {
			return err
		}
		if id == c.Delivery || before.Decision != anvil.Pending || d.Now().Sub(before.ReceivedAt) > turnFor {
			continue
		}
		reading, err := reader.Parse(before)
		if err != nil || reading.Request == nil {
			continue
		}
		if at := reading.Request.Command.Thread; at.Repository.ID == c.Thread.Repository.ID && at.Issue == c.Thread.Issue {
			return &queue.Later{At: d.Now().Add(50 * time.Millisecond), Reason: "a command that was said before it is not decided yet"}
		}
	}
	return nil
}
