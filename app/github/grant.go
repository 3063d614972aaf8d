package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// rights are what a token may do; each field is "", "read" or "write". Metadata
// may always be read.
type rights struct {
	actions, checks, contents, issues, pulls string
}

// The rights that calls ask for. Each is the least with which GitHub documents
// the call to work; creating a pull request also reads the branches it is about.
var (
	mayReadMetadata = rights{}
	mayReadContents = rights{contents: "read"}
	mayReadActions  = rights{actions: "read"}
	mayRunActions   = rights{actions: "write"}
	mayReadIssues   = rights{issues: "read"}
	mayWriteIssues  = rights{issues: "write"}
	mayReadChecks   = rights{checks: "read"}
	mayWriteChecks  = rights{checks: "write"}
	mayReadPulls    = rights{pulls: "read"}
	mayWritePulls   = rights{pulls: "write", contents: "read"}
	mayPublish      = rights{contents: "write", pulls: "write"}
)

func (r rights) permissions() *gh.InstallationPermissions {
	set := func(level string) *string {
		if level == "" {
			return nil
		}
		return &level
	}
	return &gh.InstallationPermissions{
		Metadata:     set("read"),
		Actions:      set(r.actions),
		Checks:       set(r.checks),
		Contents:     set(r.contents),
		Issues:       set(r.issues),
		PullRequests: set(r.pulls),
	}
}

// String names the rights as the App's settings page does.
func (r rights) String() string {
	var s []string
	for _, p := range []struct{ name, level string }{
		{"actions", r.actions}, {"checks", r.checks}, {"contents", r.contents}, {"issues", r.issues}, {"pull_requests", r.pulls},
	} {
		if p.level != "" {
			s = append(s, p.name+": "+p.level)
		}
	}
	if len(s) == 0 {
		return "metadata: read"
	}
	return strings.Join(s, ", ")
}

// grant is what a token is for. Repository 0 means every repository of the
// installation, and is used to read metadata only. The zero grant is the App
// itself; [anonymous] is nobody.
type grant struct {
	installation, repository int64
	rights                   rights
	handed                   bool // for a token that leaves this package
}

func grantOn(repo anvil.Repository, r rights) grant {
	return grant{installation: repo.Installation, repository: repo.ID, rights: r}
}

// anonymous stands in a grant's installation for calls without credentials. They
// have a rate limit of their own.
const anonymous = -1

// granted keeps the token of one grant. ghinstallation's Transport holds the
// token and renews it a minute before it expires.
type granted struct {
	transport *ghinstallation.Transport
	used      time.Time // guarded by App.mu
}

// issued is a token with, for a handed grant, the time it expires.
type issued struct {
	token   string
	expires time.Time
}

// maxGrants bounds the tokens kept; those used longest ago go first.
const maxGrants = 4096

func (a *App) granted(g grant) *granted {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.grants[g]
	if e == nil {
		if len(a.grants) >= maxGrants {
			a.forgetOldest()
		}
		e = &granted{transport: a.transportFor(g)}
		a.grants[g] = e
	}
	e.used = a.now()
	return e
}

// forgetOldest drops one grant. App.mu is held.
func (a *App) forgetOldest() {
	var oldest grant
	var at time.Time
	for g, e := range a.grants {
		if at.IsZero() || e.used.Before(at) {
			oldest, at = g, e.used
		}
	}
	delete(a.grants, oldest)
}

// transportFor gives every grant an AppsTransport of its own, because a
// Transport writes to the one it was made from.
func (a *App) transportFor(g grant) *ghinstallation.Transport {
	t := ghinstallation.NewFromAppsTransport(a.appTransport(), g.installation)
	t.BaseURL = strings.TrimRight(a.api.String(), "/")
	t.InstallationTokenOptions = &gh.InstallationTokenOptions{Permissions: g.rights.permissions()}
	if g.repository != 0 {
		t.InstallationTokenOptions.RepositoryIDs = []int64{g.repository}
	}
	return t
}

func (a *App) appTransport() *ghinstallation.AppsTransport {
	return ghinstallation.NewAppsTransportFromPrivateKey(named{a.wire, a.agent}, a.id, a.key)
}

const opToken = "get an installation token"

// token makes sure that e has a token, and returns it. Callers that want the same
// grant wait for one request; a caller that gives up does not end it for the others.
func (a *App) token(ctx context.Context, g grant, e *granted) (issued, error) {
	done := a.fetches.DoChan(fmt.Sprintf("%p", e), func() (any, error) {
		ctx, cancel := context.WithTimeout(withTrip(context.WithoutCancel(ctx), nil), a.timeout)
		defer cancel()
		var i issued
		var err error
		if i.token, err = e.transport.Token(ctx); err == nil && g.handed {
			// Expiry takes no lock. Only this function, one at a time, touches the
			// transport of a handed grant.
			i.expires, _, err = e.transport.Expiry()
		}
		if err != nil {
			return nil, a.tokenError(g, err)
		}
		return i, nil
	})
	select {
	case <-ctx.Done():
		return issued{}, &Error{Op: opToken, Kind: Unreachable, cause: ctx.Err()}
	case r := <-done:
		if r.Err != nil {
			return issued{}, r.Err
		}
		if i := r.Val.(issued); i.token != "" {
			return i, nil
		}
		return issued{}, &Error{Op: opToken, Kind: BadResponse, Message: "the answer has no token"}
	}
}

// client returns a go-github client that speaks with g's token, or as the App.
// It is made anew for each call: a client remembers rate limits by the machine's
// clock and for itself, while ours are kept for the installation.
func (a *App) client(g grant) *gh.Client {
	h := &http.Client{CheckRedirect: sameHostReads}
	switch {
	case a.given != "":
		h.Transport = holder{a.wire, a.given}
	case g.installation == anonymous:
		h.Transport = a.wire
	case g.installation == 0:
		h.Transport = a.appTransport()
	default:
		h.Transport = &bearer{app: a, grant: g}
	}
	c := gh.NewClient(h)
	c.BaseURL = a.api
	c.UserAgent = a.agent
	return c
}

// bearer adds the token of a grant, which it gets first if there is none.
type bearer struct {
	app   *App
	grant grant
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	e := b.app.granted(b.grant)
	if _, err := b.app.token(req.Context(), b.grant, e); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	return e.transport.RoundTrip(req)
}

// named gives token requests, which ghinstallation makes itself, our name.
type named struct {
	next  http.RoundTripper
	agent string
}

func (n named) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", n.agent)
	}
	return n.next.RoundTrip(req)
}
