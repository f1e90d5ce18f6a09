//go:build !unix

package budget

// noWait is nothing: what an open would wait for has no name in the file
// system.
const noWait = 0
