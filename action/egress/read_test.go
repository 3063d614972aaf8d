package egress_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRegistriesAreReadFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, address := range []string{"https://registry.example/@scope%2fname?x=%20y", "http://packages.example/dists", "https://packages.example/dists"} {
		request, _ := http.NewRequest(http.MethodGet, address, nil)
		for name, value := range map[string]string{
			"Authorization": "Bearer npm_canary", "Cookie": "a=b", "X-Exfil": "canary", "User-Agent": "canary", "Accept": "application/json", "If-None-Match": `"x"`, "Forwarded": "canary", "Referer": "canary",
		} {
			request.Header.Set(name, value)
		}
		answer, err := w.client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		path := address[strings.Index(address, ".example/")+len(".example"):]
		if answer.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), path+" 0") {
			t.Errorf("%s: %s %q", address, answer.Status, body)
		}
	}
	_, _, refused, requests := w.seen()
	if len(refused) > 0 || len(requests) != 3 {
		t.Fatalf("%d requests, refused %+v", len(requests), refused)
	}
	for _, r := range requests {
		header := fmt.Sprint(r.Header)
		if strings.Contains(header, "canary") || r.Header.Get("Cookie") != "" || r.Header.Get("Accept") != "application/json" || r.Header.Get("If-None-Match") == "" {
			t.Errorf("it got %s", header)
		}
	}
}

// Nothing can be published, by whatever way of saying it.
func TestRegistriesAreNotWrittenTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	speak := func(request string) (*http.Response, *bufio.Reader) {
		conn, _ := w.tunnel(t, "registry.example:443")
		client := tls.Client(conn, &tls.Config{ServerName: "registry.example", InsecureSkipVerify: true})
		if _, err := io.WriteString(client, request); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(client)
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		return answer, r
	}
	const host = "Host: registry.example\r\n"
	for _, request := range []string{
		"PUT /left-pad HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx",
		"POST /-/npm/v1/tokens HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n",
		"DELETE /left-pad HTTP/1.1\r\n" + host + "\r\n",
		"PATCH / HTTP/1.1\r\n" + host + "\r\n", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "TRACE / HTTP/1.1\r\n" + host + "\r\n", "get / HTTP/1.1\r\n" + host + "\r\n",
		"CONNECT evil.example:443 HTTP/1.1\r\n" + host + "\r\n",
		"GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx",
		"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nPUT / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: registry.example\r\nHost: evil.example\r\n\r\n",
		"GET https://evil.example/ HTTP/1.1\r\n" + host + "\r\n",
		"GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"GET /" + strings.Repeat("x", 5000) + " HTTP/1.1\r\n" + host + "\r\n",
	} {
		answer, _ := speak(request)
		if answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%.80q: %s", request, answer.Status)
		}
	}
	if _, _, _, requests := w.seen(); len(requests) > 0 {
		t.Fatalf("%d requests came through, the first %s %s", len(requests), requests[0].Method, requests[0].URL)
	}
	// A GET is one, and what follows it on the connection is looked at anew.
	answer, r := speak("GET /a HTTP/1.1\r\n" + host + "\r\nPUT /b HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx")
	_, _ = io.Copy(io.Discard, answer.Body)
	second, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusOK || second.StatusCode != http.StatusForbidden {
		t.Errorf("%s, then %v, %v", answer.Status, second, err)
	}
	if _, _, _, requests := w.seen(); len(requests) != 1 || requests[0].Method != http.MethodGet {
		t.Errorf("%d requests came through", len(requests))
	}
}

// The authority vouches for registries, and for nothing else.
func TestTheAuthorityIsForRegistries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	conn, _ := w.tunnel(t, "registry.example:443")
	client := tls.Client(conn, &tls.Config{ServerName: "allowed.example", InsecureSkipVerify: true})
	if err := client.Handshake(); err == nil {
		t.Error("it spoke for another host")
	}
	other := newWorld(t, nil)
	if string(w.proxy.Certificate()) == string(other.proxy.Certificate()) {
		t.Error("two runs have one authority")
	}
}
