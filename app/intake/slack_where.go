package intake

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// SlackRepository is a repository, OWNER/NAME, with the words that it is meant by, and the
// channels, by id, in which it is meant where nobody says anything else.
type SlackRepository struct {
	Name               string
	Keywords, Channels []string
	Untracked          bool // what is asked for it gets no tracking issue
}

// choiceWithin is how long a request waits for its repository.
const choiceWithin = time.Hour

// repository finds the repository that a request is about: that of the thread, else the
// one that it names, else the only one with a keyword in it, else the channel's. There is
// no guess: in all other cases the request is kept, and its author is given a choice.
func (p *Slack) repository(ctx context.Context, told slackTold, thread *anvil.PlaceThread, asked *slackAsked) (anvil.Repository, *anvil.Problem, []string, error) {
	if thread.Issue != 0 {
		repo, known, err := p.sessionRepository(ctx, *thread)
		if other := p.spokenOf(asked.Words, []string{repo.Owner}); known && other != "" && !strings.EqualFold(other, repo.FullName()) {
			return repo, anvil.Problemf(CodeSlackNoRepo, "Say it outside of this thread, or without the name if "+repo.FullName()+" is meant",
				"the work of this thread is in %s, and %s was named", repo.FullName(), other), nil, nil
		}
		if known || err != nil {
			return repo, nil, nil, err
		}
	}
	if told.Action == slack.ActionRepository {
		return p.chosen(ctx, told, thread, asked)
	}
	if full := p.explicit(asked); full != "" {
		repo, known, err := p.named(ctx, full)
		if err == nil && !known {
			return repo, p.notInstalled(full), nil, nil
		}
		return repo, nil, nil, err
	}
	fits, sure := p.fitting(asked.Words, told.Channel)
	if sure {
		repo, known, err := p.named(ctx, fits[0])
		if err == nil && !known {
			return repo, p.notInstalled(fits[0]), nil, nil
		}
		return repo, nil, nil, err
	}
	if len(fits) == 0 {
		return anvil.Repository{}, anvil.Problemf(CodeSlackNoRepo,
			"Say it with `in OWNER/NAME` behind it, or ask the operator to give the channel "+told.Channel+" a repository in slack.repositories",
			"it is not clear which repository this is about"), nil, nil
	}
	if err := p.keep(ctx, *thread, *asked); err != nil {
		return anvil.Repository{}, nil, nil, err
	}
	return anvil.Repository{}, anvil.Problemf(CodeSlackWhich, "Choose one within an hour", "it is not clear which repository this is about"), fits, nil
}

func (p *Slack) notInstalled(full string) *anvil.Problem {
	return anvil.Problemf(CodeSlackNoRepo, "Check the name, or ask its owner to install the App there", "the App is not installed on %s", full)
}

// chosen is what somebody chose for the request that they were asked about.
func (p *Slack) chosen(ctx context.Context, told slackTold, thread *anvil.PlaceThread, asked *slackAsked) (anvil.Repository, *anvil.Problem, []string, error) {
	late := anvil.Problemf(CodeSlackChoice, "Say again what to do, with the repository's name", "the request is not kept any more")
	var kept slackAsked
	if thread.Request == "" || json.Unmarshal([]byte(thread.Request), &kept) != nil || p.Now().Sub(kept.At) > choiceWithin {
		return anvil.Repository{}, late, nil, nil
	}
	if kept.Person != told.User {
		return anvil.Repository{}, anvil.Problemf(CodeSlackChoice, "Let them choose, or say yourself what to do", "somebody else was asked"), nil, nil
	}
	if !slices.Contains(p.all(), told.Value) {
		return anvil.Repository{}, late, nil, nil
	}
	*asked = kept
	repo, known, err := p.named(ctx, told.Value)
	if err == nil && !known {
		return repo, p.notInstalled(told.Value), nil, nil
	}
	return repo, nil, nil, err
}

var (
	repoOption = regexp.MustCompile(`(?i)(?:^|\s)repo=([A-Za-z0-9-]+/[A-Za-z0-9._-]+)`)
	inRepo     = regexp.MustCompile(`(?i)\b(?:in|on|for|to)\s+([A-Za-z0-9-]+/[A-Za-z0-9._-]*[A-Za-z0-9_-])\s*[.!]?\s*$`)
	repoName   = regexp.MustCompile(`(?:^|[\s(,:])(?:https://[^\s/]+/)?([A-Za-z0-9-]+/[A-Za-z0-9._-]+)`)
)

// explicit is the repository that a request names: by an option, by a name whose owner is
// known, which would not be meant otherwise, or at its end.
func (p *Slack) explicit(asked *slackAsked) string {
	if m := repoOption.FindStringSubmatchIndex(asked.Words); m != nil {
		full := asked.Words[m[2]:m[3]]
		asked.Words = strings.TrimSpace(asked.Words[:m[0]] + asked.Words[m[1]:])
		return full
	}
	if full := p.spokenOf(asked.Words, nil); full != "" {
		return full
	}
	if m := inRepo.FindStringSubmatch(asked.Words); m != nil {
		return m[1]
	}
	return ""
}

// spokenOf is the first repository in a text that is configured, or whose owner is one of
// theirs or of owners.
func (p *Slack) spokenOf(text string, owners []string) string {
	for _, full := range p.all() {
		owner, _, _ := strings.Cut(full, "/")
		owners = append(owners, owner)
	}
	for _, m := range repoName.FindAllStringSubmatch(text, -1) {
		full := strings.TrimRight(strings.TrimSuffix(m[1], ".git"), ".")
		owner, _, _ := strings.Cut(full, "/")
		if slices.ContainsFunc(owners, func(known string) bool { return strings.EqualFold(known, owner) }) {
			return full
		}
	}
	return ""
}

// fitting lists the repositories that a request can be about. It is sure of one that a
// rule names.
func (p *Slack) fitting(words, channel string) (fits []string, sure bool) {
	said := strings.FieldsFunc(strings.ToLower(words), func(r rune) bool {
		return !(r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127)
	})
	var byKeyword, byChannel []string
	for _, r := range p.Repositories {
		if slices.ContainsFunc(r.Keywords, func(k string) bool { return slices.Contains(said, strings.ToLower(k)) }) {
			byKeyword = append(byKeyword, r.Name)
		}
		if slices.Contains(r.Channels, channel) {
			byChannel = append(byChannel, r.Name)
		}
	}
	switch {
	case len(byKeyword) > 0:
		return byKeyword, len(byKeyword) == 1
	case len(byChannel) > 0:
		return byChannel, len(byChannel) == 1
	}
	return p.all(), false // not even of the only one, where nobody meant it
}

func (p *Slack) all() []string {
	var all []string
	for _, r := range p.Repositories {
		all = append(all, r.Name)
	}
	return all
}

// isGone reports whether GitHub knows nothing of what was asked for.
func isGone(err error) bool { return errors.Is(err, github.ErrNotFound) }
