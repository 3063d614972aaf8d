package githubtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// tell sends an event of a repository to every App that is installed there and
// has subscribed to it. The payload is what the world is now. The caller holds mu.
func (s *Server) tell(repo *repository, event, action string, sender *Account, about obj) {
	s.tellOf(0, repo, event, action, sender, about)
}

// tellOf is tell for what concerns one App alone; 0: all of them.
func (s *Server) tellOf(appID int64, repo *repository, event, action string, sender *Account, about obj) {
	for _, id := range slices.Sorted(maps.Keys(s.installs)) {
		inst := s.installs[id]
		app := s.apps[inst.AppID]
		if appID != 0 && app.ID != appID || app.WebhookURL == "" || !inst.SuspendedAt.IsZero() || !s.installed(inst, repo) || !slices.Contains(inst.Events, event) {
			continue
		}
		payload := maps.Clone(about)
		if action != "" {
			payload["action"] = action
		}
		payload["repository"], payload["sender"] = s.repositoryJSON(repo), s.accountJSON(sender)
		payload["installation"] = obj{"id": inst.ID, "node_id": nodeID("installation", inst.ID)}
		if repo.Owner.Type == Organization {
			payload["organization"] = s.organizationJSON(&repo.Owner)
		}
		s.sendPayload(&Delivery{App: app.ID, Event: event, Action: action, Installation: inst.ID, Repository: repo.ID}, payload)
	}
}

// tellApp sends an event that is not a repository's. It needs no subscription.
func (s *Server) tellApp(app *App, event, action string, sender *Account, about obj) {
	if app.WebhookURL == "" {
		return
	}
	payload := maps.Clone(about)
	d := &Delivery{App: app.ID, Event: event, Action: action}
	if action != "" {
		payload["action"] = action
	}
	if sender != nil {
		payload["sender"] = s.accountJSON(sender)
	}
	if inst, is := payload["installation"].(obj); is {
		d.Installation, _ = inst["id"].(int64)
	}
	s.sendPayload(d, payload)
}

func (s *Server) sendPayload(d *Delivery, payload obj) {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("githubtest: a payload that is no JSON: %v", err))
	}
	d.GUID, d.Payload = newGUID(), body
	s.send(d)
}

func (s *Server) organizationJSON(a *Account) obj {
	url := s.api("orgs", a.Login)
	return obj{"login": a.Login, "id": a.ID, "node_id": nodeID("organization", a.ID), "url": url, "repos_url": url + "/repos",
		"events_url": url + "/events", "hooks_url": url + "/hooks", "issues_url": url + "/issues", "members_url": url + "/members{/member}",
		"public_members_url": url + "/public_members{/member}", "avatar_url": s.addr("_sim/static/avatar.svg"), "description": nil}
}

func (s *Server) tellIssue(repo *repository, i *Issue, action string, sender *Account, more obj) {
	event := "issues"
	about := obj{}
	if i.PullRequest {
		p := repo.pulls[i.Number]
		if p == nil {
			return
		}
		event = "pull_request"
		about["number"], about["pull_request"] = i.Number, s.pullJSON(repo, p, true)
	} else {
		about["issue"] = s.issueJSON(repo, i)
	}
	maps.Copy(about, more)
	s.tell(repo, event, action, sender, about)
}

func (s *Server) tellPull(repo *repository, p *PullRequest, action string, who actor) {
	s.tell(repo, "pull_request", action, who.user, obj{"number": p.Number, "pull_request": s.pullJSON(repo, p, true)})
}

func (s *Server) tellComment(repo *repository, i *Issue, c *Comment, action string, sender *Account, more obj) {
	if i == nil {
		return
	}
	about := obj{"issue": s.issueJSON(repo, i), "comment": s.commentJSON(repo, c)}
	maps.Copy(about, more)
	s.tell(repo, "issue_comment", action, sender, about)
}

const noCommit = "0000000000000000000000000000000000000000"

func (s *Server) tellPush(repo *repository, who actor, p Push) {
	before, after := p.Old, p.New
	if before == "" {
		before = noCommit
	}
	if after == "" {
		after = noCommit
	}
	s.tell(repo, "push", "", who.user, obj{
		"ref": p.Ref, "before": before, "after": after, "created": p.Old == "", "deleted": p.New == "", "forced": false, "base_ref": nil,
		"compare": s.addr(repo.FullName(), "compare", before[:12]+"..."+after[:12]), "commits": []obj{}, "head_commit": nil,
		"pusher": obj{"name": who.user.Login, "email": noreply(*who.user)},
	})
}

func (s *Server) tellInstallation(inst *Installation, action string) {
	list := []obj{}
	for _, r := range s.covered(inst) {
		list = append(list, s.shortRepositoryJSON(r))
	}
	s.tellApp(s.apps[inst.AppID], "installation", action, s.accounts[inst.Account.ID], obj{
		"installation": s.installationJSON(inst), "repositories": list, "requester": nil})
}

func (s *Server) shortRepositoryJSON(r *repository) obj {
	return obj{"id": r.ID, "node_id": nodeID("repo", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.Private}
}

func (s *Server) tellInstallationRepositories(inst *Installation, added, removed []int64) {
	list := func(ids []int64) []obj {
		out := []obj{}
		for _, id := range ids {
			if r := s.repos[id]; r != nil {
				out = append(out, s.shortRepositoryJSON(r))
			}
		}
		return out
	}
	for action, ids := range map[string][]int64{"added": added, "removed": removed} {
		if len(ids) == 0 {
			continue
		}
		about := obj{"installation": s.installationJSON(inst), "repository_selection": inst.Selection(), "requester": nil,
			"repositories_added": []obj{}, "repositories_removed": []obj{}}
		about["repositories_"+action] = list(ids)
		s.tellApp(s.apps[inst.AppID], "installation_repositories", action, s.accounts[inst.Account.ID], about)
	}
}

// Ping sends what GitHub sends when a webhook is set up.
func (s *Server) Ping(appID int64) { must(appID, s.ping(appID)) }

func (s *Server) ping(appID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.apps[appID]
	if app == nil {
		return notFound("App %d", appID)
	}
	hook := 400_000_000 + app.ID
	s.tellApp(app, "ping", "", nil, obj{"zen": "Keep it logically awesome.", "hook_id": hook, "hook": obj{
		"type": "App", "id": hook, "name": "web", "active": true, "events": nonNil(app.Events), "app_id": app.ID,
		"config":     obj{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": app.WebhookURL},
		"created_at": at(app.CreatedAt), "updated_at": at(app.CreatedAt), "deliveries_url": s.api("app/hook/deliveries")}})
	return nil
}

func (s *Server) tellRun(r *run, action string) {
	s.tell(r.repo, "workflow_run", action, s.accounts[r.Actor.ID], obj{"workflow_run": s.runJSON(r), "workflow": s.workflowJSON(r.repo, r.repo.workflows[r.Path])})
}

func (s *Server) tellJob(r *run, action string) {
	s.tell(r.repo, "workflow_job", action, s.accounts[r.Actor.ID], obj{"workflow_job": s.jobJSON(r, r.job())})
}
