package github

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// hub is a GitHub that gives tokens to everybody and answers the rest as a test
// says. The well-behaved GitHub is githubtest; this one is for bad answers.
type hub struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []request
	mint   http.HandlerFunc // instead of giving a token
	minted int
	life   time.Duration
}

type request struct {
	method, path, query, auth string
	body                      string
}

func (r request) String() string { return r.method + " " + r.path }

const sha1 = "0123456789abcdef0123456789abcdef01234567"

var hello = anvil.Repository{ID: 42, Installation: 9, Owner: "octo", Name: "hello", DefaultBranch: "main"}

func newHub(t *testing.T, answer http.HandlerFunc) *hub {
	t.Helper()
	h := &hub{life: time.Hour}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.asked = append(h.asked, request{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"), string(b)})
		mint := h.mint
		if strings.HasSuffix(r.URL.Path, "/access_tokens") && mint == nil {
			h.minted++
			n := h.minted
			life := h.life
			h.mu.Unlock()
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token":"ghs_%d","expires_at":%q}`, n, time.Now().Add(life).UTC().Format(time.RFC3339))
			return
		}
		h.mu.Unlock()
		if mint != nil && strings.HasSuffix(r.URL.Path, "/access_tokens") {
			mint(w, r)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// calls returns the requests other than those for tokens.
func (h *hub) calls() []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.asked), func(r request) bool { return strings.HasSuffix(r.path, "/access_tokens") })
}

// mints returns the bodies of the requests for tokens.
func (h *hub) mints() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var bodies []string
	for _, r := range h.asked {
		if strings.HasSuffix(r.path, "/access_tokens") {
			bodies = append(bodies, strings.TrimSpace(r.body))
		}
	}
	return bodies
}

func (h *hub) app(t *testing.T, change ...func(*Config)) *App {
	t.Helper()
	c := Config{
		WebURL: h.URL, APIURL: h.URL + "/api/v3", AppID: 7, PrivateKey: testKeys()[2],
		Log: slog.New(slog.DiscardHandler), Timeout: 10 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// says answers with a status, headers ("Name: value") and a body.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func message(s string) string { return string(asJSON(map[string]any{"message": s})) }

func decode(t *testing.T, s string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return m
}

func jsonPart(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

func pkcs1() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(testKeys()[0])}))
}

func pkcs8(key any) string {
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

func ellipticKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return pkcs8(key)
}
