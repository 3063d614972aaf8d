package publish

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Reviewing is what GitHub offers to find out who approved what.
type Reviewing interface {
	PullRequest(ctx context.Context, repo anvil.Repository, number int) (github.PullRequest, error)
	Reviews(ctx context.Context, repo anvil.Repository, number int) ([]github.Review, error)
	Authors(ctx context.Context, repo anvil.Repository, base, head string) ([]int64, error)
	Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error)
}

// IndependentStore is what the review hop reads and records.
type IndependentStore interface {
	Effects
	Succeeded(ctx context.Context, id anvil.SessionID) ([]anvil.Story, error)
}

// Independent is the review hop: where the rules want it, a second check run on the head
// of a session's pull request stays open until somebody approves that very commit who has
// no part in it. Whatever wakes the hop, GitHub is asked how it is now.
type Independent struct {
	Store  IndependentStore
	GitHub Reviewing
	Checks Checks
	Words  func(anvil.Independence) github.CheckRun
	Bot    func(ctx context.Context) (anvil.Actor, error)
	Now    func() time.Time
	Log    *slog.Logger
}

// Look brings the check run of a session up to date. One call at a time acts for a
// session; whoever wakes the hop sees to it.
func (h *Independent) Look(ctx context.Context, key string) error {
	tasks, err := h.Store.Succeeded(ctx, anvil.SessionID(key))
	if err != nil || len(tasks) == 0 {
		return err
	}
	last := tasks[len(tasks)-1]
	if !last.Run().Rules.Independent || last.Session.PullRequest == 0 {
		return nil
	}
	err = h.look(ctx, tasks, last)
	if hopeless(err, h.Now()) {
		h.Log.Warn("the independent review could not be shown", "session", key, "error", err)
		return nil
	}
	return later(err, h.Now())
}

func (h *Independent) look(ctx context.Context, tasks []anvil.Story, last anvil.Story) error {
	repo := last.Session.Repository
	pull, err := h.GitHub.PullRequest(ctx, repo, last.Session.PullRequest)
	if err != nil {
		return err
	}
	is := anvil.Independence{Session: last.Session, Head: pull.HeadSHA, Closed: pull.State != "open"}
	for _, s := range tasks {
		if who := s.Task.Command.Requester; !slices.ContainsFunc(is.Involved, func(a anvil.Actor) bool { return a.ID == who.ID }) {
			is.Involved = append(is.Involved, who)
		}
	}
	if is.Approved, err = h.approver(ctx, is, pull, last.Run().Rules); err != nil {
		return err
	}
	return h.show(ctx, is, last.Task.ID)
}

// approver is whose approval counts, or nil.
func (h *Independent) approver(ctx context.Context, is anvil.Independence, pull github.PullRequest, rules anvil.Rules) (*anvil.Actor, error) {
	repo := is.Session.Repository
	reviews, err := h.GitHub.Reviews(ctx, repo, pull.Number)
	if err != nil {
		return nil, err
	}
	approvals := approving(reviews, pull.HeadSHA)
	if len(approvals) == 0 {
		return nil, nil
	}
	bot, err := h.Bot(ctx)
	if err != nil {
		return nil, err
	}
	authors, err := h.GitHub.Authors(ctx, repo, pull.Base, pull.HeadSHA)
	if err != nil {
		return nil, err
	}
	for _, who := range approvals {
		part := who.ID == bot.ID || slices.Contains(authors, who.ID) ||
			slices.ContainsFunc(is.Involved, func(a anvil.Actor) bool { return a.ID == who.ID })
		if part {
			continue
		}
		id, role, err := h.GitHub.Permission(ctx, repo, who.Login)
		if err != nil && !errors.Is(err, github.ErrNotFound) {
			return nil, err
		}
		if id == who.ID && policy.MayAsk(rules, role) {
			return &who, nil
		}
	}
	return nil, nil
}

// approving lists the people whose last word on a pull request is that they approve its
// head. What is only commented takes nothing back.
func approving(reviews []github.Review, head string) (all []anvil.Actor) {
	said := map[int64]bool{}
	for _, r := range slices.Backward(reviews) {
		if r.Author.Bot || said[r.Author.ID] || r.State == "COMMENTED" || r.State == "PENDING" {
			continue
		}
		said[r.Author.ID] = true
		if r.State == "APPROVED" && r.Commit == head {
			all = append(all, r.Author)
		}
	}
	return all
}

func keyIndependent(s anvil.SessionID) string { return "independent/" + string(s) }

// show makes the check run on the head, or brings it up to date, and closes the one on the
// head before. The session's effect says where it is: its address is the commit, its digest
// the conclusion.
func (h *Independent) show(ctx context.Context, is anvil.Independence, task anvil.TaskID) error {
	repo, session := is.Session.Repository, is.Session.ID
	at, _, err := h.Store.Intend(ctx, keyIndependent(session), task)
	if err != nil {
		return err
	}
	if at.URL != "" && at.URL != is.Head && at.Digest != "success" { // what was approved stays so
		before := is
		before.Head, before.Next, before.Approved = at.URL, is.Head, nil
		if _, err := h.Checks.UpdateCheckRun(ctx, repo, external(at), h.Words(before)); err != nil && !errors.Is(err, github.ErrNotFound) {
			return err
		}
	}
	check := h.Words(is)
	check.HeadSHA, check.ExternalID = is.Head, string(session)
	sum := digest(check.Status, check.Conclusion, check.Title, check.Summary)
	e, err := once(ctx, h.Store, keyIndependent(session)+"/"+is.Head, task,
		func(time.Time) (made, bool, error) {
			c, found, err := h.Checks.FindCheckRun(ctx, repo, is.Head, check.Name, check.ExternalID)
			return made{id: c.ID}, found, err
		},
		func() (made, error) {
			c, err := h.Checks.CreateCheckRun(ctx, repo, check)
			return made{id: c.ID, digest: sum}, err
		})
	if err != nil {
		return err
	}
	if e.Digest != sum {
		if _, err := h.Checks.UpdateCheckRun(ctx, repo, external(e), check); err != nil {
			return err
		}
		e.Digest = sum
		if err := h.Store.Effected(ctx, e); err != nil {
			return err
		}
	}
	if at.URL == is.Head && at.Digest == check.Conclusion {
		return nil
	}
	at.URL, at.ExternalID, at.Digest = is.Head, e.ExternalID, check.Conclusion
	return h.Store.Effected(ctx, at)
}
