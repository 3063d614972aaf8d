package git

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// What a remote can say that a caller needs to tell apart.
var (
	// ErrUnauthorized means that the remote did not accept the credential,
	// or does not show the repository to it.
	ErrUnauthorized = errors.New("the remote refused the credential")
	// ErrMissing means that the remote does not have the wanted object.
	ErrMissing = errors.New("the remote does not have the object")
)

// remote is a repository on another machine and the credential for it.
type remote struct {
	address string
	token   string
}

// newRemote accepts http and https addresses without credentials in them, and
// file addresses, which git itself refuses unless [AllowFiles] was given.
func newRemote(address, token string) (*remote, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("remote address: not a URL") // err would repeat it
	}
	switch {
	case u.User != nil:
		return nil, errors.New("remote address: carries a credential")
	case u.Scheme == "file" && u.Host == "":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, fmt.Errorf("remote address: unusable scheme or host %q", u.Scheme)
	}
	if strings.ContainsAny(token, "\r\n\x00") {
		return nil, errors.New("remote credential: contains a line break")
	}
	return &remote{address: address, token: token}, nil
}

// settings returns the credential as a header for this one server.
func (r *remote) settings() []setting {
	if r.token == "" {
		return nil
	}
	u, err := url.Parse(r.address)
	if err != nil || u.Host == "" {
		return nil
	}
	key := fmt.Sprintf("http.%s://%s/.extraHeader", u.Scheme, u.Host)
	return []setting{{key, "Authorization: Basic " + r.basic()}}
}

func (r *remote) basic() string {
	return base64.StdEncoding.EncodeToString([]byte("x-access-token:" + r.token))
}

// blot removes the credential from text.
func (r *remote) blot(text string) string {
	if r.token == "" {
		return text
	}
	return strings.NewReplacer(r.token, "[credential]", r.basic(), "[credential]").Replace(text)
}

// classify adds what git's words mean to an error of a remote command.
func classify(err error) error {
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	said := failed.Stderr
	for _, words := range []string{"not our ref", "no such remote ref", "couldn't find remote ref", "unadvertised object"} {
		if strings.Contains(said, words) {
			return fmt.Errorf("%w: %w", ErrMissing, err)
		}
	}
	for _, words := range []string{
		"Authentication failed", "could not read Username", "could not read Password",
		"The requested URL returned error: 401", "The requested URL returned error: 403", "not found",
	} {
		if strings.Contains(said, words) {
			return fmt.Errorf("%w: %w", ErrUnauthorized, err)
		}
	}
	return err
}
