package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// speaker prints the events of the command protocol.
type speaker struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *speaker) event(keys map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := json.NewEncoder(s.w) // one line each
	e.SetEscapeHTML(false)
	if err := e.Encode(keys); err != nil {
		panic(err) // strings, numbers and lists of them
	}
}

func (s *speaker) message(format string, args ...any) {
	s.event(map[string]any{"event": "message", "text": fmt.Sprintf(format, args...)})
}

func (s *speaker) answer(format string, args ...any) {
	s.event(map[string]any{"event": "answer", "text": fmt.Sprintf(format, args...)})
}

func (s *speaker) plan(steps ...string) {
	s.event(map[string]any{"event": "plan", "text": fmt.Sprintf("%d steps", len(steps)), "steps": steps})
}

func (s *speaker) command(argv []string, exit int, output string) {
	const most = 2000
	if len(output) > most {
		output = "…" + output[len(output)-most:]
	}
	s.event(map[string]any{"event": "command", "argv": argv, "exit": exit, "output": output})
}

func (s *speaker) changed(path, text string) {
	s.event(map[string]any{"event": "file_change", "path": path, "text": text})
}
