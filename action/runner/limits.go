package runner

import (
	"io"
	"time"

	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// limits are an assignment's, with the runner's own where it has none.
type limits struct {
	work, verify time.Duration
	log, bundle  int64
	conversation int64
	events       int64 // that an agent may cause
}

func (j *job) limits() limits { return j.limitsOf(j.assignment) }

func (j *job) limitsOf(a runapi.Assignment) limits {
	l := limits{work: 50 * time.Minute, verify: 10 * time.Minute, log: 4 << 20, bundle: 50 << 20, conversation: 200 << 20, events: 5000}
	if s := a.Limits.WorkSeconds; s > 0 {
		l.work = time.Duration(s) * time.Second
	}
	if s := a.Limits.VerifySeconds; s > 0 {
		l.verify = time.Duration(s) * time.Second
	}
	if n := a.Limits.LogBytes; n > 0 {
		l.log = n
	}
	if n := a.Limits.BundleBytes; n > 0 {
		l.bundle = n
	}
	if n := a.Limits.ConversationBytes; n > 0 {
		l.conversation = n
	}
	return l
}

// stream keeps the engine's raw output for its artifact.
func (j *job) stream() io.Writer {
	j.raw = joblog.NewClipped(int(j.limits().log))
	return j.raw
}
