package standalone

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Codes of what can be wrong before there is a task.
const (
	CodeEnvironment anvil.Code = "ALONE_ENVIRONMENT" // it does not run in a job
	CodeServerless  anvil.Code = "ALONE_SERVERLESS"  // a verb that needs a server
	CodeHandover    anvil.Code = "ALONE_HANDOVER"    // the first job's directory cannot be used
)

// Job is what a job of GitHub Actions knows of itself.
type Job struct {
	Event      string // GITHUB_EVENT_NAME
	Payload    []byte // of the event
	RunID      int64
	Attempt    int
	Web, API   string // addresses of this GitHub
	Repository string // OWNER/NAME
	Token      string // the job's own
	Temp       string // a directory that ends with the job
	Output     string // GITHUB_OUTPUT; empty outside of a job
	Summary    string // GITHUB_STEP_SUMMARY
}

// JobOf reads the job's environment.
func JobOf(getenv func(string) string) (Job, error) {
	j := Job{
		Event: getenv("GITHUB_EVENT_NAME"), Web: getenv("GITHUB_SERVER_URL"), API: getenv("GITHUB_API_URL"), Repository: getenv("GITHUB_REPOSITORY"),
		Token: getenv("GITHUB_TOKEN"), Temp: cmp.Or(getenv("RUNNER_TEMP"), os.TempDir()), Output: getenv("GITHUB_OUTPUT"), Summary: getenv("GITHUB_STEP_SUMMARY"),
	}
	missing := func(what string) (Job, error) {
		return j, anvil.Problemf(CodeEnvironment, "Call Anvil's reusable workflow standalone.yml, which sets it", "%s is not in the environment", what)
	}
	for name, value := range map[string]string{"GITHUB_EVENT_NAME": j.Event, "GITHUB_SERVER_URL": j.Web, "GITHUB_API_URL": j.API, "GITHUB_TOKEN": j.Token} {
		if value == "" {
			return missing(name)
		}
	}
	var err error
	if j.RunID, err = strconv.ParseInt(getenv("GITHUB_RUN_ID"), 10, 64); err != nil {
		return missing("GITHUB_RUN_ID")
	}
	if j.Attempt, err = strconv.Atoi(getenv("GITHUB_RUN_ATTEMPT")); err != nil {
		return missing("GITHUB_RUN_ATTEMPT")
	}
	if j.Payload, err = os.ReadFile(getenv("GITHUB_EVENT_PATH")); err != nil {
		return missing("a readable GITHUB_EVENT_PATH")
	}
	return j, nil
}

// runURL is the page of the workflow run.
func (j Job) runURL() string {
	return fmt.Sprintf("%s/%s/actions/runs/%d", j.Web, j.Repository, j.RunID)
}

// noInstallation stands for the installation that a job's token does not tell of.
const noInstallation = 1

// delivery is the event as intake reads it. A workflow that was started by hand says its
// prompt as a comment would, on no issue.
func (j Job) delivery(o Options) (anvil.Delivery, error) {
	d := anvil.Delivery{ID: anvil.DeliveryID("run-" + strconv.FormatInt(j.RunID, 10)), Event: j.Event, Body: j.Payload, ReceivedAt: time.Now()}
	var payload map[string]any
	if err := json.Unmarshal(j.Payload, &payload); err != nil {
		return d, anvil.Problemf(CodeEnvironment, "Report it if it stays", "the event's payload cannot be read").Because(err)
	}
	payload["installation"] = map[string]any{"id": noInstallation}
	if j.Event == "workflow_dispatch" {
		if strings.TrimSpace(o.Prompt) == "" {
			return d, anvil.Problemf("CMD_USAGE", "Start the workflow again and say in `prompt` what to do", "the workflow was started without a prompt")
		}
		title, _, _ := strings.Cut(strings.TrimSpace(o.Prompt), "\n")
		d.Event, payload["action"] = "issue_comment", "created"
		payload["issue"] = map[string]any{"number": 0, "title": title, "body": "", "state": "open"}
		payload["comment"] = map[string]any{"id": 0, "body": "/anvil " + o.Prompt, "user": payload["sender"]}
	}
	var err error
	d.Body, err = json.Marshal(payload)
	return d, err
}
