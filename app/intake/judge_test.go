package intake

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// roles are the seven kinds of people around a repository, as the permission call
// answers about them.
var roles = []struct {
	Permission
	may bool
}{
	{Permission{1, "admin", "admin"}, true},
	{Permission{1, "write", "maintain"}, true},
	{Permission{1, "write", "write"}, true},
	{Permission{1, "read", "triage"}, false},
	{Permission{1, "read", "read"}, false},
	{Permission{1, "none", "none"}, false},
	{Permission{1, "write", "security-team"}, true}, // a custom role on top of write
	{Permission{1, "read", "admins"}, false},        // and one on top of read, with a fine name
	{Permission{1, "read", "admin"}, false},
	{Permission{1, "", "admin"}, false},
	{Permission{1, "", ""}, false},
}

func TestOnlyThoseWhoMayWriteMayAsk(t *testing.T) {
	t.Parallel()
	edited := o{"action": "edited", "changes": o{"body": o{"from": "x"}}}
	events := map[string]struct {
		anvil.Delivery
		refusal anvil.Code // what even those who may write are answered
	}{
		"a command":       {delivery("issue_comment"), ""},
		"help":            {delivery("issue_comment", o{"comment.body": "/anvil help"}), ""},
		"status":          {delivery("issue_comment", o{"comment.body": "/anvil status"}), ""},
		"stop":            {delivery("issue_comment", o{"comment.body": "/anvil stop"}), ""},
		"the label":       {delivery("issues", o{"action": "labeled", "label": o{"name": "anvil"}}), ""},
		"an assignment":   {delivery("issues", assigned), ""},
		"an edit":         {delivery("issue_comment", edited), CodeEdited},
		"a typo":          {delivery("issue_comment", o{"comment.body": "/anvil stpo"}), "CMD_UNKNOWN"},
		"a wrong place":   {delivery("issue_comment", o{"issue.state": "closed"}), CodeTarget},
		"an association":  {delivery("issue_comment", o{"comment.author_association": "OWNER", "issue.author_association": "OWNER"}), ""},
		"a review remark": {delivery("pull_request_review_comment", o{"pull_request": o{"number": 3, "title": "x", "state": "open"}}), ""},
	}
	for name, event := range events {
		for _, role := range roles {
			t.Run(name+" by "+role.Role+" on "+role.Level, func(t *testing.T) {
				t.Parallel()
				_, problem, decision := Judge(*read(t, event.Delivery).Request, role.Permission)
				switch {
				case !role.may:
					if decision != anvil.Refused || problem == nil || problem.Code != CodePermission || !strings.Contains(problem.Error(), "write, maintain or admin") {
						t.Errorf("got %s %v, want NO_PERMISSION and no other word", decision, problem)
					}
				case event.refusal != "":
					if decision != anvil.Refused || problem == nil || problem.Code != event.refusal {
						t.Errorf("got %s %v, want %s", decision, problem, event.refusal)
					}
				case decision != anvil.Accepted || problem != nil:
					t.Errorf("got %s %v, want it accepted", decision, problem)
				}
			})
		}
	}
}

// The permission call is made by login. If the login has changed hands since the
// comment, GitHub answers about somebody else.
func TestPermissionOfAnotherAccountCountsForNothing(t *testing.T) {
	t.Parallel()
	request := *read(t, delivery("issue_comment")).Request
	_, problem, decision := Judge(request, Permission{UserID: 2, Level: "admin", Role: "admin"})
	if decision != anvil.Ignored || problem == nil || problem.Code != CodeIdentity {
		t.Errorf("got %s %v", decision, problem)
	}
	request.Command.Requester = anvil.Actor{}
	if _, _, decision := Judge(request, Permission{Level: "admin", Role: "admin"}); decision != anvil.Ignored {
		t.Errorf("a requester without an id is %s", decision)
	}
}
