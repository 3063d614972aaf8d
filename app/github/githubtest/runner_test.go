package githubtest_test

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// playRunner is what a job runs in these tests.
func playRunner(role string) int {
	switch role {
	case "env":
		for _, kv := range os.Environ() {
			fmt.Println(kv)
		}
		fmt.Println("::add-mask::hunter2")
		fmt.Println("::group::Prepare\nthe password is hunter2\n::endgroup::")
		fmt.Println("::stop-commands::halt\n::error::from the agent\n::halt::")
		_ = os.WriteFile(os.Getenv("GITHUB_STEP_SUMMARY"), []byte("## Done\n\n| a | b |\n|---|---|\n| 1 | hunter2 |\n"), 0o644)
		return 0
	case "fail":
		fmt.Println("it is broken")
		return 3
	case "stubborn": // ignores every signal that can be ignored
		ch := make(chan os.Signal, 8)
		signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
		fmt.Println("ready")
		for {
			select {
			case s := <-ch:
				fmt.Println("ignored", s)
			case <-time.After(time.Minute):
				return 9
			}
		}
	case "polite": // ends at SIGINT
		ch := make(chan os.Signal, 8)
		signal.Notify(ch, os.Interrupt)
		fmt.Println("ready")
		fmt.Println("stopping after", <-ch)
		return 0
	}
	fmt.Println("no such role", strings.ToUpper(role))
	return 2
}
