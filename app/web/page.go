package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"line":     func(outside string) string { return sanitize.From(outside).Plain(60) },
	"sentence": func(s string) string { return strings.ToUpper(s[:min(len(s), 1)]) + s[min(len(s), 1):] + "." },
	"css":      func() template.CSS { return template.CSS(style) },
}).Parse(pageText))

// policy lets a page show its one style and send its form here, and nothing else; and no
// other page can frame it.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// question is what the pages about a link show.
type question struct {
	Offer        anvil.LinkOffer
	State, Token string
}

// bare keeps an answer out of caches, and its address from other sites: it may have a
// secret in it. Within this site the address is told, because without it browsers would
// not say where the form comes from either.
func bare(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "same-origin")
}

func (l *Links) show(w http.ResponseWriter, status int, name string, v any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		l.Log.Error("page", "page", name, "error", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	bare(w)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// refuse says on a page what keeps the person from being linked.
func (l *Links) refuse(w http.ResponseWriter, r *http.Request, status int, p *anvil.Problem) {
	if p.Cause != nil {
		l.Log.Error("a person could not be linked", "code", p.Code, "cause", p.Cause)
	} else {
		l.Log.Info("a person was not linked", "code", p.Code, "path", r.Pattern)
	}
	l.show(w, status, "problem", p)
}
