package githubtest

import (
	"bytes"
	"html/template"
	"regexp"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// markdown renders what people and agents write as GitHub would show it: GFM with
// line breaks as they are typed, and HTML as far as it is harmless.
type markdown struct {
	render   goldmark.Markdown
	sanitize *bluemonday.Policy
}

func newMarkdown() *markdown {
	p := bluemonday.UGCPolicy()
	p.AllowElements("details", "summary")
	p.AllowAttrs("open").Matching(regexp.MustCompile(`^(|open)$`)).OnElements("details")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^(|checked|disabled)$`)).OnElements("input")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9+-]+$`)).OnElements("code")
	p.AllowImages()
	return &markdown{
		render: goldmark.New(goldmark.WithExtensions(extension.GFM),
			goldmark.WithRendererOptions(html.WithHardWraps(), html.WithUnsafe())), // made safe just below
		sanitize: p,
	}
}

func (m *markdown) html(text string) template.HTML {
	var b bytes.Buffer
	if err := m.render.Convert([]byte(text), &b); err != nil {
		return template.HTML(template.HTMLEscapeString(text))
	}
	return template.HTML(m.sanitize.SanitizeBytes(b.Bytes()))
}
