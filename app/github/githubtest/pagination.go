package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hourlyLimit is what an installation may ask in an hour. The simulator counts and
// shows it, and never refuses for it: that is what faults are for. Secondary limits
// are refused by [Limits].
const hourlyLimit = 5000

func (s *Server) rateLimit(r *http.Request, h http.Header) {
	used, reset := 0, s.now().Truncate(time.Hour).Add(time.Hour)
	s.mu.Lock()
	if t := s.tokens[shownToken(r)]; t != nil {
		t.used++
		used = t.used
	}
	s.mu.Unlock()
	h.Set("X-RateLimit-Limit", strconv.Itoa(hourlyLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, hourlyLimit-used)))
	h.Set("X-RateLimit-Used", strconv.Itoa(used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

func (s *Server) getRateLimit(*call) answer {
	core := obj{"limit": hourlyLimit, "remaining": hourlyLimit, "used": 0, "reset": s.now().Truncate(time.Hour).Add(time.Hour).Unix()}
	return ok(obj{"rate": core, "resources": obj{"core": core, "search": core}})
}

// page cuts the asked page out of a list and adds the Link header.
func page[T any](s *Server, c *call, list []T) ([]T, map[string]string) {
	q := c.r.URL.Query()
	size, number := 30, 1
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		number = n
	}
	last := max(1, (len(list)+size-1)/size)
	link := func(n int, rel string) string {
		q.Set("page", strconv.Itoa(n))
		return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, s.URL+"/api/v3", c.r.URL.EscapedPath(), q.Encode(), rel)
	}
	var links []string
	if number > 1 {
		links = append(links, link(number-1, "prev"))
	}
	if number < last {
		links = append(links, link(number+1, "next"), link(last, "last"))
	}
	if number > 1 {
		links = append(links, link(1, "first"))
	}
	from := min((number-1)*size, len(list))
	cut := slices.Clone(list[from:min(from+size, len(list))])
	if cut == nil {
		cut = []T{}
	}
	if len(links) == 0 {
		return cut, nil
	}
	return cut, map[string]string{"Link": strings.Join(links, ", ")}
}
