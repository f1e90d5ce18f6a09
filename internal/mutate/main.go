// Command mutate shows that tests and claims can fail. Each list beside it,
// NAME.json, holds edits of the source that flip a sign, drop a term, exchange
// two symbols or take the wrong data, each with the test that has to notice or,
// in the lists claims-NAME.json, with the claims of icar reproduce that have to
// fail. Every edit is made in a copy of the module, where its test is run, or the
// experiments of its claims at quick scale:
//
//	go run ./internal/mutate                run all edits
//	go run ./internal/mutate -run gauge     those whose LIST/THEORY: NAME matches
//
// It prints a table and exits with 1 when a test or a claim did not notice
// (SURVIVED) or when an edit is invalid: its text does not occur exactly once,
// the edited source does not compile, or the experiment does not run to its end.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"
)

//go:embed *.json
var lists embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := flag.String("run", "", "regular expression: run the edits whose LIST/THEORY: NAME matches")
	workers := flag.Int("j", runtime.GOMAXPROCS(0), "edits at a time")
	flag.Parse()
	allKilled, err := mutate(ctx, *name, *workers, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
	}
	if err != nil || !allKilled {
		stop() // os.Exit runs no deferred call
		os.Exit(1)
	}
}

// mutate runs the committed edits that match on the module that the working
// folder is in, and prints what became of them.
func mutate(ctx context.Context, name string, workers int,
	stdout, stderr io.Writer) (allKilled bool, err error) {
	match, err := regexp.Compile(name)
	if err != nil {
		return false, err
	}
	edits, err := readLists(lists)
	if err != nil {
		return false, err
	}
	var chosen []Edit
	for _, e := range edits {
		if match.MatchString(e.String()) {
			chosen = append(chosen, e)
		}
	}
	if len(chosen) == 0 || workers < 1 {
		return false, fmt.Errorf("-run %q leaves %d of %d edits, -j %d workers: nothing to do", name,
			len(chosen), len(edits), workers)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return false, err
	}
	verdicts, err := judgeAll(ctx, root, chosen, workers, stderr)
	if err != nil {
		return false, err
	}
	return printTable(stdout, chosen, verdicts)
}

func moduleRoot(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	file := strings.TrimSpace(string(output))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("this folder is in no module: run from a checkout of icar")
	}
	return filepath.Dir(file), nil
}

// judgeAll runs the edits, several at a time, once their tests pass without
// them. verdicts[i] is killed, SURVIVED, or why edit i is invalid.
func judgeAll(ctx context.Context, root string, edits []Edit, workers int,
	progress io.Writer) (verdicts []string, err error) {
	temp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	j := newJudge(temp, workers)
	if err := snapshot(ctx, root, j.module); err != nil {
		return nil, err
	}
	if err := j.unedited(ctx, edits); err != nil {
		return nil, err
	}
	verdicts = make([]string, len(edits))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i, e := range edits {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			killed, err := j.killed(ctx, e)
			switch {
			case errors.Is(err, errInvalid):
				verdicts[i] = err.Error()
			case err != nil:
				return fmt.Errorf("%s: %w", e, err)
			case killed:
				verdicts[i] = "killed"
			default:
				verdicts[i] = "SURVIVED"
			}
			_, err = fmt.Fprintf(progress, "%s: %s\n", e, verdicts[i])
			return err
		})
	}
	return verdicts, group.Wait()
}

func printTable(out io.Writer, edits []Edit, verdicts []string) (allKilled bool, err error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LIST\tTHEORY\tEDIT\tFILE\tTEST OR CLAIMS\tVERDICT")
	killed := 0
	for i, e := range edits {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.list, e.Theory, e.Name, e.File, e.notices(),
			verdicts[i])
		if verdicts[i] == "killed" {
			killed++
		}
	}
	if err := w.Flush(); err != nil {
		return false, err
	}
	_, err = fmt.Fprintf(out, "\n%d of %d edits killed.\n", killed, len(edits))
	return killed == len(edits), err
}
