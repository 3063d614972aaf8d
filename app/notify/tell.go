package notify

import "github.com/seed-bc0cc349/anvil/app/anvil"

// Tell is a problem as people read it, where it belongs to no task.
func Tell(p *anvil.Problem) string { return problem(p).told() }
