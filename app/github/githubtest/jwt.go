package githubtest

import (
	"encoding/json"
	"strconv"

	"github.com/go-jose/go-jose/v4"
)

// authenticateApp checks an App's JWT as GitHub does.
func (s *Server) authenticateApp(c *call, shown string) *answer {
	app, refused := s.checkJWT(shown)
	if refused != nil {
		return refused
	}
	c.actor = actor{app: app}
	s.note(c.r, func(e *Entry) { e.Actor = "app:" + app.Slug })
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := c.r.PathValue("repo"); name != "" {
		repo, err := s.repository(c.r.PathValue("owner") + "/" + name)
		if err != nil {
			a := fail(404, "Not Found")
			return &a
		}
		c.repo = repo
	}
	return nil
}

func (s *Server) checkJWT(shown string) (*App, *answer) {
	refuse := func(status int, message string) (*App, *answer) {
		a := fail(status, message)
		return nil, &a
	}
	const undecodable = "A JSON web token could not be decoded"
	sig, err := jose.ParseSignedCompact(shown, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return refuse(401, undecodable)
	}
	var claims struct {
		Issuer  any `json:"iss"`
		Issued  any `json:"iat"`
		Expires any `json:"exp"`
	}
	if json.Unmarshal(sig.UnsafePayloadWithoutVerification(), &claims) != nil {
		return refuse(401, undecodable)
	}
	s.mu.Lock()
	app := s.appByIssuer(claims.Issuer)
	s.mu.Unlock()
	if app == nil {
		return refuse(404, "Integration not found")
	}
	if _, err := sig.Verify(&app.key.PublicKey); err != nil {
		return refuse(401, undecodable)
	}
	exp, isNumber := claims.Expires.(float64)
	now := s.now().Unix()
	if !isNumber || int64(exp) <= now {
		return refuse(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	}
	iat, isNumber := claims.Issued.(float64)
	if !isNumber || int64(iat) > now {
		return refuse(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	if int64(exp) > now+600 {
		return refuse(401, "'Expiration time' claim ('exp') is too far in the future")
	}
	return app, nil
}

// appByIssuer finds an App by a JWT's iss: its id or its client id.
func (s *Server) appByIssuer(iss any) *App {
	var text string
	switch v := iss.(type) {
	case string:
		text = v
	case float64:
		text = strconv.FormatInt(int64(v), 10)
	}
	for _, app := range s.apps {
		if text == strconv.FormatInt(app.ID, 10) || text == app.ClientID {
			return app
		}
	}
	return nil
}
