package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/coder/acp-go-sdk"
)

// maxFile bounds a file that is read for an agent: no line of the protocol may be
// longer.
const maxFile = 8 << 20

// maxPath is how long a path is at most: the system's own bound, which a root does not keep.
const maxPath = 4096

// RequestPermission gives what is asked for, once: an answer for ever would change how
// some agents work, or be refused by them.
func (t *acpTurn) RequestPermission(_ context.Context, r acp.RequestPermissionRequest) (acp.RequestPermissionResponse, error) {
	for _, kind := range []acp.PermissionOptionKind{acp.PermissionOptionKindAllowOnce, acp.PermissionOptionKindAllowAlways} {
		for _, o := range r.Options {
			if o.Kind == kind {
				return acp.RequestPermissionResponse{Outcome: acp.NewRequestPermissionOutcomeSelected(o.OptionId)}, nil
			}
		}
	}
	return acp.RequestPermissionResponse{Outcome: acp.NewRequestPermissionOutcomeCancelled()}, nil
}

// ReadTextFile reads a file of the tree.
func (t *acpTurn) ReadTextFile(_ context.Context, r acp.ReadTextFileRequest) (acp.ReadTextFileResponse, error) {
	f, closeRoot, err := t.file(r.Path, os.O_RDONLY, false)
	if err != nil {
		return acp.ReadTextFileResponse{}, err
	}
	defer closeRoot()
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return acp.ReadTextFileResponse{}, fmt.Errorf("read %s: %w", r.Path, err)
	}
	return acp.ReadTextFileResponse{Content: part(string(b), r.Line, r.Limit)}, nil
}

// WriteTextFile writes a file of the tree, with the directories above it. What it makes
// is the agent's own, as if a program of the agent's had made it.
func (t *acpTurn) WriteTextFile(_ context.Context, r acp.WriteTextFileRequest) (acp.WriteTextFileResponse, error) {
	f, closeRoot, err := t.file(r.Path, os.O_WRONLY|os.O_CREATE, true)
	if err != nil {
		return acp.WriteTextFileResponse{}, err
	}
	defer closeRoot()
	err = f.Truncate(0)
	if err == nil {
		_, err = io.WriteString(f, r.Content)
	}
	if err == nil {
		err = t.work.Confine.Give(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return acp.WriteTextFileResponse{}, fmt.Errorf("write %s: %w", r.Path, err)
	}
	return acp.WriteTextFileResponse{}, nil
}

// file opens a regular file of the tree. Links that lead out of it are not
// followed, and nothing that could keep the runner waiting is opened.
func (t *acpTurn) file(name string, flag int, parents bool) (_ *os.File, closeRoot func() error, err error) {
	rel, err := filepath.Rel(t.tree, name)
	if err != nil || !filepath.IsAbs(name) || !filepath.IsLocal(rel) || rel == "." || len(name) > maxPath {
		return nil, nil, fmt.Errorf("%.200s is not in the working directory", name)
	}
	root, err := os.OpenRoot(t.work.Tree)
	if err != nil {
		return nil, nil, err
	}
	if parents {
		if err = t.directories(root, filepath.Dir(rel)); err != nil {
			_ = root.Close()
			return nil, nil, err
		}
	}
	f, err := root.OpenFile(rel, flag|syscall.O_NONBLOCK, 0o644)
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", name)
		}
		if err == nil {
			return f, root.Close, nil
		}
		_ = f.Close()
	}
	_ = root.Close()
	return nil, nil, err
}

// directories makes a directory of the tree and those above it. Those that are new are
// the agent's own.
func (t *acpTurn) directories(root *os.Root, name string) error {
	if name == "." {
		return nil
	}
	if err := t.directories(root, filepath.Dir(name)); err != nil {
		return err
	}
	switch err := root.Mkdir(name, 0o755); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	d, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return errors.Join(t.work.Confine.Give(d), d.Close())
}

// part is what of a text was asked for: from a line, counted from 1, and so many.
func part(text string, line, limit *int) string {
	if line == nil && limit == nil {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	from, to := 0, len(lines)
	if line != nil && *line > 1 {
		from = min(*line-1, len(lines))
	}
	if limit != nil && *limit >= 0 && *limit < to-from {
		to = from + *limit
	}
	return strings.Join(lines[from:to], "")
}

// Terminals are not offered, because an agent runs its commands itself, inside.

func (t *acpTurn) CreateTerminal(context.Context, acp.CreateTerminalRequest) (acp.CreateTerminalResponse, error) {
	return acp.CreateTerminalResponse{}, acp.NewMethodNotFound(acp.ClientMethodTerminalCreate)
}

func (t *acpTurn) KillTerminal(context.Context, acp.KillTerminalRequest) (acp.KillTerminalResponse, error) {
	return acp.KillTerminalResponse{}, acp.NewMethodNotFound(acp.ClientMethodTerminalKill)
}

func (t *acpTurn) TerminalOutput(context.Context, acp.TerminalOutputRequest) (acp.TerminalOutputResponse, error) {
	return acp.TerminalOutputResponse{}, acp.NewMethodNotFound(acp.ClientMethodTerminalOutput)
}

func (t *acpTurn) ReleaseTerminal(context.Context, acp.ReleaseTerminalRequest) (acp.ReleaseTerminalResponse, error) {
	return acp.ReleaseTerminalResponse{}, acp.NewMethodNotFound(acp.ClientMethodTerminalRelease)
}

func (t *acpTurn) WaitForTerminalExit(context.Context, acp.WaitForTerminalExitRequest) (acp.WaitForTerminalExitResponse, error) {
	return acp.WaitForTerminalExitResponse{}, acp.NewMethodNotFound(acp.ClientMethodTerminalWaitForExit)
}
