// Package conversation packs the files from which a coding agent goes on with what
// it was doing, and puts them back for a later run on another machine.
//
// Which files those are, the agent's engine says, as patterns below the agent's
// home. An archive of them is a tar, compressed with zstd, of regular files and
// nothing else: no links, no owners, no rights. [Pack] may be called while the
// agent writes; a file that changed under it is an error, and the next call has it.
//
// What is packed is byte for byte what the agent left, since engines check their
// files. So nothing is redacted in it: a file in which a known secret stands, and
// one with a name that credentials have, is left out whole.
//
// To [Unpack], an archive is untrusted: it was made from what an agent wrote. Names
// must match the engine's patterns, sizes and numbers are limited, and no name can
// lead out of the home.
package conversation
