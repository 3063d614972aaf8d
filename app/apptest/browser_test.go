package apptest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// browser is somebody's browser: it has cookies, a page, and a history.
type browser struct {
	http    *http.Client
	address *url.URL   // of the page
	page    *html.Node // nil until one was opened
	status  int
	history []string // every address that was asked for, redirects included
	holds   bool     // the next redirect to the server is noted and not followed
}

func newBrowser(server string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	b := &browser{}
	b.http = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		b.history = append(b.history, r.URL.String())
		if b.holds && strings.HasPrefix(r.URL.String(), server) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b, err
}

// browser NAME ACT …: what somebody does in a browser of theirs; see the README.
func commandBrowser(s *stage, args []string) error {
	if err := words(args, 2, 5, "browser NAME ACT …; see the README"); err != nil {
		return err
	}
	if s.browsers == nil {
		s.browsers = map[string]*browser{}
	}
	b := s.browsers[args[0]]
	if b == nil {
		var err error
		if b, err = newBrowser(s.Server.URL); err != nil {
			return err
		}
		s.browsers[args[0]] = b
	}
	act, rest := args[1], args[2:]
	switch {
	case act == "link" && len(rest) == 1: // that Slack showed to somebody
		address, err := s.linkOf(rest[0])
		if err != nil {
			return err
		}
		return b.get(address)
	case act == "click" && len(rest) >= 1:
		b.holds = len(rest) == 2 && rest[1] == "hold"
		defer func() { b.holds = false }()
		return b.click(rest[0])
	case act == "revisit" && len(rest) >= 1: // an address of one's own history, or of another's
		from := b
		if len(rest) > 1 {
			from = s.browsers[rest[1]]
		}
		if from != b || len(rest) == 3 { // it is no part of one's own
			defer func(before []string) { b.history = before }(b.history)
		}
		for _, address := range slices.Backward(from.history) {
			if strings.Contains(address, rest[0]) {
				if len(rest) == 3 { // with a value of somebody else's
					var err error
					if address, err = s.mixed(address, rest[0], rest[2]); err != nil {
						return err
					}
				}
				return b.get(address)
			}
		}
		return fmt.Errorf("no address with %q was visited", rest[0])
	case act == "press":
		return b.press(rest)
	case act == "sees" && len(rest) == 1:
		if text := b.text(); !strings.Contains(text, rest[0]) {
			return fmt.Errorf("%s shows (%d): %s", b.address, b.status, text)
		}
		return nil
	case act == "forget" && len(rest) == 0: // the cookies
		var err error
		b.http.Jar, err = cookiejar.New(nil)
		return err
	case act == "page" && len(rest) == 0:
		fmt.Fprintf(s.ts.Stdout(), "%s (%d)\n%s\n", b.address, b.status, b.text())
		return nil
	}
	return fmt.Errorf("nobody does that in a browser: %s", act)
}

// mixed is an address with one value, named as FIELD@NAME, of the newest address of the
// same kind in somebody else's history.
func (s *stage) mixed(address, kind, from string) (string, error) {
	field, name, _ := strings.Cut(from, "@")
	to, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	for _, theirs := range slices.Backward(s.browsers[name].history) {
		if there, err := url.Parse(theirs); err == nil && strings.Contains(theirs, kind) {
			q := to.Query()
			q.Set(field, there.Query().Get(field))
			to.RawQuery = q.Encode()
			return to.String(), nil
		}
	}
	return "", fmt.Errorf("%s visited no address with %q", name, kind)
}

var linkAddress = regexp.MustCompile(`https?://[^\s()|>]+/link/[A-Za-z0-9_-]+`)

// linkOf waits for a link that one person only sees in Slack, and returns the newest.
func (s *stage) linkOf(name string) (address string, err error) {
	err = Await(s.ctx, func() error {
		for _, m := range slices.Backward(s.slack.Messages(s.slack.id, "")) {
			if m.EphemeralTo == s.slack.people[name] && m.EphemeralTo != "" {
				if address = linkAddress.FindString(m.Text); address != "" {
					return nil
				}
			}
		}
		return fmt.Errorf("%s was shown no link", name)
	})
	return address, err
}

func (b *browser) get(address string) error {
	b.history = append(b.history, address)
	res, err := b.http.Get(address)
	return b.open(res, err)
}

func (b *browser) open(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b.address, b.status = res.Request.URL, res.StatusCode
	b.page, err = html.Parse(io.LimitReader(res.Body, 1<<20))
	return err
}

// text is what a person reads on the page.
func (b *browser) text() string {
	if b.page == nil {
		return ""
	}
	var words []string
	for n := range b.page.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "script" {
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words, " ")
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (b *browser) click(words string) error {
	for n := range b.page.Descendants() {
		if n.Data == "a" && n.FirstChild != nil && n.FirstChild.Data == words {
			to, err := b.address.Parse(attribute(n, "href"))
			if err != nil {
				return err
			}
			return b.get(to.String())
		}
	}
	return fmt.Errorf("%s has no link %q: %s", b.address, words, b.text())
}

// press sends the page's form, with other values where they are given as NAME=VALUE.
func (b *browser) press(other []string) error {
	action, fields := "", url.Values{}
	for n := range b.page.Descendants() {
		switch n.Data {
		case "form":
			action = attribute(n, "action")
		case "input":
			fields.Set(attribute(n, "name"), attribute(n, "value"))
		}
	}
	if action == "" {
		return fmt.Errorf("%s has no form: %s", b.address, b.text())
	}
	to, err := b.address.Parse(action)
	if err != nil {
		return err
	}
	for _, arg := range other {
		name, value, _ := strings.Cut(arg, "=")
		fields.Set(name, value)
	}
	req, err := http.NewRequest("POST", to.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.http.Do(req)
	return b.open(res, err)
}
