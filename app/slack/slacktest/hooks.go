package slacktest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// responseHook is an address at which an app may answer an interaction, five times
// within half an hour.
type responseHook struct {
	channel, user, message string
	left                   int
	until                  time.Time
}

// hook gives out such an address. The lock is held.
func (s *Server) hook(channel, user, message string) string {
	secret := rand.Text()
	s.hooks[secret] = responseHook{channel: channel, user: user, message: message, left: 5, until: s.now().Add(30 * time.Minute)}
	return s.URL + "/hooks/" + secret
}

// respond takes an answer to an interaction.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	var answer struct {
		Text     string          `json:"text"`
		Blocks   json.RawMessage `json:"blocks"`
		Type     string          `json:"response_type"`
		Replace  bool            `json:"replace_original"`
		Delete   bool            `json:"delete_original"`
		ThreadTS string          `json:"thread_ts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	secret := strings.TrimPrefix(r.URL.Path, "/hooks/")
	h, known := s.hooks[secret]
	switch {
	case !known:
		http.Error(w, "no_service", http.StatusNotFound)
		return
	case h.left == 0 || s.now().After(h.until):
		http.Error(w, "used_url", http.StatusNotFound)
		return
	}
	if wrong := ""; len(answer.Blocks) > 0 {
		if wrong = checkBlocks(answer.Blocks); wrong != "" {
			http.Error(w, "invalid_blocks", http.StatusBadRequest)
			return
		}
	}
	h.left--
	s.hooks[secret] = h
	ch := s.channels[h.channel]
	if original := ch.find(h.message); original != nil && (answer.Replace || answer.Delete) {
		original.Deleted = answer.Delete
		if answer.Replace {
			original.Text, original.Blocks = answer.Text, answer.Blocks
			original.Edits++
		}
	} else {
		m := &Message{Channel: ch.ID, TS: s.stamp(), Thread: answer.ThreadTS, User: s.app.BotUser, BotID: s.app.BotID, Text: answer.Text, Blocks: answer.Blocks, Reactions: map[string][]string{}}
		if answer.Type != "in_channel" {
			m.EphemeralTo = h.user
		}
		ch.messages = append(ch.messages, m)
	}
	s.changed()
	_, _ = w.Write([]byte("ok"))
}
