package egress

import "net/netip"

// closed lists the ranges that are not the public internet, by the special-purpose
// registries of IANA. 169.254.169.254, 100.100.100.200, fd00:ec2::254 and the like
// are in them.
var closed = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	// Of IPv6 only 2000::/3 is in use for hosts; in that, these are not: protocol
	// assignments with Teredo, documentation, and 6to4, which can stand for any IPv4 address.
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// site lists the ranges of closed that a site, or a laboratory, numbers its own
// machines with.
var site = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")

// mirror tells whether a may stand for a registry: it is public, or the site has a
// mirror of its own behind the registry's name. Whether it is one is shown by its
// certificate, which the machine must trust.
func mirror(a netip.Addr) bool { return Public(a) || within(site, a.Unmap()) }

var unicast = netip.MustParsePrefix("2000::/3")

// Public tells whether a is an address of the public internet.
func Public(a netip.Addr) bool {
	a = a.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !unicast.Contains(a) {
		return false
	}
	return !within(closed, a)
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, p := range all {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}
