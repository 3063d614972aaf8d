package store

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// PastCommands lists the commands that started work in a repository since a time, and
// those that its rules denied, oldest first. Those that were denied come without their
// words.
func (s *Store) PastCommands(ctx context.Context, repository int64, since time.Time) ([]anvil.PastCommand, error) {
	past, err := collect(ctx, s.db, func(r scanner) (p anvil.PastCommand, err error) {
		var at int64
		var command, verdict string
		if err := r.Scan(&p.Delivery, &at, &p.Decision, &p.Task, &command, &verdict); err != nil {
			return p, err
		}
		p.At = fromMicros(at)
		c, err := fromJSON[anvil.Command](command)
		if err != nil || c == nil {
			return p, fmt.Errorf("the command of delivery %s: %w", p.Delivery, err)
		}
		p.Command = *c
		v, err := fromJSON[anvil.Verdict](verdict)
		if v != nil {
			for _, f := range v.Files {
				p.Files = append(p.Files, f.Path)
			}
		}
		return p, err
	}, `SELECT deliveries.id, deliveries.received_at, deliveries.decision, tasks.id, tasks.command, COALESCE(
			(SELECT verdict FROM runs WHERE runs.task_id = tasks.id AND verdict <> '' ORDER BY attempt DESC LIMIT 1), '')
		FROM tasks JOIN deliveries ON deliveries.id = tasks.delivery JOIN sessions ON sessions.id = tasks.session_id
		WHERE sessions.repository_id = $1 AND deliveries.received_at >= $2
		UNION ALL
		SELECT id, received_at, decision, '', asked, '' FROM deliveries
		WHERE asked <> '' AND json_extract(asked, '$.thread.repository.id') = $1 AND received_at >= $2
		ORDER BY 2, 1`, repository, micros(since))
	if err != nil {
		return nil, fmt.Errorf("read the commands of repository %d: %w", repository, err)
	}
	return past, nil
}
