package github

import (
	"time"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// reserve is the part of an installation's requests that is kept for what can't wait.
const reserve = 10 // one in ten

// Scarce returns until when requests that can wait should, because GitHub said that less
// than a tenth of those of the installation are left; zero: there are enough.
func (a *App) Scarce(repo anvil.Repository) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	until := a.scarce[repo.Installation]
	if !until.After(a.now()) {
		return time.Time{}
	}
	return until
}

// spent notes what an answer says is left of g's requests.
func (a *App) spent(g grant, left gh.Rate) {
	if left.Limit <= 0 {
		return // nobody counts, as on some GitHub Enterprise Servers
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.scarce, g.installation)
	if until := left.Reset.Time; left.Remaining < left.Limit/reserve && until.After(a.now()) {
		// The reset is believed no further than it can be.
		if latest := a.now().Add(time.Hour); until.After(latest) {
			until = latest
		}
		a.scarce[g.installation] = until
	}
}
