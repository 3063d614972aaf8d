package github

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxAnswer caps what is read of any one answer. The largest we expect is a page
// of a hundred workflow runs, well under two megabytes.
const maxAnswer = 8 << 20

var errAnswerTooBig = fmt.Errorf("answer is longer than %d bytes", maxAnswer)

// wire is the last hand that a request passes through. Tokens are added before
// it, so it refuses every host but the API's own.
type wire struct {
	base         http.RoundTripper
	scheme, host string
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != w.host || req.URL.Scheme != w.scheme {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, errForeignHost
	}
	if t := tripOf(req.Context()); t != nil {
		t.sent.Store(true)
	}
	resp, err := w.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &capped{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

var errForeignHost = errors.New("request to another host than the API's, not sent")

// capped fails a read that goes past the cap, so that a cut answer is never
// mistaken for a whole one.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, errAnswerTooBig
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n - 1, errAnswerTooBig
	}
	return n, err
}

// sameHostReads follows a redirect only within the API's host and only for a
// read. net/http would turn a redirected POST into a GET, and a renamed
// repository must be looked up again by its id before something is written to it.
func sameHostReads(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || first.Method != http.MethodGet || req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
