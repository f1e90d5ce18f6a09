//go:build linux && amd64

package driver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// noted is a line of the fake's log.
type noted struct {
	what    string
	process int
	text    string // its hash
}

// log returns the lines of the fake's log; the first is the start of the card's process.
func log(t testing.TB) (lines []noted) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("CUDA_CACHE_PATH"), "log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var n noted
		if _, err := fmt.Sscan(s.Text(), &n.what, &n.process, &n.text); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, n)
	}
	return lines
}

// count returns how often something was noted of the card's process, and of the others.
func count(t testing.TB, what string) (own, others int) {
	t.Helper()
	lines := log(t)
	for _, n := range lines {
		switch {
		case n.what != what:
		case n.process == lines[0].process:
			own++
		default:
			others++
		}
	}
	return own, others
}

// until waits for something that is bound to come.
func until(t testing.TB, what string, come func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !come(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is not so: %s", what)
		}
	}
}

// alive is how many of the processes beside the card's live.
func alive(t testing.TB) (n int) {
	t.Helper()
	lines := log(t)
	for _, l := range lines {
		if l.what != "start" || l.process == lines[0].process {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.process))
		_, state, _ := strings.Cut(string(stat), ") ")
		if err == nil && !strings.HasPrefix(state, "Z") { // whose parent has not looked yet
			n++
		}
	}
	return n
}

// openBeside opens the fake's card with up to so many aides, and an empty cache.
func openBeside(t testing.TB, fault string, most int) *Card {
	t.Helper()
	t.Setenv("CUDA_CACHE_PATH", t.TempDir())
	fake(t, fault)
	c, err := Open(t.Context(), Options{Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.aides = newAides(most, func(ctx context.Context) (*Card, error) {
		patience := time.Minute
		if fault == "beside-hang" {
			patience = 300 * time.Millisecond
		}
		return start(ctx, Options{Patience: patience, Grace: 100 * time.Millisecond})
	})
	return c
}

// texts returns n that differ.
func texts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s // %d", text, i)
	}
	return all
}

// compileAll compiles texts, all at once, and returns the errors.
func compileAll(ctx context.Context, c *Card, texts []string) []error {
	errs := make([]error, len(texts))
	var g sync.WaitGroup
	for i, one := range texts {
		g.Go(func() { errs[i] = c.Compile(ctx, one) })
	}
	g.Wait()
	return errs
}
