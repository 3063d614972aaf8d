// Package imagecache keeps the images of environments, so that a run pulls what an
// earlier one has built.
//
// A key stands for the content that an image is built from; whoever builds makes it.
// A [Cache] is opened once in a run. [Cache.Lookup] asks for the image of a key and
// answers with a [Found]: what a tag pointed to at that moment, by digest.
// [Cache.Pull] brings exactly that into the container engine and answers with an
// [Image], which is run by its id. [Cache.Push] hands an image over in the background
// while the agent works, and [Cache.Close] waits a bounded time for it.
//
// What it guarantees:
//
//   - It costs time, never the run. Every step has a time limit. What fails is told
//     in an event with a code, and the answer is "not found": build it.
//   - What runs is what was found. An image is pulled by its digest, and the engine's
//     own record of it is compared; if the tag moved meanwhile, the image is not used
//     ([CodeDigest]).
//   - Two runs that push the same key don't harm each other: the tag is moved at the
//     end of a push, in one step. The last one wins, and either image is right.
//   - Credentials stay in this process's memory, but for a private directory that the
//     engine's client reads while it logs in, and that is removed right after. They are
//     never in a log, an event or an image. Nothing here runs where an agent could see it,
//     and nobody but the trusted part of a job may call Push, with what was built from
//     the base commit.
//
// Behind a Cache is one of three backends: a registry, the server's archive, or none.
package imagecache
