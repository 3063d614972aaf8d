package githubtest

import (
	"net/http"
	"slices"
	"time"
)

// Reaction is one account's reaction to an issue or a comment.
type Reaction struct {
	ID        int64     `json:"id"`
	Comment   int64     `json:"comment,omitempty"` // the comment's id; 0: to the issue
	Issue     int       `json:"issue"`             // the issue's number
	User      Account   `json:"user"`
	Content   string    `json:"content"`
	CreatedAt time.Time `json:"created_at"`

	subject int64 // id of the issue or comment
}

// reactionKinds are GitHub's eight, and how pages show them.
var reactionKinds = []struct{ content, shown string }{
	{"+1", "👍"}, {"-1", "👎"}, {"laugh", "😄"}, {"confused", "😕"}, {"heart", "❤️"}, {"hooray", "🎉"}, {"rocket", "🚀"}, {"eyes", "👀"},
}

func shownReaction(content string) string {
	for _, k := range reactionKinds {
		if k.content == content {
			return k.shown
		}
	}
	return ""
}

// Reactions returns all reactions in a repository that are there now.
func (s *Server) Reactions(repo Repository) []Reaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Reaction
	if r := s.repos[repo.ID]; r != nil {
		for _, re := range r.reactions {
			out = append(out, *re)
		}
	}
	return out
}

func (s *Server) reactionJSON(re *Reaction) obj {
	return obj{"id": re.ID, "node_id": nodeID("reaction", re.ID), "user": s.accountJSON(s.accounts[re.User.ID]), "content": re.Content, "created_at": at(re.CreatedAt)}
}

// rollup counts the reactions to an issue or comment.
func (s *Server) rollup(repo *repository, url string, subject int64) obj {
	o := obj{"url": url + "/reactions", "total_count": 0}
	for _, k := range reactionKinds {
		o[k.content] = 0
	}
	for _, re := range repo.reactions {
		if re.subject == subject {
			o[re.Content] = o[re.Content].(int) + 1
			o["total_count"] = o["total_count"].(int) + 1
		}
	}
	return o
}

// subjectOf finds what the path's reactions belong to.
func (s *Server) subjectOf(c *call) (Reaction, *answer) {
	if c.r.PathValue("comment_id") != "" {
		comment, refused := s.commentOf(c)
		if refused != nil {
			return Reaction{}, refused
		}
		return Reaction{Comment: comment.ID, Issue: comment.Issue, subject: comment.ID}, nil
	}
	i, refused := s.issueOf(c)
	if refused != nil {
		return Reaction{}, refused
	}
	return Reaction{Issue: i.Number, subject: i.ID}, nil
}

func (s *Server) listReactions(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject, refused := s.subjectOf(c)
	if refused != nil {
		return *refused
	}
	list := []obj{}
	for _, re := range c.repo.reactions {
		if want := c.r.URL.Query().Get("content"); re.subject == subject.subject && (want == "" || want == re.Content) {
			list = append(list, s.reactionJSON(re))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

func (s *Server) createReaction(c *call) answer {
	var in struct {
		Content string `json:"content"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if shownReaction(in.Content) == "" {
		return invalid("Reaction", "content", "invalid", "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	re, refused := s.subjectOf(c)
	if refused != nil {
		return *refused
	}
	for _, have := range c.repo.reactions {
		if have.subject == re.subject && have.User.ID == c.actor.user.ID && have.Content == in.Content {
			return ok(s.reactionJSON(have))
		}
	}
	re.ID, re.User, re.Content, re.CreatedAt = s.newID("reaction"), *c.actor.user, in.Content, s.now()
	c.repo.reactions = append(c.repo.reactions, &re)
	s.changed()
	return created(s.reactionJSON(&re))
}

func (s *Server) deleteReaction(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject, refused := s.subjectOf(c)
	if refused != nil {
		return *refused
	}
	n := slices.IndexFunc(c.repo.reactions, func(re *Reaction) bool {
		return re.ID == c.number("reaction_id") && re.subject == subject.subject
	})
	if n < 0 {
		return fail(404, "Not Found")
	}
	if c.repo.reactions[n].User.ID != c.actor.user.ID {
		return fail(403, "Resource not accessible by integration")
	}
	c.repo.reactions = slices.Delete(c.repo.reactions, n, n+1)
	s.changed()
	return answer{status: http.StatusNoContent}
}
