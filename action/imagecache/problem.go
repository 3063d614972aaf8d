package imagecache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of what can go wrong. None of them ends a run.
const (
	CodeSetup  = "IMAGE_SETUP"  // what is configured can't be a cache
	CodeLookup = "IMAGE_LOOKUP" // nobody said whether there is an image
	CodeLogin  = "IMAGE_LOGIN"  // the registry refused the credentials, or there are none
	CodePull   = "IMAGE_PULL"   // the image did not come
	CodeDigest = "IMAGE_DIGEST" // another image came, or the tag moved
	CodePush   = "IMAGE_PUSH"   // the image is not kept
	CodeDisk   = "IMAGE_DISK"   // the engine's disk is full
)

// Problem says why a step failed. It holds no credential.
type Problem struct {
	Code string
	What string // a sentence without its full stop
}

func (p *Problem) Error() string { return p.Code + ": " + p.What }

// errMissing says that the cache was asked, and has no such image.
var errMissing = errors.New("there is no such image")

// explain turns the error of a step into what people are told: code unless the error
// itself says more.
func (c *Cache) explain(ctx context.Context, err error, code string, limit time.Duration) *Problem {
	var known *Problem
	switch {
	case errors.Is(err, errMissing):
		return nil
	case errors.As(err, &known):
		return &Problem{Code: known.Code, What: c.clean(known.What)}
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return &Problem{Code: code, What: fmt.Sprintf("it took longer than %s", limit)}
	case ctx.Err() != nil:
		return &Problem{Code: code, What: "there was no time left for it"}
	}
	text := err.Error()
	switch {
	case isStatus(err, http.StatusUnauthorized, http.StatusForbidden) || refusedLogin.MatchString(text):
		code = CodeLogin
	case fullDisk.MatchString(text):
		code = CodeDisk
	case wrongDigest.MatchString(text):
		code = CodeDigest
	}
	return &Problem{Code: code, What: c.clean(text)}
}

// What engines and registries say, since an engine hands on no more than a sentence.
var (
	refusedLogin = regexp.MustCompile(`(?i)\bunauthorized\b|\b401\b|\bdenied\b|\b403 forbidden\b|no basic auth credentials`)
	fullDisk     = regexp.MustCompile(`(?i)no space left on device|disk quota exceeded`)
	wrongDigest  = regexp.MustCompile(`(?i)verification failed|unexpected (commit )?digest|digest (mismatch|does not match)|does not match (the )?digest|damaged|digest they should have`)
	tooMany      = regexp.MustCompile(`(?i)toomanyrequests|too many requests|\b429\b|\b50[234]\b|service unavailable`)
	query        = regexp.MustCompile(`\?[^\s"]+`)
	userInfo     = regexp.MustCompile(`//[^/\s"@]*@`)
)

// clean is text as it may be told: on one line, short, and with nothing in it that
// lets somebody in. Registries sign the addresses that they send clients to.
func (c *Cache) clean(text string) string {
	if c.engine != nil {
		text = c.engine.secrets.mask(text)
	}
	text = userInfo.ReplaceAllString(query.ReplaceAllString(text, "?…"), "//…@")
	text = strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

func isStatus(err error, statuses ...int) bool {
	var t *transport.Error
	var e *runapi.Error
	for _, s := range statuses {
		if errors.As(err, &t) && t.StatusCode == s || errors.As(err, &e) && e.Status == s {
			return true
		}
	}
	return false
}

func quote(text string) string { return strconv.Quote(text) }
