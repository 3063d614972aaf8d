package web_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/app/web"
)

// idle takes no jobs.
type idle struct{}

func (idle) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

// town is a server's pages with a simulated GitHub, by a clock that tests move.
type town struct {
	*testing.T
	now    time.Time
	links  *web.Links
	store  *store.Store
	pages  *http.ServeMux
	cookie *http.Cookie
}

var lena = anvil.Person{Place: "slack", Team: "T1", ID: "U1"}

func newTown(t *testing.T) *town {
	w := &town{T: t, now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), pages: http.NewServeMux()}
	clock := func() time.Time { return w.now }
	const public = "https://anvil.example.com"
	hub, err := githubtest.Start(githubtest.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hub.Close() })
	hub.CreateUser("ada")
	app := hub.CreateApp(githubtest.App{Slug: "anvil", CallbackURLs: []string{public + web.PathCallback}})
	signIn, err := github.NewSignIn(github.SignInConfig{
		WebURL: hub.URL, APIURL: hub.URL + "/api/v3", ClientID: app.ClientID, ClientSecret: app.ClientSecret, RedirectURL: public + web.PathCallback,
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = store.Open(t.Context(), t.TempDir(), clock, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.store.Queue = idle{}
	w.links = &web.Links{Store: w.store, GitHub: signIn, Key: []byte("a key"), PublicURL: public, Now: clock, Log: slog.New(slog.DiscardHandler)}
	w.links.Register(w.pages)
	return w
}

// ask sends a request with the browser's cookie.
func (w *town) ask(r *http.Request) *httptest.ResponseRecorder {
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	answer := httptest.NewRecorder()
	w.pages.ServeHTTP(answer, r)
	for _, c := range answer.Result().Cookies() {
		w.cookie = c
	}
	return answer
}

func (w *town) get(address string) *httptest.ResponseRecorder {
	return w.ask(httptest.NewRequest("GET", address, nil))
}

// offer is the address of an offer to Lena.
func (w *town) offer() string {
	w.Helper()
	address, err := w.links.Offer(w.Context(), "d1", anvil.LinkOffer{Person: lena, Name: "lena"})
	if err != nil {
		w.Fatal(err)
	}
	return address
}

// begin opens a new offer, and signs in at GitHub; it returns where GitHub sends back to.
func (w *town) begin() (callback string) {
	w.Helper()
	address := w.offer()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(w.get(address).Header().Get("Location") + "&as=ada")
	if err != nil {
		w.Fatal(err)
	}
	res.Body.Close()
	return res.Header.Get("Location")
}

func (w *town) shows(answer *httptest.ResponseRecorder, status int, words string) {
	w.Helper()
	if answer.Code != status || !strings.Contains(answer.Body.String(), words) {
		w.Errorf("the answer is %d, not %d with %q: %s", answer.Code, status, words, answer.Body)
	}
}

// A link is good for ten minutes, whichever step is the late one.
func TestALinkExpires(t *testing.T) {
	t.Parallel()
	for _, late := range []string{"sign-in", "agreement"} {
		t.Run(late, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			callback := w.begin()
			w.now = w.now.Add(10*time.Minute - time.Second)
			if late == "sign-in" {
				w.now = w.now.Add(time.Second)
				w.shows(w.get(callback), http.StatusGone, "LINK_EXPIRED")
				return
			}
			page := w.get(callback).Header().Get("Location")
			w.shows(w.get(page), http.StatusOK, "@ada")
			w.now = w.now.Add(time.Second)
			w.shows(w.get(page), http.StatusGone, "LINK_EXPIRED")
			if _, err := w.store.PersonAt(t.Context(), lena); err == nil {
				t.Error("she is linked")
			}
		})
	}
}

// Somebody who has the address too can't sign in with it once it is used, neither anew nor
// by a sign-in that was begun before.
func TestALinkIsForOneSignIn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	early := w.begin()
	thief := w.cookie
	w.cookie = nil
	w.shows(w.get(w.begin()), http.StatusSeeOther, "")
	w.cookie = nil
	w.shows(w.get(w.offer()), http.StatusGone, "LINK_USED")
	w.cookie = thief
	w.shows(w.get(early), http.StatusGone, "LINK_USED")
}

// The button works on its own page alone, and the cookie is this host's alone.
func TestAnotherSiteCannotAgree(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	page, err := url.Parse(w.get(w.begin()).Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if c := w.cookie; c.Name != "__Host-anvil-link" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("the cookie is %+v", c)
	}
	answer := w.get(page.String())
	_, after, _ := strings.Cut(answer.Body.String(), `name="token" value="`)
	token, _, _ := strings.Cut(after, `"`)
	send := func(site string) *httptest.ResponseRecorder {
		form := url.Values{"state": {page.Query().Get("state")}, "token": {token}}
		r := httptest.NewRequest("POST", "https://anvil.example.com/link/confirm", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		return w.ask(r)
	}
	w.shows(send("cross-site"), http.StatusForbidden, "")
	if _, err := w.store.PersonAt(t.Context(), lena); err == nil {
		t.Fatal("another site linked her")
	}
	w.shows(send("same-origin"), http.StatusOK, "lena is @ada")
	if who, err := w.store.PersonAt(t.Context(), lena); err != nil || who.Login != "ada" {
		t.Errorf("she is %+v, %v", who, err)
	}
}
