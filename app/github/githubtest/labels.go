package githubtest

import (
	"slices"
	"strings"
)

// Label is a label of a repository.
type Label struct {
	ID    int64
	Name  string
	Color string
}

func (s *Server) addLabel(repo *repository, i *Issue, user *Account, name string) {
	if slices.Contains(i.Labels, name) {
		return
	}
	i.Labels = append(slices.Clone(i.Labels), name)
	s.tellIssue(repo, i, "labeled", user, obj{"label": s.labelJSON(repo, name)})
}

func (s *Server) removeLabel(repo *repository, i *Issue, user *Account, name string) {
	if !slices.Contains(i.Labels, name) {
		return
	}
	i.Labels = slices.DeleteFunc(slices.Clone(i.Labels), func(l string) bool { return l == name })
	s.tellIssue(repo, i, "unlabeled", user, obj{"label": s.labelJSON(repo, name)})
}

func (s *Server) assign(repo *repository, i *Issue, user *Account, who Account) {
	if slices.ContainsFunc(i.Assignees, func(a Account) bool { return a.ID == who.ID }) {
		return
	}
	i.Assignees = append(slices.Clone(i.Assignees), who)
	s.tellIssue(repo, i, "assigned", user, obj{"assignee": s.accountJSON(&who)})
}

func (s *Server) unassign(repo *repository, i *Issue, user *Account, who Account) {
	i.Assignees = slices.DeleteFunc(slices.Clone(i.Assignees), func(a Account) bool { return a.ID == who.ID })
	s.tellIssue(repo, i, "unassigned", user, obj{"assignee": s.accountJSON(&who)})
}

func (s *Server) labelJSON(repo *repository, name string) obj {
	l := repo.labels[strings.ToLower(name)]
	if l == nil {
		l = &Label{ID: s.newID("label"), Name: name, Color: digest([]byte(name))[:6]}
		repo.labels[strings.ToLower(name)] = l
	}
	return obj{"id": l.ID, "node_id": nodeID("label", l.ID), "url": s.api("repos", repo.FullName(), "labels", l.Name), "name": l.Name,
		"color": l.Color, "default": false, "description": ""}
}
