package githubtest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// How long what people sign in with lives.
const (
	codeLife      = 10 * time.Minute
	userTokenLife = 8 * time.Hour
)

// oauthCode is what a person is sent back with, to be exchanged once.
type oauthCode struct {
	app       int64
	user      int64
	redirect  string
	challenge string
	expires   time.Time
}

// oauthAPI is the web application flow of Apps.
func (s *Server) oauthAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", s.authorizePage)
	mux.HandleFunc("POST /login/oauth/access_token", s.exchangeCode)
	return mux
}

// authorizePage asks who signs in. Who is signed in already, as the query's as says, and
// has agreed, is sent back at once; nobody is who refuses.
func (s *Server) authorizePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	app, wrong := s.asksToSignIn(q)
	if wrong != "" {
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	as := q.Get("as")
	if as == "" {
		var people []string
		for _, a := range s.signers() {
			people = append(people, a.Login)
		}
		s.pages.show(w, http.StatusOK, "authorize", view{Title: "Sign in", Data: obj{"App": app, "People": people, "At": r.URL.RequestURI()}})
		return
	}
	back, _ := url.Parse(q.Get("redirect_uri"))
	answer := back.Query()
	answer.Set("state", q.Get("state"))
	if as == "nobody" {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The user has denied your application access.")
	} else {
		user, err := s.who(as)
		if err != nil || user.Type != User {
			http.Error(w, "nobody can sign in as "+as, http.StatusBadRequest)
			return
		}
		answer.Set("code", s.newCode(oauthCode{
			app: app.ID, user: user.ID, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), expires: s.now().Add(codeLife),
		}))
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// asksToSignIn finds the App that sends a person, or says what is wrong about how it does.
func (s *Server) asksToSignIn(q url.Values) (app App, wrong string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.appOf(q.Get("client_id"))
	switch {
	case found == nil:
		return app, "there is no App with this client_id"
	case !slices.Contains(found.CallbackURLs, q.Get("redirect_uri")):
		return app, "the redirect_uri is not associated with this application"
	case q.Get("code_challenge") != "" && (q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43):
		return app, "the code_challenge must be 43 characters of the method S256"
	}
	return *found, ""
}

// appOf finds an App by its client id. The caller holds mu.
func (s *Server) appOf(clientID string) *App {
	for _, a := range s.apps {
		if clientID != "" && a.ClientID == clientID {
			return a
		}
	}
	return nil
}

// signers are the people who can sign in.
func (s *Server) signers() (all []Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if a.Type == User {
			all = append(all, *a)
		}
	}
	slices.SortFunc(all, func(a, b Account) int { return int(a.ID - b.ID) })
	return all
}

func (s *Server) newCode(c oauthCode) string {
	var random [10]byte
	_, _ = rand.Read(random[:])
	shown := hex.EncodeToString(random[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[shown] = c
	return shown
}

// exchangeCode gives a token for a code, once. As on GitHub a refusal is a 200 with an
// error in it, and the answer is a form unless JSON is asked for.
func (s *Server) exchangeCode(w http.ResponseWriter, r *http.Request) {
	token, wrong := s.exchange(r)
	answer := url.Values{"access_token": {token}, "token_type": {"bearer"}, "scope": {""}, "expires_in": {"28800"}}
	if wrong != "" {
		answer = url.Values{"error": {wrong}, "error_description": {strings.ReplaceAll(wrong, "_", " ")}, "error_uri": {"https://docs.github.com/apps"}}
	}
	if !strings.Contains(r.Header.Get("Accept"), "json") {
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		_, _ = w.Write([]byte(answer.Encode()))
		return
	}
	fields := obj{}
	for name := range answer {
		fields[name] = answer.Get(name)
	}
	if wrong == "" {
		fields["expires_in"] = int(userTokenLife.Seconds())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(fields)
}

func (s *Server) exchange(r *http.Request) (shown, wrong string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.appOf(r.PostFormValue("client_id"))
	if app == nil || subtle.ConstantTimeCompare([]byte(r.PostFormValue("client_secret")), []byte(app.ClientSecret)) == 0 {
		return "", "incorrect_client_credentials"
	}
	code := r.PostFormValue("code")
	c, known := s.codes[code]
	if !known || c.app != app.ID {
		return "", "bad_verification_code"
	}
	delete(s.codes, code) // whatever comes of it
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case !s.now().Before(c.expires), c.challenge != "" && base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge:
		return "", "bad_verification_code"
	case r.PostFormValue("redirect_uri") != "" && r.PostFormValue("redirect_uri") != c.redirect:
		return "", "redirect_uri_mismatch"
	}
	shown = "ghu_" + randomLetters()
	s.tokens[shown] = &token{user: c.user, app: app.ID, expires: s.now().Add(userTokenLife)}
	return shown, ""
}

// authenticateClient checks that an App itself asks, by its client id and secret.
func (s *Server) authenticateClient(c *call) *answer {
	id, secret, _ := c.r.BasicAuth()
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.appOf(id)
	if app == nil || subtle.ConstantTimeCompare([]byte(secret), []byte(app.ClientSecret)) == 0 || c.r.PathValue("client_id") != id {
		a := fail(http.StatusNotFound, "Not Found")
		return &a
	}
	c.actor = actor{app: app}
	s.note(c.r, func(e *Entry) { e.Actor = c.actor.name() })
	return nil
}

// revokeUserToken takes a token back that a person gave to the App.
func (s *Server) revokeUserToken(c *call) answer {
	var in struct {
		Token string `json:"access_token"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[in.Token]; t == nil || t.app != c.actor.app.ID {
		return fail(http.StatusNotFound, "Not Found")
	}
	delete(s.tokens, in.Token)
	return answer{status: http.StatusNoContent}
}

// getSelf says whose token it is.
func (s *Server) getSelf(c *call) answer {
	if c.actor.install != nil || c.actor.user == nil {
		return fail(http.StatusForbidden, "Resource not accessible by integration")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok(s.userJSON(c.actor.user))
}
