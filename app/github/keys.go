package github

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const (
	// keysEvery is how often the keys are asked for at most, whoever sends tokens
	// with key ids of their own making.
	keysEvery = time.Minute
	// keysAge is how long known keys are used before they are asked for again, so
	// that a key that was withdrawn is not honoured for ever.
	keysAge     = 6 * time.Hour
	keysTimeout = 10 * time.Second
	maxKeysBody = 256 << 10
	maxKeys     = 32
)

// keySet holds the issuer's keys.
type keySet struct {
	issuer *url.URL
	name   string // the issuer exactly as configured
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	// mu guards the fields below. It is not held while keys are fetched.
	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	fetched time.Time     // of the last success
	tried   time.Time     // of the last attempt
	failure error         // of the last attempt
	flight  chan struct{} // closed when the present attempt ends; nil without one
}

func newKeySet(c VerifierConfig) (*keySet, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("github: OIDC issuer %q is not a plain http or https address", clean(c.Issuer, 200))
	}
	return &keySet{
		issuer: u, name: c.Issuer, now: c.Clock, log: c.Log,
		client: &http.Client{
			Transport:     c.Transport,
			Timeout:       keysTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// find returns the key named kid, and fetches the keys first if that may help:
// once for each caller, whatever the clock does meanwhile.
func (k *keySet) find(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	for asked := false; ; asked = true {
		k.mu.Lock()
		key := k.keys[kid]
		now := k.now()
		due := !asked && (key == nil || now.Sub(k.fetched) >= keysAge) && (k.tried.IsZero() || now.Sub(k.tried) >= keysEvery)
		if due && k.flight == nil {
			k.flight = make(chan struct{})
			k.tried = now
			go k.refresh(context.WithoutCancel(ctx))
		}
		flight, failure, none := k.flight, k.failure, len(k.keys) == 0
		k.mu.Unlock()

		switch {
		case key != nil: // one that is old is used while the new ones are on their way
			return key, nil
		case flight != nil:
			select {
			case <-flight:
				continue
			case <-ctx.Done():
				return nil, noKeys().Because(ctx.Err())
			}
		case none || failure != nil:
			return nil, noKeys().Because(failure)
		}
		return nil, badToken("GitHub has no key of that name")
	}
}

func noKeys() *anvil.Problem {
	return anvil.Problemf(CodeOIDCKeys, "Try again in a minute", "GitHub's keys for OIDC tokens cannot be fetched")
}

func (k *keySet) refresh(ctx context.Context) {
	keys, err := k.fetch(ctx)
	if err != nil {
		k.log.WarnContext(ctx, "fetch the OIDC keys", "issuer", k.name, "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure = err; err == nil {
		k.keys, k.fetched = keys, k.now()
	}
	close(k.flight)
	k.flight = nil
}

// fetch asks the issuer where its keys are, then for the keys.
func (k *keySet) fetch(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	var about struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := k.get(ctx, strings.TrimRight(k.name, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	at, err := url.Parse(about.KeysURL)
	switch {
	case about.Issuer != k.name:
		return nil, fmt.Errorf("the issuer calls itself %q", clean(about.Issuer, 200))
	case err != nil || at.Host != k.issuer.Host || at.Scheme != k.issuer.Scheme:
		return nil, fmt.Errorf("the keys' address %q is not at the issuer's host", clean(about.KeysURL, 200))
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := k.get(ctx, at.String(), &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, at most %d", len(set.Keys), maxKeys)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil {
			continue // of a kind that we do not use
		}
		public, ok := key.Key.(*rsa.PublicKey)
		if !ok || key.KeyID == "" || public.N.BitLen() < 2048 || (key.Use != "" && key.Use != "sig") {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != string(jose.RS256) {
			continue
		}
		keys[key.KeyID] = public
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of %d keys is an RSA key for signing", len(set.Keys))
	}
	return keys, nil
}

func (k *keySet) get(ctx context.Context, address string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d", address, resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxKeysBody+1))
	switch {
	case err != nil:
		return err
	case len(b) > maxKeysBody:
		return fmt.Errorf("%s: longer than %d bytes", address, maxKeysBody)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}
