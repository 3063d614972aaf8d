package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// postCheck makes a task's one check run. GitHub takes some of the annotations with
// it, and adds the rest by updates. An update that is made twice would add its
// annotations twice, so that each batch is an effect of its own; whether it was
// made is told by how many annotations the check run has.
func postCheck(ctx context.Context, effects Effects, checks Checks, s anvil.Story, check github.CheckRun) error {
	id, repo := s.Task.ID, s.Session.Repository
	check.ExternalID, check.Status = string(id), "completed"
	batches := slices.Collect(slices.Chunk(check.Annotations, github.MaxAnnotations))
	if len(batches) == 0 {
		batches = [][]github.Annotation{nil}
	}
	posted := func() (github.PostedCheckRun, bool, error) {
		return checks.FindCheckRun(ctx, repo, check.HeadSHA, check.Name, check.ExternalID)
	}
	sent := 0
	var run anvil.Effect
	for i, batch := range batches {
		sent += len(batch)
		check.Annotations = batch
		find := func(time.Time) (made, bool, error) {
			c, found, err := posted()
			return made{id: c.ID, url: c.URL}, found && c.Annotations >= sent, err
		}
		do := func() (made, error) {
			c, err := checks.UpdateCheckRun(ctx, repo, external(run), check)
			return made{id: c.ID, url: c.URL}, err
		}
		key := fmt.Sprintf("%s/annotations/%d", keyCheck(id), i+1)
		if i == 0 {
			key = keyCheck(id)
			find = func(time.Time) (made, bool, error) {
				c, found, err := posted()
				return made{id: c.ID, url: c.URL}, found, err
			}
			do = func() (made, error) {
				c, err := checks.CreateCheckRun(ctx, repo, check)
				return made{id: c.ID, url: c.URL}, err
			}
		}
		e, err := once(ctx, effects, key, id, find, do)
		if err != nil {
			return err
		}
		if i == 0 {
			run = e
		}
	}
	return nil
}
