package github

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Codes of the problems with OIDC tokens; the runner's contract has the same.
const (
	CodeOIDCToken anvil.Code = "OIDC_TOKEN"  // not a token we can check
	CodeOIDCTime  anvil.Code = "OIDC_TIME"   // expired, not yet valid, or valid for too long
	CodeOIDCClaim anvil.Code = "OIDC_CLAIM"  // a claim is not what it must be
	CodeOIDCKeys  anvil.Code = "SERVER_BUSY" // GitHub's keys could not be fetched: try again
)

// ActionsIssuer is the issuer of github.com's tokens. An Enterprise Server's is
// https://HOST/_services/token.
const ActionsIssuer = "https://token.actions.githubusercontent.com"

// Bounds of a token. GitHub's are about 2 KiB and live for five minutes.
const (
	maxToken   = 16 << 10
	maxLife    = 10 * time.Minute
	timeLeeway = 30 * time.Second
)

// VerifierConfig says whose tokens are accepted, and made for whom.
type VerifierConfig struct {
	// Issuer is compared with the token's exactly; default [ActionsIssuer].
	Issuer string
	// Audience is what a job asks the token for: the server's public address.
	Audience string
	// Transport fetches the issuer's keys; default [http.DefaultTransport].
	Transport http.RoundTripper
	// Clock tells the time; default time.Now.
	Clock func() time.Time
	// Log hears of keys that cannot be fetched; default slog.Default.
	Log *slog.Logger
}

// Verifier checks OIDC tokens of Actions jobs. What a token must say about
// repository, workflow and run is for the caller to compare; see [Claims].
//
// The issuer's keys are fetched when a token first needs them, and again for a
// key id that is not among them, at most once a minute. While the issuer is down,
// the keys that are known go on being used.
type Verifier struct {
	issuer, audience string
	now              func() time.Time
	keys             *keySet
}

// NewVerifier returns a Verifier. It makes no request.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if c.Issuer == "" {
		c.Issuer = ActionsIssuer
	}
	if c.Audience == "" {
		return nil, fmt.Errorf("github: an OIDC audience is missing")
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	keys, err := newKeySet(c)
	if err != nil {
		return nil, err
	}
	return &Verifier{issuer: c.Issuer, audience: c.Audience, now: c.Clock, keys: keys}, nil
}

// Verify checks raw and returns what it claims. The error is an [*anvil.Problem].
// Whether the token was used before (jti) is for the caller to remember.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	kid, err := keyID(raw)
	if err != nil {
		return Claims{}, err
	}
	key, err := v.keys.find(ctx, kid)
	if err != nil {
		return Claims{}, err
	}
	// go-oidc checks algorithm and signature, with the one key that the token
	// names. The claims are checked below, from names compared exactly and each
	// given once, so that no second spelling can stand in for the first.
	one := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}
	signed := oidc.NewVerifier(v.issuer, one, &oidc.Config{
		SupportedSigningAlgs: []string{oidc.RS256},
		SkipIssuerCheck:      true, SkipClientIDCheck: true, SkipExpiryCheck: true,
	})
	token, err := signed.Verify(ctx, raw)
	if err != nil {
		return Claims{}, badToken("the signature or the content is not valid").Because(err)
	}
	var payload rawPayload
	if err := token.Claims(&payload); err != nil {
		return Claims{}, badToken("the content cannot be read").Because(err)
	}
	fields, err := uniqueFields(payload)
	if err != nil {
		return Claims{}, badToken("the content is not an object whose names appear once").Because(err)
	}
	return v.claims(fields)
}

// keyID looks at the token's shape and header only, cheap checks first.
func keyID(raw string) (string, error) {
	switch {
	case len(raw) > maxToken:
		return "", badToken("it is longer than %d bytes", maxToken)
	case strings.Count(raw, ".") != 2:
		return "", badToken("it is not three parts with dots between")
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return "", badToken("it is not a JWT signed with RS256").Because(err)
	}
	h := jws.Signatures[0].Header
	if h.KeyID == "" || len(h.KeyID) > 200 {
		return "", badToken("its header names no key")
	}
	return h.KeyID, nil
}

func badToken(what string, args ...any) *anvil.Problem {
	return anvil.Problemf(CodeOIDCToken,
		"Use the token that GitHub gave this very job; the job needs permissions: id-token: write",
		"the OIDC token cannot be accepted: "+what, args...)
}

// ClaimProblem says that a claim is not what it must be. Both values are shown,
// cut and quoted: neither is a secret.
func ClaimProblem(name, got, expected string) *anvil.Problem {
	return anvil.Problemf(CodeOIDCClaim,
		"Start the run through Anvil, with the workflow that Anvil is configured for",
		"the OIDC token's %s is %q, expected %q", clean(name, 60), clean(got, 200), clean(expected, 200))
}
