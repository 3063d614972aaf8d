package apptest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

var built = flag.String("programs", "", "`directory` with the built programs (default: they are built from the source)")

// programs are built once, before any test runs, and only read afterwards.
var programs Programs

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() < "4" {
		// Stories wait more than they compute.
		_ = flag.Set("test.parallel", "4")
	}
	ctx := context.Background()
	var err error
	if *built != "" {
		programs, err = Built(ctx, *built)
	} else {
		var dir string
		if dir, err = os.MkdirTemp("", "anvil-apptest-"); err == nil {
			defer os.RemoveAll(dir)
			programs, err = Build(ctx, dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestStories plays the scripts in testdata, each in a world of its own.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		Setup:              setStage,
		RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"github":     plain(openGitHub),
			"repository": plain(createRepository),
			"server":     plain(commandServer),
			"runner":     plain(commandRunner),
			"model":      plain(startModel),
			"runners":    plain(commandRunners),
			"dispatches": plain(answerDispatches),
			"fault":      plain(setFault),
			"limits":     plain(setLimits),
			"limits-met": plain(metLimits),
			"release":    plain(releaseFault),

			"issue":    plain(openIssue),
			"comment":  plain(comment),
			"edit":     plain(edit),
			"label":    plain(label),
			"assign":   plain(assign),
			"delete":   plain(deleteIssue),
			"transfer": plain(transfer),
			"role":     plain(setRole),
			"react":    plain(react),
			"merge":    plain(merge),
			"reopen":   plain(reopen),
			"fork":     plain(openFromFork),
			"pull":     plain(openPull),
			"take":     plain(take),
			"review":   plain(review),
			"press":    plain(press),
			"ci":       plain(ci),
			"commit":   plain(commit),
			"rename":   plain(rename),
			"archive":  plain(archive),
			"suspend":  plain(suspend),
			"rerun":    plain(rerun),
			"tell":     plain(tell),

			"linear": plain(commandLinear),
			"slack":  plain(commandSlack),

			"browser": plain(commandBrowser),

			"await":   plain(await),
			"count":   plain(count),
			"paced":   plain(paced),
			"decided": plain(decided),
			"problem": plain(problem),
			"show":    plain(show),

			"hook":      plain(hook),
			"redeliver": plain(redeliver),
			"begin":     plain(begin),
			"claim":     plain(claim),
			"lease":     plain(useLease),
			"dispatch":  plain(dispatchByHand),
			"secrets":   plain(secrets),
			"sealed":    plain(sealed),
			"spoil":     plain(spoil),

			"start-run":    plain(startRun),
			"propose-made": plain(proposeMade),
		},
	})
}

// stage is what a story is played on.
type stage struct {
	*World
	ts  *testscript.TestScript
	ctx context.Context

	last struct { // what the story may speak of next
		comment  int64
		delivery string // GUID
		fault    int
	}
	job      job
	model    *modeltest.Server // or nil
	linear   *workspace        // or nil
	slack    *channel          // or nil
	browsers map[string]*browser
	settings Settings // of the server, that follow from its surroundings
}

type stageKey struct{}

// setStage prepares a story. Its agent is the file agent.sh, or this one.
func setStage(env *testscript.Env) error {
	t := env.T().(testing.TB)
	s := &stage{ctx: t.Context()}
	env.Values[stageKey{}] = s
	env.Setenv("STORY", env.WorkDir)
	env.Setenv("ANVIL", programs.Path("anvil"))
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env.Setenv("GIT_"+who+"_NAME", "mona")
		env.Setenv("GIT_"+who+"_EMAIL", "mona@example.com")
	}
	env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	agent := filepath.Join(env.WorkDir, "agent.sh")
	if _, err := os.Stat(agent); os.IsNotExist(err) {
		if err := os.WriteFile(agent, []byte(greeter), 0o600); err != nil {
			return err
		}
	}
	env.Defer(func() {
		if s.model != nil {
			defer s.model.Close() // after the server
		}
		if s.slack != nil {
			defer s.slack.Close() // after the server
		}
		if s.linear != nil && s.linear.Server != nil {
			defer s.linear.Close() // after the server
			if session, err := s.session(); t.Failed() && err == nil {
				t.Logf("Linear shows %+v", session)
			}
		}
		if s.World == nil {
			return
		}
		if t.Failed() {
			t.Log(s.Describe(context.WithoutCancel(s.ctx)))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return nil
}

// greeter is the agent of stories that have no other: it does a small thing well.
const greeter = `echo 'I wrote a greeting.'
echo 'Hello, world.' > hello.txt
`

// plain makes a command of the script of a function that knows its stage.
func plain(do func(s *stage, args []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		s := ts.Value(stageKey{}).(*stage)
		s.ts = ts
		if err := do(s, args); err != nil {
			ts.Fatalf("%v", err)
		}
	}
}

// words checks how many words a command has.
func words(args []string, least, most int, usage string) error {
	if len(args) < least || len(args) > most {
		return fmt.Errorf("usage: %s", usage)
	}
	return nil
}
