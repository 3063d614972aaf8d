package egress_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/egress"
)

func TestParseHost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"example.com": "example.com", "EXAMPLE.Com": "example.com", "a-b.c_d.example": "a-b.c_d.example",
		"xn--bcher-kva.example": "xn--bcher-kva.example", "1.example.com": "1.example.com", "0x1.example.de": "0x1.example.de",
	} {
		if got, err := egress.ParseHost(in); err != nil || string(got) != want {
			t.Errorf("ParseHost(%q) = %q, %v", in, got, err)
		}
	}
	for _, in := range []string{
		// addresses, in every notation that some program reads as one
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001", "1.2.3.04",
		"1.2.3.4.5", "example.0x", "example.0x7f", "example.1", "169.254.169.254", "::1", "[::1]", "[::ffff:127.0.0.1]", "fe80::1%eth0", "0", "1.1.1.1.",
		// bytes that no name has
		"example.com\x00.evil.example", "exa\x00mple.com", "\x00", "example.com\n", "example.com\r\nX: y", "exam\tple.com", "exam ple.com", "example.com\x7f",
		"exämple.com", "example。com", "ｅxample.com", "ex\u200bample.com", "example.com\u2024evil.example", "\xff.com", "K\u212A.com",
		// what is more than a name
		"user@example.com", "user:password@example.com", "example.com@evil.example", "example.com:443", "http://example.com", "example.com/", "example.com/x",
		"example.com?x", "example.com#x", `example.com\evil.example`, "example%2ecom", "example.com%00", "*.example.com", "example.com,evil.example", "$(id).com",
		// the shape of names
		"", ".", "..", "example.com.", "example.com..", ".example.com", "example..com", "-example.com", "example-.com", "example.-com", "com", "localhost",
		"x.localhost", "localhost.localdomain", "metadata.google.internal", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 126) + "com",
	} {
		if got, err := egress.ParseHost(in); err == nil {
			t.Errorf("ParseHost(%q) = %q, want an error", in, got)
		}
	}
}

// What is parsed once is what it is parsed to again, and holds nothing but letters,
// digits, dots, dashes and underscores.
func FuzzParseHost(f *testing.F) {
	f.Add("Example.com")
	f.Add("0x7f.1")
	f.Fuzz(func(t *testing.T, s string) {
		host, err := egress.ParseHost(s)
		if err != nil {
			return
		}
		again, err := egress.ParseHost(string(host))
		if err != nil || again != host || strings.Trim(string(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" && strings.ContainsAny(string(host), "\x00@:/%[]") {
			t.Fatalf("%q became %q, then %q, %v", s, host, again, err)
		}
		if !strings.EqualFold(string(host), s) {
			t.Fatalf("%q became another name, %q", s, host)
		}
	})
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"} {
		if !egress.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is public", a)
		}
	}
	for _, a := range []string{
		"0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
		"2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "4000::1",
	} {
		if egress.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is not public", a)
		}
	}
	if egress.Public(netip.Addr{}) || egress.Public(netip.MustParseAddr("2606:4700::1%eth0")) {
		t.Error("no address, and one with a zone, are not public")
	}
}
