package githubtest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// idTokenLife is how long an OIDC token counts.
const idTokenLife = 5 * time.Minute

// issuer signs tokens and publishes the keys to check them with.
type issuer struct {
	mu   sync.Mutex
	keys []signingKey // the last one signs
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func newIssuer() (*issuer, error) {
	i := &issuer{}
	return i, i.rotate(false)
}

// rotate adds a new key, with which everything is signed from now on; the old ones
// stay published if keep.
func (i *issuer) rotate(keep bool) error {
	key, err := newSigningKey()
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !keep {
		i.keys = nil
	}
	i.keys = append(i.keys, key)
	return nil
}

func newSigningKey() (signingKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return signingKey{}, fmt.Errorf("making the issuer's key: %w", err)
	}
	return signingKey{id: strings.ToUpper(strings.ReplaceAll(newGUID(), "-", "")), key: key}, nil
}

func (i *issuer) current() signingKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

func (i *issuer) sign(k signingKey, payload []byte) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.key, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	sig, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return sig.CompactSerialize()
}

func (i *issuer) published() jose.JSONWebKeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key.Public(), KeyID: k.id, Algorithm: string(jose.RS256), Use: "sig"})
	}
	return set
}

// Issuer is the OIDC issuer's address.
func (s *Server) Issuer() string { return s.URL + "/_services/token" }

// oidcAPI serves discovery, keys and, to jobs that may have them, tokens.
func (s *Server) oidcAPI() http.Handler {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, obj{
			"issuer": s.Issuer(), "jwks_uri": s.Issuer() + "/.well-known/jwks", "subject_types_supported": []string{"public", "pairwise"},
			"response_types_supported": []string{"id_token"}, "id_token_signing_alg_values_supported": []string{"RS256"},
			"scopes_supported": []string{"openid"}, "claims_supported": []string{"sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha",
				"repository", "repository_id", "repository_owner", "repository_owner_id", "run_id", "run_number", "run_attempt", "actor", "actor_id",
				"workflow", "workflow_ref", "workflow_sha", "head_ref", "base_ref", "event_name", "ref_type", "ref_protected", "environment",
				"job_workflow_ref", "job_workflow_sha", "repository_visibility", "runner_environment", "check_run_id"},
		})
	})
	mux.HandleFunc("GET /.well-known/jwks", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, s.issuer.published()) })
	mux.HandleFunc("GET /idtoken/{run}/{job}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("run"), 10, 64)
		shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		run := s.runs[id]
		var claims obj
		if run != nil {
			j := run.job()
			if strconv.FormatInt(j.ID, 10) == r.PathValue("job") && shown == j.requestToken && j.Status == "in_progress" && run.mayGetIDToken() {
				claims = s.claims(run, r.URL.Query().Get("audience"))
				s.note(r, func(e *Entry) { e.Actor = fmt.Sprintf("job:%d", j.ID) })
			}
		}
		s.mu.Unlock()
		if claims == nil {
			reply(w, http.StatusUnauthorized, obj{"message": "The job is not running, or has no id-token: write permission."})
			return
		}
		body, err := json.Marshal(claims)
		if err == nil {
			var token string
			if token, err = s.issuer.sign(s.issuer.current(), body); err == nil {
				reply(w, 200, obj{"count": len(token), "value": token})
				return
			}
		}
		reply(w, http.StatusInternalServerError, obj{"message": err.Error()})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { reply(w, 404, obj{"message": "Not Found"}) })
	return mux
}

