//go:build unix

package command

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"icar/internal/needs"
	"icar/internal/pgtest"
)

// database returns the environment that leads to an empty database.
func database(t *testing.T, kind string) (env []string, server *pgtest.Server) {
	t.Helper()
	if kind == "sqlite" {
		return []string{"ICAR_DATABASE=" + filepath.Join(t.TempDir(), "sweep.db")}, nil
	}
	server, err := pgtest.Start()
	if errors.Is(err, pgtest.ErrMissing) {
		needs.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	address, err := server.Database("sweeps")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"ICAR_DATABASE=" + address}, server
}

// sweeping runs icar sweep and returns what it prints.
func sweeping(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	c := child(t.Context(), &stderr, append([]string{"sweep"}, args...)...)
	c.Env = append(c.Env, env...)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("sweep %v: %v: %s", args, err, stderr.String())
	}
	return string(out)
}

// worker is a process that is started again when it is killed.
type worker struct {
	cmd    *exec.Cmd
	stderr log
	exit   chan error
}

// log is what a process says, which can be read while it is at work.
type log struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

func startWorker(ctx context.Context, t *testing.T, env, args []string) *worker {
	t.Helper()
	w := &worker{exit: make(chan error, 1)}
	w.cmd = child(ctx, &w.stderr, append([]string{"sweep", "work"}, args...)...)
	w.cmd.Env = append(w.cmd.Env, env...)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.exit <- w.cmd.Wait() }()
	return w
}

var claimed = regexp.MustCompile(`msg=claimed sweep=([0-9a-f]+) trial=([0-9a-f]+) epoch=(\d+)`)

// current returns the run directory of the trial that a worker was at when it
// ended, "" if it was at none.
func (w *worker) current(files string) string {
	log := w.stderr.String()
	all := claimed.FindAllStringSubmatchIndex(log, -1)
	if len(all) == 0 || strings.Contains(log[all[len(all)-1][1]:], "msg=done") {
		return ""
	}
	m := claimed.FindStringSubmatch(log[all[len(all)-1][0]:])
	dirs, err := filepath.Glob(filepath.Join(files, "*", m[1], m[2], m[3]))
	if err != nil || len(dirs) != 1 {
		return ""
	}
	return dirs[0]
}

var resumed = regexp.MustCompile(`msg=training sweep=\S+ trial=\S+ epoch=(\d+) from=(\d+)`)

// ask returns the number that a question to the database of sweeps has for an
// answer.
func ask(t *testing.T, env []string, question string) (n int64) {
	t.Helper()
	driver, source := "sqlite", strings.TrimPrefix(env[0], "ICAR_DATABASE=")
	if keywords, ok := strings.CutPrefix(source, "postgres:"); ok {
		driver, source = "pgx", strings.TrimPrefix(keywords, "//")
		if keywords != source {
			source = "postgres://" + source
		}
	} else {
		source = "file:" + source + "?_pragma=busy_timeout(30000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), question).Scan(&n); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return n
}
