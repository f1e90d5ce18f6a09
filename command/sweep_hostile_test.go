//go:build unix

package command

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"icar/internal/pgtest"
)

// tinyPlan has trials of some milliseconds.
const tinyPlan = "base: {d: 2, length: 3, train: 2, batch: 2, test: 2, epochs: 1}\ngrid: {seed: " +
	"[0, 1, 2]}\n"

// planned creates the sweep of a plan in a new database of SQLite and returns
// the environment that leads there and the database's path.
func planned(t *testing.T, plan string) (env []string, path string) {
	t.Helper()
	env, _ = database(t, "sqlite")
	path = strings.TrimPrefix(env[0], "ICAR_DATABASE=")
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	sweeping(t, env, "create", file)
	return env, path
}

// change runs a statement on a database of SQLite.
func change(t *testing.T, path, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(30000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// ends runs the command and returns its exit code and all that it says.
func ends(t *testing.T, env []string, args ...string) (code int, said string) {
	t.Helper()
	var all bytes.Buffer
	c := child(t.Context(), &all, args...)
	c.Stdout, c.Env = &all, append(c.Env, env...)
	err := c.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), all.String()
}

// A trial is what its id says: a worker refuses a row with another id, which
// could be the path of any folder, and works on the others.
func TestWorkerRefusesForgedTrial(t *testing.T) {
	t.Parallel()
	const escape = "\x1b]0;owned\a"
	for name, statement := range map[string]string{
		"path":     "UPDATE trials SET id = '../../../victim' WHERE position = 1",
		"absolute": "UPDATE trials SET id = '/victim' WHERE position = 1",
		"terminal": "UPDATE trials SET id = '" + escape + "' WHERE position = 1",
		"config": "UPDATE trials SET config = replace(config, 'epochs: 1', 'epochs: 2') WHERE " +
			"position = 1",
		"negative": "UPDATE trials SET failures = -1 WHERE position = 1",
		"epoch":    "UPDATE trials SET epoch = 9223372036854775807 WHERE position = 1",
		"blob":     "UPDATE trials SET config = zeroblob(8000000) WHERE position = 1",
	} {
		t.Run(name, func(t *testing.T) {
			env, path := planned(t, tinyPlan)
			// Where the path leads, from FILES/SWEEP/ID.
			root := filepath.Dir(path)
			files := filepath.Join(root, "a", "files")
			victims := []string{filepath.Join(root, "victim", "0"),
				filepath.Join(root, "a", "victim", "0")}
			for _, victim := range victims {
				if err := os.MkdirAll(victim, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			change(t, path, statement)
			code, said := ends(t, env, "sweep", "work", "--files", files, "--give-up", "2s")
			if code != exitRunFailed || !strings.Contains(said, "2 trials done, 1 failed") {
				t.Errorf("exit code %d: %s", code, said)
			}
			for _, victim := range victims {
				if _, err := os.Stat(victim); err != nil {
					t.Error(err)
				}
			}
			_, said = ends(t, env, "sweep", "status")
			if !strings.Contains(said, "the database was changed by something else than icar") ||
				strings.ContainsAny(said, "\x1b\a") {
				t.Errorf("status says %q", said)
			}
		})
	}
}

// A result is not printed under an id that is not its trial's.
func TestResultsRefuseForgedTrial(t *testing.T) {
	t.Parallel()
	env, path := planned(t, tinyPlan)
	sweeping(t, env, "work")
	change(t, path, "UPDATE trials SET id = '=cmd()' WHERE position = 1")
	change(t, path,
		"UPDATE results SET trial = '=cmd()' WHERE trial NOT IN (SELECT id FROM trials)")
	code, said := ends(t, env, "sweep", "results")
	if code != exitRunFailed || !strings.Contains(said, "not what its id says") ||
		strings.Contains(said, "\n=cmd()") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// The id of a sweep is a line of a script and a name in a Job: one that icar has
// not given is refused before either is written, also when nobody named it.
func TestSubmitRefusesForgedSweep(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"0123456789ab\ntouch owned\n#", "$(touch owned)", "../../victim",
		"0123456789ab\x1b[2J", "0123456789AB", ""} {
		env, path := planned(t, tinyPlan)
		change(t, path, "UPDATE sweeps SET id = ?", id)
		for _, args := range [][]string{{"submit", "--slurm", "--dry-run"}, {"work"}, {"list"},
			{"status"}} {
			code, said := ends(t, env, append([]string{"sweep"}, args...)...)
			if code != exitInput && code != exitRunFailed || strings.Contains(said,
				"touch owned\n") || strings.ContainsRune(said, 0x1b) ||
				strings.Count(said, "\n") != 1 {
				t.Errorf("%q, %v: exit code %d: %s", id, args, code, said)
			}
		}
	}
}

// Folders in the place of a trial's that lead elsewhere are left alone.
func TestWorkerStaysInItsFolder(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"sweep", "trial", "attempt"} {
		t.Run(at, func(t *testing.T) {
			env, path := planned(t, tinyPlan)
			id := strings.TrimSpace(sweeping(t, env, "list"))
			id = strings.Fields(id[strings.Index(id, "\n")+1:])[0]
			var trial, identity string
			db, err := sql.Open("sqlite", "file:"+path)
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(
				db.QueryRowContext(t.Context(),
					"SELECT id FROM trials WHERE position = 1").Scan(&trial),
				db.QueryRowContext(t.Context(), "SELECT identity FROM icar_schema").Scan(&identity),
				db.Close())
			if err != nil {
				t.Fatal(err)
			}
			victim, files := filepath.Join(t.TempDir(), "victim"), filepath.Join(path+".files",
				identity)
			for _, dir := range []string{filepath.Join(victim, "0"), filepath.Join(files, id)} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			link := filepath.Join(files, id, trial)
			switch at {
			case "sweep":
				link = filepath.Join(files, id)
				err = os.Remove(link)
			case "attempt":
				err = os.Mkdir(link, 0o755)
				link = filepath.Join(link, "0")
			}
			if err := errors.Join(err, os.Symlink(victim, link)); err != nil {
				t.Fatal(err)
			}
			before := listing(t, victim)
			code, said := ends(t, env, "sweep", "work", "--backoff", "10ms")
			want := map[string]int{"sweep": exitRunFailed, "trial": exitRunFailed,
				"attempt": exitDone}[at]
			if code != want {
				t.Errorf("exit code %d, want %d: %s", code, want, said)
			}
			if after := listing(t, victim); after != before {
				t.Errorf("the folder that a link leads to was\n%s and is\n%s", before, after)
			}
		})
	}
}

// listing names all that is below a folder.
func listing(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		all.WriteString(path + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// slowPlan has a trial that lasts until somebody ends it.
const slowPlan = "base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: 2, " +
	"epochs: 4000, checkpoint_every: 10}\ngrid: {seed: [0, 1]}\n"

// The file of SQLite that is deleted, replaced, overwritten or made read-only under a
// worker ends it at once: what it writes from then on nobody would see.
func TestDatabaseFileChangesUnderWorker(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"deleted":   os.Remove,
		"replaced":  func(path string) error { return os.Rename(path+".other", path) },
		"read-only": func(path string) error { return os.Chmod(path, 0o444) },
		"overwritten": func(path string) error {
			data, err := os.ReadFile(path + ".other")
			if err != nil {
				return err
			}
			return os.WriteFile(path, data, 0o644) // as cp does: it stays the same file
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, path := planned(t, slowPlan)
			other, otherPath := planned(t, tinyPlan)
			sweeping(t, other, "work")
			if err := os.Rename(otherPath, path+".other"); err != nil {
				t.Fatal(err)
			}
			w := startWorker(t.Context(), t, env, []string{"--heartbeat", "100ms", "--lease", "1s"})
			until(t, "a checkpoint", func() bool {
				return exists(t, filepath.Join(path+".files", "*", "*", "*", "1",
					"checkpoint.safetensors"))
			})
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-w.exit:
				said := w.stderr.String()
				if code := w.cmd.ProcessState.ExitCode(); code != exitRunFailed ||
					!strings.Contains(said, name) || !strings.Contains(said, path) {
					t.Errorf("exit code %d, %v: %s", code, err, said)
				}
			case <-time.After(time.Minute):
				_ = w.cmd.Process.Kill()
				t.Errorf("the worker goes on: %s", w.stderr.String())
			}
		})
	}
}

// A worker that starts while Postgres is away waits for it, and says by its exit
// code that it was away when it has waited for long.
func TestWorkerWaitsForPostgres(t *testing.T) {
	t.Parallel()
	env, server := database(t, "postgres")
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(plan, []byte(tinyPlan), 0o644); err != nil {
		t.Fatal(err)
	}
	sweeping(t, env, "create", plan)
	if err := server.Down(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	files := []string{"--files", filepath.Join(t.TempDir(), "files")}
	if code, said := ends(t, env, append([]string{"sweep", "work", "--give-up", "100ms"},
		files...)...); code != exitAway || !strings.Contains(said, "has not answered for 100ms") {
		t.Errorf("exit code %d: %s", code, said)
	}
	w := startWorker(t.Context(), t, env, files)
	until(t, "a worker that waits", func() bool {
		return strings.Contains(w.stderr.String(), "waiting for it")
	})
	if err := server.Up(); err != nil {
		t.Fatal(err)
	}
	if err := <-w.exit; err != nil {
		t.Errorf("%v: %s", err, w.stderr.String())
	}
	wrong := []string{strings.Replace(env[0], pgtest.Password, "wrong", 1)}
	if code, said := ends(t, wrong, append([]string{"sweep", "work"},
		files...)...); code != exitRunFailed {
		t.Errorf("a wrong password: exit code %d: %s", code, said)
	}
}

// copyDatabase copies a database of SQLite that nobody has open, and returns the
// environment that leads to the copy.
func copyDatabase(t *testing.T, path string) (env []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := errors.Join(err, os.WriteFile(to, data, 0o644)); err != nil {
		t.Fatal(err)
	}
	return []string{"ICAR_DATABASE=" + to}
}

// A copy of a database and its original share --files and do not touch each
// other's attempts. A database that was restored goes on from those that the lost
// one has left, when it is told so.
func TestCopiedDatabase(t *testing.T) {
	t.Parallel()
	env, path := planned(t, tinyPlan)
	second, third := copyDatabase(t, path), copyDatabase(t, path)
	files := filepath.Join(t.TempDir(), "files")
	work := func(env []string, more ...string) (folders int, said string) {
		code, said := ends(t, env, append([]string{"sweep", "work", "--backoff", "10ms", "--files",
			files}, more...)...)
		if code != exitDone || !strings.Contains(said, "3 trials done, 0 failed") {
			t.Errorf("exit code %d: %s", code, said)
		}
		all, err := filepath.Glob(filepath.Join(files, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all), said
	}
	const copied = "the database was copied, restored or moved, and begins its trials anew"
	if n, said := work(env); n != 1 || strings.Contains(said, copied) {
		t.Errorf("%d folders of the original: %s", n, said)
	}
	original, err := filepath.Glob(filepath.Join(files, "*"))
	if err != nil || len(original) != 1 {
		t.Fatal(original, err)
	}
	before := listing(t, original[0])
	if n, said := work(second); n != 2 || !strings.Contains(said, copied) {
		t.Errorf("%d folders with the copy's: %s", n, said)
	}
	if after := listing(t, original[0]); after != before {
		t.Errorf("the copy's worker has changed\n%s to\n%s", before, after)
	}
	if n, said := work(third, "--restored"); n != 2 || strings.Contains(said, copied) ||
		strings.Contains(said, "msg=failed") || strings.Count(said, "epoch=1 from=1") != 3 {
		t.Errorf("%d folders with the restored one's: %s", n, said)
	}
}
