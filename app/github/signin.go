package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	gh "github.com/google/go-github/v62/github"
	"golang.org/x/oauth2"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// SignInConfig says at which GitHub people sign in, and as whose users.
type SignInConfig struct {
	WebURL, APIURL         string // as in [Config]
	ClientID, ClientSecret string // the App's
	// RedirectURL is where GitHub sends people back to. It must be among the App's
	// callback URLs, exactly.
	RedirectURL string
	Transport   http.RoundTripper // default [http.DefaultTransport]
}

// SignIn lets people prove who they are at GitHub, by the App's web application flow with
// a proof key (RFC 7636).
type SignIn struct {
	oauth oauth2.Config
	api   *url.URL
	http  *http.Client
}

// NewSignIn makes no request.
func NewSignIn(c SignInConfig) (*SignIn, error) {
	web, err := baseURL("web", c.WebURL)
	if err != nil {
		return nil, err
	}
	api, err := baseURL("API", c.APIURL)
	if err != nil {
		return nil, err
	}
	at := func(name string) string { return web.JoinPath("login", "oauth", name).String() }
	return &SignIn{
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.RedirectURL,
			Endpoint: oauth2.Endpoint{AuthURL: at("authorize"), TokenURL: at("access_token"), AuthStyle: oauth2.AuthStyleInParams},
		},
		api: api,
		http: &http.Client{
			Transport: c.Transport, Timeout: 20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // secrets go nowhere else
		},
	}, nil
}

// URL is the page at GitHub on which people sign in. They choose the account, because the
// one that a browser is signed in with may be another than they mean.
func (s *SignIn) URL(state, verifier string) string {
	return s.oauth.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "select_account"))
}

// Who says who signed in, for the code that GitHub sent them back with. The token that
// the code is good for serves this one question, and is then revoked: it is kept nowhere,
// and no error has it.
func (s *SignIn) Who(ctx context.Context, code, verifier string) (anvil.Actor, error) {
	token, err := s.oauth.Exchange(context.WithValue(ctx, oauth2.HTTPClient, s.http), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return anvil.Actor{}, fmt.Errorf("sign in at GitHub: %w", withoutBody(err))
	}
	asking := s.client(s.http).WithAuthToken(token.AccessToken)
	asking.BaseURL = s.api
	user, _, err := asking.Users.Get(ctx, "")
	if revokeErr := s.revoke(ctx, token.AccessToken); err == nil && revokeErr != nil {
		err = fmt.Errorf("take back the token: %w", revokeErr)
	}
	switch {
	case err != nil:
		return anvil.Actor{}, fmt.Errorf("sign in at GitHub: %w", err)
	case user.GetID() <= 0 || user.GetLogin() == "" || user.GetType() != "User":
		return anvil.Actor{}, errors.New("sign in at GitHub: it was not a person who signed in")
	}
	return actor(user), nil
}

func (s *SignIn) revoke(ctx context.Context, token string) error {
	basic := &gh.BasicAuthTransport{Username: s.oauth.ClientID, Password: s.oauth.ClientSecret, Transport: s.http.Transport}
	_, err := s.client(&http.Client{Transport: basic, Timeout: s.http.Timeout, CheckRedirect: s.http.CheckRedirect}).Authorizations.Revoke(ctx, s.oauth.ClientID, token)
	return err
}

func (s *SignIn) client(c *http.Client) *gh.Client {
	client := gh.NewClient(c)
	client.BaseURL, client.UserAgent = s.api, "anvil"
	return client
}

// withoutBody leaves out of an error what GitHub's answer said besides the code of what
// was wrong: it may be a token.
func withoutBody(err error) error {
	if e, is := errors.AsType[*oauth2.RetrieveError](err); is {
		status := 0
		if e.Response != nil {
			status = e.Response.StatusCode
		}
		return fmt.Errorf("answered %d %s", status, clean(e.ErrorCode, 60))
	}
	return err
}
