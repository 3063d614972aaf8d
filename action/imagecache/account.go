package imagecache

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Account tells in a line what the cache did for this run, for the summary and the pull
// request: cold or warm, why, and what is kept for later runs. It is empty where there is
// no cache, or it was not asked.
func (c *Cache) Account() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	switch miss, missed := c.done[runapi.KindCacheMiss]; {
	case missed && miss.Code == "":
		parts = append(parts, "cold: no image was kept for it yet")
	case missed:
		parts = append(parts, fmt.Sprintf("cold: %s: %s", miss.Code, miss.Why))
	}
	switch pull, pulled := c.done[runapi.KindCachePull]; {
	case pulled && pull.Code != "":
		parts = append(parts, fmt.Sprintf("cold: %s: %s", pull.Code, pull.Why))
	case pulled && pull.Present:
		parts = append(parts, "warm: "+pull.Digest+" was on the machine")
	case pulled:
		parts = append(parts, fmt.Sprintf("warm: %s, %d MB, pulled in %d ms", pull.Digest, pull.Bytes/1e6, pull.Milliseconds))
	}
	switch push, pushed := c.done[runapi.KindCachePush]; {
	case pushed && push.Code != "":
		parts = append(parts, fmt.Sprintf("not kept for later runs: %s: %s", push.Code, push.Why))
	case pushed:
		parts = append(parts, fmt.Sprintf("kept for later runs as %s, %d MB, in %d ms", push.Digest, push.Bytes/1e6, push.Milliseconds))
	}
	return strings.Join(parts, "; ")
}

// tell records an event, and remembers it for [Cache.Account].
func (c *Cache) tell(kind, text string, s *step) {
	c.mu.Lock()
	c.done[kind] = s.CacheStep
	c.mu.Unlock()
	c.opts.Tell(kind, text, s.CacheStep)
}
