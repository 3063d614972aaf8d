package githubtest

import "net/http"

type pages struct{}

func newPages() (*pages, error) { return &pages{}, nil }

func (p *pages) static() http.Handler { return http.NotFoundHandler() }

func (s *Server) servePages() http.Handler { return http.NotFoundHandler() }
