package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is read of files is bounded: so many files, so many trials of each format, none in the
// folder of a run, and no id but a word. A file that was written again is read again, though
// it be as long as before.
func TestSweepFilesAreBounded(t *testing.T) {
	server := withRun(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(server.runs, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func() map[string]Sweep {
		t.Helper()
		all, err := server.server.files.Sweeps(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]Sweep{}
		for _, w := range all {
			known[w.ID] = w
		}
		return known
	}
	lines, table := grid(t)
	line, _, _ := strings.Cut(lines, "\n")
	write("long.jsonl", strings.Repeat(line+"\n", maxTrials+1))
	write("long.csv", "trial,steps,loss,test_mse\n"+strings.Repeat("a,9,1,2\n", maxTrials+1))
	write(filepath.Join("first", "inside.csv"), table)
	write("id.csv", "trial,steps,loss,test_mse\na b,9,1,2\n")
	const small = "trial,steps,loss,test_mse\na,9,1,%d\n"
	write("same.csv", fmt.Sprintf(small, 2))
	all := look()
	for _, name := range []string{"long.jsonl", "long.csv"} {
		if w := all[name]; w.Trials != maxTrials || w.Error != "" {
			t.Errorf("of a file with more there are %d trials, want %d: %s", w.Trials, maxTrials,
				w.Error)
		}
	}
	if len(all) != 4 || !strings.Contains(all["id.csv"].Error, `"a b"`) {
		t.Errorf("of files with a wrong id and in the folder of a run there are %+v", all)
	}
	write("same.csv", fmt.Sprintf(small, 3))
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(server.runs, "same.csv"), later, later); err != nil {
		t.Fatal(err)
	}
	look()
	trials, err := server.server.files.Trials(t.Context(), "same.csv", maxTrials)
	if err != nil || len(trials) != 1 || trials[0].Steps != 9 || trials[0].Loss != 1 ||
		trials[0].TestMSE != 3 {
		t.Errorf("a file that was written again is read as %+v, %v", trials, err)
	}
	for i := range maxSweepFiles {
		write(fmt.Sprintf("%d.csv", i), table)
	}
	if all := look(); len(all) != maxSweepFiles {
		t.Errorf("%d files are read, want %d", len(all), maxSweepFiles)
	}
}
