package strict

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"icar/internal/budget"
)

// Files that took gigabytes or minutes in the parser do not reach it.
func TestMembersWithinABudget(t *testing.T) {
	for name, file := range map[string]string{
		"brackets": "a: " + strings.Repeat("[", 200_000),
		"braces":   "a: " + strings.Repeat("{", 200_000),
		"dashes":   "a:\n" + strings.Repeat("- ", 200_000),
		"keys":     strings.Repeat("k: 1\n", 80_000),
		"indents":  indented(1200),
		"texts":    "a: " + strings.Repeat("'' ", 200_000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := Members([]byte(file))
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrSyntax) || !errors.Is(err, budget.ErrTooMuch) {
			t.Errorf("%s: %v, want that it is too much", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 || took > 2*time.Second {
			t.Errorf("%s: took %v and %d MiB", name, took, grown>>20)
		}
	}
}

// indented is a mapping within a mapping, n deep.
func indented(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "k:\n")
	}
	return b.String()
}

func TestByteOrderMark(t *testing.T) {
	members, err := Members([]byte("\ufeffdepth: 2\n"))
	if err != nil || len(members) != 1 || members[0].Key.GetToken().Value != "depth" {
		t.Errorf("after a byte order mark: %v, %v", members, err)
	}
}
