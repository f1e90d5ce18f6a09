// Package sequence keeps sequences in files: it writes those of a law for programs
// that know nothing of this one, and reads those that others have made, checked.
//
// Shapes: N sequences of T+1 states, d numbers in a state.
package sequence
