package runner

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/sethvargo/go-githubactions"
)

// Codes of what can be wrong before a claim.
const (
	codeInput    = "RUNNER_INPUT"
	codeIdentity = "RUNNER_IDENTITY"
)

// input is what the workflow was dispatched with.
type input struct{ server, task, nonce string }

// inputs reads the job's inputs from the environment that action.yml maps them to.
func inputs(getenv func(string) string) (input, error) {
	in := input{
		server: strings.TrimSpace(getenv("ANVIL_SERVER")),
		task:   strings.TrimSpace(getenv("ANVIL_TASK")),
		nonce:  strings.TrimSpace(getenv("ANVIL_NONCE")),
	}
	var missing []string
	for _, v := range [][2]string{{"ANVIL_SERVER", in.server}, {"ANVIL_TASK", in.task}, {"ANVIL_NONCE", in.nonce}} {
		if v[1] == "" {
			missing = append(missing, v[0])
		}
	}
	if missing != nil {
		return in, &runapi.Error{
			Code: codeInput, What: "Not in the environment: " + strings.Join(missing, ", ") + ".",
			Next: "Anvil's server starts this workflow with its inputs; the workflow passes server, task and nonce on to the action.",
		}
	}
	return in, nil
}

// identityAttempts is how often GitHub is asked for a token when it has trouble.
const identityAttempts = 4

// identity asks GitHub for a token that says which workflow run this is.
func (j *job) identity(ctx context.Context, audience string) (string, error) {
	wait := time.Second
	for attempt := 1; ; attempt++ {
		token, err := j.log.Actions().GetIDToken(ctx, audience)
		var missing *githubactions.EnvMissingError
		var failed *githubactions.RequestFailedError
		switch {
		case err == nil && token != "":
			return token, nil
		case errors.As(err, &missing):
			return "", &runapi.Error{
				Code: codeIdentity, What: "The job may not ask for an identity token.",
				Next: "In the workflow file, add `permissions: id-token: write` to the job that calls Anvil.",
			}
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case attempt < identityAttempts && (!errors.As(err, &failed) || failed.StatusCode >= http.StatusInternalServerError):
		case failed != nil:
			// The body is not repeated: it is whatever answered.
			return "", &runapi.Error{
				Code: codeIdentity, What: "GitHub refused an identity token: " + http.StatusText(failed.StatusCode) + ".",
				Next: "Check the job's `permissions: id-token: write`, and GitHub's status page.",
			}
		default:
			return "", &runapi.Error{
				Code: codeIdentity, What: "GitHub gave no identity token.", Next: "Check GitHub's status page, then say /anvil retry.",
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait *= 2
	}
}
