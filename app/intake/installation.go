package intake

import "github.com/seed-bc0cc349/anvil/app/anvil"

// ChangeKind is what happened to an installation.
type ChangeKind string

const (
	Installed   ChangeKind = "installed"
	Removed     ChangeKind = "removed" // no token will be given any more
	Suspended   ChangeKind = "suspended"
	Resumed     ChangeKind = "resumed"
	Permissions ChangeKind = "permissions" // new permissions were accepted
	Selection   ChangeKind = "selection"   // repositories came or went
)

// Change is a change of an installation. Removed and Suspended, and Gone of
// Selection, end what is under way there.
type Change struct {
	Kind         ChangeKind
	Installation int64
	Account      anvil.Actor // whose installation it is; an organisation is no Bot
	Sender       anvil.Actor
	Repositories []ChangedRepository // now within reach
	Gone         []ChangedRepository // no longer
}

// ChangedRepository names a repository in a [Change].
type ChangedRepository struct {
	ID       int64
	FullName string
}

// installation reads changes of installations. Anyone who may change one is
// heard, also a bot: it is not a command but a fact.
func (r Reader) installation(event string, p *payload) Reading {
	if p.Installation == nil || p.Installation.ID == 0 {
		return ignored(CodeGone, "the payload names no installation")
	}
	if p.Installation.AppID != 0 && r.Self.AppID != 0 && p.Installation.AppID != r.Self.AppID {
		return ignored(CodeGone, "it is an installation of another App")
	}
	c := &Change{Installation: p.Installation.ID}
	if a := p.Installation.Account; a != nil {
		c.Account = anvil.Actor{ID: a.ID, Login: a.Login, Bot: a.Type == "Bot"}
	}
	if p.Sender != nil {
		c.Sender = p.Sender.actor()
	}
	if event == "installation_repositories" {
		c.Kind = Selection
		c.Repositories, c.Gone = changed(p.RepositoriesAdded), changed(p.RepositoriesRemoved)
		return Reading{Decision: anvil.Accepted, Change: c}
	}
	switch p.Action {
	case "created":
		c.Kind, c.Repositories = Installed, changed(p.Repositories)
	case "deleted":
		c.Kind, c.Gone = Removed, changed(p.Repositories)
	case "suspend":
		c.Kind = Suspended
	case "unsuspend":
		c.Kind = Resumed
	case "new_permissions_accepted":
		c.Kind = Permissions
	default:
		return ignored(CodeUnhandled, "this change of an installation is not one of ours")
	}
	return Reading{Decision: anvil.Accepted, Change: c}
}

func changed(repositories []repository) []ChangedRepository {
	var list []ChangedRepository
	for _, r := range repositories {
		list = append(list, ChangedRepository{ID: r.ID, FullName: r.FullName})
	}
	return list
}
