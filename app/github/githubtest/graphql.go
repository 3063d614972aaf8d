package githubtest

import (
	"strings"
)

// graphQL answers the two requests that have no REST: which threads a pull request
// has, and that one is resolved. It reads no GraphQL: the operation is known by the
// field that it asks for, and its arguments are the variables.
func (s *Server) graphQL(c *call) answer {
	var in struct {
		Query     string `json:"query"`
		Variables struct {
			Owner  string `json:"owner"`
			Name   string `json:"name"`
			Number int    `json:"number"`
			ID     string `json:"id"`
		} `json:"variables"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch v := in.Variables; {
	case strings.Contains(in.Query, "resolveReviewThread"):
		for _, repo := range s.repos {
			for _, m := range repo.reviewComments {
				if m.ReplyTo != 0 || nodeID("thread", m.ID) != v.ID {
					continue
				}
				if !s.may(c.actor, repo, "pull_requests:write") || !s.may(c.actor, repo, "contents:write") {
					return graphQLProblem("FORBIDDEN", "Resource not accessible by integration")
				}
				m.Resolved = true
				s.changed()
				return ok(obj{"data": obj{"resolveReviewThread": obj{"thread": obj{"id": v.ID, "isResolved": true}}}})
			}
		}
	case strings.Contains(in.Query, "reviewThreads"):
		for _, repo := range s.repos {
			if repo.FullName() != v.Owner+"/"+v.Name || !s.may(c.actor, repo, "pull_requests:read") {
				continue
			}
			threads := []obj{}
			for _, m := range repo.reviewComments {
				if m.ReplyTo == 0 && m.Pull == v.Number {
					said := []obj{{"databaseId": m.ID, "body": m.Body}}
					for _, reply := range repo.reviewComments {
						if reply.ReplyTo == m.ID {
							said = append(said, obj{"databaseId": reply.ID, "body": reply.Body})
						}
					}
					threads = append(threads, obj{"id": nodeID("thread", m.ID), "isResolved": m.Resolved, "comments": obj{"nodes": said}})
				}
			}
			return ok(obj{"data": obj{"repository": obj{"pullRequest": obj{"reviewThreads": obj{"nodes": threads}}}}})
		}
	default:
		return graphQLProblem("undefinedField", "Field doesn't exist")
	}
	return graphQLProblem("NOT_FOUND", "Could not resolve to a node with the given id.")
}

// graphQLProblem is an error as GraphQL tells it: with status 200.
func graphQLProblem(kind, message string) answer {
	return ok(obj{"data": nil, "errors": []obj{{"type": kind, "message": message}}})
}
