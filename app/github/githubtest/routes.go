package githubtest

// route is one operation of the REST API.
type route struct {
	pattern string
	// who may ask at all
	who caller
	// needs lists permissions, as NAME:LEVEL, one of which is enough. A call with
	// a repository in its path needs that repository within the token's reach too.
	needs  []string
	answer func(*call) answer
}

// caller is a kind of credential.
type caller int

const (
	byToken caller = iota // an installation's or a person's token
	byApp                 // an App's JWT
	byEither
	byClient // an App's client id and secret
)

func (s *Server) restRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"GET /app", byApp, nil, s.getApp},
		{"GET /app/installations", byApp, nil, s.listInstallations},
		{"GET /app/installations/{installation_id}", byApp, nil, s.getInstallation},
		{"POST /app/installations/{installation_id}/access_tokens", byApp, nil, s.createToken},
		{"GET /app/hook/config", byApp, nil, s.getHookConfig},
		{"GET /app/hook/deliveries", byApp, nil, s.listDeliveries},
		{"GET /app/hook/deliveries/{delivery_id}", byApp, nil, s.getDelivery},
		{"POST /app/hook/deliveries/{delivery_id}/attempts", byApp, nil, s.redeliver},
		{"GET " + repo + "/installation", byApp, nil, s.getRepositoryInstallation},
		{"GET /orgs/{username}/installation", byApp, nil, s.getAccountInstallation},
		{"GET /users/{username}/installation", byApp, nil, s.getAccountInstallation},
		{"DELETE /installation/token", byToken, nil, s.revokeToken},
		{"GET /installation/repositories", byToken, []string{"metadata:read"}, s.listInstallationRepositories},
		{"GET /rate_limit", byEither, nil, s.getRateLimit},
		{"GET /user", byToken, nil, s.getSelf},
		{"DELETE /applications/{client_id}/token", byClient, nil, s.revokeUserToken},
		{"GET /users/{username}", byEither, nil, s.getUser},
		{"GET /user/{account_id}", byEither, nil, s.getUser},

		{"GET " + repo, byToken, []string{"metadata:read"}, s.getRepository},
		{"GET " + repo + "/collaborators/{username}/permission", byToken, []string{"metadata:read"}, s.getPermission},
		{"GET " + repo + "/contents/{path...}", byToken, []string{"contents:read"}, s.getContents},
		{"GET " + repo + "/git/ref/{ref...}", byToken, []string{"contents:read"}, s.getRef},
		{"GET " + repo + "/git/matching-refs/{ref...}", byToken, []string{"contents:read"}, s.listMatchingRefs},
		{"DELETE " + repo + "/git/refs/{ref...}", byToken, []string{"contents:write"}, s.deleteRef},
		{"POST " + repo + "/git/refs", byToken, []string{"contents:write"}, s.createRef},
		{"PATCH " + repo + "/git/refs/{ref...}", byToken, []string{"contents:write"}, s.updateRef},
		{"POST " + repo + "/git/commits", byToken, []string{"contents:write"}, s.createGitCommit},
		{"GET " + repo + "/git/commits/{commit_sha}", byToken, []string{"contents:read"}, s.getGitCommit},
		{"GET " + repo + "/commits/{ref...}", byToken, []string{"contents:read"}, s.getCommit},
		{"GET " + repo + "/branches/{branch...}", byToken, []string{"contents:read"}, s.getBranch},
		{"GET " + repo + "/compare/{basehead...}", byToken, []string{"contents:read"}, s.compare},

		{"GET " + repo + "/issues", byToken, []string{"issues:read", "pull_requests:read"}, s.listIssues},
		{"POST " + repo + "/issues", byToken, []string{"issues:write"}, s.createIssueREST},
		{"GET " + repo + "/issues/{number}", byToken, []string{"issues:read", "pull_requests:read"}, s.getIssue},
		{"PATCH " + repo + "/issues/{number}", byToken, []string{"issues:write", "pull_requests:write"}, s.updateIssue},
		{"POST " + repo + "/issues/{number}/labels", byToken, []string{"issues:write", "pull_requests:write"}, s.addLabelsREST},
		{"DELETE " + repo + "/issues/{number}/labels/{name}", byToken, []string{"issues:write", "pull_requests:write"}, s.removeLabelREST},
		{"GET " + repo + "/issues/{number}/comments", byToken, []string{"issues:read", "pull_requests:read"}, s.listComments},
		{"POST " + repo + "/issues/{number}/comments", byToken, []string{"issues:write", "pull_requests:write"}, s.createCommentREST},
		{"GET " + repo + "/issues/comments/{comment_id}", byToken, []string{"issues:read", "pull_requests:read"}, s.getComment},
		{"PATCH " + repo + "/issues/comments/{comment_id}", byToken, []string{"issues:write", "pull_requests:write"}, s.updateCommentREST},
		{"DELETE " + repo + "/issues/comments/{comment_id}", byToken, []string{"issues:write", "pull_requests:write"}, s.deleteCommentREST},

		{"GET " + repo + "/issues/{number}/reactions", byToken, []string{"issues:read", "pull_requests:read"}, s.listReactions},
		{"POST " + repo + "/issues/{number}/reactions", byToken, []string{"issues:write", "pull_requests:write"}, s.createReaction},
		{"DELETE " + repo + "/issues/{number}/reactions/{reaction_id}", byToken, []string{"issues:write", "pull_requests:write"}, s.deleteReaction},
		{"GET " + repo + "/issues/comments/{comment_id}/reactions", byToken, []string{"issues:read", "pull_requests:read"}, s.listReactions},
		{"POST " + repo + "/issues/comments/{comment_id}/reactions", byToken, []string{"issues:write", "pull_requests:write"}, s.createReaction},
		{"DELETE " + repo + "/issues/comments/{comment_id}/reactions/{reaction_id}", byToken, []string{"issues:write", "pull_requests:write"}, s.deleteReaction},

		{"GET " + repo + "/pulls", byToken, []string{"pull_requests:read"}, s.listPulls},
		{"POST " + repo + "/pulls", byToken, []string{"pull_requests:write"}, s.createPull},
		{"GET " + repo + "/pulls/{number}", byToken, []string{"pull_requests:read"}, s.getPull},
		{"PATCH " + repo + "/pulls/{number}", byToken, []string{"pull_requests:write"}, s.updatePull},
		{"POST " + repo + "/pulls/{number}/requested_reviewers", byToken, []string{"pull_requests:write"}, s.requestReviewers},
		{"GET " + repo + "/pulls/{number}/files", byToken, []string{"pull_requests:read"}, s.listPullFiles},

		{"GET " + repo + "/pulls/{number}/reviews", byToken, []string{"pull_requests:read"}, s.listReviews},
		{"GET " + repo + "/pulls/{number}/reviews/{review_id}/comments", byToken, []string{"pull_requests:read"}, s.listReviewComments},
		{"POST " + repo + "/pulls/{number}/comments/{comment_id}/replies", byToken, []string{"pull_requests:write"}, s.replyToReviewComment},
		{"POST /graphql", byToken, []string{"metadata:read"}, s.graphQL},

		{"POST " + repo + "/check-runs", byToken, []string{"checks:write"}, s.createCheck},
		{"GET " + repo + "/check-runs/{check_run_id}", byToken, []string{"checks:read"}, s.getCheck},
		{"PATCH " + repo + "/check-runs/{check_run_id}", byToken, []string{"checks:write"}, s.updateCheck},
		{"GET " + repo + "/commits/{ref}/check-runs", byToken, []string{"checks:read"}, s.listChecks},

		{"GET " + repo + "/actions/workflows", byToken, []string{"actions:read"}, s.listWorkflows},
		{"GET " + repo + "/actions/workflows/{workflow_id}", byToken, []string{"actions:read"}, s.getWorkflow},
		{"POST " + repo + "/actions/workflows/{workflow_id}/dispatches", byToken, []string{"actions:write"}, s.dispatchWorkflow},
		{"GET " + repo + "/actions/workflows/{workflow_id}/runs", byToken, []string{"actions:read"}, s.listRuns},
		{"GET " + repo + "/actions/runs", byToken, []string{"actions:read"}, s.listRuns},
		{"GET " + repo + "/actions/runs/{run_id}", byToken, []string{"actions:read"}, s.getRun},
		{"POST " + repo + "/actions/runs/{run_id}/cancel", byToken, []string{"actions:write"}, s.cancelRunREST},
		{"POST " + repo + "/actions/runs/{run_id}/force-cancel", byToken, []string{"actions:write"}, s.forceCancelRunREST},
		{"GET " + repo + "/actions/runs/{run_id}/jobs", byToken, []string{"actions:read"}, s.listJobs},
		{"GET " + repo + "/actions/jobs/{job_id}", byToken, []string{"actions:read"}, s.getJob},
		{"GET " + repo + "/actions/jobs/{job_id}/logs", byToken, []string{"actions:read"}, s.getJobLog},
	}
}
