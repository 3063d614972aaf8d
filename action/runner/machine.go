package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/debug"
	"github.com/seed-bc0cc349/anvil/action/redact"
)

// DebugMachine makes a debug package, the file out, of this machine's facts and of
// files, such as the logs in a runner's _diag. What the job's variables call a secret
// is known as one. It tells on c.Out what it took.
func DebugMachine(ctx context.Context, c Config, out string, files []string) error {
	secrets := &redact.Set{}
	for _, entry := range c.Environ {
		name, value, _ := strings.Cut(entry, "=")
		for _, word := range []string{"TOKEN", "SECRET", "PASSWORD", "NONCE", "_KEY"} {
			if strings.Contains(strings.ToUpper(name), word) {
				secrets.Add(value)
			}
		}
	}
	parts := []debug.Part{debug.Text("machine.json", mustIndent(machine(ctx, c)))}
	for i, file := range files {
		parts = append(parts, debug.File("files/"+strconv.Itoa(i+1)+"-"+filepath.Base(file), file))
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make a debug package: %w", err)
	}
	m, err := debug.Write(ctx, f, "a machine, on request", parts, secrets, debug.Limits{})
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("make a debug package: %w", err)
	}
	for _, p := range m.Parts {
		fmt.Fprintln(c.Out, strings.TrimSuffix(fmt.Sprintf("%s, %d bytes, %s", p.Name, p.Bytes, p.Cut), ", "))
	}
	return nil
}
