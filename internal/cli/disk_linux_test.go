package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that fills up is exit code 4, one line, and nothing that looks whole.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("a small disk cannot be mounted: %v", err)
		}
		t.Skipf("a small disk cannot be mounted without root: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	var stdout, stderr bytes.Buffer
	code := Main([]string{"reproduce", "fig6", "--out", filepath.Join(disk, "out")}, &stdout, &stderr)
	if code != exitRunFailed || !strings.Contains(stderr.String(), "no space left on device") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitRunFailed, stderr.String())
	}
	left, err := os.ReadDir(filepath.Join(disk, "out"))
	if err != nil || len(left) != 0 {
		t.Errorf("the full disk holds %v (%v), want an empty folder", left, err)
	}
}
