package runner

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

const (
	batchEvents = 100
	batchBytes  = 256 << 10
	batchDelay  = 150 * time.Millisecond // events come in bursts; people do not see the difference
)

// journal numbers a run's events and sends them in order.
type journal struct {
	holder  *runapi.Holder
	limit   int64       // of the events that an agent may cause
	refused func(error) // told when the server wants no more

	mu      sync.Mutex
	seq     int64
	pending []runapi.Event
	broken  bool // the server and we disagree on the numbers; nothing is sent any more

	wake    chan struct{} // holds one token when there is something to send
	flushed *sync.Cond    // on mu; pending got shorter
}

func newJournal(h *runapi.Holder, limit int64, refused func(error)) *journal {
	j := &journal{holder: h, limit: limit, refused: refused, wake: make(chan struct{}, 1)}
	j.flushed = sync.NewCond(&j.mu)
	return j
}

// add appends an event of the runner's own.
func (j *journal) add(kind, text string, data json.RawMessage) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(kind, text, data)
}

// quote appends an event that an agent caused, unless there were too many: an
// agent may print a million lines. They all stand in the log, as far as that goes.
func (j *journal) quote(kind, text string, data json.RawMessage) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.seq < j.limit:
		j.append(kind, text, data)
	case j.seq == j.limit:
		j.append(runapi.KindWarning, "The agent says a lot; from here on only the log has it.", nil)
		j.limit = 0
	}
}

// append numbers an event. The caller holds mu.
func (j *journal) append(kind, text string, data json.RawMessage) {
	j.seq++
	j.pending = append(j.pending, runapi.Event{Seq: j.seq, At: time.Now().UTC(), Kind: kind, Text: text, Data: data})
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// send sends events until ctx ends.
func (j *journal) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(batchDelay):
		}
		for {
			batch := j.batch()
			if len(batch) == 0 {
				break
			}
			_, err := j.holder.Append(ctx, runapi.EventsRequest{Events: batch})
			if ctx.Err() != nil {
				return
			}
			if !j.settle(batch, err) {
				break
			}
		}
	}
}

// batch returns the next events to send.
func (j *journal) batch() []runapi.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken {
		return nil
	}
	n, size := 0, 0
	for n < len(j.pending) && n < batchEvents {
		size += len(j.pending[n].Text) + len(j.pending[n].Data) + 100
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	return append([]runapi.Event(nil), j.pending[:n]...)
}

// settle takes note of how a batch went, and reports whether to go on at once.
func (j *journal) settle(batch []runapi.Event, err error) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.flushed.Broadcast()
	var e *runapi.Error
	switch {
	case err == nil:
		j.dropBefore(batch[len(batch)-1].Seq + 1)
		return true
	case errors.As(err, &e) && e.Code == runapi.CodeSeq && e.Expected > batch[0].Seq:
		j.dropBefore(e.Expected) // it has these: an answer was lost
		return true
	case errors.As(err, &e) && e.Status != 0 && e.Status < 500:
		// It will not take this batch tomorrow either.
		j.broken = true
		go j.refused(err)
		return false
	}
	// Nobody answered for a while: the next event, or the flush at the end, tries again.
	return false
}

// dropBefore forgets events that the server has. The caller holds mu.
func (j *journal) dropBefore(seq int64) {
	for len(j.pending) > 0 && j.pending[0].Seq < seq {
		j.pending = j.pending[1:]
	}
}

// flush waits until everything is sent, or nothing can be, or ctx ends.
func (j *journal) flush(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.flushed.Broadcast()
	})
	defer stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.pending) > 0 && !j.broken && ctx.Err() == nil {
		select {
		case j.wake <- struct{}{}:
		default:
		}
		j.flushed.Wait()
	}
}