// claims are what GitHub says about a job. The caller holds mu.
func (s *Server) claims(r *run, audience string) obj {
	repo, now, j := r.repo, s.now(), r.job()
	if audience == "" {
		audience = s.addr(repo.Owner.Login)
	}
	refType := "branch"
	if strings.HasPrefix(r.Ref, "refs/tags/") {
		refType = "tag"
	}
	jobRef, jobSHA := r.workflowRef(), r.SHA
	if r.called != nil {
		jobRef, jobSHA = r.called.ref, r.called.sha
	}
	// The shape of sub for repositories made after July 2026, with ids in it.
	about := "ref:" + r.Ref
	if env := r.environment(); env != "" {
		about = "environment:" + env
	}
	c := obj{
		"iss": s.Issuer(), "aud": audience, "jti": newGUID(), "iat": now.Unix(), "nbf": now.Add(-10 * time.Minute).Unix(), "exp": now.Add(idTokenLife).Unix(),
		"sub": fmt.Sprintf("repo:%s@%d/%s@%d:%s", repo.Owner.Login, repo.Owner.ID, repo.Name, repo.ID, about),
		"ref": r.Ref, "ref_type": refType, "ref_protected": "false", "sha": r.SHA, "base_ref": "", "head_ref": "",
		"repository": repo.FullName(), "repository_id": strconv.FormatInt(repo.ID, 10), "repository_owner": repo.Owner.Login,
		"repository_owner_id": strconv.FormatInt(repo.Owner.ID, 10), "repository_visibility": repo.visibility(),
		"workflow": r.Name, "workflow_ref": r.workflowRef(), "workflow_sha": r.SHA, "job_workflow_ref": jobRef, "job_workflow_sha": jobSHA,
		"event_name": r.Event, "run_id": strconv.FormatInt(r.ID, 10), "run_number": strconv.Itoa(r.Number), "run_attempt": strconv.Itoa(j.Attempt),
		"runner_environment": "github-hosted", "actor": r.Actor.Login, "actor_id": strconv.FormatInt(r.Actor.ID, 10),
		"check_run_id": strconv.FormatInt(j.ID, 10),
	}
	if env := r.environment(); env != "" {
		c["environment"] = env
	}
	return c
}

// Forgery describes an OIDC token for a test. The zero value besides Run and
// Audience is a token as the job itself could get.
type Forgery struct {
	Run      int64          `json:"run"`
	Audience string         `json:"audience"`
	Claims   map[string]any `json:"claims,omitempty"` // instead of the true ones; null takes one away
	// Alg is RS256 (default), none, HS256 (with the public key as the secret), or
	// any other name, which is then a lie in the header.
	Alg string `json:"alg,omitempty"`
	// Key is "" for the published key, "unknown" for one that nobody published, or
	// "foreign" for such a one under the published key's id.
	Key string `json:"key,omitempty"`
	// KeyID replaces the kid in the header.
	KeyID string `json:"kid,omitempty"`
}

// MintOIDC makes a token, true or forged, for a run in any state.
func (s *Server) MintOIDC(f Forgery) string { return must(s.mintOIDC(f)) }

func (s *Server) mintOIDC(f Forgery) (string, error) {
	s.mu.Lock()
	r := s.runs[f.Run]
	if r == nil {
		s.mu.Unlock()
		return "", notFound("workflow run %d", f.Run)
	}
	claims := s.claims(r, f.Audience)
	s.mu.Unlock()
	maps.Copy(claims, f.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key := s.issuer.current()
	if f.Key != "" {
		published := key.id
		if key, err = newSigningKey(); err != nil {
			return "", err
		}
		if f.Key == "foreign" {
			key.id = published
		}
	}
	if f.KeyID != "" {
		key.id = f.KeyID
	}
	switch f.Alg {
	case "", "RS256":
		return s.issuer.sign(key, body)
	}
	header, err := json.Marshal(obj{"alg": f.Alg, "typ": "JWT", "kid": key.id})
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64(header) + "." + b64(body)
	switch f.Alg {
	case "none":
		return signed + ".", nil
	case "HS256":
		return signed + "." + b64(hmacWithPublicKey(key, signed)), nil
	}
	sum := crypto.SHA256.New()
	sum.Write([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key.key, crypto.SHA256, sum.Sum(nil))
	return signed + "." + b64(sig), err
}

// RotateOIDCKeys makes the issuer sign with a new key. The former one stays
// published if keep.
func (s *Server) RotateOIDCKeys(keep bool) { must(keep, s.issuer.rotate(keep)) }

// hmacWithPublicKey is the old trick: the public key, which everybody has, used as
// a shared secret.
func hmacWithPublicKey(k signingKey, text string) []byte {
	der, err := x509.MarshalPKIXPublicKey(k.key.Public())
	if err != nil {
		return nil
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
