package apptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// hook [sign=sha256|sha1|none|other|upper] [guid=new] [replace=OLD/NEW]
//
// Sends the webhook of what was done last, as an attacker would send it.
func hook(s *stage, args []string) error {
	d, err := lastDelivery(s)
	if err != nil {
		return err
	}
	body, guid, sign := []byte(d.Payload), d.GUID, "sha256"
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "sign":
			sign = value
		case "guid":
			guid = rand.Text()
		case "replace":
			before, after, _ := strings.Cut(value, "/")
			if !bytes.Contains(body, []byte(before)) {
				return fmt.Errorf("the payload has no %q", before)
			}
			body = bytes.ReplaceAll(body, []byte(before), []byte(after))
		default:
			return fmt.Errorf("a hook has no %s", key)
		}
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {d.Event}, "X-Github-Delivery": {guid}}
	sum := func(h func() hash.Hash, secret string) string {
		mac := hmac.New(h, []byte(secret))
		mac.Write(body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	switch sign {
	case "sha256":
		header.Set("X-Hub-Signature-256", "sha256="+sum(sha256.New, webhookSecret))
	case "upper":
		header.Set("X-Hub-Signature-256", "sha256="+strings.ToUpper(sum(sha256.New, webhookSecret)))
	case "other":
		header.Set("X-Hub-Signature-256", "sha256="+sum(sha256.New, "another secret"))
	case "empty":
		header.Set("X-Hub-Signature-256", "sha256="+sum(sha256.New, ""))
	case "sha1":
		header.Set("X-Hub-Signature", "sha1="+sum(sha1.New, webhookSecret))
	case "none":
	default:
		return fmt.Errorf("signature %s is not known", sign)
	}
	status, answer, err := s.send("POST", app.PathHook, header, body)
	fmt.Fprintf(s.ts.Stdout(), "%d %s", status, answer)
	return err
}

func lastDelivery(s *stage) (githubtest.Delivery, error) {
	var all []githubtest.Delivery
	if err := s.GitHub.Ask("GET", "deliveries", nil, &all); err != nil {
		return githubtest.Delivery{}, err
	}
	i := slices.IndexFunc(all, func(d githubtest.Delivery) bool { return d.GUID == s.last.delivery })
	if i < 0 {
		return githubtest.Delivery{}, errors.New("the App was not told of what was done last")
	}
	// The control API spreads payloads out for people; the signature is over this.
	var compact bytes.Buffer
	if err := json.Compact(&compact, all[i].Payload); err != nil {
		return githubtest.Delivery{}, err
	}
	all[i].Payload = compact.Bytes()
	return all[i], nil
}

// send sends a request to the server.
func (s *stage) send(method, path string, header http.Header, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(s.ctx, method, s.Server.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// redeliver N: the webhook of what was done last, N times at once
func redeliver(s *stage, args []string) error {
	if err := words(args, 1, 1, "redeliver N"); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	d, err := lastDelivery(s)
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range d.Headers {
		header.Set(name, value)
	}
	var together sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		together.Go(func() {
			status, answer, err := s.send("POST", app.PathHook, header.Clone(), d.Payload)
			if err == nil && status != http.StatusOK && status != http.StatusAccepted {
				err = fmt.Errorf("%d %s", status, answer)
			}
			errs[i] = err
		})
	}
	together.Wait()
	return errors.Join(errs...)
}
