package runner

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/egress"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"golang.org/x/net/http/httpproxy"
)

// network opens the way out of a confinement whose programs have home: the egress
// proxy, or none. It returns their environment, and what closes the way again.
func (j *job) network(c confine.Confinement, home string, env []string) (_ []string, closed func(), err error) {
	if j.assignment.Containment.Network == "none" {
		return egress.Without(env), func() {}, nil
	}
	fail := func(err error) ([]string, func(), error) {
		return nil, nil, &runapi.Error{
			Code: codeNetwork, What: fmt.Sprintf("The way out of the agent's network could not be opened: %v.", err),
			Next: "Check containment.allow in the server's configuration and network.allow in .github/anvil.yml.",
		}
	}
	policy, err := egress.NewPolicy(j.assignment.Containment.Allow, append(egress.Registries(), egress.JobRegistries(j.Environ)...))
	if err != nil {
		return fail(err)
	}
	proxy, err := egress.New(egress.Config{Policy: policy, Refused: j.refused.add, Upstream: j.upstream()})
	if err != nil {
		return fail(err)
	}
	// Not in the job's temporary directory: a socket's path has little room.
	dir, err := os.MkdirTemp("", "anvil-egress-")
	if err != nil {
		return fail(err)
	}
	closed = func() {
		_ = proxy.Close()
		_ = os.RemoveAll(dir)
		if n := proxy.Sent() + proxy.Got(); n > 0 {
			j.log.Say("Through the egress proxy: %d bytes out, %d bytes in.", proxy.Sent(), proxy.Got())
		}
	}
	socket := filepath.Join(dir, "proxy")
	l, err := net.Listen("unix", socket)
	if err == nil {
		go func() {
			if err := proxy.Serve(l); err != nil {
				j.log.Warn("The egress proxy ended: %v", err)
			}
		}()
		var addr string
		if addr, err = c.Reach(socket); err == nil {
			bundle := filepath.Join(home, ".anvil-authorities.pem")
			if err = os.WriteFile(bundle, append(j.authorities(), proxy.Certificate()...), 0o644); err == nil {
				return egress.Environment(env, addr, c.Path(bundle)), closed, nil
			}
		}
	}
	closed()
	return fail(err)
}

// upstream says which proxy the job itself has to use, by the usual variables.
func (j *job) upstream() egress.Upstream {
	get := func(upper, lower string) string {
		if v := j.Getenv(upper); v != "" {
			return v
		}
		return j.Getenv(lower)
	}
	return (&httpproxy.Config{
		HTTPSProxy: get("HTTPS_PROXY", "https_proxy"), NoProxy: get("NO_PROXY", "no_proxy"),
	}).ProxyFunc()
}

// authorities returns what this machine trusts, in PEM: the file that the job names,
// or the first that there is where systems keep it.
func (j *job) authorities() []byte {
	for _, file := range []string{
		j.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
	} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if block, _ := pem.Decode(b); block != nil {
			if _, err := x509.ParseCertificate(block.Bytes); err == nil {
				return append(b, '\n')
			}
		}
	}
	return nil
}

// refusals keeps what the egress proxies of a run refused, and tells of it.
type refusals struct {
	tell func(runapi.Refusal)

	mu  sync.Mutex
	all []runapi.Refusal
}

// add takes note of a refusal, the first time.
func (r *refusals) add(e egress.Refusal) {
	refusal := runapi.Refusal{Host: e.Host, Port: e.Port, Why: e.Why, Allow: e.Allow}
	r.mu.Lock()
	known := slices.Contains(r.all, refusal)
	if !known {
		r.all = append(r.all, refusal)
	}
	r.mu.Unlock()
	if !known {
		r.tell(refusal)
	}
}

func (r *refusals) list() []runapi.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// witnessRefusal tells of a refusal in the log and in the journal.
func (j *job) witnessRefusal(r runapi.Refusal) {
	r = runapi.Refusal{Host: j.fit(r.Host, 200), Port: r.Port, Why: j.fit(r.Why, 200), Allow: r.Allow}
	text := "Refused: " + r.Host
	if r.Port != "" {
		text += ":" + r.Port
	}
	text += ": " + r.Why + "."
	if r.Allow != "" { // by whom, the server knows
		text += " How it can be allowed stands in the task's comment and pull request."
	}
	j.log.Quote(text)
	j.journal.add(runapi.KindRefused, text, mustJSON(r))
}
