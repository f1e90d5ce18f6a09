//go:build unix

package cardcheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"icar/ar"
	"icar/internal/needs"
)

// What a shell does in place of icar, in the folder $0. A run that is to be killed has no end
// of its own, so it is killed whatever else the machine does.
const (
	begin  = `mkdir -p $0 && echo c > $0/config.yaml; `
	walks  = `for i in 1 2 3 4 5 6; do echo step >> $0/metrics.jsonl; done; `
	done   = `echo done > $0/done; date > $0/timings.jsonl; `
	hang   = `while sleep 0.01; do :; done`
	oneGo  = begin + walks + done + `rm -f $0/metrics.jsonl`
	hanged = begin + walks + hang
)

// script makes the commands of a run in one go, and of runs in other folders, the last of
// these over and over. Where there is a run it has to be gone on with, and only there.
func script(t *testing.T, starts ...string) Kills {
	t.Helper()
	var made atomic.Int32
	command := func(ctx context.Context, dir string) *exec.Cmd {
		text := oneGo
		if filepath.Base(dir) != "whole" {
			text = starts[min(int(made.Add(1)), len(starts))-1]
		}
		return exec.CommandContext(ctx, "sh", "-c", text, dir)
	}
	on := func(there bool) func(context.Context, string) *exec.Cmd {
		return func(ctx context.Context, dir string) *exec.Cmd {
			if _, err := os.Stat(filepath.Join(dir, "config.yaml")); (err == nil) != there {
				t.Errorf("a run is gone on with: %v, but %v", there, err)
			}
			return command(ctx, dir)
		}
	}
	return Kills{Wanted: 2, Folder: t.TempDir(), Resume: on(true),
		Runs: []Run{{Name: "run", Steps: 8, Train: on(false)}}}
}

// found are the findings of kills, each in a line.
func found(ctx context.Context, k Kills) (all []string) {
	k.Run(ctx, func(f Finding) {
		all = append(all, fmt.Sprint(f.What, ": ", f.Detail, ": ", f.Wrong))
	})
	return all
}

// A run is killed as often as that is wanted, and then gets through.
func TestKills(t *testing.T) {
	needs.Programs(t, "a shell", "sh")
	const end = done + `rm -f $0/metrics.jsonl`
	lines := found(t.Context(), script(t, hanged, hanged, end))
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "kills: run: 8 steps take ") ||
		!strings.HasPrefix(lines[1], "kills: run: killed after [") ||
		!strings.HasSuffix(lines[1], "] of 8 steps, has the files of one go: <nil>") {
		t.Errorf("it finds %q", lines)
	}
	// One that ends before its second moment has come makes place for another.
	lines = found(t.Context(), script(t, hanged, begin+end, hanged, begin+end))
	if len(lines) != 3 || strings.Count(strings.Join(lines, "\n"), "one go: <nil>") != 2 {
		t.Errorf("of a run that gets through too early it finds %q", lines)
	}
	// After one with other files, or if there is none in one go, none is killed.
	lines = found(t.Context(), script(t, hanged, begin+"echo other > $0/done"))
	if len(lines) != 2 || !strings.Contains(lines[1], "/done is not as in one go") {
		t.Errorf("of a run that gets through to other files it finds %q", lines)
	}
	k := script(t, hanged)
	k.Runs[0].Train = func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", "echo no card >&2; exit 4")
	}
	lines = found(t.Context(), k)
	if len(lines) != 1 || !strings.HasSuffix(lines[0], "exit status 4: no card") {
		t.Errorf("of a run that fails in one go it finds %q", lines)
	}
	for last, want := range map[string]string{
		"echo other > $0/done; rm -f $0/metrics.jsonl": "/done is not as in one go",
		"rm -f $0/metrics.jsonl":                       "/done is not as in one go",
		end + "; echo > $0/more":                       "/more is not as in one go",
		"echo it has failed >&2; exit 4":               "exit status 4: it has failed",
		"kill -KILL $$":                                "signal: killed",
	} {
		lines := found(t.Context(), script(t, hanged, hanged, last))
		if len(lines) != 2 || !strings.Contains(lines[1], want) ||
			strings.Contains(lines[1], "has the files") {
			t.Errorf("after %q it finds %q, want %q", last, lines, want)
		}
	}
}

