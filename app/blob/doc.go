// Package blob keeps artifacts by what they are: each under the SHA-256 digest of
// its bytes, written "sha256:HEX".
//
// A [Store] is a directory that belongs to one server process. A blob is there
// whole or not at all: its bytes go to a temporary file, are synced, and get their
// name by a rename that is synced too, before [Store.Put] returns. After a crash
// only temporary files can be left over, and [Open] removes them. Putting the same
// bytes twice is putting them once.
//
// The names of files come from digests alone, never from anybody's words, and the
// directory cannot be left by way of a symbolic link. Only the server's own user
// can read what is kept: artifacts are other people's source code.
package blob
