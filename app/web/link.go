package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// PathCallback is where GitHub sends people back to, below the server's public address.
const PathCallback = "/link/callback"

const pathConfirm = "/link/confirm"

// offerFor is how long an address is good.
const offerFor = 10 * time.Minute

// Codes of what a person is told on a page.
const (
	CodeLinkExpired anvil.Code = "LINK_EXPIRED"
	CodeLinkBrowser anvil.Code = "LINK_BROWSER"
	CodeLinkUsed    anvil.Code = "LINK_USED"
	CodeLinkRefused anvil.Code = "LINK_REFUSED"
	CodeLinkForm    anvil.Code = "LINK_FORM"
	CodeLinkGitHub  anvil.Code = "LINK_GITHUB"
	CodeLinkStore   anvil.Code = "LINK_STORE"
)

// Store is what linking reads and records.
type Store interface {
	OfferLink(ctx context.Context, o anvil.LinkOffer) error
	LinkOffer(ctx context.Context, id string) (anvil.LinkOffer, error)
	SignedIn(ctx context.Context, id string, who anvil.Actor) error
	Link(ctx context.Context, id string, who anvil.Actor) error
}

// SignIn is GitHub's.
type SignIn interface {
	URL(state, verifier string) string
	Who(ctx context.Context, code, verifier string) (anvil.Actor, error)
}

// Links lets people of other places say who they are at GitHub.
type Links struct {
	Store     Store
	GitHub    SignIn
	Key       []byte // of this server alone
	PublicURL string
	Now       func() time.Time
	Log       *slog.Logger
}

// Register adds the pages.
func (l *Links) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /link/{secret}", l.begin)
	mux.HandleFunc("GET "+PathCallback, l.back)
	mux.HandleFunc("GET "+pathConfirm, l.ask)
	mux.Handle("POST "+pathConfirm, http.NewCrossOriginProtection().Handler(http.HandlerFunc(l.confirm)))
}

// Offer makes an offer to a person, and returns the address that is to be told to them and
// nobody else. Asked again for the same delivery, it is the same offer.
func (l *Links) Offer(ctx context.Context, about anvil.DeliveryID, o anvil.LinkOffer) (address string, err error) {
	secret := l.mac("offer", string(about))
	o.ID, o.ExpiresAt = idOf(secret), l.Now().Add(offerFor)
	return l.PublicURL + "/link/" + secret, l.Store.OfferLink(ctx, o)
}

// begin sends a browser on to GitHub.
func (l *Links) begin(w http.ResponseWriter, r *http.Request) {
	id := idOf(r.PathValue("secret"))
	if problem, status := l.unused(r.Context(), id); problem != nil {
		l.refuse(w, r, status, problem)
		return
	}
	cookie := rand.Text()
	http.SetCookie(w, l.cookie(cookie, int(offerFor.Seconds())))
	bare(w)
	http.Redirect(w, r, l.GitHub.URL(l.state(id, cookie), l.verifier(id, cookie)), http.StatusSeeOther)
}

// back takes the browser that GitHub sends back.
func (l *Links) back(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id, cookie, problem := l.browser(r, q.Get("state"))
	if problem != nil {
		l.refuse(w, r, http.StatusForbidden, problem)
		return
	}
	if problem, status := l.unused(r.Context(), id); problem != nil {
		l.refuse(w, r, status, problem)
		return
	}
	if q.Get("code") == "" {
		l.refuse(w, r, http.StatusOK, anvil.Problemf(CodeLinkRefused, "Open the link in Slack once more to try again", "GitHub was not allowed to say who you are, so nothing was linked"))
		return
	}
	who, err := l.GitHub.Who(r.Context(), q.Get("code"), l.verifier(id, cookie))
	if err != nil {
		l.refuse(w, r, http.StatusBadGateway, anvil.Problemf(CodeLinkGitHub, "Open the link in Slack once more; if it fails again, tell the operator to look for the code in the server's log",
			"GitHub did not say who signed in").Because(err))
		return
	}
	switch err := l.Store.SignedIn(r.Context(), id, who); {
	case errors.Is(err, anvil.ErrNotFound):
		l.refuse(w, r, http.StatusGone, used)
		return
	case err != nil:
		l.refuse(w, r, http.StatusServiceUnavailable, unstored(err))
		return
	}
	bare(w)
	http.Redirect(w, r, l.PublicURL+pathConfirm+"?state="+q.Get("state"), http.StatusSeeOther) // and the code is in no history
}

// ask names both, and asks whether they are one.
func (l *Links) ask(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("state")
	id, cookie, problem := l.browser(r, state)
	if problem != nil {
		l.refuse(w, r, http.StatusForbidden, problem)
		return
	}
	o, problem, status := l.signedIn(r.Context(), id)
	if problem != nil {
		l.refuse(w, r, status, problem)
		return
	}
	l.show(w, http.StatusOK, "ask", question{Offer: o, State: state, Token: l.token(id, cookie, o.SignedIn)})
}

