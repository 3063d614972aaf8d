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

// mostRefusals bounds what one run is told of: a program may ask for a million names.
const mostRefusals = 50

// refusals tells each refusal once.
type refusals struct {
	tell func(Refusal)

	mu   sync.Mutex
	seen map[Refusal]bool
}

func (r *refusals) add(refused Refusal) {
	const longest = 120
	if len(refused.Host) > longest {
		refused.Host = refused.Host[:longest] + "…"
	}
	r.mu.Lock()
	known := r.seen[refused] || len(r.seen) >= mostRefusals
	if !known {
		if r.seen == nil {
			r.seen = map[Refusal]bool{}
		}
		r.seen[refused] = true
	}
	r.mu.Unlock()
	if !known && r.tell != nil {
		r.tell(refused)
	}
}
