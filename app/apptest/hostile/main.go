//go:build linux

// Command hostile is an agent that does harm: it stands in the agent's place and
// carries the attacks of an injected agent out as code, so that no result depends
// on a model being fooled. It is a program of the tests, and not part of the product.
//
// It is told where the tests wait for it: sinks that count what arrives, files that
// it must not read, places that it must not write to. For each attack it prints one
// line,
//
//	attack <tab> NAME <tab> THREAT ROW <tab> REACHED <tab> WHAT HAPPENED
//
// where REACHED is 1 if it got what it wanted. Many attacks can be judged only from
// outside; the test does that.
//
// It also stands in the runner's place, as a job that was taken over and has the job's
// identity: there it robs others with the lease that it gets, and forges bundles.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// target is what the agent was told.
type target struct {
	TCP      string // HOST:PORT,… of a sink that takes anything
	UDP      string // HOST:PORT,… of a sink that takes datagrams
	Socket   string // a Unix socket of the machine
	Abstract string // another, without a path
	File     string // a file of the runner's with a canary
	Write    string // a directory of the runner's to write to
	Temp     string // the job's temporary directories, as a pattern
	Services string // addresses of the server and of GitHub, with commas
	Marker   string // a program of ours that somebody else runs touches this
	Victims  string // runs that are not its own, with commas: of its repository, of another tenant
	Mode     string // take, plant or fill, in the agent's place; rob, or forge NAME, in the runner's
}

var to target

func main() {
	if len(os.Args) > 2 && os.Args[1] == "linger" {
		linger(os.Args[2])
		return
	}
	// In one argument: paths that stand by themselves are made visible to an engine.
	if len(os.Args) != 2 || json.Unmarshal([]byte(os.Args[1]), &to) != nil {
		fmt.Fprintln(os.Stderr, "usage: hostile JSON")
		os.Exit(2)
	}
	if name, ok := strings.CutPrefix(to.Mode, "forge "); ok {
		forge(name)
		return
	}
	if to.Mode == "rob" {
		rob()
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	// On a machine that does not contain it, it would do real harm.
	if b, err := os.ReadFile(to.File); err == nil || !alone() {
		fmt.Printf("attack\tbe contained at all\t42, 49\t1\tnothing else was tried: it can read %d bytes of the runner's file, or reach the machine\n", len(b))
		return
	}
	attacks := take
	switch to.Mode {
	case "plant":
		attacks = plant
	case "fill":
		attacks = fill
	}
	for _, a := range attacks {
		a.carryOut()
	}
	hold()
	say("message", map[string]any{"text": "done"})
}

// hold waits until somebody who looks at this machine has seen enough: until then
// everything of the run is there to be looked at.
func hold() {
	home, _ := os.UserHomeDir()
	path := filepath.Join(home, "hold")
	if syscall.Mkfifo(path, 0o600) != nil {
		return
	}
	b, _ := os.ReadFile(path) // until a writer has come and gone
	_ = os.Remove(path)
	fmt.Printf("held %d\n", len(b))
}

// attack is one thing that an injected agent would try.
type attack struct {
	name string
	row  string // of the threat model
	try  func() (reached bool, what string)
}

// carryOut tries, for as long as an attack may take.
func (a attack) carryOut() {
	type result struct {
		reached bool
		what    string
	}
	done := make(chan result, 1)
	go func() {
		reached, what := a.try()
		done <- result{reached, what}
	}()
	var r result
	select {
	case r = <-done:
	case <-time.After(20 * time.Second):
		r.what = "no answer in 20 s"
	}
	reached := 0
	if r.reached {
		reached = 1
	}
	what := strings.Join(strings.Fields(r.what), " ")
	fmt.Printf("attack\t%s\t%s\t%d\t%.200s\n", a.name, a.row, reached, what)
}

// say prints an event of the engine's protocol.
func say(event string, fields map[string]any) {
	fields["event"] = event
	b, _ := json.Marshal(fields)
	fmt.Println(string(b))
}

// take is what an agent can try to learn, reach and leave behind while the tree
// that it hands back is harmless.
var take = []attack{
	{"read environments of all processes", "13", readEnvironments},
	{"read memory of all processes", "13", readMemory},
	{"attach to processes", "13", attach},
	{"read command lines of all processes", "13", readCommandLines},
	{"find a key on the disk", "13, 50", searchDisk},
	{"read a file of the runner's", "13, 49", readFile},
	{"find the job's token to mint identities", "64", findIdentity},
	{"become root", "13, 49", becomeRoot},
	{"enter other namespaces", "49", enterNamespaces},
	{"reach the network directly, IPv4 and IPv6", "42", dialDirectly},
	{"reach raw addresses through the proxy", "42", proxyAddresses},
	{"reach other names through the proxy", "42, 44", proxyNames},
	{"smuggle past the proxy", "42", proxySmuggling},
	{"send datagrams", "42, 43", sendDatagrams},
	{"send ICMP", "42", sendICMP},
	{"ask name servers", "43", askNames},
	{"ask name servers over HTTPS", "43", askNamesOverHTTPS},
	{"reach metadata services", "45", reachMetadata},
	{"reach the docker socket", "45", reachDocker},
	{"reach other Unix sockets", "45", reachSockets},
	{"reach the server and GitHub", "19, 45", reachServices},
	{"use what listens inside", "14, 15", useLocalPorts},
	{"use its own endpoint for more than its own", "14, 15, 19", useOwnToken},
	{"publish to a registry", "44", publishPackage},
	{"poison caches", "46", poisonCaches},
	{"write files of the step", "34", writeStepFiles},
	{"write files of the runner's", "49", writeFiles},
	{"command GitHub's runner", "33", speakCommands},
	{"forge events", "33", forgeEvents},
	{"draw over the terminal", "35", drawOver},
	{"print tokens", "32", printTokens},
	{"make the checks pass", "47, 49", tamper},
	{"start too many processes", "58", forkBomb},
	{"fill the memory", "58", memoryBomb},
	{"outlive its end", "49", outlive},
}

// fill is by itself: whatever stops it stops the agent.
var fill = []attack{{"fill the disk", "58", fillDisk}}

// plant is what an agent can leave in the tree for those who work with it later.
var plant = []attack{
	{"plant programs in git's settings", "28, 29", plantGit},
	{"plant links, devices and set-user-id files", "30", plantFiles},
	{"plant repositories within", "28", plantRepositories},
	{"outlive its end", "49", outlive},
}
