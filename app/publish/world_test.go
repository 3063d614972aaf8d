package publish_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/store"
)

const (
	bot    = 99
	branch = "anvil/12-it-is-broken"
)

var (
	mona = anvil.Actor{ID: 1, Login: "mona"}
	home = anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}
)

// errKilled is what everything answers once the server is dead.
var errKilled = errors.New("killed")

// reaper kills the server after one of its steps, which is to say before the next
// one. A step is a call to GitHub or a transaction.
type reaper struct {
	steps int
	at    int // the step to die after; 0: live
	dead  bool
}

func (k *reaper) step(do func() error) error {
	if k.dead {
		return errKilled
	}
	k.steps++
	err := do()
	if k.steps == k.at {
		k.dead = true
		return errKilled
	}
	return err
}

// hub is a GitHub in memory, but for the branches, which are in a real repository.
// annotated is how many annotations each check run has: two requests' worth.
const annotated = github.MaxAnnotations + 1

type hub struct {
	t      *testing.T
	kill   *reaper
	origin string // directory of the bare repository

	role     string
	gone     bool // the issue
	comments map[int64]string
	writes   map[string]int // calls that changed something, by what they did
	reacted  map[int64]string
	pulls    []github.PullRequest
	checks   []github.CheckRun
	last     int64
	// answers are what calls fail with instead of doing anything.
	answers map[string]error
	// shows is the branch's tip as told, if not as it is.
	shows func(tip string) (string, error)
	tree  string // told instead of a commit's own tree
	// scarce is until when GitHub has few requests left.
	scarce time.Time
}

// call does one call, unless it is to fail.
func (h *hub) call(op string, do func() error) error {
	return h.kill.step(func() error {
		if err := h.answers[op]; err != nil {
			return err
		}
		return do()
	})
}

// write is a call that changes something.
func (h *hub) write(op string, do func()) error {
	return h.call(op, func() error { h.writes[op]++; do(); return nil })
}

func (h *hub) next() int64 { h.last++; return h.last }

func (h *hub) CreateComment(_ context.Context, _ anvil.Repository, issue int, body string) (c github.Comment, err error) {
	err = h.write("comment", func() {
		c = github.Comment{ID: h.next(), URL: "https://github.example/comment"}
		h.comments[c.ID] = body
	})
	return c, err
}

func (h *hub) EditComment(_ context.Context, _ anvil.Repository, id int64, body string) (c github.Comment, err error) {
	err = h.call("edit", func() error {
		if _, there := h.comments[id]; !there {
			return &github.Error{Op: "edit the comment", Kind: github.NotFound}
		}
		h.writes["edit"]++
		h.comments[id] = body
		return nil
	})
	return github.Comment{ID: id}, err
}

func (h *hub) FindComment(_ context.Context, _ anvil.Repository, _ int, marker string, _ time.Time) (c github.Comment, found bool, err error) {
	err = h.call("find comment", func() error {
		for id, body := range h.comments {
			if strings.Contains(body, marker) {
				c, found = github.Comment{ID: id}, true
			}
		}
		return nil
	})
	return c, found, err
}

func (h *hub) React(_ context.Context, _ anvil.Repository, on github.Target, content string) (id int64, err error) {
	err = h.write("react", func() {
		for old, is := range h.reacted { // an equal one is the first
			if is == content {
				id = old
				return
			}
		}
		id = h.next()
		h.reacted[id] = content
	})
	return id, err
}

func (h *hub) Unreact(_ context.Context, _ anvil.Repository, _ github.Target, id int64) error {
	return h.write("unreact", func() { delete(h.reacted, id) })
}

func (h *hub) Scarce(anvil.Repository) time.Time { return h.scarce }

func (h *hub) CreateCheckRun(_ context.Context, _ anvil.Repository, r github.CheckRun) (p github.PostedCheckRun, err error) {
	err = h.write("check", func() { h.checks = append(h.checks, r); p.ID = h.next() })
	return p, err
}

func (h *hub) UpdateCheckRun(_ context.Context, _ anvil.Repository, id int64, r github.CheckRun) (p github.PostedCheckRun, err error) {
	err = h.write("update check", func() {
		last := &h.checks[len(h.checks)-1]
		last.Annotations = append(last.Annotations, r.Annotations...)
	})
	return github.PostedCheckRun{ID: id}, err
}

