package egress

import "strings"

// Policy says who may be reached.
type Policy struct {
	exact    map[Host]bool
	below    map[Host]bool
	registry map[Host]Registry
}

// NewPolicy returns a policy that allows the entries of an allow list (see
// [ParseEntry]), and to read from registries. A host that is both is allowed.
func NewPolicy(allow []string, read []Registry) (*Policy, error) {
	p := &Policy{exact: map[Host]bool{}, below: map[Host]bool{}, registry: map[Host]Registry{}}
	for _, entry := range allow {
		host, below, err := ParseEntry(entry)
		if err != nil {
			return nil, err
		}
		p.exact[host] = true
		if below {
			p.below[host] = true
		}
	}
	for _, r := range read {
		was := p.registry[r.Host]
		r.Plain = r.Plain || was.Plain
		p.registry[r.Host] = r
	}
	return p, nil
}

// allows tells whether host may be spoken to as it likes.
func (p *Policy) allows(host Host) bool {
	if p.exact[host] {
		return true
	}
	for rest := string(host); ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			return false
		}
		if rest = rest[i+1:]; p.below[Host(rest)] {
			return true
		}
	}
}
