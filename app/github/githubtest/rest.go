package githubtest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// call is one authenticated request to the REST API.
type call struct {
	r     *http.Request
	body  []byte
	actor actor
	repo  *repository // for paths below /repos/{owner}/{repo}; its id and name do not change under us
}

// answer is what a handler answers.
type answer struct {
	status int
	body   any // nil: none
	header map[string]string
}

// problem is GitHub's body of an answer that is not 2xx.
type problem struct {
	Message          string  `json:"message"`
	Errors           []obj   `json:"errors,omitempty"`
	DocumentationURL string  `json:"documentation_url"`
	Status           string  `json:"status"`
	URL              *string `json:"url,omitempty"`
}

func ok(body any) answer      { return answer{status: http.StatusOK, body: body} }
func created(body any) answer { return answer{status: http.StatusCreated, body: body} }

// fail answers with a problem.
func fail(status int, message string, errs ...obj) answer {
	return answer{status: status, body: problem{Message: message, Errors: errs,
		DocumentationURL: "https://docs.github.com/rest", Status: strconv.Itoa(status)}}
}

// invalid is the 422 of a field that is not as it should be.
func invalid(resource, field, code, message string) answer {
	e := obj{"resource": resource, "code": code}
	if field != "" {
		e["field"] = field
	}
	if message != "" {
		e["message"] = message
	}
	return fail(http.StatusUnprocessableEntity, "Validation Failed", e)
}

// into decodes the request's body. GitHub answers 400 to what is no JSON.
func (c *call) into(v any) *answer {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		a := fail(http.StatusBadRequest, "Problems parsing JSON")
		if t := new(json.UnmarshalTypeError); asType(err, &t) {
			a = fail(http.StatusUnprocessableEntity, fmt.Sprintf("Invalid request.\n\nFor '%s', wrong type.", t.Field))
		}
		return &a
	}
	return nil
}

func asType(err error, t **json.UnmarshalTypeError) bool {
	e, is := err.(*json.UnmarshalTypeError)
	if is {
		*t = e
	}
	return is
}

// number reads a numeric element of the path.
func (c *call) number(name string) int64 {
	n, _ := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	return n
}

// restAPI is the REST API with paths as GitHub's documentation shows them.
func (s *Server) restAPI() http.Handler {
	mux, comments := http.NewServeMux(), http.NewServeMux()
	for _, rt := range s.restRoutes() {
		if strings.Contains(rt.pattern, "/issues/comments/") {
			comments.Handle(rt.pattern, s.restHandler(rt))
		} else {
			mux.Handle(rt.pattern, s.restHandler(rt))
		}
	}
	for _, m := range []*http.ServeMux{mux, comments} {
		m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			s.writeAnswer(w, r, fail(http.StatusNotFound, "Not Found"))
		})
	}
	// issues/comments/{id} and issues/{number}/comments are each no more specific
	// than the other, which one ServeMux refuses to decide.
	return s.byRepositoryID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if simulated.Match("/repos/*/*/issues/comments/**", r.URL.Path) {
			comments.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

// byRepositoryID serves /repositories/ID/… like /repos/OWNER/NAME/…, and sends
// those who use a former name of a repository there.
func (s *Server) byRepositoryID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, is := strings.CutPrefix(r.URL.EscapedPath(), "/repositories/"); is {
			idText, rest, _ := strings.Cut(rest, "/")
			id, _ := strconv.ParseInt(idText, 10, 64)
			s.mu.Lock()
			repo := s.repos[id]
			name := ""
			if repo != nil {
				name = repo.FullName()
			}
			s.mu.Unlock()
			if name == "" {
				s.writeAnswer(w, r, fail(http.StatusNotFound, "Not Found"))
				return
			}
			escaped := strings.TrimSuffix("/repos/"+name+"/"+rest, "/")
			plain, err := url.PathUnescape(escaped)
			if err != nil {
				s.writeAnswer(w, r, fail(http.StatusNotFound, "Not Found"))
				return
			}
			r2 := r.Clone(r.Context())
			r2.URL.Path, r2.URL.RawPath = plain, escaped
			next.ServeHTTP(w, r2)
			return
		}
		if rest, is := strings.CutPrefix(r.URL.EscapedPath(), "/repos/"); is {
			parts := strings.SplitN(rest, "/", 3)
			if len(parts) >= 2 {
				if id, moved := s.movedFrom(parts[0] + "/" + parts[1]); moved {
					to := s.api("repositories", id)
					if len(parts) == 3 {
						to += "/" + parts[2]
					}
					if r.URL.RawQuery != "" {
						to += "?" + r.URL.RawQuery
					}
					w.Header().Set("Location", to)
					status := http.StatusMovedPermanently
					if r.Method != http.MethodGet && r.Method != http.MethodHead {
						status = http.StatusTemporaryRedirect
					}
					s.writeAnswer(w, r, answer{status: status, body: problem{Message: "Moved Permanently", URL: &to,
						DocumentationURL: "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
						Status:           strconv.Itoa(status)}})
					return
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// restHandler checks who asks and what they may before it lets the route answer.
func (s *Server) restHandler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(rt.needs) > 0 {
			w.Header().Set("X-Accepted-GitHub-Permissions", strings.ReplaceAll(strings.Join(rt.needs, "; "), ":", "="))
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.writeAnswer(w, r, fail(http.StatusBadRequest, "Problems reading the body"))
			return
		}
		c := &call{r: r, body: body}
		if refused := s.authenticate(c, rt); refused != nil {
			s.writeAnswer(w, r, *refused)
			return
		}
		if refused := s.overLimit(c); refused != nil {
			s.writeAnswer(w, r, *refused)
			return
		}
		s.writeAnswer(w, r, rt.answer(c))
	})
}

func (s *Server) writeAnswer(w http.ResponseWriter, r *http.Request, a answer) {
	var id [16]byte
	_, _ = rand.Read(id[:])
	h := w.Header()
	h.Set("X-GitHub-Request-Id", fmt.Sprintf("%X:%X", id[:2], id[2:8]))
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	s.rateLimit(r, h)
	maps.Copy(h, headers(a.header))
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	if raw, is := a.body.(rawAnswer); is {
		h.Set("Content-Type", raw.contentType)
		w.WriteHeader(a.status)
		_, _ = w.Write(raw.bytes)
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a.body); err != nil {
		panic(fmt.Sprintf("githubtest: an answer that is no JSON: %v", err))
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if r.Method == http.MethodGet && a.status == http.StatusOK {
		etag := `"` + digest(append([]byte(r.Header.Get("Authorization")), b.Bytes()...)) + `"`
		h.Set("ETag", etag)
		h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
		if strings.Contains(r.Header.Get("If-None-Match"), etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(b.Bytes())
}

// rawAnswer is a body that is not JSON.
type rawAnswer struct {
	contentType string
	bytes       []byte
}

func headers(m map[string]string) http.Header {
	h := http.Header{}
	for k, v := range m {
		h.Set(k, v)
	}
	return h
}

func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
