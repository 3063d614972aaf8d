// Package action holds everything that runs in the job: what anvil-runner does
// between its start by action.yml and its exit. This is its tour.
//
// # The life of a run
//
//  1. Claim ([runner]). The job asks GitHub for an identity token with the
//     server's address as audience, and shows it together with the task reference
//     and the nonce from its inputs. The first valid claim gets the assignment and
//     a lease; any other job that was started for the same run ends here, neutrally,
//     since it has nothing to do. Every secret is made known to the log's masks
//     before it is used.
//  2. Renew. From now on, in the background, the lease is renewed. The answer may
//     say stop; a refusal says that the run went on without us. Either ends the
//     work at once. Events go to the server in order while all this happens, so
//     that people can watch.
//  3. Prepare ([workspace]). The exact base commit is fetched with a read token that
//     only that one git process sees, on a machine that keeps mirrors only what it has
//     more than earlier base commits, or nothing, and becomes a tree and a repository that
//     belong to the agent. What an earlier run of the thread left, its unfinished tree
//     and the engine's conversation ([conversation]), is put back into them. While the
//     work goes on, and when it ends in whatever way, both are saved for the next one.
//     Where the operator has switched that on, the base commit's dev container
//     ([devcontainer]) is what untrusted programs run in. It is had ready beside the tree,
//     as soon as the base commit is there, and so is the engine's program: a machine that
//     lacks it, or the dev container CLI, fetches it by its digest ([tool]). The image is
//     pulled by digest if an earlier run has kept it ([imagecache]); else it is built, and kept beside
//     the work that follows. The end of the run waits for that a bounded time.
//  4. Work ([agent], [confine], [egress]). The agent runs, untrusted, with a scrubbed
//     environment and a home of its own; its way out is a proxy that knows whom it
//     may speak to, and its way to models and tools is the runner's local endpoint
//     ([endpoint]), which alone knows the lease token. What it prints is cleaned,
//     redacted ([redact]) and printed where it can't command the runner ([joblog]).
//     When it has ended, so has everything that it started. Before it begins, the dev
//     container's lifecycle commands and the repository's own setup run there.
//  5. Collect ([workspace]). The tree, and nothing else that the agent left, becomes
//     one commit on the base commit, in a repository that the agent never saw,
//     and a bundle. The bundle is uploaded before anything else runs: what is
//     published is what the agent left, whatever the checks do to the machine.
//  6. Verify ([verify]). The project's checks run in a fresh checkout of that
//     commit and a fresh confinement, as untrusted as the agent, in which the
//     lifecycle and setup have run anew.
//     If they fail, the agent is told what they printed and goes on in its own
//     confinement, a bounded number of times; then it is collected and verified again.
//  7. Report. How long each part took is handed back with the run, and told in the step's
//     summary. After a failure, or if the job asks for it, a package that explains the
//     run is made ([debug]). The verification record and the log are uploaded; finish hands the run
//     back, and the lease is over. What happens to the bundle is decided by the server.
//
// A stop by a person, or by GitHub (SIGINT, then SIGTERM 7.5 seconds later, then
// SIGKILL after 2.5 more), leaves out what there is no time for: the agent is ended,
// what there is gets uploaded, and the run is finished as cancelled within seven
// seconds.
//
// The job's exit code says whether the run was handed back, not how it went:
// whether a change was proposed is the server's to tell, on the issue. So 0 also
// stands for a run that failed and said so, and for a job that found its run
// taken; 1 means that the server could not be told.
//
// # Without a server
//
// A run can be started from an assignment file instead ([desk]): the desk answers the
// server's part of the contract within the runner's own process, asks the model provider
// itself, and puts what is handed over into a directory, for a job that may publish it.
// All else is as above. Then the runner holds a model key too, in memory only.
//
// # Before a first run
//
// What a machine can do as a runner, and what it lacks, is told by the [doctor]
// (anvil-runner doctor), which tries things instead of guessing.
//
// A job that is no run can build the dev container's image beforehand ([prebuild]), on a
// schedule and when its files change, so that runs pull it.
//
// # What is not trusted
//
// The instruction and the issue are data from people; the repository is data from
// people; the agent is untrusted from its first instruction, and so is every command
// that runs its code. The runner itself is trusted with a lease token and a read token
// for one repository, and holds nothing that could write to GitHub: it links
// nothing of the server but the contract between the two.
package action

// The packages of the tour.
import (
	_ "github.com/seed-bc0cc349/anvil/action/agent"
	_ "github.com/seed-bc0cc349/anvil/action/confine"
	_ "github.com/seed-bc0cc349/anvil/action/conversation"
	_ "github.com/seed-bc0cc349/anvil/action/debug"
	_ "github.com/seed-bc0cc349/anvil/action/desk"
	_ "github.com/seed-bc0cc349/anvil/action/devcontainer"
	_ "github.com/seed-bc0cc349/anvil/action/doctor"
	_ "github.com/seed-bc0cc349/anvil/action/egress"
	_ "github.com/seed-bc0cc349/anvil/action/endpoint"
	_ "github.com/seed-bc0cc349/anvil/action/imagecache"
	_ "github.com/seed-bc0cc349/anvil/action/joblog"
	_ "github.com/seed-bc0cc349/anvil/action/prebuild"
	_ "github.com/seed-bc0cc349/anvil/action/redact"
	_ "github.com/seed-bc0cc349/anvil/action/runner"
	_ "github.com/seed-bc0cc349/anvil/action/tool"
	_ "github.com/seed-bc0cc349/anvil/action/verify"
	_ "github.com/seed-bc0cc349/anvil/action/workspace"
)
