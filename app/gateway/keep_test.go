package gateway

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// What is said to a model and by it is kept nowhere, unless the operator asks for it.
func TestWhatIsSaid(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{false, true} {
		const said, answered = "a question that only this test asks", "an answer that only this test gives"
		var mu sync.Mutex
		kept := map[string]string{}
		filed := make(chan struct{}, 2)
		w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, `{"output":"`+answered+`","usage":{"output_tokens":1}}`)
		})), func(c *Config) {
			if asked {
				c.Keep = func(_ context.Context, run anvil.RunID, name string, content io.Reader) error {
					text, err := io.ReadAll(content)
					mu.Lock()
					defer mu.Unlock()
					kept[name[strings.LastIndex(name, "-")+1:]] = string(text)
					filed <- struct{}{}
					return err
				}
			}
		})
		run := w.working("a", token)
		if status, text := w.post(run, token, "v1/responses", `{"model":"large","input":"`+said+`"}`); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		w.calls(run)
		if asked {
			<-filed
			<-filed
			if !strings.Contains(kept["request"], said) || !strings.Contains(kept["answer"], answered) {
				t.Errorf("kept is %v", kept)
			}
			continue
		}
		for _, file := range dataOf(t, w.store) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, words := range []string{said, answered, token} {
				if strings.Contains(string(text), words) || strings.Contains(w.log.String(), words) {
					t.Errorf("%q is in %s or in the log", words, file)
				}
			}
		}
	}
}

// dataOf lists the files of a database.
func dataOf(t *testing.T, s *store.Store) []string {
	t.Helper()
	var seq, name, file string
	if err := s.DB().QueryRowContext(t.Context(), `PRAGMA database_list`).Scan(&seq, &name, &file); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(file + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("the database has no files: %v", err)
	}
	return files
}
