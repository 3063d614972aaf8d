package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
)

// listening is River's driver for SQLite, with the ear that SQLite lacks: whoever
// adds a job is in this process, and can say so. River then fetches at once, and its
// polls are no more than a net for what nobody said.
type listening struct {
	*riversqlite.Driver
	bell *bell
}

// SupportsListener makes River ask for the listener.
func (l listening) SupportsListener() bool { return true }

// GetListener returns the bell.
func (l listening) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener { return l.bell }

// bell is a listener that is rung instead of notified by a database.
type bell struct {
	rung chan *riverdriver.Notification
}

func newBell() *bell { return &bell{rung: make(chan *riverdriver.Notification, 64)} }

// ring says that the queue has a job. A ring that finds the bell full is dropped:
// all those before it have yet to be heard.
func (b *bell) ring(queue string) {
	select {
	case b.rung <- &riverdriver.Notification{Topic: "river_insert", Payload: fmt.Sprintf(`{"queue":%q}`, queue)}:
	default:
	}
}

// announce rings for the jobs at the time when each is due, unless River's own round
// comes by before. In a transaction it is early: the database has one connection, so
// the fetch that follows waits until the transaction has ended.
func (b *bell) announce(jobs []*rivertype.JobInsertParams) {
	said := map[string]bool{}
	for _, j := range jobs {
		wait := time.Duration(0)
		if j.ScheduledAt != nil {
			wait = time.Until(*j.ScheduledAt)
		}
		switch {
		case j.State != rivertype.JobStateAvailable:
		case wait > 0:
			time.AfterFunc(wait, func() { b.ring(j.Queue) })
		case !said[j.Queue]:
			said[j.Queue] = true
			b.ring(j.Queue)
		}
	}
}

// WaitForNotification implements [riverdriver.Listener], as do those below: there is
// nothing to connect to.
func (b *bell) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case n := <-b.rung:
		return n, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *bell) Connect(context.Context) error          { return nil }
func (b *bell) Close(context.Context) error            { return nil }
func (b *bell) Listen(context.Context, string) error   { return nil }
func (b *bell) Unlisten(context.Context, string) error { return nil }
func (b *bell) Ping(context.Context) error             { return nil }
func (b *bell) Schema() string                         { return "" }
func (b *bell) SetAfterConnectExec(string)             {}
