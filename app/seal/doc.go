// Package seal keeps what the server stores unreadable for whoever gets hold of the
// disk or a backup of it.
//
// A [Key] is the operator's: an age identity file (https://age-encryption.org), so
// that what is sealed can be opened without us too, with `age -d -i KEYFILE`. A
// file may hold several identities: the first one seals, all of them open, and a
// key is changed by putting a new one in front.
//
// A [Store] puts sealed bytes into a blob store. There each is known by the digest
// of what is stored, the sealed bytes: the blob store can check itself without the
// key, and a name says nothing about the content, not even that two contents are
// the same. The digest of the plain bytes is the caller's to keep; [Store.Put]
// compares it before anything gets a name. Bytes are sealed in chunks as they
// stream through, none of them is ever in a file in the open, and what was changed
// on the disk fails to open.
package seal
