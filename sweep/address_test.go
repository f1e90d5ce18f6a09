//go:build unix

package sweep_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/sweep"
)

// SQLite is set up so that what it has answered is on the disk and writers wait
// for each other.
func TestSettingsOfSQLite(t *testing.T) {
	s := open(t, address(t, "sqlite"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2",
		"busy_timeout": "30000"} {
		if got, err := s.Setting(t.Context(), pragma); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", pragma, got, err, want)
		}
	}
}

// A passfile of libpq's gives the password, wherever its name comes from,
// unless others can read it.
func TestPassfile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "pass")
	if err := os.WriteFile(path, []byte("db.example:*:*:me:c4n4ry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSWORD", "")
	texts := map[string]string{ // by where the file is named
		"keywords": "postgres:host=db.example user=me dbname=sweeps passfile='" + path + "'",
		"url":      "postgres://me@db.example/sweeps?passfile=" + url.PathEscape(path),
		"variable": "postgres://me@db.example/sweeps",
	}
	for from, text := range texts {
		t.Setenv("PGPASSFILE", "")
		if from == "variable" {
			t.Setenv("PGPASSFILE", path)
		}
		for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o644: false} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			a, err := sweep.ParseAddress(text)
			if (err == nil) != ok {
				t.Errorf("%s, mode %o: %v", from, mode, err)
			}
			if err == nil && !a.HasPassword("c4n4ry") {
				t.Errorf("%s: the passfile gave no password", from)
			}
			if err != nil && (!strings.Contains(err.Error(), "others can read it: chmod 600 "+path) ||
				strings.Contains(err.Error(), "c4n4ry")) {
				t.Errorf("%s: %v", from, err)
			}
		}
		// Its mode does not matter where the password is given otherwise.
		t.Setenv("PGPASSWORD", "other")
		if _, err := sweep.ParseAddress(text); err != nil {
			t.Errorf("%s, beside PGPASSWORD: %v", from, err)
		}
		t.Setenv("PGPASSWORD", "")
	}
}

// A name that hides the passfile is no way around its mode.
func TestHiddenPassfile(t *testing.T) {
	folder := t.TempDir()
	open, shut := filepath.Join(folder, "open"), filepath.Join(folder, "shut")
	for path, mode := range map[string]os.FileMode{open: 0o644, shut: 0o600} {
		if err := os.WriteFile(path, []byte("db.example:*:*:me:"+filepath.Base(path)+"\n"),
			mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PGPASSWORD", "")
	t.Setenv("PGPASSFILE", "")
	for _, text := range []string{
		"postgres:host=db.example user=me passfile=" + open + " application_name='a passfile=" + shut +
			"'",
		"postgres://me@db.example/sweeps?p%61ssfile=" + url.PathEscape(open),
	} {
		if _, err := sweep.ParseAddress(text); err == nil || !strings.Contains(err.Error(),
			"give it as passfile=PATH") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
