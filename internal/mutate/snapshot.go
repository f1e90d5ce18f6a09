package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// snapshot copies the files of a checkout, committed or not but none that git
// ignores, to a folder: what is edited meanwhile does not reach the tests, and
// what a test writes, such as a failing example, does not reach the checkout.
func snapshot(ctx context.Context, root, folder string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others",
		"--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		name = filepath.FromSlash(name)
		data, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, not yet committed
		}
		copied := filepath.Join(folder, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(copied), 0o755),
			os.WriteFile(copied, data, 0o644)); err != nil {
			return err
		}
	}
	return nil
}
