//go:build unix

package confine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of what can be wrong with a confinement.
const (
	CodeNone   = "CONTAINMENT_NONE"   // none that may be used works on this machine
	CodeEngine = "CONTAINMENT_ENGINE" // a program can't run in the environment
	CodeStart  = "CONTAINMENT_START"  // a container did not come up
)

// Modes that an assignment may name.
const (
	ModeAuto       = "auto"
	ModeDocker     = "docker"
	ModePodman     = "podman"
	ModeBubblewrap = "bubblewrap"
	ModeNone       = "none"
)

// Options say what to choose from, and for which machine.
type Options struct {
	Containment runapi.Containment
	// Environ is the job's environment: it says where tools are.
	Environ []string
	// Self is this program as a file; it runs [Inside] by the argument "inside" and
	// [Enter] by "enter".
	Self string
	// Supervisor is for [Plain], where mode none is asked for by name.
	Supervisor []string
	// Image are variables that programs in containers of an image get besides the image's
	// own. Caches of tools stay in the programs' home, whatever they say.
	Image []string
	// User is the name of the programs' user; empty or not fit for one: anvil. It is a
	// name only, and changes nothing of who they are on the machine.
	User string
}

// Choice is a kind of confinement that works on this machine.
type Choice struct {
	Options
	Evidence Evidence

	kind    kind
	system  []Mount // of the machine, made visible read-only
	env     environ
	program string // of a container engine's client
	image   string // of its containers
	given   []string
	counted bool // its processes, by a cgroup
}

// Evidence says what programs run in, for people and for the record.
type Evidence struct {
	Kind    string `json:"kind"`
	Version string `json:"version,omitempty"`
	User    string `json:"user,omitempty"` // that programs run as
	Image   string `json:"image,omitempty"`
	Digest  string `json:"digest,omitempty"` // of the image
	// Holds and Lacks say which limits hold, and which do not and why.
	Holds []string `json:"holds,omitempty"`
	Lacks []string `json:"lacks,omitempty"`
}

func (e Evidence) String() string {
	s := strings.TrimSpace(e.Kind + " " + e.Version)
	if e.Image != "" {
		s += ", image " + e.Image
	}
	if e.User != "" {
		s += ", as " + e.User
	}
	if len(e.Holds) > 0 {
		s += "; limited: " + strings.Join(e.Holds, ", ")
	}
	if len(e.Lacks) > 0 {
		s += "; not limited: " + strings.Join(e.Lacks, ", ")
	}
	return s
}

// kind is one way to make containers.
type kind interface {
	// ready finds what the kind needs on this machine, and tells its version and
	// image. The error says what is missing and how to get it.
	ready(ctx context.Context, c *Choice) error
	// launch is how a container is started whose first process is Inside.
	launch(b *box, mounts []Mount, o *order) launch
}

// launch is a container about to start.
type launch struct {
	cmd *exec.Cmd
	// group limits it, if the machine and not a container engine does.
	group *cgroup
	kill  func() // ends it from outside, and takes away what is left of it
}

// proofTime is how long a trivial program may take.
const proofTime = 30 * time.Second

// Choose finds the confinement that the assignment asks for, and proves that it
// works by running a trivial program in it. With mode auto it takes the first of
// docker, podman and bubblewrap that works; if there is an image, the first of docker
// and podman, because bubblewrap would run programs on the machine's own system
// instead. The error is a [*runapi.Error].
func Choose(ctx context.Context, o Options) (*Choice, error) {
	mode := o.Containment.Mode
	if mode == "" {
		mode = ModeAuto
	}
	kinds := map[string]kind{ModeDocker: engine{ModeDocker}, ModePodman: engine{ModePodman}, ModeBubblewrap: bubblewrap{}}
	order := []string{ModeDocker, ModePodman, ModeBubblewrap}
	switch {
	case mode == ModeNone:
		return &Choice{Options: o, env: o.Environ, Evidence: Evidence{
			Kind: ModeNone, User: "the runner's own user", Lacks: []string{"everything: containment is off by the operator's word"},
		}}, nil
	case mode != ModeAuto && kinds[mode] == nil:
		return nil, &runapi.Error{
			Code: CodeNone, What: fmt.Sprintf("This runner knows no containment %q.", mode), Next: "Update the action, or set containment.mode in the server's configuration.",
		}
	case mode != ModeAuto:
		order = []string{mode}
	case o.Containment.Image != "":
		order = []string{ModeDocker, ModePodman}
	}
	var why []string
	for _, name := range order {
		c := &Choice{Options: o, kind: kinds[name], Evidence: Evidence{Kind: name}}
		err := c.kind.ready(ctx, c)
		if err == nil {
			err = c.prove(ctx)
		}
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		what := err.Error()
		var problem *runapi.Error
		if errors.As(err, &problem) {
			what = problem.What // what to do about it is said once, for all
		}
		why = append(why, name+": "+strings.TrimSuffix(what, "."))
	}
	next := "Install Docker or bubblewrap on the runner (apt-get install bubblewrap). If the machine itself is thrown away after each job and holds nothing, the operator may set containment.mode: none."
	if o.Containment.Image != "" {
		next = "See that the runner has Docker or Podman, which can pull and start the image (containment.image, or the dev container's). Bubblewrap runs no image, and is not tried."
	}
	return nil, &runapi.Error{Code: CodeNone, What: "Nothing on this runner can contain an agent: " + strings.Join(why, "; ") + ".", Next: next}
}

