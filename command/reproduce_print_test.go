package command

import "testing"

// The table has the finding of a claim, without what was measured, and of a long one as
// many whole words as go into 90 letters.
func TestBeginningOfAStatement(t *testing.T) {
	nine := "κκκκκκκκκ " // with its space 10 letters
	long := ""
	for range 9 {
		long += nine
	}
	for statement, want := range map[string]string{
		"depth helps: ratio of errors":   "depth helps",
		"d = 2: heads help: the ratio":   "d = 2: heads help",
		"no colon":                       "no colon",
		long[:len(long)-1] + ": a ratio": long[:len(long)-1],
		long + "more: a ratio":           long[:len(long)-1] + " …",
		long[:len(long)-1] + "κκ, more":  long[:len(long)-len(nine)-1] + " …",
	} {
		if got := beginning(statement); got != want {
			t.Errorf("%q begins with %q, want %q", statement, got, want)
		}
	}
}
