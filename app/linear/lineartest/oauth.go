package lineartest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// token is an access token of the agent.
type token struct {
	until   time.Time
	revoked bool
}

// token gives the agent a token by which it acts as itself: the grant for client
// credentials.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(obj{"error": code, "error_description": strings.ReplaceAll(code, "_", " ")})
		s.ledger.Note(r, func(e *Entry) { e.Error = code })
	}
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "invalid_request")
		return
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case id != s.agent.ClientID || secret != s.agent.ClientSecret:
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	case r.PostForm.Get("grant_type") != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	scopes := strings.FieldsFunc(r.PostForm.Get("scope"), func(c rune) bool { return c == ',' || c == ' ' })
	for _, scope := range scopes {
		if !slices.Contains(s.agent.Scopes, scope) {
			refuse(http.StatusBadRequest, "invalid_scope")
			return
		}
	}
	text := "lin_oauth_" + rand.Text()
	s.tokens[text] = &token{until: s.now().Add(s.opts.TokenLives)}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(obj{"access_token": text, "token_type": "Bearer", "expires_in": int(s.opts.TokenLives.Seconds()), "scope": strings.Join(scopes, " ")})
}

// authorize finds out whether a request comes from the agent. The lock is held.
func (s *Server) authorize(r *http.Request) error {
	text, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := s.tokens[text]
	if !bearer || t == nil || t.revoked || !s.now().Before(t.until) {
		return &failure{status: http.StatusUnauthorized, message: "Authentication required, not authenticated", kind: "authentication error", code: "AUTHENTICATION_ERROR"}
	}
	s.ledger.Note(r, func(e *Entry) { e.Actor = "agent" })
	return nil
}

// Revoke makes all tokens worthless that were given out until now.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		t.revoked = true
	}
}