func (h *hub) FindCheckRun(_ context.Context, _ anvil.Repository, sha, name, external string) (p github.PostedCheckRun, found bool, err error) {
	err = h.call("find check", func() error {
		for _, r := range h.checks {
			if r.HeadSHA == sha && r.Name == name && r.ExternalID == external {
				p.Status, p.Annotations, found = r.Status, len(r.Annotations), true
			}
		}
		return nil
	})
	return p, found, err
}

func (h *hub) Permission(_ context.Context, _ anvil.Repository, login string) (id int64, role string, err error) {
	err = h.call("permission", func() error { id, role = mona.ID, h.role; return nil })
	return id, role, err
}

func (h *hub) PermissionOf(_ context.Context, _ anvil.Repository, who anvil.Actor) (now anvil.Actor, role string, err error) {
	err = h.call("permission", func() error { now, role = who, h.role; return nil })
	if errors.Is(err, github.ErrNotFound) { // the account is gone
		return who, "", nil
	}
	return now, role, err
}

func (h *hub) IssueIsThere(context.Context, anvil.Repository, int) (there bool, err error) {
	err = h.call("issue", func() error { there = !h.gone; return nil })
	return there, err
}

func (h *hub) Branch(_ context.Context, _ anvil.Repository, name string) (tip string, err error) {
	err = h.call("branch", func() error {
		if tip, err = h.tip(name); err == nil && h.shows != nil {
			tip, err = h.shows(tip)
		}
		return err
	})
	return tip, err
}

// tip is where a branch really is.
func (h *hub) tip(name string) (string, error) {
	out, err := exec.Command("git", "-C", h.origin, "rev-parse", "--verify", "--quiet", "refs/heads/"+name).Output()
	if err != nil {
		return "", &github.Error{Op: "look up the branch", Kind: github.NotFound}
	}
	return strings.TrimSpace(string(out)), nil
}

func (h *hub) Commit(_ context.Context, _ anvil.Repository, sha string) (tree string, parents []string, err error) {
	err = h.call("commit", func() error {
		words := strings.Fields(run(h.t, h.origin, "", "show", "--no-patch", "--format=%T %P", sha))
		tree, parents = words[0], words[1:]
		if h.tree != "" {
			tree = h.tree
		}
		return nil
	})
	return tree, parents, err
}

func (h *hub) PublishToken(context.Context, anvil.Repository) (string, time.Time, error) {
	return "", time.Time{}, h.call("token", func() error { return nil })
}

func (h *hub) CloneURL(anvil.Repository) string { return "file://" + h.origin }

func (h *hub) PullRequest(_ context.Context, _ anvil.Repository, number int) (p github.PullRequest, err error) {
	err = h.call("pull", func() error {
		for _, is := range h.pulls {
			if is.Number == number {
				p = is
				return nil
			}
		}
		return &github.Error{Op: "look up the pull request", Kind: github.NotFound}
	})
	return p, err
}

func (h *hub) CreatePullRequest(_ context.Context, _ anvil.Repository, n github.NewPullRequest) (p github.PullRequest, err error) {
	err = h.call("open", func() error {
		if slices.ContainsFunc(h.pulls, func(p github.PullRequest) bool { return p.Head == n.Head && p.State == "open" }) {
			return &github.Error{Op: "open a pull request", Kind: github.Exists}
		}
		if n.Draft && h.answers["draft"] != nil {
			return h.answers["draft"]
		}
		h.writes["open"]++
		p = github.PullRequest{Number: int(h.next()), State: "open", Draft: n.Draft, Title: n.Title, Body: n.Body, Head: n.Head, Base: n.Base, HeadRepository: home.ID, AuthorID: bot}
		h.pulls = append(h.pulls, p)
		return nil
	})
	return p, err
}

func (h *hub) EditPullRequest(_ context.Context, _ anvil.Repository, number int, edit github.PullRequestEdit) (p github.PullRequest, err error) {
	err = h.write("edit pull", func() {
		for i := range h.pulls {
			if h.pulls[i].Number == number {
				h.pulls[i].Body = *edit.Body
				p = h.pulls[i]
			}
		}
	})
	return p, err
}

func (h *hub) FindPullRequest(_ context.Context, _ anvil.Repository, head string) (p github.PullRequest, found bool, err error) {
	err = h.call("find pull", func() error {
		for _, is := range h.pulls {
			if is.Head == head && (!found || is.State == "open") {
				p, found = is, true
			}
		}
		return nil
	})
	return p, found, err
}

// ledger is the real store, at which the server can be killed too.
type ledger struct {
	*store.Store
	kill *reaper
}