// Kills are shared out, and each run is held to its own files of one go.
func TestKillsOfSeveralRuns(t *testing.T) {
	needs.Programs(t, "a shell", "sh")
	k := script(t, oneGo)
	k.Wanted, k.Runs = 5, nil
	var kinds [3]atomic.Int32
	for i := range kinds {
		end := fmt.Sprintf(`echo %d > $0/done; rm -f $0/metrics.jsonl`, i)
		k.Runs = append(k.Runs, Run{Name: fmt.Sprint(i), Steps: 6,
			Train: func(ctx context.Context, dir string) *exec.Cmd {
				text := hanged
				if filepath.Base(dir) == "whole" || kinds[i].Add(1) > int32([]int{1, 2, 2}[i]) {
					text = begin + walks + end
				}
				return exec.CommandContext(ctx, "sh", "-c", text, dir)
			}})
	}
	k.Resume = func(ctx context.Context, dir string) *exec.Cmd {
		return k.Runs[filepath.Base(filepath.Dir(dir))[0]-'0'].Train(ctx, dir)
	}
	lines := found(t.Context(), k)
	if len(lines) != 6 ||
		strings.Count(strings.Join(lines, "\n"), "has the files of one go: <nil>") != 3 {
		t.Errorf("it finds %q", lines)
	}
	for i := range kinds {
		if got, want := kinds[i].Load(), int32([]int{2, 3, 3}[i]); got != want {
			t.Errorf("run %d is started %d times, want %d", i, got, want)
		}
	}
}

// Who is stopped kills no more, and says why.
func TestKillsAreStopped(t *testing.T) {
	needs.Programs(t, "a shell", "sh")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	k := script(t, hanged)
	k.Run(ctx, func(f Finding) {
		if f.Wrong == nil { // one go
			cancel(cause)
		} else if !errors.Is(f.Wrong, cause) {
			t.Errorf("it ends with %v", f.Wrong)
		}
	})
	if ctx.Err() == nil {
		t.Error("there was no run in one go")
	}
}

// After a first kill while it starts a run is killed after more of its steps each time, also
// where it has made more already, and a little later than they are recorded.
func TestMomentsOfKills(t *testing.T) {
	for _, test := range []struct {
		before int
		want   []int
	}{{0, []int{0, 2, 4, 6}}, {3, []int{3, 4, 5, 6}}} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			m := moments{wanted: 4, steps: 8, start: time.Second, end: 64 * time.Second,
				chance: ar.Rand(1, "test", 0)}
			record := func(n int) {
				text := strings.Repeat("step\n", n)
				if err := os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(text),
					0o644); err != nil {
					t.Error(err)
				}
			}
			record(test.before)
			go func() {
				for n := test.before + 1; n <= 8; n++ {
					time.Sleep(10 * time.Second) // a moment is at most 8 after a step
					record(n)
				}
			}()
			var at []int
			for i := range m.wanted {
				begin, start := lines(dir), time.Now()
				if !m.wait(t.Context(), i, dir, begin) {
					t.Error("a moment does not come")
				}
				if took := time.Since(start); i == 0 && (took <= 0 || took > m.start) {
					t.Errorf("the first moment comes after %v of %v until the first step", took,
						m.start)
				}
				at = append(at, lines(dir))
			}
			if !slices.Equal(at, test.want) {
				t.Errorf("the moments come after %v steps, want %v", at, test.want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if m.wait(ctx, 1, t.TempDir(), 0) {
				t.Error("the moment of a run that is done has come")
			}
			synctest.Wait()
			time.Sleep(time.Minute) // for the rest of the steps
		})
	}
}
