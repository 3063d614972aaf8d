package slack

import (
	"bytes"
	"context"
	"errors"

	api "github.com/slack-go/slack"
)

// errTooBig ends a download.
var errTooBig = errors.New("the file is too big")

// upTo keeps what is written to it, up to a limit.
type upTo struct {
	bytes.Buffer
	limit int
}

func (w *upTo) Write(b []byte) (int, error) {
	if w.Len()+len(b) > w.limit {
		return 0, errTooBig
	}
	return w.Buffer.Write(b)
}

// File downloads a file of at most limit bytes from the address that Slack gave for it. The
// token goes to Slack's own hosts only.
func (c *Client) File(ctx context.Context, address string, limit int) ([]byte, error) {
	w := &upTo{limit: limit}
	err := c.api.GetFileContext(ctx, address, w)
	if errors.Is(err, errTooBig) {
		return nil, &Error{Op: "read the file", Kind: Invalid, Code: "too_big"}
	}
	if err != nil {
		failed := c.failed("read the file", "files", err)
		if _, is := errors.AsType[api.StatusCodeError](err); !is && AsError(failed).Kind == Unreachable {
			AsError(failed).Kind = Invalid // not Slack's host, or a page to sign in on
		}
		return nil, failed
	}
	return w.Bytes(), nil
}