func (l ledger) Intend(ctx context.Context, key string, task anvil.TaskID) (e anvil.Effect, fresh bool, err error) {
	err = l.kill.step(func() error { e, fresh, err = l.Store.Intend(ctx, key, task); return err })
	return e, fresh, err
}

func (l ledger) Effected(ctx context.Context, e anvil.Effect) error {
	return l.kill.step(func() error { return l.Store.Effected(ctx, e) })
}

func (l ledger) Told(ctx context.Context, id anvil.TaskID, version int64) error {
	return l.kill.step(func() error { return l.Store.Told(ctx, id, version) })
}

func (l ledger) SetPullRequest(ctx context.Context, id anvil.SessionID, number int) error {
	return l.kill.step(func() error { return l.Store.SetPullRequest(ctx, id, number) })
}

func (l ledger) Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (r anvil.Run, err error) {
	err = l.kill.step(func() error { r, err = l.Store.Move(ctx, id, to, change, next...); return err })
	return r, err
}

type nowhere struct{}

func (nowhere) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

// world is a repository with one commit, a store, and hops that can be killed.
type world struct {
	t     *testing.T
	hub   *hub
	kill  *reaper
	store ledger
	now   time.Time
	git   *git.Program
	base  string // tip of the default branch
	tasks int
}

func begin(t *testing.T) *world {
	t.Helper()
	kill := &reaper{}
	w := &world{t: t, kill: kill, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), hub: &hub{
		t: t, kill: kill, origin: filepath.Join(t.TempDir(), "origin.git"), role: "write", last: 100,
		comments: map[int64]string{}, writes: map[string]int{}, reacted: map[int64]string{}, answers: map[string]error{},
	}}
	var err error
	if w.git, err = git.Find(t.Context(), git.AllowFiles()); err != nil {
		t.Fatal(err)
	}
	run(t, "", "", "init", "--quiet", "--bare", "--initial-branch=main", w.hub.origin)
	w.base = w.commit("main", "", "one.txt")
	db, err := store.Open(t.Context(), t.TempDir(), func() time.Time { return w.now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.Queue = nowhere{}
	w.store = ledger{db, kill}
	return w
}

// refusesPushes makes the remote refuse every push, with a rule's words.
func (w *world) refusesPushes(words string) {
	w.t.Helper()
	hook := filepath.Join(w.hub.origin, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho '"+words+"'\nexit 1\n"), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

// run runs git on a bare repository.
func run(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(cmd.Environ(), "GIT_AUTHOR_NAME=p", "GIT_AUTHOR_EMAIL=p@example.com", "GIT_COMMITTER_NAME=p", "GIT_COMMITTER_EMAIL=p@example.com")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// tree makes a tree of one file in a repository.
func tree(t *testing.T, dir, file string) string {
	blob := run(t, dir, "content of "+file, "hash-object", "-w", "--stdin")
	return run(t, dir, fmt.Sprintf("100644 blob %s\t%s\n", blob, file), "mktree")
}

// commit is a person's commit on a branch of the origin.
func (w *world) commit(branch, parent, file string) string {
	w.t.Helper()
	args := []string{"commit-tree", "-m", "by a person", tree(w.t, w.hub.origin, file)}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	id := run(w.t, w.hub.origin, "", args...)
	run(w.t, w.hub.origin, "", "update-ref", "refs/heads/"+branch, id)
	return id
}

// open opens a task on the issue.
func (w *world) open(instruction string) anvil.RunID {
	w.t.Helper()
	w.tasks++
	d := anvil.Delivery{ID: anvil.DeliveryID(fmt.Sprint("d", w.tasks)), Event: "issue_comment", Body: []byte(instruction), ReceivedAt: w.now}
	if _, err := w.store.Receive(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	task, err := w.store.OpenTask(w.t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery: d.ID, Verb: anvil.VerbDo, Requester: mona, Comment: 5, Prompt: anvil.Prompt{Instruction: instruction},
		Thread: anvil.Thread{Repository: home, Issue: 12, Title: "It is broken"},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return anvil.RunIDFor(task.ID, 1)
}

// move brings a run to another state.
func (w *world) move(id anvil.RunID, to anvil.State, change func(*anvil.Run)) {
	w.t.Helper()
	if _, err := w.store.Store.Move(w.t.Context(), id, to, func(r *anvil.Run) error { change(r); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// works brings a run to where its agent is at work.
func (w *world) works(id anvil.RunID) {
	w.t.Helper()
	w.move(id, anvil.Dispatching, func(r *anvil.Run) { r.BaseRef, r.BaseCommit = "main", w.base })
	w.move(id, anvil.Dispatched, func(r *anvil.Run) {})
	w.move(id, anvil.Working, func(r *anvil.Run) {
		r.Lease = anvil.Lease{Epoch: 1, TokenHash: "x", ExpiresAt: w.now.Add(time.Hour)}
	})
}

// task opens a task on the issue and brings it to where it is to be delivered.
func (w *world) task(instruction string, change ...func(*anvil.Run)) anvil.RunID {
	w.t.Helper()
	id := w.open(instruction)
	w.works(id)
	w.move(id, anvil.Inspecting, func(r *anvil.Run) { r.Report = &anvil.Report{Result: "proposed"} })
	w.move(id, anvil.Delivering, func(r *anvil.Run) {
		r.Verdict = &anvil.Verdict{Tree: tree(w.t, w.hub.origin, strings.ReplaceAll(instruction, " ", "-"))}
		for _, c := range change {
			c(r)
		}
	})
	return id
}

// follow is a change of a run that goes on from the session's own branch.
func (w *world) follow(r *anvil.Run) {
	tip, err := w.hub.tip(branch)
	if err != nil {
		w.t.Fatal(err)
	}
	r.BaseRef, r.BaseCommit = branch, tip
}

func (w *world) words() publish.Words {
	return publish.Words{
		Comment: func(s anvil.Story) string { return "the run is " + string(s.Run().State) },
		PullRequest: func(all []anvil.Story) (string, string) {
			var asked []string
			for _, s := range all {
				asked = append(asked, s.Task.Command.Prompt.Instruction)
			}
			return "Title", "asked: " + strings.Join(asked, ", then ")
		},
		CheckRun: func(s anvil.Story) github.CheckRun {
			return github.CheckRun{Name: "anvil", Conclusion: "success", Annotations: make([]github.Annotation, annotated)}
		},
		CommitMessage: func(s anvil.Story) string { return s.Task.Command.Prompt.Instruction },
	}
}

// deliver wakes the deliver hop of a server that has just been started.
func (w *world) deliver(id anvil.RunID) error {
	d := &publish.Deliverer{
		Store: w.store, GitHub: w.hub, Pulls: w.hub, Checks: w.hub, Words: w.words(), Markers: publish.Markers{Key: []byte("k")},
		Done: func(anvil.RunID) {}, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Patience: 24 * time.Hour,
		Bot: func(context.Context) (anvil.Actor, error) { return anvil.Actor{ID: bot, Login: "anvil[bot]"}, nil },
		Quarantine: func(ctx context.Context, s anvil.Story) (*git.Repository, error) {
			r, err := w.git.InitBare(ctx, filepath.Join(w.t.TempDir(), "q.git"))
			if err == nil {
				run(w.t, r.Dir(), "", "fetch", "--quiet", w.hub.origin, "+refs/heads/*:refs/origin/*")
				tree(w.t, r.Dir(), strings.ReplaceAll(s.Task.Command.Prompt.Instruction, " ", "-"))
			}
			return r, err
		},
	}
	return d.Deliver(w.t.Context(), string(id))
}

// announcer is the announce hop of a server that has just been started.
func (w *world) announcer() *publish.Announcer {
	return &publish.Announcer{
		Store: w.store, Talk: w.hub, Checks: w.hub, Words: w.words(), Markers: publish.Markers{Key: []byte("k")},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	}
}

func (w *world) announce(id anvil.TaskID) error {
	return w.announcer().Announce(w.t.Context(), string(id))
}

func (w *world) story(id anvil.RunID) anvil.Story {
	w.t.Helper()
	s, err := w.store.StoryOfRun(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// is checks the state of a run, and of a failed one the code of its problem, which
// must have a next step.
func (w *world) is(id anvil.RunID, want anvil.State, code anvil.Code) {
	w.t.Helper()
	run := w.story(id).Run()
	if run.State != want {
		w.t.Fatalf("the run is %s, want %s (problem: %v)", run.State, want, run.Problem)
	}
	if code != "" && (run.Problem == nil || run.Problem.Code != code || run.Problem.Next == "") {
		w.t.Errorf("the problem is %v, want %s with a next step", run.Problem, code)
	}
}

// done fails the test for err.
func (w *world) done(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// comesAgain checks that err asks to be woken later, and is no failure.
func (w *world) comesAgain(err error) {
	w.t.Helper()
	var later *queue.Later
	if !errors.As(err, &later) || !later.At.After(w.now) {
		w.t.Fatalf("got %v, want to come again later", err)
	}
}
