package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// follow waits for the next task opened after since and shows its hops until it
// is concluded.
func (s *stage) follow(ctx context.Context, since *time.Time) (Result, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var id anvil.TaskID
	shown := 0
	for {
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-tick.C:
		}
		if id == "" {
			tasks, err := s.server.TasksSince(ctx, *since)
			if err != nil {
				return Result{}, err
			}
			if len(tasks) == 0 {
				continue
			}
			id = tasks[0]
		}
		story, err := s.server.Story(ctx, id)
		if err != nil {
			return Result{}, err
		}
		*since = story.Task.CreatedAt
		delivery, err := s.server.Delivery(ctx, story.Task.Command.Delivery)
		if err != nil {
			return Result{}, err
		}
		all := hops(delivery, story)
		for ; shown < len(all); shown++ {
			s.say("  %6.2f s  %-9s %s", float64(all[shown].AtMS)/1000, all[shown].Name, all[shown].detail)
		}
		if concluded(story) {
			return s.result(story, all), nil
		}
	}
}

// concluded reports whether people have been told how the task ended, or that it
// is held.
func concluded(s anvil.Story) bool {
	return s.Told && (s.Task.Outcome != nil || s.Run().State == anvil.Held)
}

// result reads from the simulated GitHub what there is now.
func (s *stage) result(story anvil.Story, all []Hop) Result {
	run := story.Run()
	r := Result{Task: string(story.Task.ID), Outcome: string(run.State), Hops: all, Verification: []Check{}}
	comment := story.Effects["comment/"+string(story.Task.ID)]
	r.CommentURL, r.commentID = comment.URL, comment.ExternalID
	if run.Problem != nil {
		r.Problem = run.Problem.Error()
	}
	if run.Report != nil {
		for _, c := range run.Report.Verification.Checks {
			r.Verification = append(r.Verification, Check{Name: c.Name, Status: string(c.Status), DurationMS: c.DurationMS})
		}
	}
	for _, p := range s.hub.PullRequests(s.repo) {
		if p.Head == story.Session.Branch && run.State == anvil.Succeeded {
			r.PullRequest = &PullRequest{Number: p.Number, URL: p.URL, Head: p.Head, Base: p.Base, Draft: p.Draft}
		}
	}
	for _, c := range s.hub.CheckRuns(s.repo) {
		if c.ExternalID == string(story.Task.ID) {
			r.CheckRun = &CheckRun{Name: c.Name, Conclusion: c.Conclusion, DetailsURL: c.DetailsURL}
		}
	}
	r.Slack = s.inSlack()
	return r
}

// tell shows a result to people, and to programs that asked for JSON.
func (s *stage) tell(r Result) error {
	if r.PullRequest != nil {
		s.say("\nThe pull request: %s", r.PullRequest.URL)
		s.say("  %s -> %s%s\n", r.PullRequest.Head, r.PullRequest.Base, map[bool]string{true: ", a draft"}[r.PullRequest.Draft])
		s.say("%s", indent(s.diff(r.PullRequest.Number)))
	}
	if r.Problem != "" {
		s.say("\nIt says why:\n\n%s", indent(r.Problem))
	}
	if r.CheckRun != nil {
		s.say("The check run: %s, %s", r.CheckRun.Name, r.CheckRun.Conclusion)
	}
	s.say("\nThe comment: %s\n", r.CommentURL)
	s.say("%s", indent(s.comment(r.commentID)))
	if r.Slack != nil {
		s.say("\nThe message in Slack: %s\n", s.slack.URL)
		s.say("%s", indent(r.Slack.Text))
	}
	if s.options.JSON {
		return json.NewEncoder(s.options.Out).Encode(r)
	}
	return nil
}

func (s *stage) diff(number int) string {
	patch, err := s.hub.Patch(s.repo, number)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return patch
}

// comment is the text of the task's comment as it can be read, without its hidden
// marker.
func (s *stage) comment(id string) string {
	for _, i := range s.hub.Issues(s.repo) {
		for _, c := range s.hub.Comments(s.repo, i.Number) {
			if fmt.Sprint(c.ID) == id {
				body, _, _ := strings.Cut(c.Body, "<!--")
				return strings.TrimSpace(body)
			}
		}
	}
	return "(there is none)"
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
