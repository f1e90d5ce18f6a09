package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"icar/internal/needs"
	"icar/run"
	"icar/train"
)

// smallDisk returns a folder with room for 48 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48k"); err != nil {
		needs.Missing(t, fmt.Sprintf("a small disk is mounted by root only: %v", err))
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	return disk
}

// A disk that fills up is exit code 4, one line, and nothing that looks whole.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t)
	var stdout, stderr bytes.Buffer
	code := icarMain([]string{"reproduce", "fig6", "--out", filepath.Join(disk, "out")}, &stdout,
		&stderr)
	if code != exitRunFailed || !strings.Contains(stderr.String(), "no space left on device") ||
		strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitRunFailed, stderr.String())
	}
	left, err := os.ReadDir(filepath.Join(disk, "out"))
	if err != nil || len(left) != 0 {
		t.Errorf("the full disk holds %v (%v), want an empty folder", left, err)
	}
}

// A run that fills the disk is exit code 4 and leaves a good checkpoint.
func TestTrainingFillsTheDisk(t *testing.T) {
	dir := filepath.Join(smallDisk(t), "run")
	var stdout, stderr bytes.Buffer
	code := icarMain([]string{"train", "--d", "1", "--length", "2", "--batch", "1", "--train", "1",
		"--test", "1",
		"--epochs", "3000", "--eval_every", "0", "--checkpoint_every", "10", "--out", dir}, &stdout,
		&stderr)
	if code != exitRunFailed || !strings.Contains(stderr.String(), "run: after step ") ||
		!strings.Contains(stderr.String(), "no space left on device") {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitRunFailed, stderr.String())
	}
	c := train.DefaultConfig()
	file, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err := errors.Join(err, c.Decode(file)); err != nil {
		t.Fatal(err)
	}
	if _, err := train.Load(c, filepath.Join(dir, "checkpoint.safetensors")); err != nil {
		t.Errorf("the checkpoint is not whole: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "DONE")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the run is marked as done: %v", err)
	}

	// With room again it goes on to its end.
	roomier(t, filepath.Dir(dir))
	stderr.Reset()
	if code := icarMain([]string{"train", "--resume", dir}, &stdout, &stderr); code != exitDone {
		t.Errorf("with room again: exit code %d, stderr %q", code, stderr.String())
	}
}

// roomier gives a disk of smallDisk all the room there is.
func roomier(t *testing.T, disk string) {
	t.Helper()
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
}

// A run on a disk that has turned read-only cannot be resumed, is told so, and
// is as it was; it goes on when the disk is writable again.
func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t)
	roomier(t, disk)
	dir := filepath.Join(disk, "run")
	d, err := run.Create(dir, small(t), run.NewInfo(0, arithmetic(t)))
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	complete := filepath.Join(disk, "complete")
	var trained, stderr bytes.Buffer
	config := filepath.Join(disk, "config.yaml")
	if err := os.WriteFile(config, small(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := icarMain([]string{"train", "--config", config, "--out", complete}, &trained,
		&stderr); code != exitDone {
		t.Fatalf("exit code %d, stderr %q", code, stderr.String())
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	// Nothing is to be written of a run that is complete.
	var resumed bytes.Buffer
	if code := icarMain([]string{"train", "--resume", complete}, &resumed,
		&stderr); code != exitDone || resumed.String() != trained.String() {
		t.Errorf("complete: exit code %d, printed %q, want what training printed, %q", code,
			resumed.String(), trained.String())
	}
	for name, args := range map[string][]string{
		"run cannot be written":    {"train", "--resume", dir},
		"cannot be written":        {"train", "--out", filepath.Join(disk, "new")},
		"cannot be written: open ": {"reproduce", "fig6", "--out", disk},
		"read-only file system; choose another fo": {"reproduce", "fig6", "--scale", "paper",
			"--out", disk},
	} {
		var stdout, stderr bytes.Buffer
		code := icarMain(args, &stdout, &stderr)
		if code != exitRunFailed || !strings.Contains(stderr.String(), name) ||
			!strings.Contains(stderr.String(), "read-only file system") ||
			strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%v: exit code %d, want %d; stderr %q", args, code, exitRunFailed,
				stderr.String())
		}
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	stderr.Reset()
	if code := icarMain([]string{"train", "--resume", dir}, &resumed, &stderr); code != exitDone {
		t.Errorf("writable again: exit code %d, stderr %q", code, stderr.String())
	}
}
