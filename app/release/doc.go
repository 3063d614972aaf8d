// Package release says which build a program is, and whether it is byte for byte the
// one that was released.
//
// [Self] tells the version and the commit; only a build of the release job has a
// version stamped into it. [Build.Verify] compares the running program's sha256 with
// the release's checksum file. That shows a changed or broken download; whether the
// release itself is what its sources say is what the release's attestation is for.
package release
