// Package tools pins the programs that check the code and describe a release, in a
// module of its own, so that the product's module holds what the product needs.
package tools
