//go:build !noasm

package site

// plainGo says that gonum computes in plain Go, as it does in a page.
const plainGo = false
