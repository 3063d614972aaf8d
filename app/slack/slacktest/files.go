package slacktest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// File is a file that is attached to messages.
type File struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Title string `json:"title"`
	Type  string `json:"mimetype"`
	Bytes []byte `json:"-"`
	// URL is where it is downloaded, with the bot's token.
	URL string `json:"url_private"`

	complete bool
}

func (f File) json() obj {
	return obj{
		"id": f.ID, "name": f.Name, "title": f.Title, "mimetype": f.Type, "size": len(f.Bytes), "mode": "hosted", "is_external": false,
		"url_private": f.URL, "url_private_download": f.URL + "?download=1", "permalink": f.URL,
	}
}

func fileList(files []File) []obj {
	var all []obj
	for _, f := range files {
		all = append(all, f.json())
	}
	return all
}

// newFile keeps a file. The lock is held.
func (s *Server) newFile(name, kind string, content []byte) *File {
	f := &File{ID: s.newID('F'), Name: name, Title: name, Type: kind, Bytes: content, complete: true}
	f.URL = s.URL + "/files/" + f.ID + "/" + strings.ReplaceAll(name, "/", "_")
	s.files[f.ID] = f
	return f
}

// serveFiles gives files to those who may have them, and takes uploads. Without the
// right token one gets a page to sign in on, with status 200, as on Slack.
func (s *Server) serveFiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /files/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f, a := s.files[r.PathValue("id")], s.app
		s.mu.Unlock()
		allowed := r.Header.Get("Authorization") == "Bearer "+a.BotToken && a.revoked == "" && a.has("files:read")
		switch {
		case !allowed:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<!DOCTYPE html><title>Sign in</title>Sign in to see this file.")
		case f == nil || !f.complete:
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Type", f.Type)
			_, _ = w.Write(f.Bytes)
		}
	})
	mux.HandleFunc("POST /files/upload/{id}", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<20)
		content := io.Reader(r.Body)
		if part, _, err := r.FormFile("file"); err == nil { // as a form or as it is
			content = part
		}
		body, err := io.ReadAll(content)
		s.mu.Lock()
		defer s.mu.Unlock()
		f := s.files[r.PathValue("id")]
		if err != nil || f == nil || f.complete {
			http.Error(w, "no such upload", http.StatusBadRequest)
			return
		}
		f.Bytes, f.Type = body, http.DetectContentType(body)
		_, _ = io.WriteString(w, "OK")
	})
	return mux
}

func filesInfo(c *call) (obj, error) {
	f := c.files[c.args.Get("file")]
	if f == nil {
		return nil, fail("file_not_found")
	}
	return obj{"file": f.json()}, nil
}

func uploadURL(c *call) (obj, error) {
	name := c.args.Get("filename")
	if name == "" || c.number("length", 0, 1<<30) == 0 {
		return nil, fail("invalid_arguments")
	}
	f := c.newFile(name, "application/octet-stream", nil)
	f.complete = false
	return obj{"upload_url": c.URL + "/files/upload/" + f.ID, "file_id": f.ID}, nil
}

// completeUpload attaches uploaded files to a message of the bot's.
func completeUpload(c *call) (obj, error) {
	var wanted []struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	if err := json.Unmarshal([]byte(c.args.Get("files")), &wanted); err != nil || len(wanted) == 0 {
		return nil, fail("invalid_arguments")
	}
	var files []File
	for _, w := range wanted {
		f := c.files[w.ID]
		if f == nil || f.complete {
			return nil, fail("file_not_found")
		}
		f.complete = true
		if w.Title != "" {
			f.Title = w.Title
		}
		files = append(files, *f)
	}
	if channel := c.args.Get("channel_id"); channel != "" {
		c.args.Set("channel", channel)
		ch, err := c.place()
		if err != nil {
			return nil, err
		}
		ch.messages = append(ch.messages, &Message{
			Channel: ch.ID, TS: c.stamp(), Thread: c.args.Get("thread_ts"), User: c.Server.app.BotUser, BotID: c.Server.app.BotID,
			Text: c.args.Get("initial_comment"), Files: files, Reactions: map[string][]string{},
		})
		c.changed()
	}
	return obj{"files": fileList(files)}, nil
}
