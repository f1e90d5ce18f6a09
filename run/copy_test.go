package run

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"icar/internal/budget"
	"icar/internal/needs"
)

// What is copied beside the process that writes it goes on from its checkpoint.
func TestCopyIsOpened(t *testing.T) {
	folder := t.TempDir()
	d := stopped(t, filepath.Join(folder, "a"))
	defer d.Close()
	if err := d.Record(Metric{Step: 3}, Timing{3, 0.5}); err != nil { // after the checkpoint
		t.Fatal(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	to := filepath.Join(folder, "b")
	if err := Copy(root, "a", to); err != nil {
		t.Fatal(err)
	}
	copied, saved, err := Open(to, "go", false)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if saved.Checkpoint.Step != 2 || len(saved.Metrics) != 2 || saved.Done ||
		string(saved.Config) != "d: 2\n" {
		t.Errorf("copied %+v", saved)
	}
	if err := os.Remove(filepath.Join(folder, "a", checkpointFile)); err != nil {
		t.Fatal(err)
	}
	if err := Copy(root, "a", filepath.Join(folder, "c")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run without a checkpoint: %v", err)
	}
	if err := os.Symlink(filepath.Join(to, checkpointFile),
		filepath.Join(folder, "a", checkpointFile)); err != nil {
		needs.Missing(t, fmt.Sprintf("no links here: %v", err))
	}
	if err := Copy(root, "a", filepath.Join(folder, "c")); err == nil {
		t.Error("a link to a checkpoint is copied")
	}
	if _, err := os.Stat(filepath.Join(folder, "c")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy that failed has left a directory: %v", err)
	}
}

// The last checkpoint is opened, else the one before it, of what is a run.
func TestOpenCheckpoint(t *testing.T) {
	folder := t.TempDir()
	fsys := budget.Folder(folder)
	if _, err := Made(fsys, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run before it was made: %v", err)
	}
	d := stopped(t, filepath.Join(folder, "a"))
	defer d.Close()
	info, err := os.Stat(filepath.Join(folder, "a", infoFile))
	if made, wrong := Made(fsys, "a"); err != nil || wrong != nil || !made.Equal(info.ModTime()) {
		t.Errorf("made %v, %v, %v", made, wrong, err)
	}
	for _, want := range []string{checkpointFile, previousFile, ""} {
		for _, name := range []string{checkpointFile, previousFile} {
			path := filepath.Join(folder, "a", name)
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if want == checkpointFile || name == want {
				if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		f, name, err := OpenCheckpoint(fsys, "a")
		if want == "" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("no checkpoint: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil || string(data) != want ||
			name != "a/"+want {
			t.Errorf("%s holds %s, %v, want %s", name, data, err, want)
		}
	}
}
