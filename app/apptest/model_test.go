package apptest

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

// model FILE
func startModel(s *stage, args []string) error {
	if err := words(args, 1, 1, "model FILE"); err != nil {
		return err
	}
	scripts, err := modeltest.Load(s.ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	if s.model, err = modeltest.Start(modeltest.Options{Scripts: scripts, Keys: []string{modelKey}}); err != nil {
		return err
	}
	key := filepath.Join(s.ts.MkAbs("."), ".model-key")
	if err := os.WriteFile(key, []byte(modelKey), 0o600); err != nil {
		return err
	}
	upstreams, err := json.Marshal([]any{map[string]any{
		"name": "scripted", "protocols": []string{"chat", "responses", "messages"}, "base_url": s.model.URL + "/v1", "key_file": key,
	}})
	if err != nil {
		return err
	}
	s.ts.Setenv("UPSTREAMS", string(upstreams))
	return nil
}
