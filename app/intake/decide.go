package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// Store is what deciding reads and changes.
type Store interface {
	Delivery(ctx context.Context, id anvil.DeliveryID) (anvil.Delivery, error)
	Decide(ctx context.Context, id anvil.DeliveryID, ruling anvil.Ruling, next ...anvil.Job) error
	PendingDeliveries(ctx context.Context, before time.Time) ([]anvil.DeliveryID, error)
	OpenTask(ctx context.Context, o anvil.Opening) (anvil.Task, error)
	CurrentSession(ctx context.Context, repository int64, number int) (anvil.Session, error)
	LatestTask(ctx context.Context, session anvil.SessionID) (anvil.TaskID, error)
	OpenTasks(ctx context.Context, session anvil.SessionID) ([]anvil.TaskID, error)
	Story(ctx context.Context, id anvil.TaskID) (anvil.Story, error)
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Answer(ctx context.Context, id anvil.RunID, a anvil.Answering) error
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	SaveInstallation(ctx context.Context, id int64, account, state string) error
	InstallationState(ctx context.Context, id int64) (string, error)
	AliveRuns(ctx context.Context, installation int64) ([]anvil.RunID, error)
}

// GitHub is what deciding asks of it.
type GitHub interface {
	Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error)
	PullRequest(ctx context.Context, repo anvil.Repository, number int) (github.PullRequest, error)
	Reviews(ctx context.Context, repo anvil.Repository, number int) ([]github.Review, error)
	ReviewComments(ctx context.Context, repo anvil.Repository, number int, review int64) ([]anvil.ReviewComment, error)
	Branch(ctx context.Context, repo anvil.Repository, name string) (sha string, err error)
	Contains(ctx context.Context, repo anvil.Repository, tip, sha string) (bool, error)
	FailingChecks(ctx context.Context, repo anvil.Repository, sha string) ([]github.FailedCheck, error)
}

// Decider is the decide hop: it reads a stored delivery, asks GitHub what its
// sender may do, and opens a task, moves one, or answers.
type Decider struct {
	Store  Store
	GitHub GitHub
	// Rules returns the rules in force for a repository.
	Rules func(ctx context.Context, repo anvil.Repository) (anvil.Rules, error)
	// Reader returns the reader, as soon as it is known who we are at GitHub.
	Reader func(ctx context.Context) (Reader, error)
	// Status and Tell render answers.
	Status  func(anvil.Story) string
	Handoff func(anvil.Story) string
	// Places are those besides GitHub, by name.
	Places map[string]Place
	Tell   func(*anvil.Problem) string
	Now    func() time.Time
	Log    *slog.Logger
}

// Place decides what comes from a place besides GitHub. What waiting may cure is a
// [*queue.Later].
type Place interface {
	Rule(ctx context.Context, d anvil.Delivery, reader Reader) (anvil.Ruling, error)
}

// Decide decides one delivery, once.
func (d *Decider) Decide(ctx context.Context, key string) error {
	delivery, err := d.Store.Delivery(ctx, anvil.DeliveryID(key))
	if err != nil || delivery.Decision != anvil.Pending {
		return err
	}
	ruling, err := d.rule(ctx, delivery)
	if at := github.RetryAt(err, d.Now()); !at.IsZero() {
		return &queue.Later{At: at, Reason: err.Error()}
	}
	if p := github.Problem(err); p != nil && github.AsError(err) != nil {
		ruling, err = anvil.Ruling{Decision: anvil.Ignored, Reason: p.Error()}, nil
	}
	if err != nil {
		return fmt.Errorf("decide delivery %s: %w", key, err)
	}
	d.Log.Info("delivery decided", "delivery", delivery.ID, "event", delivery.Event, "decision", ruling.Decision, "reason", ruling.Reason, "task", ruling.Task)
	var next []anvil.Job
	if ruling.Reply != nil {
		next = append(next, anvil.Job{Hop: anvil.HopReply, Key: key})
	}
	if ruling.Reviewed != "" {
		next = append(next, anvil.Job{Hop: anvil.HopReview, Key: string(ruling.Reviewed)})
	}
	return d.Store.Decide(ctx, delivery.ID, ruling, next...)
}

