// Package workflowtest proves the files by which GitHub runs a task: the caller
// workflow that repositories copy (config/workflow/anvil.yml), the reusable
// workflow that it calls (.github/workflows/agent.yml), and the action
// (action.yml). It holds tests only.
//
// They are tested at three depths, because each finds what the others cannot:
//
//   - The rules of rules_test.go are about the text of the files, and run
//     everywhere: no expression in a command line, no permission but id-token,
//     no input of a dispatch but task, nonce, server and runner, nobody else's action
//     that is not pinned. Files with another purpose have rules of their own
//     (standalone_test.go, own_rules_test.go).
//   - The action's script is run under bash as GitHub runs it (script_test.go),
//     wherever there is bash.
//   - The files themselves are carried out by act, an independent reader of
//     workflow files, against the simulated GitHub and the real server: from a
//     comment to a pull request (act_test.go). What starts act is this test's
//     binary in another role (runner_test.go): it gets from the simulator what a
//     job gets, and hands act the workflow file as the repository has it, the
//     event with the inputs, and the two variables of the OIDC token. That
//     nothing calls out is measured: the proxy and the docker engine that act is
//     told of are one canary that counts who comes. Keys that act does not know yet
//     are taken out of what it reads (newer_test.go).
//
// The last needs the program act, whose path is in ANVIL_ACT, and the check of
// the calls between the files needs actionlint in ANVIL_ACTIONLINT: `make
// test-workflows` builds both. Without them these tests are skipped and say so.
package workflowtest
