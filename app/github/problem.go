package github

import (
	"errors"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Codes of the problems that calls to GitHub end in.
const (
	CodeAuth        anvil.Code = "APP_AUTH"
	CodeGone        anvil.Code = "INST_GONE"
	CodeRate        anvil.Code = "RATE_LIMITED"
	CodePermission  anvil.Code = "PERM_MISSING"
	CodeBadResponse anvil.Code = "GH_BAD_RESPONSE"
	CodeUnavailable anvil.Code = "GH_UNAVAILABLE"
	CodeRefused     anvil.Code = "GH_REFUSED"
	CodeRenamed     anvil.Code = "NOTE_RENAMED"
	CodeArchived    anvil.Code = "REPO_ARCHIVED"
	CodeNoWorkflow  anvil.Code = "DISPATCH_NO_WORKFLOW"
	CodeInputs      anvil.Code = "DISPATCH_INPUTS"
)

// Problem tells a person about err. It returns nil for nil, the problem that err
// carries already, or one made from the kind of its [Error].
func Problem(err error) *anvil.Problem {
	if err == nil {
		return nil
	}
	if p := anvil.AsProblem(err); p != nil {
		return p
	}
	var e *Error
	if !errors.As(err, &e) {
		return anvil.Problemf(CodeUnavailable, "Anvil tries again by itself", "a call to GitHub failed").Because(err)
	}
	return e.problem().Because(err)
}

func (e *Error) problem() *anvil.Problem {
	switch e.Kind {
	case Unauthorized:
		return anvil.Problemf(CodeAuth,
			"Check that the App's id and private key belong together and that the server's clock is right to within a minute",
			"GitHub does not accept the App's credentials (to %s)", e.Op)
	case Uninstalled:
		return anvil.Problemf(CodeGone,
			"Install the App for this repository again, or unsuspend it, in the organisation's settings under GitHub Apps",
			"the App's installation is gone, suspended, or no longer covers this repository%s", e.said())
	case RateLimited:
		return anvil.Problemf(CodeRate,
			"Nothing needs to be done; Anvil goes on by itself then",
			"GitHub asked to wait until %s", e.Until.UTC().Format(time.TimeOnly+" MST"))
	case Forbidden:
		return anvil.Problemf(CodePermission,
			"Grant it in the App's settings under Permissions, then accept the change for the installation",
			"the App lacks a permission to %s; it needs %s%s", e.Op, e.Rights, e.said())
	case NotFound:
		return anvil.Problemf(CodePermission,
			"If it is there, give the App access to it: permission "+e.Rights,
			"GitHub found nothing (to %s), or does not let the App see it%s", e.Op, e.said())
	case NoWorkflow:
		return anvil.Problemf(CodeNoWorkflow, workflowAdvice, "the workflow cannot be started%s", e.said())
	case BadInputs:
		return anvil.Problemf(CodeInputs, inputsAdvice, "the workflow does not take the inputs of a dispatch%s", e.said())
	case Moved:
		return anvil.Problemf(CodeRenamed, "Anvil looks the repository up by its id and goes on under its new name", "the repository was renamed or transferred")
	case Archived:
		return anvil.Problemf(CodeArchived, "Unarchive it in its settings, then ask again", "the repository is archived and takes no changes")
	case Unavailable, Unreachable:
		return anvil.Problemf(CodeUnavailable, "Anvil tries again by itself; see GitHub's status page if it lasts", "GitHub did not answer as it should (to %s)%s", e.Op, e.status())
	case BadResponse:
		return anvil.Problemf(CodeBadResponse, "Anvil tries again by itself, after it has looked whether the change was made", "GitHub's answer could not be read (to %s)%s", e.Op, e.status())
	}
	return anvil.Problemf(CodeRefused, "See what GitHub says, correct it, and ask again", "GitHub refused to %s%s", e.Op, e.said())
}

func (e *Error) said() string {
	if e.Message == "" {
		return ""
	}
	return " (GitHub says: " + quoted(e.Message) + ")"
}

func (e *Error) status() string {
	if e.Status == 0 {
		return ""
	}
	return " (HTTP " + strconv.Itoa(e.Status) + ")"
}