// confirm links them.
func (l *Links) confirm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	id, cookie, problem := l.browser(r, r.PostFormValue("state"))
	if problem != nil {
		l.refuse(w, r, http.StatusForbidden, problem)
		return
	}
	o, problem, status := l.signedIn(r.Context(), id)
	if problem != nil {
		l.refuse(w, r, status, problem)
		return
	}
	if !hmac.Equal([]byte(r.PostFormValue("token")), []byte(l.token(id, cookie, o.SignedIn))) {
		l.refuse(w, r, http.StatusForbidden, anvil.Problemf(CodeLinkForm, "Ask for another link in Slack: /anvil link", "the form is not the one of the page, so nothing was linked"))
		return
	}
	switch err := l.Store.Link(r.Context(), id, o.SignedIn); {
	case errors.Is(err, anvil.ErrNotFound):
		l.refuse(w, r, http.StatusGone, expired)
		return
	case err != nil:
		l.refuse(w, r, http.StatusServiceUnavailable, unstored(err))
		return
	}
	http.SetCookie(w, l.cookie("", -1))
	l.show(w, http.StatusOK, "done", question{Offer: o})
}

var (
	expired = anvil.Problemf(CodeLinkExpired, "Ask for another link in Slack: /anvil link", "the link is good for ten minutes and for one time, and is so no longer")
	used    = anvil.Problemf(CodeLinkUsed, "Ask for another link in Slack: /anvil link", "somebody signed in with this link already")
)

func unstored(err error) *anvil.Problem {
	return anvil.Problemf(CodeLinkStore, "Try again in a moment", "the server could not write it down").Because(err)
}

// offer finds an offer that is good, or says why there is none.
func (l *Links) offer(ctx context.Context, id string) (anvil.LinkOffer, *anvil.Problem, int) {
	o, err := l.Store.LinkOffer(ctx, id)
	switch {
	case errors.Is(err, anvil.ErrNotFound):
		return o, expired, http.StatusGone
	case err != nil:
		return o, unstored(err), http.StatusServiceUnavailable
	}
	return o, nil, 0
}

// unused says why nobody can sign in for an offer, if so.
func (l *Links) unused(ctx context.Context, id string) (*anvil.Problem, int) {
	o, problem, status := l.offer(ctx, id)
	if problem == nil && o.SignedIn.ID != 0 {
		return used, http.StatusGone
	}
	return problem, status
}

// signedIn is offer for one that somebody signed in for.
func (l *Links) signedIn(ctx context.Context, id string) (anvil.LinkOffer, *anvil.Problem, int) {
	o, problem, status := l.offer(ctx, id)
	if problem == nil && o.SignedIn.ID == 0 {
		return o, expired, http.StatusGone
	}
	return o, problem, status
}

// browser finds out which offer a state is of, and that this browser began with it.
func (l *Links) browser(r *http.Request, state string) (id, cookie string, problem *anvil.Problem) {
	id, _, _ = strings.Cut(state, ".")
	all := r.CookiesNamed(l.cookie("", 0).Name)
	if len(all) == 1 && hmac.Equal([]byte(state), []byte(l.state(id, all[0].Value))) {
		return id, all[0].Value, nil
	}
	return "", "", anvil.Problemf(CodeLinkBrowser, "Open the link that Slack shows to you yourself, and go through with it in one browser", "this sign-in was not begun in this browser, or it was changed on its way")
}

// state is what goes to GitHub and comes back: which offer, and the browser's seal.
func (l *Links) state(id, cookie string) string { return id + "." + l.mac("state", id, cookie) }

// verifier is the proof key of a browser for an offer.
func (l *Links) verifier(id, cookie string) string { return l.mac("verifier", id, cookie) }

// token keeps other pages from sending the form.
func (l *Links) token(id, cookie string, who anvil.Actor) string {
	return l.mac("confirm", id, cookie, strconv.FormatInt(who.ID, 10))
}

// mac is 43 characters that only this server can make of some words, none of which has a
// line's end in it.
func (l *Links) mac(words ...string) string {
	m := hmac.New(sha256.New, l.Key)
	m.Write([]byte(strings.Join(words, "\n")))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// idOf is what an address's secret is known by, so that an offer does not give it away. (The
// reply that told the address is kept with its delivery; ten minutes later it is worth nothing.)
func idOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// cookie is the browser's own. Where the server is reached by https, no other host and no
// other page can set it.
func (l *Links) cookie(value string, age int) *http.Cookie {
	c := &http.Cookie{Name: "anvil-link", Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if strings.HasPrefix(l.PublicURL, "https://") {
		c.Name, c.Secure = "__Host-anvil-link", true
	}
	return c
}
