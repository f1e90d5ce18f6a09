package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/nn/safetensors"
)

// this is the identity of the test's own program.
func this(t *testing.T) string {
	t.Helper()
	id, err := Program()
	if err != nil || len(id) != 16 {
		t.Fatalf("identity %q, %v", id, err)
	}
	return id
}

// written is a run of two steps with a checkpoint after each, by the program of
// that identity.
func written(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run")
	info := NewInfo(1, "go")
	info.Program = program
	d, err := Create(path, []byte("seed: 1\n"), info)
	for step := 1; step <= 2 && err == nil; step++ {
		err = errors.Join(d.Record(Metric{Step: step, Loss: 0.5, LearningRate: 0.01},
			Timing{step, 1}), d.Checkpoint(Checkpoint{Step: step}))
	}
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// Numbers of metrics.jsonl that were changed are noticed: the checkpoint before
// the change is gone on with and, where there is none, nothing is.
func TestChangedMetricsAreNoticed(t *testing.T) {
	for _, test := range []struct {
		line, step int // that is changed, that is gone on with
	}{{0, 2}, {2, 1}, {1, 0}} {
		path := written(t, this(t))
		file := filepath.Join(path, metricsFile)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows := bytes.SplitAfter(data, []byte("\n"))
		if test.line > 0 {
			rows[test.line-1] = bytes.Replace(rows[test.line-1], []byte("0.5"), []byte("0.4"), 1)
		}
		if err := os.WriteFile(file, bytes.Join(rows, nil), 0o644); err != nil {
			t.Fatal(err)
		}
		saved, err := opened(t, path)
		switch {
		case test.step == 0:
			if err == nil || !strings.Contains(err.Error(),
				"they were changed since and do not match their checksum; remove it") {
				t.Errorf("line %d changed: step %d, %v", test.line, saved.Checkpoint.Step, err)
			}
		case err != nil || saved.Checkpoint.Step != test.step ||
			(saved.Damaged != nil) != (test.line > 0):
			t.Errorf("line %d changed: step %d, %v, %v; want step %d", test.line,
				saved.Checkpoint.Step, saved.Damaged, err, test.step)
		}
	}
}

// What goes on after a restart is under the checksum too.
func TestChecksumGoesOn(t *testing.T) {
	path := written(t, this(t))
	d, _, err := Open(path, "go", false)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(d.Record(Metric{Step: 3, Loss: 0.25}, Timing{3, 1}),
		d.Checkpoint(Checkpoint{Step: 3}), d.Close())
	if saved, err2 := opened(t, path); err != nil || err2 != nil || saved.Checkpoint.Step != 3 ||
		saved.Damaged != nil {
		t.Errorf("step %d, %v, %v, %v", saved.Checkpoint.Step, saved.Damaged, err, err2)
	}
}

// A run that another program goes on with names both, in run.json and in its
// checkpoints; one that stays with its program does not change.
func TestProgramsAreRecorded(t *testing.T) {
	me := this(t)
	for was, want := range map[string]string{
		me: me, "0123456789abcdef": "0123456789abcdef+" + me, "a+" + me: "a+" + me,
		me + "+a": me + "+a", "": "unknown+" + me,
	} {
		path := written(t, was)
		d, saved, err := Open(path, "go", false)
		if err != nil {
			t.Fatal(err)
		}
		if saved.Info.Program != was || saved.Info.Ours() != (was == me) {
			t.Errorf("%q: opened as a run of %q, ours: %v", was, saved.Info.Program,
				saved.Info.Ours())
		}
		err = errors.Join(d.Checkpoint(saved.Checkpoint), d.Close())
		data, err2 := os.ReadFile(filepath.Join(path, infoFile))
		file, err3 := safetensors.ReadFile(filepath.Join(path, checkpointFile))
		var info Info
		if err := errors.Join(err, err2, err3, json.Unmarshal(data, &info)); err != nil {
			t.Fatal(err)
		}
		if info.Program != want || file.Metadata[metaProgram] != want {
			t.Errorf("%q: run.json names %q, the checkpoint %q, want %q", was, info.Program,
				file.Metadata[metaProgram], want)
		}
	}
}
