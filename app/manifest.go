package app

// Permissions are what the App asks for, and for what:
//
//   - actions: start, find and cancel the workflow
//   - checks: the check run with the evidence
//   - contents: read the base and the rules, push the branch
//   - issues: comments and reactions
//   - metadata: who may do what
//   - pull_requests: open and update the pull request
//
// It never asks for workflows: a push that touches .github/workflows is then
// refused by GitHub itself, whatever this server does.
var Permissions = map[string]string{
	"actions":       "write",
	"checks":        "write",
	"contents":      "write",
	"issues":        "write",
	"metadata":      "read",
	"pull_requests": "write",
}

// Events are the webhook events to subscribe to. Events about the installation
// and ping come without being asked for.
var Events = []string{"issue_comment", "issues", "pull_request", "pull_request_review", "pull_request_review_comment", "check_run", "check_suite"}
