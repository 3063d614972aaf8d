// Package debug makes a package of what explains a run that went wrong.
//
// A [Part] is one file of the package: text that the runner has, or a file of the
// machine. [Write] makes a tar.gz of parts, and last in it [ManifestName], which says
// of each part what was taken, and what was cut and why.
//
// What holds of every package:
//
//   - It is a whole archive, whatever happens to the files meanwhile: a part is read
//     and redacted before its header is written, so that a file that grows or shrinks
//     while it is read makes a part of what was read, and the manifest says so.
//   - It is bounded, in bytes of each part, in bytes altogether, and in time. What
//     there is no room or time for stands in the manifest.
//   - Every byte but the archive's own has gone through package redact, names and
//     the manifest too. What was cut off is redacted before the cut: a secret that
//     lies across it is not there by half.
//   - Files are regular files: a pipe or a device that was put in a file's place is
//     not read, and a link is not followed.
package debug
