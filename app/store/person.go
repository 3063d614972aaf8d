package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// KeptFor is how long something waits for its author to be linked.
const KeptFor = time.Hour

// mostKept is how much of one person's waits: nobody who is not known fills the database.
const mostKept = 5

// PersonAt returns who a person is at GitHub, with the login that they had when they
// signed in, or [anvil.ErrNotFound].
func (s *Store) PersonAt(ctx context.Context, p anvil.Person) (anvil.Actor, error) {
	var a anvil.Actor
	err := s.db.QueryRowContext(ctx, `SELECT github_id, login FROM people WHERE place = $1 AND team = $2 AND person = $3`, p.Place, p.Team, p.ID).
		Scan(&a.ID, &a.Login)
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return a, fmt.Errorf("person %s of %s: %w", p.ID, p.Place, err)
	}
	return a, nil
}

// Unlink forgets who a person is at GitHub, and what is on offer to them.
func (s *Store) Unlink(ctx context.Context, p anvil.Person) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		for _, table := range []string{"people", "link_offers", "kept_deliveries"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE place = $1 AND team = $2 AND person = $3`, p.Place, p.Team, p.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("unlink %s of %s: %w", p.ID, p.Place, err)
	}
	return nil
}

// OfferLink writes an offer down. One that is known stays as it is.
func (s *Store) OfferLink(ctx context.Context, o anvil.LinkOffer) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO link_offers (id, place, team, person, name, origin, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO NOTHING`,
			o.ID, o.Person.Place, o.Person.Team, o.Person.ID, o.Name, toJSON(&o.Origin), micros(o.ExpiresAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("offer a link: %w", err)
	}
	return nil
}

// LinkOffer returns an offer that is good, or [anvil.ErrNotFound].
func (s *Store) LinkOffer(ctx context.Context, id string) (anvil.LinkOffer, error) {
	return s.linkOffer(ctx, s.db, id)
}

func (s *Store) linkOffer(ctx context.Context, q querier, id string) (anvil.LinkOffer, error) {
	o := anvil.LinkOffer{ID: id}
	var origin string
	var expires int64
	err := q.QueryRowContext(ctx, `
		SELECT place, team, person, name, origin, expires_at, github_id, login FROM link_offers WHERE id = $1 AND expires_at > $2`, id, micros(s.now())).
		Scan(&o.Person.Place, &o.Person.Team, &o.Person.ID, &o.Name, &origin, &expires, &o.SignedIn.ID, &o.SignedIn.Login)
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return o, fmt.Errorf("link offer: %w", err)
	}
	o.ExpiresAt = fromMicros(expires)
	at, err := fromJSON[anvil.Origin](origin)
	if at != nil {
		o.Origin = *at
	}
	return o, err
}

