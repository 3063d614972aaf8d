// Package egress is the only way out of the network of untrusted programs: a
// forward proxy that the runner serves on a Unix socket.
//
// A [Proxy] lets through what its [Policy] names, and nothing else:
//
//   - To an allowed host, CONNECT to port 443. The bytes pass unread, but for the
//     first message: it must begin TLS with the host that was asked for, so that
//     an allowed address is no way to another name behind it.
//   - To a [Registry], a place from which packages are had, only GET and HEAD
//     without a body. To see that, the proxy ends TLS itself, with an authority
//     that is made for the run, whose key never leaves the proxy's memory and whose
//     certificate the programs inside are told to trust. Headers are rebuilt from a
//     short list: no token of any kind gets through, so nothing can be published.
//   - To registries that speak plain HTTP (Debian's and the like), GET and HEAD to
//     port 80, by the same rules.
//
// A [Host] is parsed once, into one canonical form; everything after that works on
// that form alone. Addresses in any notation, names that are not plain ASCII,
// userinfo, other ports and names that are not on the list are refused before
// anything is looked up, so that a name is no message to a name server. The
// addresses that an allowed name has are checked ([Public]), and exactly one that was
// checked is dialed: there is no second lookup for a name to change in. Nothing
// private, local or reserved is reached, which covers metadata services. The one
// exception is a registry's name that stands for a mirror of the site, if its
// certificate shows that it may: then its addresses may be the site's.
//
// Everything is bounded: connections, header size and time, idle time, and the bytes
// that go out and come in over the whole run. What was refused is told once for each
// host and reason as a [Refusal], with the line that would allow it.
//
// It is written on net/http and crypto/tls, and not on a proxy library: the parse
// that decides must be the one that is dialed, and what passes once a connection is
// taken over (its first message, idle time, bytes) must be in our hands. That is most
// of a proxy.
//
// Known gaps. Who may be reached may be told things: by what is asked of an
// allowed host, and of a registry by the path of a GET. And where the job itself has
// a proxy, that one finds the address of an allowed name; the check of addresses is
// then its own.
package egress
