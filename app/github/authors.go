package github

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// An address that GitHub gives to an account names it by its id.
// https://docs.github.com/en/account-and-profile/reference/email-addresses-reference
var (
	noreply   = regexp.MustCompile(`^([0-9]{1,18})\+[^@\s]+@users\.noreply\.`)
	coAuthors = regexp.MustCompile(`(?im)^co-authored-by:[^<\n]*<([^>\n]+)>`)
)

// Authors lists the accounts, by id, that have a part in the commits which a head has and
// a base has not: authors, committers and co-authors, as far as GitHub or an address of
// GitHub's says whose they are. It reads the first thousand commits.
func (a *App) Authors(ctx context.Context, repo anvil.Repository, base, head string) (ids []int64, err error) {
	add := func(id int64) {
		if id != 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	named := func(address string) {
		if m := noreply.FindStringSubmatch(address); m != nil {
			id, _ := strconv.ParseInt(m[1], 10, 64) // it has digits only
			add(id)
		}
	}
	type account struct {
		ID int64 `json:"id"`
	}
	type signature struct {
		Email string `json:"email"`
	}
	for page := 1; page <= maxPages; page++ {
		var o struct {
			Commits []struct {
				Author, Committer *account
				Commit            struct {
					Author, Committer signature
					Message           string
				}
			} `json:"commits"`
		}
		c := onRepo("read who wrote the commits", repo, mayReadContents, http.MethodGet, "compare", base+"..."+head)
		c.query, c.out = url.Values{"per_page": {"100"}, "page": {itoa(page)}}, &o
		if _, err := a.do(ctx, c); err != nil {
			return nil, err
		}
		for _, is := range o.Commits {
			for _, who := range []*account{is.Author, is.Committer} {
				if who != nil {
					add(who.ID)
				}
			}
			named(is.Commit.Author.Email)
			named(is.Commit.Committer.Email)
			for _, m := range coAuthors.FindAllStringSubmatch(is.Commit.Message, -1) {
				named(m[1])
			}
		}
		if len(o.Commits) < 100 {
			break
		}
	}
	return ids, nil
}
