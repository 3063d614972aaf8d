package imagecache

import (
	"net/http"
	"strconv"
	"time"
)

// patient is a transport that asks again when a registry says "not now", after the
// pause that it asks for. It gives the answer up when the request's time is up.
type patient struct{ http.RoundTripper }

// defaultPause is for registries that don't say how long to wait.
const defaultPause = time.Second

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		res, err := p.RoundTripper.RoundTrip(r)
		if err != nil || !notNow(res.StatusCode) || r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
			return res, err
		}
		wait := defaultPause
		if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
			wait = time.Duration(n) * time.Second
		}
		if deadline, ok := r.Context().Deadline(); ok && time.Until(deadline) < wait {
			return res, nil // there is no time for it: better an answer than none
		}
		select {
		case <-r.Context().Done():
			return res, nil
		case <-time.After(wait):
		}
		res.Body.Close()
		if r.GetBody != nil {
			r = r.Clone(r.Context())
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

func notNow(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