// prove runs a trivial program in a confinement.
func (c *Choice) prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	dir, err := os.MkdirTemp("", "anvil-proof-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	room := Room{Tree: filepath.Join(dir, "tree"), Home: filepath.Join(dir, "home"), Temp: filepath.Join(dir, "tmp")}
	for _, d := range []string{room.Tree, room.Home, room.Temp} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	b, err := c.New(room)
	if err != nil {
		return err
	}
	defer b.Close()
	env, _ := Environment(c.Job(), InsideHome, InsideTemp, nil)
	var out bytes.Buffer
	p, err := b.Start(ctx, Spec{
		Argv: []string{"/bin/sh", "-c", "echo proof > proof && echo proof > ~/proof"}, Dir: InsideTree,
		Env: env, Stdout: &out, Stderr: &out,
	})
	if err != nil {
		return err
	}
	exit, err := p.Wait()
	if err != nil {
		return err
	}
	if text, _ := os.ReadFile(filepath.Join(room.Home, "proof")); exit.Code != 0 || string(text) != "proof\n" {
		return fmt.Errorf("a trivial program ended with exit code %d: %s", exit.Code, strings.TrimSpace(out.String()))
	}
	return nil
}

// Job is the job's environment as far as it is about tools, with their places as
// they are inside.
func (c *Choice) Job() []string { return c.env }

// Given names the variables in [Choice.Job] that are of the image and not of the job:
// programs in it are to get them all.
func (c *Choice) Given() []string { return c.given }

// New makes a confinement for programs with this room. What they write to is given to
// their user whenever a program is started.
func (c *Choice) New(room Room) (Confinement, error) {
	if c.kind == nil {
		return &Plain{Supervisor: c.Supervisor}, nil
	}
	dir, err := os.MkdirTemp("", "anvil-box-")
	if err != nil {
		return nil, fmt.Errorf("make a confinement: %w", err)
	}
	b := &box{choice: c, room: room, dir: dir, user: ownUser()}
	own, err := b.etc()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a confinement: %w", err), os.RemoveAll(dir))
	}
	b.mounts = slices.Concat(c.system, own, room.mounts(c.system), []Mount{{Outside: c.Self, Inside: insideRunner}})
	return b, nil
}

// ownUser is the user that programs of a new confinement are on the machine: under
// root a number that nobody else has, and no other confinement; else the runner's
// own, in a user namespace.
func ownUser() int {
	if os.Geteuid() != 0 {
		return os.Geteuid()
	}
	const unused = 0x70000000 // up to 2^31 no system and no container tool gives numbers out
	return unused + rand.IntN(0x0ffffff0)
}

var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// etc writes the files of /etc that are the confinement's own.
func (b *box) etc() ([]Mount, error) {
	user, name := strconv.Itoa(b.inner()), "anvil"
	if b.choice.User != "root" && userName.MatchString(b.choice.User) {
		name = b.choice.User
	}
	var list []Mount
	for name, text := range map[string]string{
		"passwd":        "root:x:0:0:root:/:/bin/false\n" + name + ":x:" + user + ":" + user + "::" + InsideHome + ":/bin/sh\n",
		"group":         "root:x:0:\n" + name + ":x:" + user + ":\n",
		"hosts":         "127.0.0.1 localhost\n::1 localhost\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"resolv.conf":   "",
	} {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
		list = append(list, Mount{Outside: path, Inside: "/etc/" + name})
	}
	return list, nil
}

// inner is the number of the programs' user inside.
func (b *box) inner() int {
	if b.user == os.Geteuid() {
		return namespaceUser
	}
	return b.user
}

// namespaceUser is who programs are in a user namespace.
const namespaceUser = 1000
