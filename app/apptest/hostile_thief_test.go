//go:build linux

package apptest

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// neighbour is another tenant of the same server.
const neighbour = "globex/shop"

// forgeries are the bundles that the hostile program can forge; see its forge.
var forgeries = []string{
	"another branch and a tag beside it", "under the name of the main branch", "a history of its own", "on a commit that GitHub has not",
	"a link out of the tree", "another repository within", "a workflow of its own", "settings for git", "cut short", "no bundle at all",
}

// third lets the agent fill the disk. It is ended for that, and the run says so.
func (h *hostile) third(t *testing.T) {
	t.Helper()
	var issue githubtest.Issue
	must(t, h.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Third"}, &issue))
	_, _, err := h.Comment("mona", issue.Number, "/anvil engine=fill fill it")
	must(t, err)
	h.heldTask(t, 3)
	h.tasks = 3
	log := h.JobLog(h.run(t).ID)
	task, err := h.Task(t.Context(), 3)
	must(t, err)
	stopped := strings.Contains(because(task.Problem), "limit of disk") || strings.Contains(log, "file too large")
	h.judge("fill the disk", "58", !stopped || task.State != anvil.Failed, fmt.Sprintf("the task is %s%s", task.State, because(task.Problem)))
}

// fourth is about jobs that were taken over whole: the hostile program stands in the
// runner's place, and has what a job has. It needs no root, as nobody's memory is read.
func (h *hostile) fourth(t *testing.T) {
	t.Helper()
	h.settle(t)
	must(t, h.GitHub.Ask("PUT", "runners", map[string]bool{"hold": true}, nil))
	var victims []string
	var tasks []int
	for _, repository := range []string{h.Repository, neighbour} {
		job, n := h.job(t, repository, "A task of somebody else's")
		victims, tasks = append(victims, h.claim(t, job)), append(tasks, n)
	}
	thief, n := h.job(t, h.Repository, "A task whose job is taken over")
	h.told(h.inRunnersPlace(t, thief, "rob", victims))
	h.judgeRobbery(t, victims, tasks, n)
	for _, name := range forgeries {
		h.forge(t, name)
	}
}

// settle makes a second tenant.
func (h *hostile) settle(t *testing.T) {
	t.Helper()
	owner, _, _ := strings.Cut(neighbour, "/")
	must(t, h.GitHub.Ask("POST", "users", map[string]string{"login": owner, "type": githubtest.Organization}, nil))
	must(t, h.CreateRepository(neighbour, h.place(t, "shop"), false))
	must(t, h.GitHub.Ask("POST", "installations", map[string]any{"app": h.GitHub.App.ID, "account": owner}, nil))
}

// job opens an issue and asks for something there, and begins the job that is started
// for it. It returns the number of the task too.
func (h *hostile) job(t *testing.T, repository, title string) (githubtest.Job, int) {
	t.Helper()
	var issue githubtest.Issue
	must(t, h.GitHub.Ask("POST", "repositories/"+repository+"/issues", map[string]string{"user": "mona", "title": title}, &issue))
	_, err := h.Caused("mona", func() error {
		return h.GitHub.Ask("POST", fmt.Sprintf("repositories/%s/issues/%d/comments", repository, issue.Number), map[string]string{"user": "mona", "body": "/anvil say hello"}, nil)
	})
	must(t, err)
	h.tasks++
	must(t, h.AwaitTask(t.Context(), h.tasks, anvil.Dispatched))
	runs, err := list[githubtest.WorkflowRun](h.GitHub, repository, "runs")
	must(t, err)
	var job githubtest.Job
	must(t, h.GitHub.Ask("POST", fmt.Sprintf("runs/%d/begin", runs[len(runs)-1].ID), nil, &job))
	return job, h.tasks
}

// claim is what the job's own runner would do first.
func (h *hostile) claim(t *testing.T, of githubtest.Job) string {
	t.Helper()
	client, err := runapi.NewClient(h.Server.URL)
	must(t, err)
	identity := func(context.Context) (string, error) {
		var minted struct {
			Token string `json:"token"`
		}
		err := h.GitHub.Ask("POST", "oidc/tokens", githubtest.Forgery{Run: of.Run, Audience: h.Server.URL, Claims: map[string]any{}}, &minted)
		return minted.Token, err
	}
	j := job{Job: of}
	a, err := client.Claim(t.Context(), identity, runapi.ClaimRequest{Run: j.env("ANVIL_TASK"), Nonce: j.env("ANVIL_NONCE"), Runner: runapi.RunnerInfo{Name: "an honest one"}})
	must(t, err)
	return a.Run
}

// inRunnersPlace runs the hostile program as the job's runner, and returns what it said.
func (h *hostile) inRunnersPlace(t *testing.T, job githubtest.Job, mode string, victims []string) string {
	t.Helper()
	argv := h.argv(t, mode, victims...)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = job.Env, t.TempDir()
	out, err := cmd.CombinedOutput()
	must(t, err)
	if !strings.Contains(string(out), "attack\t") {
		t.Errorf("the hostile program did nothing as a %s: %s", mode, out)
	}
	return string(out)
}

// judgeRobbery looks at whether those who were robbed still have what was theirs.
func (h *hostile) judgeRobbery(t *testing.T, victims []string, tasks []int, own int) {
	t.Helper()
	for i, n := range tasks {
		task, err := h.Task(t.Context(), n)
		must(t, err)
		if task.State != anvil.Working {
			t.Errorf("run %s, which was to be robbed, is %s", victims[i], task.State)
		}
	}
	taken := ""
	h.rows(t, `SELECT source, run_id, kind, text FROM events WHERE text LIKE '%forged by a thief%'`, func(rows *sql.Rows) error {
		var source, run, kind, text string
		if err := rows.Scan(&source, &run, &kind, &text); err != nil {
			return err
		}
		if source == "server" || run == victims[0] || run == victims[1] {
			taken = source + " in " + run + ": " + kind
		}
		return nil
	})
	task, err := h.Task(t.Context(), own)
	must(t, err)
	h.outside(t, "write into the story as the server", taken != "" || task.State != anvil.Unchanged, fmt.Sprintf("taken for the server's: %s; its task is %s", cmp.Or(taken, "nothing"), task.State))
}

// forge lets a job hand over a forged bundle, and looks at what came of it.
func (h *hostile) forge(t *testing.T, name string) {
	t.Helper()
	before, err := list[githubtest.PullRequest](h.GitHub, h.Repository, "pulls")
	must(t, err)
	job, n := h.job(t, h.Repository, "A task whose result is forged: "+name)
	h.told(h.inRunnersPlace(t, job, "forge "+name, nil))
	must(t, h.GitHub.Ask("POST", fmt.Sprintf("runs/%d/complete", job.Run), map[string]string{"conclusion": "success"}, nil))
	must(t, Await(t.Context(), func() error {
		task, err := h.Task(context.WithoutCancel(t.Context()), n)
		if err == nil && !task.State.Ended() && task.State != anvil.Held {
			err = fmt.Errorf("task %d is %s", n, task.State)
		}
		return err
	}))
	task, err := h.Task(t.Context(), n)
	must(t, err)
	after, err := list[githubtest.PullRequest](h.GitHub, h.Repository, "pulls")
	must(t, err)
	branches, err := exec.CommandContext(t.Context(), "git", "--git-dir", h.bare(t), "-c", "safe.directory=*", "for-each-ref", "--format=%(refname)", "refs/heads/evil", "refs/tags").Output()
	must(t, err)
	published := len(after) > len(before) || len(branches) > 0 || task.State == anvil.Succeeded
	h.outside(t, "publish by a forged bundle: "+name, published, fmt.Sprintf("nothing was published; the task is %s%s", task.State, because(task.Problem)))
}
