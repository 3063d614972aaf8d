// Package bench measures Anvil's own time and size beside a peer that does the
// same without Anvil, or beside a limit. `make bench` runs it; `make test` does
// not, because a machine that is busy with other things says nothing about us.
//
// Each measurement is of the built programs: anvil serve as a process, runner
// and agent as processes, against a simulated GitHub in the process of the test.
// Peer and product take turns on the same machine in the same minute, so that
// what the machine does to one it does to the other. The first rounds are not
// counted; what is told is the median.
//
// Trees are written below TMPDIR. How a runner stands beside a worktree that needs
// nothing fetched depends on that place: on a disk most of the time goes into
// making files, for both; in memory (TMPDIR=/dev/shm) it goes into the fetch, and
// fetching alone takes longer than the peer.
//
// The table names what was measured, the peer or the limit, and the ratio. A row
// fails only where a limit was promised, and only if it is missed by more than a
// quarter: less is the noise of a shared machine, and is shown as "over". A time
// that has a limit and no peer is shown as "busy", and does not fail, if this
// process got less than three quarters of the machine around the measurement.
package bench
