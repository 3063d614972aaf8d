// Package missed finds the webhooks that GitHub could not deliver, and has them delivered
// again. GitHub never tries a second time by itself, but lists its attempts for three
// days and makes another one when it is asked. What is lost while the server is down, or
// while the way to it is closed, is so found within two minutes of its recovery.
//
// Nothing is read from the list but which deliveries never arrived: they come in through
// the same door as all others (package hook), are checked there like those, and are
// known by their ids if they come twice.
//
// Known gaps: what GitHub has forgotten is not found, only named. A delivery that is
// answered with a refusal (4xx) is asked for ever more seldom.
package missed

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Keeps is how long GitHub keeps attempts, by its documentation. A GitHub Enterprise
// Server keeps them for seven days.
const Keeps = 72 * time.Hour

const (
	every = time.Minute
	// overlap is by how much each look goes back behind the one before: an attempt is
	// listed under the time at which it began, once it has ended.
	overlap = 5 * time.Minute
	// most bounds what is asked for in one look, so that a long outage's work does not come
	// in one flood, and does not use the App's requests up.
	most = 150
)

// GitHub lists attempts and makes them.
type GitHub interface {
	Attempts(ctx context.Context, since time.Time, failed bool) (all []anvil.Attempt, whole bool, err error)
	Redeliver(ctx context.Context, attempt int64) error
}

// Store knows what arrived.
type Store interface {
	Unreceived(ctx context.Context, ids []anvil.DeliveryID) ([]anvil.DeliveryID, error)
}

// Finder looks for what was missed. It keeps nothing that a restart could lose: the first
// look goes through all that GitHub still lists.
type Finder struct {
	GitHub GitHub
	Store  Store
	Now    func() time.Time
	Log    *slog.Logger

	missing map[anvil.DeliveryID]*missing
	looked  time.Time     // when the latest look began that came to its end; zero: none did
	newest  anvil.Attempt // of all that were listed
	told    string        // the trouble that was told last
}

// missing is a delivery that never arrived.
type missing struct {
	latest   anvil.Attempt
	first    time.Time // when it was first attempted, as far as is known
	refusals int       // attempts that were answered with 4xx
	asked    time.Time // when another attempt was last asked for
}

// Watch looks at once, and then every minute until ctx ends.
func (f *Finder) Watch(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		f.tell(ctx, f.Look(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell logs a trouble once, and not again until it is another one.
func (f *Finder) tell(ctx context.Context, err error) {
	words := ""
	if err != nil {
		words = err.Error()
	}
	if words != "" && words != f.told && ctx.Err() == nil {
		f.Log.Warn("webhooks that GitHub could not deliver are not looked for; it is tried again each minute", "error", err)
	}
	f.told = words
}

// Look looks once, and has what is missing delivered again: all of it, the oldest first,
// if the way to this server is open, and one as a probe if it may be closed. One call at a
// time.
func (f *Finder) Look(ctx context.Context) error {
	now := f.Now()
	first, since := f.looked.IsZero(), f.looked.Add(-overlap)
	if first {
		since = now.Add(-Keeps)
	}
	attempts, whole, err := f.GitHub.Attempts(ctx, since, first)
	if err != nil {
		return err
	}
	if !whole {
		f.Log.Warn("GitHub lists more attempts to deliver webhooks than are looked at: older ones that failed are not found", "since", since)
	}
	if f.missing == nil {
		f.missing = map[anvil.DeliveryID]*missing{}
	}
	for _, a := range slices.Backward(attempts) {
		f.note(a)
	}
	if err := f.forget(ctx, now); err != nil {
		return err
	}
	f.looked = now
	return f.ask(ctx, now, first || f.newest.Arrived())
}

// note adds what an attempt tells, the oldest first; one that was listed before changes
// nothing.
func (f *Finder) note(a anvil.Attempt) {
	if follows(a, f.newest) {
		f.newest = a
	}
	m := f.missing[a.Delivery]
	switch {
	case a.Arrived():
		delete(f.missing, a.Delivery)
		return
	case m == nil:
		m = &missing{first: a.At}
		f.missing[a.Delivery] = m
	case !follows(a, m.latest):
		return
	}
	m.latest = a
	if a.Status/100 == 4 {
		m.refusals++
	}
}

// follows reports whether a is a later attempt than b. Times are of whole seconds.
func follows(a, b anvil.Attempt) bool {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) > 0
}

// forget drops what has arrived, and what can't be had any more, by name.
func (f *Finder) forget(ctx context.Context, now time.Time) error {
	unreceived, err := f.Store.Unreceived(ctx, slices.Collect(maps.Keys(f.missing)))
	if err != nil {
		return err
	}
	left := make(map[anvil.DeliveryID]*missing, len(unreceived))
	for _, id := range unreceived {
		m := f.missing[id]
		if now.Sub(m.first) > Keeps {
			f.Log.Error("a webhook that GitHub could not deliver is lost: it is too old to be asked for again. Repeat what it was about",
				"delivery", id, "event", m.latest.Event, "at", m.first, "status", m.latest.Status)
			continue
		}
		left[id] = m
	}
	f.missing = left
	return nil
}

// ask has what is due delivered again.
func (f *Finder) ask(ctx context.Context, now time.Time, open bool) error {
	var due []*missing
	for _, m := range f.missing {
		if m.due(now) {
			due = append(due, m)
		}
	}
	slices.SortFunc(due, func(a, b *missing) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.latest.ID, b.latest.ID))
	})
	if !open && len(due) > 0 {
		// The probe is the one that was tried longest ago, lest one that can't arrive is in
		// the way of those that can.
		due = []*missing{slices.MinFunc(due, func(a, b *missing) int {
			return cmp.Or(a.asked.Compare(b.asked), a.latest.At.Compare(b.latest.At))
		})}
	}
	for _, m := range due[:min(len(due), most)] {
		if err := f.GitHub.Redeliver(ctx, m.latest.ID); err != nil {
			return err
		}
		m.asked = now
		f.Log.Info("GitHub is asked to deliver a webhook again that never arrived", "delivery", m.latest.Delivery, "event", m.latest.Event, "at", m.first, "status", m.latest.Status)
	}
	return nil
}

// due reports whether a delivery is to be asked for: each minute while nobody answers for
// it, and ever more seldom if it is refused, up to once a day.
func (m *missing) due(now time.Time) bool {
	wait := every / 2 // so that a look that comes a little early counts
	for range min(m.refusals, 6) {
		wait *= 4
	}
	return now.Sub(m.asked) >= wait
}
