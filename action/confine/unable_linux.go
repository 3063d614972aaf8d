package confine

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// unable says why the system here refused to start a program that is there, if that can
// be told from the program: the system's own words name the program, and mean what it
// lacks. Any other error stays as it is.
func unable(path string, err error) error {
	if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOEXEC) && !errors.Is(err, syscall.EACCES) {
		return err
	}
	f, openErr := os.Open(path)
	if openErr != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head)
	if script, ok := bytes.CutPrefix(head[:n], []byte("#!")); ok {
		line, _, _ := bufio.NewReader(bytes.NewReader(script)).ReadLine()
		words := strings.Fields(string(line))
		if len(words) > 0 && missing(words[0]) {
			return fmt.Errorf("it is a script for %s, which is not here", words[0])
		}
		return err
	}
	program, elfErr := elf.NewFile(f)
	if elfErr != nil {
		return errors.New("it is no program of this system")
	}
	if program.Machine != elfMachines[runtime.GOARCH] {
		return fmt.Errorf("it is for %s, and this machine is %s", machineOf(program.Machine), runtime.GOARCH)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			loader, _ := io.ReadAll(p.Open())
			if name := string(bytes.TrimRight(loader, "\x00")); missing(name) {
				return fmt.Errorf("it needs %s, the loader of its libc, which is not here", name)
			}
		}
	}
	return err
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// elfMachines is each architecture of Go's as programs name it.
var elfMachines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func machineOf(m elf.Machine) string {
	for name, machine := range elfMachines {
		if machine == m {
			return name
		}
	}
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}