// SignedIn writes down who signed in for an offer. It does so once: somebody else, or the
// same person again, is [anvil.ErrNotFound].
func (s *Store) SignedIn(ctx context.Context, id string, who anvil.Actor) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE link_offers SET github_id = $1, login = $2 WHERE id = $3 AND github_id = 0 AND expires_at > $4`,
			who.ID, who.Login, id, micros(s.now()))
		return one(done, err)
	})
	if err != nil {
		return fmt.Errorf("sign in for a link: %w", err)
	}
	return nil
}

// one makes [anvil.ErrNotFound] of a change that changed nothing.
func one(done sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n != 0 || err != nil {
		return err
	}
	return anvil.ErrNotFound
}

// Link takes an offer up: its person is from now on who signed in, and what they said
// within [KeptFor] is decided anew, in one transaction. Another person of the workspace
// who was the same account is so no longer. An offer is taken once.
func (s *Store) Link(ctx context.Context, id string, who anvil.Actor) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	defer tx.Rollback()
	o, err := s.linkOffer(ctx, tx, id)
	if err != nil {
		return err
	}
	if o.SignedIn.ID != who.ID || who.ID == 0 {
		return fmt.Errorf("link: %w", anvil.ErrNotFound)
	}
	p, now := o.Person, micros(s.now())
	for _, change := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM link_offers WHERE id = $1`, []any{id}},
		{`DELETE FROM people WHERE place = $1 AND team = $2 AND (person = $3 OR github_id = $4)`, []any{p.Place, p.Team, p.ID, who.ID}},
		{`INSERT INTO people (place, team, person, github_id, login, linked_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			[]any{p.Place, p.Team, p.ID, who.ID, o.SignedIn.Login, now}},
	} {
		if _, err := tx.ExecContext(ctx, change.text, change.args...); err != nil {
			return fmt.Errorf("link: %w", err)
		}
	}
	told := anvil.Delivery{
		ID: anvil.DeliveryID(p.Place + ":linked:" + id), Event: p.Place + ":" + anvil.EventLinked,
		Body: []byte(toJSON(&anvil.Linked{Person: p, GitHub: o.SignedIn, Origin: o.Origin})),
	}
	kept, err := s.takeKept(ctx, tx, p)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	var next []anvil.Job
	for _, d := range append([]anvil.Delivery{told}, kept...) {
		sum := sha256.Sum256(append([]byte(d.ID+"\x00"), d.Body...))
		d.ReceivedAt = s.now()
		if known, err := (&arrival{delivery: d, digest: hex.EncodeToString(sum[:])}).insert(ctx, tx); err != nil {
			return fmt.Errorf("link: %w", err)
		} else if !known {
			next = append(next, anvil.Job{Hop: anvil.HopDecide, Key: string(d.ID)})
		}
	}
	if err := s.Queue.EnqueueTx(ctx, tx, next...); err != nil {
		return fmt.Errorf("link: enqueue: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	s.log.Info("a person is linked", "place", p.Place, "team", p.Team, "person", p.ID, "github_id", who.ID, "login", o.SignedIn.Login)
	return nil
}

// Keep keeps what a person said until it is known who they are. Of what one person said
// the first few are kept.
func (s *Store) Keep(ctx context.Context, p anvil.Person, d anvil.Delivery) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO kept_deliveries (id, place, team, person, event, body, kept_at)
			SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $8 > (
				SELECT count(*) FROM kept_deliveries WHERE place = $2 AND team = $3 AND person = $4 AND kept_at > $9)
			ON CONFLICT (id) DO NOTHING`,
			d.ID, p.Place, p.Team, p.ID, d.Event, d.Body, micros(d.ReceivedAt), mostKept, micros(s.now().Add(-KeptFor)))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep delivery %s: %w", d.ID, err)
	}
	return nil
}

// takeKept takes out what a person said, as deliveries of a new id, oldest first.
func (s *Store) takeKept(ctx context.Context, tx *sql.Tx, p anvil.Person) ([]anvil.Delivery, error) {
	all, err := collect(ctx, tx, func(r scanner) (d anvil.Delivery, err error) {
		err = r.Scan(&d.ID, &d.Event, &d.Body)
		d.ID += "+linked"
		return d, err
	}, `SELECT id, event, body FROM kept_deliveries WHERE place = $1 AND team = $2 AND person = $3 AND kept_at > $4 ORDER BY kept_at, id`,
		p.Place, p.Team, p.ID, micros(s.now().Add(-KeptFor)))
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM kept_deliveries WHERE place = $1 AND team = $2 AND person = $3`, p.Place, p.Team, p.ID)
	return all, err
}

// ForgetOffers deletes offers that have expired, and what was kept for too long.
func (s *Store) ForgetOffers(ctx context.Context) error {
	now := s.now()
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM link_offers WHERE expires_at <= $1`, micros(now))
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM kept_deliveries WHERE kept_at <= $1`, micros(now.Add(-KeptFor)))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("forget offers: %w", err)
	}
	return nil
}
