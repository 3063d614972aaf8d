package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// FailedCheck is a check run of somebody else's that failed.
type FailedCheck struct {
	Name       string
	App        string // slug of the App that made it
	Conclusion string
	URL        string
	Output     string // what it says of itself: title, summary and text
	// Log is the end of a job's log; empty if it is none of GitHub Actions, or could
	// not be read.
	Log string
}

const (
	maxFailed  = 5       // check runs whose log is read
	maxLogTail = 8 << 10 // of each log
	maxLog     = 64 << 20
)

// FailingChecks lists the latest check runs of others on a commit that failed, the
// first five of them with what tells why.
func (a *App) FailingChecks(ctx context.Context, repo anvil.Repository, sha string) (all []FailedCheck, err error) {
	var runs gh.ListCheckRunsResults
	c := onRepo("list the failed checks", repo, mayReadChecks, http.MethodGet, "commits", sha, "check-runs")
	c.query, c.out = url.Values{"filter": {"latest"}, "status": {"completed"}, "per_page": {"100"}}, &runs
	if _, err := a.do(ctx, c); err != nil {
		return nil, err
	}
	for _, r := range runs.CheckRuns {
		failed := r.GetConclusion() == "failure" || r.GetConclusion() == "timed_out"
		if !failed || a.ours(r.GetApp().GetID(), r.GetApp().GetSlug()+"[bot]") {
			continue
		}
		o := r.GetOutput()
		f := FailedCheck{
			Name: r.GetName(), App: r.GetApp().GetSlug(), Conclusion: r.GetConclusion(), URL: a.onWeb(r.GetHTMLURL()),
			Output: strings.TrimSpace(strings.Join([]string{o.GetTitle(), o.GetSummary(), o.GetText()}, "\n\n")),
		}
		if f.App == "github-actions" && len(all) < maxFailed { // whose check runs have the ids of their jobs
			f.Log = a.logTail(ctx, repo, r.GetID())
		}
		all = append(all, f)
	}
	return all, nil
}

// logTail is the end of a job's log. It tells why a check failed, and a task can do
// without it: what goes wrong is logged and no error.
func (a *App) logTail(ctx context.Context, repo anvil.Repository, job int64) string {
	tail, err := a.readLog(ctx, a.renamed(onRepo("read the job's log", repo, mayReadActions, http.MethodGet, "actions", "jobs", itoa(job), "logs")))
	if err != nil {
		a.log.Warn("no log of a failed job", "repository", repo.ID, "job", job, "error", err)
	}
	return tail
}

// readLog asks where the log is, and reads it there without credentials.
func (a *App) readLog(ctx context.Context, c call) (string, error) {
	if err := a.paused(c.op, c.grant); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	client := a.client(c.grant)
	req, err := client.NewRequest(c.method, c.address(), nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Client().Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	place, err := resp.Location()
	if err != nil {
		return "", fmt.Errorf("%s: %s", c.op, resp.Status)
	}
	if place.Scheme != "https" && place.Host != a.web.Host {
		return "", errors.New("the log is at an address without https")
	}
	plain := &http.Client{Transport: a.base}
	if req, err = http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil); err != nil {
		return "", err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=-%d", maxLogTail))
	if resp, err = plain.Do(req); err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("%s: %s", c.op, resp.Status)
	}
	return tailOf(io.LimitReader(resp.Body, maxLog))
}

// tailOf reads to the end and keeps the last lines that fit.
func tailOf(r io.Reader) (string, error) {
	var kept []byte
	part := make([]byte, 32<<10)
	for {
		n, err := r.Read(part)
		kept = append(kept, part[:n]...)
		if over := len(kept) - maxLogTail; over > 0 {
			kept = append(kept[:0], kept[over:]...)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if len(kept) == maxLogTail { // it begins in the middle of a line
		if _, rest, whole := bytes.Cut(kept, []byte("\n")); whole {
			kept = rest
		}
	}
	return strings.ToValidUTF8(string(kept), "\uFFFD"), nil
}
