package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-bc0cc349/anvil/app/github"
)

// identity learns who we are at GitHub, once. The server does not wait for it:
// deliveries are taken while GitHub is down, and the hops that need it come
// again later.
type identity struct {
	ask func(ctx context.Context) (github.Identity, error)

	mu    sync.Mutex // held while GitHub is asked, so that it is asked once
	known *github.Identity
}

func (i *identity) get(ctx context.Context) (github.Identity, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known != nil {
		return *i.known, nil
	}
	self, err := i.ask(ctx)
	if err != nil {
		return self, fmt.Errorf("learn who we are at GitHub: %w", err)
	}
	if self.Bot.ID != 0 { // else GitHub may tell once the App is installed somewhere
		i.known = &self
	}
	return self, nil
}
