package intake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/linear"
)

// user is who said it, or why they are not heard.
func (l *Linear) user(ctx context.Context, e linearEvent) (linear.User, *anvil.Problem, error) {
	id := e.person()
	if id == "" {
		return linear.User{}, anvil.Problemf(CodeLinearActor, "Let a person delegate the issue, or mention Anvil in a comment of their own", "an integration or an automation asked, and only people are heard"), nil
	}
	user, err := l.API.User(ctx, id)
	if err != nil {
		return user, nil, err
	}
	return user, denied(user), nil
}

// denied says why a user is not heard, or nil.
func denied(u linear.User) *anvil.Problem {
	const next = "Ask a member of the workspace to do it"
	switch {
	case u.App:
		return anvil.Problemf(CodeLinearActor, next, "an app asked, and only people are heard")
	case u.Guest:
		return anvil.Problemf(CodeLinearActor, next, "guests of the workspace are not heard")
	case !u.Active:
		return anvil.Problemf(CodeLinearActor, next, "the account in Linear is not active")
	}
	return nil
}

// account is who a user is at GitHub: who the operator says, else who Linear says, which
// asked GitHub when the person connected the two.
func (l *Linear) account(ctx context.Context, u linear.User, repo anvil.Repository) (anvil.Actor, *anvil.Problem, error) {
	if login := l.People[u.ID]; login != "" {
		id, _, err := l.Hub.Permission(ctx, repo, login)
		if errors.Is(err, github.ErrNotFound) {
			return anvil.Actor{}, anvil.Problemf(CodeLinearUnlinked, "Ask the operator to correct linear.people for the Linear user "+u.ID, "the account at GitHub that you are linked to does not exist"), nil
		}
		return anvil.Actor{ID: id, Login: login}, nil, err
	}
	if u.GitHub != 0 {
		who, err := l.Hub.Account(ctx, repo, u.GitHub)
		if err == nil || !errors.Is(err, github.ErrNotFound) {
			return who, nil, err
		}
	}
	return anvil.Actor{}, anvil.Problemf(CodeLinearUnlinked,
		"Connect your GitHub account in Linear's settings under Connected accounts, or ask the operator to add the Linear user "+u.ID+" to linear.people. Then say it again here",
		"it is not known who you are at GitHub"), nil
}

// repository is the one that a thread is about, if that is settled.
func (l *Linear) repository(ctx context.Context, t anvil.PlaceThread) (repo anvil.Repository, known bool, err error) {
	if t.Issue == 0 {
		return repo, false, nil
	}
	session, err := l.Store.CurrentSession(ctx, t.Repository, t.Issue)
	if err == nil || !errors.Is(err, anvil.ErrNotFound) {
		return session.Repository, err == nil, err
	}
	// The issue was opened and its task was not, yet.
	for _, r := range l.Repositories {
		if repo, err = l.named(ctx, r.Name); err != nil || repo.ID == t.Repository {
			return repo, err == nil, err
		}
	}
	return repo, false, nil
}

func (l *Linear) named(ctx context.Context, full string) (anvil.Repository, error) {
	owner, name, _ := strings.Cut(full, "/")
	return l.Hub.InstallationOf(ctx, owner, name)
}

// choose finds the repository that an issue is about. Where that is not clear it keeps
// what was asked with the thread and returns what there is to choose from; what is said
// next is then the choice.
func (l *Linear) choose(ctx context.Context, e linearEvent, t *anvil.PlaceThread, asked linearAsked) (linearAsked, anvil.Repository, []string, error) {
	issue := linear.Issue{}
	if t.Subject != "" {
		var err error
		if issue, err = l.API.Issue(ctx, t.Subject); err != nil {
			return asked, anvil.Repository{}, nil, err
		}
	}
	fits, sure := l.fitting(issue)
	if t.Request != "" && e.Action == "prompted" {
		chosen := picked(fits, asked.Words)
		if len(chosen) != 1 {
			return asked, anvil.Repository{}, fits, nil
		}
		if err := json.Unmarshal([]byte(t.Request), &asked); err != nil {
			return asked, anvil.Repository{}, nil, err
		}
		fits, sure = chosen, true
	}
	if !sure {
		kept, err := json.Marshal(asked)
		if err != nil {
			return asked, anvil.Repository{}, nil, err
		}
		t.Request = string(kept)
		return asked, anvil.Repository{}, fits, l.Store.KeepPlaceThread(ctx, *t)
	}
	repo, err := l.named(ctx, fits[0])
	return asked, repo, nil, err
}

// fitting lists the repositories that an issue can be about: those of its project, else
// those of its team, else all. It is sure of one that a rule names.
func (l *Linear) fitting(i linear.Issue) (fits []string, sure bool) {
	var byProject, byTeam, all []string
	for _, r := range l.Repositories {
		all = append(all, r.Name)
		if i.Project != "" && slices.Contains(r.Projects, i.Project) {
			byProject = append(byProject, r.Name)
		}
		if slices.Contains(r.Teams, i.Team.Key) {
			byTeam = append(byTeam, r.Name)
		}
	}
	switch {
	case len(byProject) > 0:
		return byProject, len(byProject) == 1
	case len(byTeam) > 0:
		return byTeam, len(byTeam) == 1
	}
	return all, false // not even of the only one: a team that was added later is not meant by it
}

// picked lists the repositories that an answer names: as OWNER/NAME, as an address, or by
// the name alone.
func picked(from []string, answer string) (chosen []string) {
	answer = strings.ToLower(strings.Trim(strings.TrimSpace(answer), "`.,!<>"))
	answer = strings.TrimSuffix(strings.TrimSuffix(answer, "/"), ".git")
	for _, full := range from {
		_, name, _ := strings.Cut(strings.ToLower(full), "/")
		if answer == strings.ToLower(full) || answer == name || strings.HasSuffix(answer, "/"+strings.ToLower(full)) {
			chosen = append(chosen, full)
		}
	}
	return chosen
}
