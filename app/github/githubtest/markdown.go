package githubtest

import (
	"bytes"
	"html/template"
	"regexp"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown renders what people and agents write as GitHub would show it: GFM with
// line breaks as they are typed, #12 as a link, and HTML as far as it is harmless.
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
	return &markdown{
		render: goldmark.New(goldmark.WithExtensions(extension.GFM),
			goldmark.WithParserOptions(parser.WithInlineParsers(util.Prioritized(issueRef{}, 500))),
			goldmark.WithRendererOptions(html.WithHardWraps(), html.WithUnsafe())), // made safe just below
		sanitize: p,
	}
}

// html renders a text that stands in a repository.
func (m *markdown) html(repo *Repository, source string) template.HTML {
	where := parser.NewContext()
	if repo != nil {
		where.Set(repoKey, repo.FullName())
	}
	var b bytes.Buffer
	if err := m.render.Convert([]byte(source), &b, parser.WithContext(where)); err != nil {
		return template.HTML(template.HTMLEscapeString(source))
	}
	return template.HTML(m.sanitize.SanitizeBytes(b.Bytes()))
}

var (
	repoKey     = parser.NewContextKey()
	issueNumber = regexp.MustCompile(`^#([1-9]\d{0,8})\b`)
)

// issueRef makes links of #12.
type issueRef struct{}

// Trigger is the character that issue references begin with.
func (issueRef) Trigger() []byte { return []byte{'#'} }

// Parse makes a link, if this is a number and stands by itself.
func (issueRef) Parse(_ ast.Node, block text.Reader, where parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	line, _ := block.PeekLine()
	m := issueNumber.FindSubmatch(line)
	repo, in := where.Get(repoKey).(string)
	if m == nil || !in || before != '\n' && before != ' ' && before != '(' {
		return nil
	}
	block.Advance(len(m[0]))
	link := ast.NewLink()
	link.Destination = []byte("/" + repo + "/issues/" + string(m[1]))
	link.AppendChild(link, ast.NewString(m[0]))
	return link
}
