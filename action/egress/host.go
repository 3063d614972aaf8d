package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Host is the name of a host in its one canonical form: lower case ASCII labels
// with dots between them, none empty, at least two, the last one not a number.
type Host string

// Why a host is refused before anybody asks who it is.
var (
	errAddress  = errors.New("an address is not allowed, only names are")
	errASCII    = errors.New("the name has characters other than ASCII")
	errControl  = errors.New("the name has control characters")
	errUser     = errors.New("the name carries a user")
	errDot      = errors.New("the name ends with a dot")
	errLabel    = errors.New("the name has a part that no host name has")
	errSingle   = errors.New("the name has no dot")
	errLength   = errors.New("the name is longer than a name may be")
	errInternal = errors.New("the name stands for a machine's or a cloud's own services")
	errTarget   = errors.New("the target is not of the form HOST:PORT")
)

const longestName = 253

// ParseHost returns s in canonical form, or why it is no name of a host.
func ParseHost(s string) (Host, error) {
	if len(s) > longestName {
		return "", errLength
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20 || c == 0x7f:
			return "", errControl
		case c >= 0x80:
			return "", errASCII
		case c == '@':
			return "", errUser
		}
	}
	if strings.ContainsAny(s, "[]:") {
		return "", errAddress
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "", errAddress
	}
	if strings.HasSuffix(s, ".") && s != "." {
		return "", errDot
	}
	name := strings.ToLower(s)
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if numeric(last) {
		return "", errAddress // 127.1, 2130706433, 0x7f.1, 017700000001
	}
	for _, label := range labels {
		if !plainLabel(label) {
			return "", errLabel
		}
	}
	if len(labels) < 2 {
		return "", errSingle
	}
	if last == "localhost" || last == "localdomain" || name == "metadata.google.internal" {
		return "", errInternal
	}
	return Host(name), nil
}

// numeric tells whether a last label makes the whole an address: the programs that
// read 0x7f.1 as one look at nothing else.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

func plainLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// parseTarget reads the target of a CONNECT.
func parseTarget(s string) (host Host, port string, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		host, err = ParseHost(s)
		if err == nil {
			err = errTarget
		}
		return host, "", err
	}
	port = s[i+1:]
	if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return "", "", errTarget
	}
	if host, err = ParseHost(s[:i]); err != nil {
		return "", port, err
	}
	return host, port, nil
}

// ParseEntry reads an entry of an allow list: "example.com" is that host,
// ".example.com" also all hosts below it.
func ParseEntry(s string) (host Host, below bool, err error) {
	name, below := strings.CutPrefix(s, ".")
	if host, err = ParseHost(name); err != nil {
		return "", false, fmt.Errorf("%q: %w", s, err)
	}
	return host, below, nil
}
