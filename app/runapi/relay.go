package runapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// relayPatience is how long a relayed request waits for a server that can't be
// connected to: long enough for its restart, shorter than engines wait.
const relayPatience = time.Minute

// Relayed is a request that a runner passes on for its agent. Path, Query and
// Header are the agent's: who relays has decided what of them goes through.
type Relayed struct {
	Method string
	Path   string // below PathModel, such as v1/responses; not used for tools
	Query  string
	Header http.Header
	Body   []byte
}

// RelayModel asks the server to put a request to a model provider. The answer is
// returned as it begins, whatever its status; its body must be closed. A redirect
// is not followed.
func (h *Holder) RelayModel(ctx context.Context, r Relayed) (*http.Response, error) {
	return h.relay(ctx, strings.Replace(h.path(PathModel), "{path...}", r.Path, 1), r)
}

// RelayTools puts a request to the server's tools, as [Holder.RelayModel] does.
func (h *Holder) RelayTools(ctx context.Context, r Relayed) (*http.Response, error) {
	return h.relay(ctx, h.path(PathTools), r)
}

// relay sends r once. Only where no connection was made does it try again: then
// nothing has been asked of anybody.
func (h *Holder) relay(ctx context.Context, path string, r Relayed) (*http.Response, error) {
	address := h.client.server + path
	if r.Query != "" {
		address += "?" + r.Query
	}
	deadline := time.Now().Add(relayPatience)
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		req, err := http.NewRequestWithContext(ctx, r.Method, address, bytes.NewReader(r.Body))
		if err != nil {
			return nil, fmt.Errorf("relay %s %s: %w", r.Method, path, err)
		}
		req.Header = r.Header.Clone()
		req.Header.Set("Authorization", "Bearer "+h.token)
		res, err := h.client.relays.Do(req)
		var op *net.OpError
		switch {
		case err == nil:
			return res, nil
		case !errors.As(err, &op) || op.Op != "dial" || time.Now().After(deadline) || h.client.wait(ctx, wait) != nil:
			return nil, &unanswered{fmt.Errorf("relay %s %s: %w", r.Method, path, err)}
		}
	}
}