func (d *Decider) rule(ctx context.Context, delivery anvil.Delivery) (anvil.Ruling, error) {
	reader, err := d.Reader(ctx)
	if err != nil {
		// Whatever it is that keeps us from knowing who we are, it is no reason to
		// put a delivery aside.
		at := github.RetryAt(err, d.Now())
		if at.IsZero() {
			at = d.Now().Add(time.Minute)
		}
		return anvil.Ruling{}, &queue.Later{At: at, Reason: err.Error()}
	}
	if name, _, elsewhere := strings.Cut(delivery.Event, ":"); elsewhere {
		place := d.Places[name]
		if place == nil {
			return anvil.Ruling{Decision: anvil.Ignored, Reason: ignored(CodeUnhandled, "the place %s is not configured any more", name).Reason}, nil
		}
		return place.Rule(ctx, delivery, reader)
	}
	reading, err := reader.Parse(delivery)
	if p := anvil.AsProblem(err); p != nil {
		d.Log.Warn("delivery cannot be read", "delivery", delivery.ID, "cause", p.Cause)
		return anvil.Ruling{Decision: anvil.Ignored, Reason: p.Error()}, nil
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	ruling, err := d.ruleOn(ctx, reading, reader, delivery)
	if err == nil && reading.Pull != nil {
		ruling.Reviewed, err = d.reviewed(ctx, *reading.Pull)
	}
	return ruling, err
}

// ruleOn decides what a delivery from GitHub says.
func (d *Decider) ruleOn(ctx context.Context, reading Reading, reader Reader, delivery anvil.Delivery) (anvil.Ruling, error) {
	switch {
	case reading.Change != nil:
		return anvil.Ruling{Decision: anvil.Accepted}, d.installation(ctx, *reading.Change)
	case reading.Gone != nil:
		return anvil.Ruling{Decision: anvil.Accepted}, d.end(ctx, *reading.Gone)
	case reading.Broken != nil:
		return d.broken(ctx, *reading.Broken, reader, delivery.ReceivedAt)
	case reading.Press != nil:
		return d.pressed(ctx, *reading.Press, reader, delivery.ReceivedAt)
	case reading.Request == nil:
		return anvil.Ruling{Decision: anvil.Ignored, Reason: reading.Reason}, nil
	}
	return d.Take(ctx, *reading.Request, reader, delivery.ReceivedAt)
}

// Take takes a request that came at a time: if the person may ask for it, it is done.
func (d *Decider) Take(ctx context.Context, r Request, reader Reader, came time.Time) (anvil.Ruling, error) {
	command := r.Command
	if err := d.inTurn(ctx, command, reader, came); err != nil {
		return anvil.Ruling{}, err
	}
	if state, err := d.Store.InstallationState(ctx, command.Thread.Repository.Installation); err != nil {
		return anvil.Ruling{}, err
	} else if state != "active" {
		return anvil.Ruling{Decision: anvil.Ignored, Reason: fmt.Sprintf("%s: the App's installation is %s.", CodeGone, state)}, nil
	}
	permission, err := d.permission(ctx, command)
	if err != nil {
		return anvil.Ruling{}, err
	}
	command, problem, decision := Judge(r, permission)
	switch decision {
	case anvil.Ignored:
		return anvil.Ruling{Decision: decision, Reason: problem.Error()}, nil
	case anvil.Refused:
		reply := d.answer(command, "confused", d.Tell(problem))
		if problem.Code == CodePermission {
			// Whoever may not write is told once in each thread, so that nobody
			// can fill it through us.
			reply.Once = fmt.Sprintf("no-permission/%d/%d/%d", command.Thread.Repository.ID, command.Thread.Issue, command.Requester.ID)
		}
		return anvil.Ruling{Decision: decision, Reason: problem.Error(), Reply: reply}, nil
	}
	ruling, err := d.act(ctx, command, reader, came)
	if github.AsError(err) != nil && github.RetryAt(err, d.Now()).IsZero() {
		p := github.Problem(err)
		return anvil.Ruling{Decision: anvil.Refused, Reason: p.Error(), Reply: d.answer(command, "confused", d.Tell(p))}, nil
	}
	return ruling, err
}

func (d *Decider) permission(ctx context.Context, c anvil.Command) (Permission, error) {
	id, role, err := d.GitHub.Permission(ctx, c.Thread.Repository, c.Requester.Login)
	if errors.Is(err, github.ErrNotFound) {
		// GitHub knows no such login any more, so it was not this person's answer.
		return Permission{}, nil
	}
	return Permission{UserID: id, Level: role, Role: role}, err
}

func (d *Decider) answer(c anvil.Command, reaction, text string) *anvil.Reply {
	return &anvil.Reply{Repository: c.Thread.Repository, Issue: c.Thread.Issue, Comment: c.Comment, Reaction: reaction, Text: text, Origin: c.Origin}
}

// act does what a permitted command asks for, which came at a time.
func (d *Decider) act(ctx context.Context, c anvil.Command, reader Reader, came time.Time) (anvil.Ruling, error) {
	switch c.Verb {
	case anvil.VerbHelp:
		return anvil.Ruling{Decision: anvil.Accepted, Reply: d.answer(c, "eyes", Usage(reader.Offer))}, nil
	case anvil.VerbDo:
		ruling, answered, err := d.respond(ctx, c)
		if answered || err != nil {
			return ruling, err
		}
		return d.open(ctx, c, reader.Offer)
	case anvil.VerbPlan, anvil.VerbNew:
		return d.open(ctx, c, reader.Offer)
	}
	latest, err := d.latest(ctx, c.Thread)
	if errors.Is(err, anvil.ErrNotFound) && c.Verb == anvil.VerbRebase && c.Thread.PullRequest {
		return d.rebaseForeign(ctx, c)
	}
	if errors.Is(err, anvil.ErrNotFound) {
		return d.nothing(c), nil
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	switch c.Verb {
	case anvil.VerbStop:
		return d.stop(ctx, c, latest, came)
	case anvil.VerbRetry:
		return d.retry(ctx, c, reader.Offer, latest, came)
	case anvil.VerbApprove:
		return d.approve(ctx, c, latest)
	case anvil.VerbRelease:
		return d.release(ctx, c, latest, came)
	case anvil.VerbRepair:
		return d.repair(ctx, c, reader, latest)
	case anvil.VerbRebase:
		return d.rebase(ctx, c, reader, latest)
	case anvil.VerbReview:
		return d.review(ctx, c, reader, latest)
	case anvil.VerbHandoff:
		return anvil.Ruling{Decision: anvil.Accepted, Task: latest.Task.ID, Reply: d.answer(c, "eyes", d.Handoff(latest))}, nil
	}
	return anvil.Ruling{Decision: anvil.Accepted, Task: latest.Task.ID, Reply: d.answer(c, "eyes", d.Status(latest))}, nil
}

// CodeNothing says that a verb has nothing to act on.
const CodeNothing anvil.Code = "NO_TASK"

func (d *Decider) latest(ctx context.Context, thread anvil.Thread) (anvil.Story, error) {
	session, err := d.Store.CurrentSession(ctx, thread.Repository.ID, thread.Issue)
	if err != nil {
		return anvil.Story{}, err
	}
	id, err := d.Store.LatestTask(ctx, session.ID)
	if err != nil {
		return anvil.Story{}, err
	}
	return d.Store.Story(ctx, id)
}

// open opens a task. Once a session's pull request is merged or closed its branch
// has done its duty, and the thread goes on with another.
func (d *Decider) open(ctx context.Context, c anvil.Command, offer policy.Offer) (anvil.Ruling, error) {
	o := anvil.Opening{Command: c, NewSession: c.Verb == anvil.VerbNew}
	session, err := d.Store.CurrentSession(ctx, c.Thread.Repository.ID, c.Thread.Issue)
	switch {
	case errors.Is(err, anvil.ErrNotFound) && c.Thread.PullRequest:
		if problem, err := d.foreign(ctx, &o); problem != nil || err != nil {
			return d.refuse(c, problem, ""), err
		}
	case errors.Is(err, anvil.ErrNotFound):
	case err != nil:
		return anvil.Ruling{}, err
	case session.PullRequest != 0:
		pull, err := d.GitHub.PullRequest(ctx, c.Thread.Repository, session.PullRequest)
		if err != nil && !errors.Is(err, github.ErrNotFound) {
			return anvil.Ruling{}, err
		}
		o.NewSession = o.NewSession || err != nil || pull.State != "open"
		if session.PullRequest == session.Issue && !o.NewSession { // a person's, that the session adds to
			o.Command.Foreign, o.Onto = anvil.ForeignBranch, session.Branch
		}
	}
	problem, err := d.permits(ctx, &o, offer)
	if err != nil {
		return anvil.Ruling{}, err
	}
	if problem != nil {
		ruling := d.refuse(c, problem, "")
		ruling.Asked = asked(o.Command)
		return ruling, nil
	}
	if session.PullRequest == session.Issue && session.Issue != 0 && !o.NewSession && o.Onto == "" { // the rules want it no more
		o.NewSession = true
		if o.Command.Options.Base == "" {
			o.Command.Options.Base = session.Branch
		}
	}
	task, err := d.Store.OpenTask(ctx, o)
	return anvil.Ruling{Decision: anvil.Accepted, Task: task.ID}, err
}

// StopThread stops every open task of a command's thread, whoever asks.
func (d *Decider) StopThread(ctx context.Context, c anvil.Command, came time.Time) (anvil.Ruling, error) {
	latest, err := d.latest(ctx, c.Thread)
	if errors.Is(err, anvil.ErrNotFound) {
		return d.nothing(c), nil
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	return d.stop(ctx, c, latest, came)
}

// nothing answers a verb that has nothing to act on.
func (d *Decider) nothing(c anvil.Command) anvil.Ruling {
	p := anvil.Problemf(CodeNothing, "Comment /anvil and say what to do", "there is no task in this thread yet")
	return anvil.Ruling{Decision: anvil.Refused, Reason: p.Error(), Reply: d.answer(c, "confused", d.Tell(p))}
}

// stop stops every open task of the thread: who says stop does not mean the
// first of three.
func (d *Decider) stop(ctx context.Context, c anvil.Command, latest anvil.Story, came time.Time) (anvil.Ruling, error) {
	open, err := d.Store.OpenTasks(ctx, latest.Session.ID)
	if err != nil {
		return anvil.Ruling{}, err
	}
	// Deciding may have been interrupted after the stop: it was heard all the same.
	asked := latest.Run().StopRequestedAt
	stopped, publishing := !asked.IsZero() && !asked.Before(came), false
	for _, id := range open {
		state := anvil.Lost
		for tries := 0; state == anvil.Lost && tries < 3; tries++ { // lost a moment ago: its next attempt is meant too
			story, err := d.Store.Story(ctx, id)
			if err != nil {
				return anvil.Ruling{}, err
			}
			if state, err = d.halt(ctx, story.Run().ID, nil); err != nil {
				return anvil.Ruling{}, err
			}
		}
		stopped = stopped || state == anvil.Stopping || state == anvil.Cancelled
		publishing = publishing || state == anvil.Delivering
	}
	if stopped {
		return anvil.Ruling{Decision: anvil.Accepted, Task: latest.Task.ID, Reply: d.answer(c, "+1", "")}, nil
	}
	p := anvil.Problemf(CodeNothing, "See the task's comment for how it ended", "nothing is under way in this thread that could be stopped")
	if publishing {
		p = anvil.Problemf(CodeNothing, "Close the pull request if you do not want it", "it is too late to stop: the change is being published")
	}
	return anvil.Ruling{Decision: anvil.Refused, Reason: p.Error(), Task: latest.Task.ID, Reply: d.answer(c, "confused", d.Tell(p))}, nil
}

// halt stops one run: at once where no runner was asked, else by telling runner
// and provider, with a time limit on how long they may take. It returns the state
// that the run is in then. One that ended or is being published is left as it is.
func (d *Decider) halt(ctx context.Context, id anvil.RunID, why *anvil.Problem) (anvil.State, error) {
	note := func(r *anvil.Run) error {
		r.StopRequestedAt = d.Now()
		if why != nil {
			r.Problem = why
		}
		return nil
	}
	var moved *anvil.MoveError
	for range 3 { // it may go on between two moves
		run, err := d.Store.Move(ctx, id, anvil.Stopping, func(r *anvil.Run) error {
			r.Deadline = d.Now().Add(time.Minute)
			return note(r)
		}, anvil.Job{Hop: anvil.HopStop, Key: string(id)})
		if !errors.As(err, &moved) {
			return run.State, err
		}
		if moved.From == anvil.Stopping || !moved.From.CanMove(anvil.Cancelled) {
			break
		}
		run, err = d.Store.Move(ctx, id, anvil.Cancelled, note)
		if !errors.As(err, &moved) {
			return run.State, err
		}
	}
	return moved.From, nil
}

// retry inspects again what is held, or does once more what was asked last.
func (d *Decider) retry(ctx context.Context, c anvil.Command, offer policy.Offer, latest anvil.Story, came time.Time) (anvil.Ruling, error) {
	run := latest.Run()
	if released(latest, came) { // deciding was interrupted after it
		return anvil.Ruling{Decision: anvil.Accepted, Task: latest.Task.ID, Reply: d.answer(c, "+1", "")}, nil
	}
	if run.State == anvil.Held {
		_, err := d.Store.Move(ctx, run.ID, anvil.Inspecting, nil, anvil.Job{Hop: anvil.HopInspect, Key: string(run.ID)})
		var moved *anvil.MoveError
		if errors.As(err, &moved) {
			err = nil // somebody else was quicker
		}
		return anvil.Ruling{Decision: anvil.Accepted, Task: latest.Task.ID, Reply: d.answer(c, "+1", "")}, err
	}
	if latest.Task.Outcome == nil {
		p := anvil.Problemf("TASK_OPEN", "Wait for it, or comment /anvil stop first", "the thread's task is still under way")
		return anvil.Ruling{Decision: anvil.Refused, Reason: p.Error(), Task: latest.Task.ID, Reply: d.answer(c, "confused", d.Tell(p))}, nil
	}
	again := latest.Task.Command
	again.Delivery, again.Requester, again.Comment, again.Origin, again.Pressed = c.Delivery, c.Requester, c.Comment, c.Origin, c.Pressed
	again.Thread.Repository, again.Thread.Issue, again.Thread.PullRequest = c.Thread.Repository, c.Thread.Issue, c.Thread.PullRequest
	again.Notices = c.Notices
	if again.Verb == anvil.VerbNew {
		again.Verb = anvil.VerbDo // it has its session
	}
	return d.open(ctx, again, offer)
}

// released reports whether the story's run was held and has been taken up again
// since a time.
func released(s anvil.Story, since time.Time) bool {
	held := false
	for _, e := range s.Events {
		if e.Run != s.Run().ID || e.Source != anvil.FromServer || e.Kind != "state" {
			continue
		}
		held = held || e.Text == string(anvil.Held)
		if held && e.Text == string(anvil.Inspecting) && !e.At.Before(since) {
			return true
		}
	}
	return false
}

// installation records a change of an installation, and ends what can no longer
// go on.
func (d *Decider) installation(ctx context.Context, c Change) error {
	state := ""
	switch c.Kind {
	case Installed, Resumed:
		state = "active"
	case Removed:
		state = "deleted"
	case Suspended:
		state = "suspended"
	}
	if state != "" {
		if err := d.Store.SaveInstallation(ctx, c.Installation, c.Account.Login, state); err != nil {
			return err
		}
	}
	all := state == "deleted" || state == "suspended"
	if !all && len(c.Gone) == 0 {
		return nil
	}
	alive, err := d.Store.AliveRuns(ctx, c.Installation)
	if err != nil {
		return err
	}
	for _, id := range alive {
		why := anvil.Problemf(CodeGone, "Install the App again and comment /anvil retry", "the App's installation was %s", state)
		if !all {
			story, err := d.Store.StoryOfRun(ctx, id)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(c.Gone, func(r ChangedRepository) bool { return r.ID == story.Session.Repository.ID }) {
				continue
			}
			why = anvil.Problemf(CodeGone, "Add the repository to the App's installation again and comment /anvil retry", "the App's installation no longer covers this repository")
		}
		if _, err := d.halt(ctx, id, why); err != nil {
			return err
		}
	}
	return nil
}
