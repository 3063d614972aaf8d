// Package devcontainer makes a repository's own dev container the environment of a run.
//
// A [Configuration] is found in a checkout of the base commit, and never in a tree that
// an agent has written to. [Configuration.Refuse] refuses what would touch the host, and
// [Configuration.RefuseImage] and [RefuseFeature] what registries tell of what it is built on;
// [Configuration.Inputs] collects what the image is built from, and [Key] turns that
// into the name under which an image cache keeps it. A [CLI] builds the image with the
// dev container reference CLI, [RefuseMetadata] looks at what came with features and base
// images, and [ReadSettings] tells what programs inside are to get: their user's name,
// their environment, and the lifecycle commands that come before them.
//
// What it guarantees:
//
//   - No key of a configuration, and none that a feature or a base image brings along,
//     reaches the host unless the operator has allowed that key by its name. A key that
//     this package does not know is refused like one that it knows to be dangerous.
//   - Files of the configuration, its Dockerfile, build context and local features are
//     inside the repository, symbolic links included: they are opened through an
//     [os.Root].
//   - Equal inputs have equal keys, and any input that changes changes the key. Neither a
//     clock, a machine nor a file that the build cannot see is an input. A file that the
//     build does not copy is one only where a Dockerfile does not tell that for sure.
//   - Every program that it runs has a time limit, and ends with all that it started.
//
// It starts no container and runs no lifecycle command itself: that is for packages runner
// and confine, which take nothing from a configuration that could widen a container.
package devcontainer
