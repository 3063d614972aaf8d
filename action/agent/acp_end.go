package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coder/acp-go-sdk"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// stopper turns a request to stop into the protocol's own, and into signals once
// the session had half of the grace to end by itself.
func (t *acpTurn) stopper(ctx context.Context, gone <-chan struct{}) {
	select {
	case <-gone:
		return
	case <-t.stop:
	case <-ctx.Done():
	}
	// The pipe may be full: then the signal has to do.
	if id := t.current(); id != "" {
		go func() { _ = t.conn.Cancel(context.WithoutCancel(ctx), acp.CancelNotification{SessionId: id}) }()
	}
	t.endWithin(gone, t.work.Grace/2)
}

// current is the session that is under way, empty before there is one.
func (t *acpTurn) current() acp.SessionId {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.id
}

// endWithin gives the program a time to end by itself, then ends it.
func (t *acpTurn) endWithin(gone <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-gone:
		return
	case <-timer.C:
	}
	t.process.Stop()
	<-gone
}

// failed is the problem that an answer of the protocol means.
func (t *acpTurn) failed(what string, err error) error {
	why := err.Error()
	var refused *acp.RequestError
	if errors.As(err, &refused) && refused.Code != acp.NewRequestCancelled(nil).Code { // that is our own context's end
		why = refused.Message
		if refused.Data != nil {
			why += " (" + strings.TrimSpace(fmt.Sprint(refused.Data)) + ")"
		}
	} else {
		t.cut = true
	}
	if what != "" {
		why = strings.ToLower(what[:1]) + what[1:] + ": " + why
	}
	return failed(t.work.Engine.Name, why)
}

// otherVersion is the problem of a program that is another version than is asked
// for, nil if it is not.
func otherVersion(e runapi.Engine, found string) error {
	if e.Version == "" || found == e.Version {
		return nil
	}
	problem := &runapi.Error{
		Code: CodeVersion, What: fmt.Sprintf("The engine %s is version %q on this runner; %s is asked for.", e.Name, found, e.Version),
		Next: fmt.Sprintf("Install that version, or set engines.%s.version in the server's configuration.", e.Name),
	}
	if name := packages[e.Kind]; name != "" {
		problem.Next = fmt.Sprintf("Install it (npm install -g %s@%s), or set engines.%s.version in the server's configuration.", name, e.Version, e.Name)
	}
	return problem
}
