// Package protocol makes a predictor of a program in any language: it writes
// sequences to the program's standard input as .npy arrays and reads as many arrays
// of predictions from its standard output. docs/protocol.md is the contract, for who
// writes such a program; a [Program] is what keeps it on this side, with time limits,
// bounded memory, and nothing left behind however the program behaves.
package protocol

// Version is what the program finds in its environment as ICAR_PROTOCOL. A program
// that knows another one should say so on standard error and exit.
const Version = 1
