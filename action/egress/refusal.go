package egress

import "sync"

// Refusal is one request that was refused.
type Refusal struct {
	// Host is the host as it was asked for, cut to a bearable length. It is text
	// from an untrusted program.
	Host string
	Port string
	Why  string
	// Allow is the entry of an allow list that would have let it through; empty if
	// none would.
	Allow string
}

// A program may ask for a million names. What could be allowed is told longer: it is
// what people can do something about.
const (
	mostRefusals  = 50
	mostForbidden = 20 // of those that no list can allow
)

// refusals tells each refusal once.
type refusals struct {
	tell func(Refusal)

	mu        sync.Mutex
	seen      map[Refusal]bool
	forbidden int
}

func (r *refusals) add(refused Refusal) {
	const longest = 120
	if len(refused.Host) > longest {
		refused.Host = refused.Host[:longest] + "…"
	}
	key := refused
	key.Port = "" // a scan of ports is one thing
	r.mu.Lock()
	known := r.seen[key] || len(r.seen) >= mostRefusals || refused.Allow == "" && r.forbidden >= mostForbidden
	if !known {
		if r.seen == nil {
			r.seen = map[Refusal]bool{}
		}
		r.seen[key] = true
		if refused.Allow == "" {
			r.forbidden++
		}
	}
	r.mu.Unlock()
	if !known && r.tell != nil {
		r.tell(refused)
	}
}
