package slacktest

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// shown is a message as the page shows it.
type shown struct {
	TS, Who, Only string
	App, Reply    bool
	Parts         []part
	Actions       []pressable
	Pictures      []pictured
}

type pictured struct {
	Title string
	URL   template.URL
}

type part struct {
	HTML    template.HTML
	Context bool
}

type pressable struct {
	ID, Label string
	Options   []string
}

// channelPage shows the first channel, with a line to type in. Who types is the first
// person, or who the query names.
func (s *Server) channelPage(w http.ResponseWriter, r *http.Request) {
	channels := s.Channels()
	if len(channels) == 0 {
		http.NotFound(w, r)
		return
	}
	view := struct {
		Channel              Channel
		Messages             []shown
		Thread, Speaker, Bot string
		People               []string
	}{Channel: channels[0]}
	names := map[string]string{}
	for _, u := range s.Users() {
		names[u.ID] = u.Name
		if u.Bot {
			view.Bot = u.Name
		} else if view.Channel.Members[u.ID] {
			view.People = append(view.People, u.Name)
		}
	}
	if view.Speaker = r.URL.Query().Get("as"); !slices.Contains(view.People, view.Speaker) && len(view.People) > 0 {
		view.Speaker = view.People[0]
	}
	for _, root := range s.Messages(view.Channel.ID, "") {
		if root.Thread != "" && root.Thread != root.TS {
			continue
		}
		view.Thread = root.TS
		for _, m := range s.Messages(view.Channel.ID, root.TS) {
			view.Messages = append(view.Messages, m.shown(names))
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, view); err != nil {
		s.log.Error("page", "error", err)
	}
}

// sayForm takes what is typed or pressed on the page.
func (s *Server) sayForm(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		http.Error(w, "another page may not speak here", http.StatusForbidden)
		return
	}
	channels := s.Channels()
	if len(channels) == 0 {
		http.NotFound(w, r)
		return
	}
	var err error
	user, channel := r.FormValue("user"), channels[0].ID
	if action := r.FormValue("action"); action != "" {
		err = s.Press(user, channel, r.FormValue("ts"), action, r.FormValue("value"))
	} else if text := strings.TrimSpace(r.FormValue("text")); text != "" {
		_, err = s.Say(Said{User: user, Channel: channel, Thread: r.FormValue("thread"), Text: text})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/?as="+url.QueryEscape(user), http.StatusSeeOther)
}

func (m Message) shown(names map[string]string) shown {
	out := shown{TS: m.TS, Who: names[m.User], Only: names[m.EphemeralTo], App: m.BotID != "", Reply: m.Thread != "" && m.Thread != m.TS}
	for _, f := range m.Files {
		if f.Type == "image/png" {
			out.Pictures = append(out.Pictures, pictured{f.Title, template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(f.Bytes))})
		}
	}
	var all []block
	_ = json.Unmarshal(m.Blocks, &all) // they were checked when they came
	if len(all) == 0 {
		out.Parts = []part{{HTML: toHTML(m.Text, names)}}
	}
	for _, b := range all {
		var text textObject
		var plain string
		switch {
		case json.Unmarshal(b.Text, &text) == nil && text.Text != "":
			out.Parts = append(out.Parts, part{HTML: toHTML(text.Text, names)})
		case json.Unmarshal(b.Text, &plain) == nil && plain != "":
			out.Parts = append(out.Parts, part{HTML: toHTML(markdownLink.ReplaceAllString(html.EscapeString(strings.ReplaceAll(plain, "**", "*")), "<$2|$1>"), names)})
		}
		for _, e := range b.Elements {
			switch words, isText := e.Text.(string); {
			case isText:
				out.Parts = append(out.Parts, part{HTML: toHTML(words, names), Context: true})
			case e.Type == "static_select":
				p := pressable{ID: e.ActionID, Label: "Choose"}
				for _, o := range e.Options {
					p.Options = append(p.Options, o.Value)
				}
				out.Actions = append(out.Actions, p)
			case e.Type == "button":
				label, _ := e.Text.(map[string]any)
				words, _ := label["text"].(string)
				out.Actions = append(out.Actions, pressable{ID: e.ActionID, Label: words})
			}
		}
	}
	return out
}

var (
	angled = regexp.MustCompile(`<([^<>|]+)(?:\|([^<>]*))?>`)
	strong = regexp.MustCompile(`(^|[\s>])\*([^*\n]+)\*`)
	// of a block of Markdown
	markdownLink = regexp.MustCompile(`\[([^\[\]\n]+)\]\((https?://[^\s()<>]+)\)`)
	coded        = regexp.MustCompile("`([^`\n]+)`")
)

// toHTML is a text of Slack's for a browser: links, people, bold and code, and nothing else.
func toHTML(text string, names map[string]string) template.HTML {
	var b strings.Builder
	plain := func(s string) {
		s = html.EscapeString(html.UnescapeString(s))
		s = strong.ReplaceAllString(s, "$1<b>$2</b>")
		b.WriteString(coded.ReplaceAllString(s, "<code>$1</code>"))
	}
	at := 0
	for _, m := range angled.FindAllStringSubmatchIndex(text, -1) {
		plain(text[at:m[0]])
		at = m[1]
		target, label := text[m[2]:m[3]], ""
		if m[4] >= 0 {
			label = text[m[4]:m[5]]
		}
		switch {
		case strings.HasPrefix(target, "@"):
			plain("@" + names[target[1:]])
		case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
			if label == "" {
				label = target
			}
			b.WriteString(`<a href="` + html.EscapeString(html.UnescapeString(target)) + `">` + html.EscapeString(html.UnescapeString(label)) + `</a>`)
		default:
			plain(target)
		}
	}
	plain(text[at:])
	return template.HTML(b.String()) // every text in it was escaped
}
