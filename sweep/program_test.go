//go:build unix

package sweep_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/kernel"
	"icar/run"
	"icar/sweep"
	"icar/train"
)

// execute changes a SQLite database behind the store's back.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	for _, s := range statements {
		if err == nil {
			_, err = db.ExecContext(t.Context(), s)
		}
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// small is the configuration of a trial of a few milliseconds.
func small(t *testing.T) []byte {
	t.Helper()
	c := train.DefaultConfig()
	if err := c.Decode([]byte("{d: 2, length: 3, train: 32, batch: 16, test: 8, epochs: 3}")); err != nil {
		t.Fatal(err)
	}
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return c.YAML()
}

// What an attempt has left is gone on with by the program that made it, and by
// no other, even when it is the whole trial.
func TestLeftoversOfAnotherProgram(t *testing.T) {
	me, err := run.Program()
	plain, err2 := kernel.Choose("go")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	c := sweep.Claim{Sweep: "0123456789ab", Epoch: 1, Config: small(t)}
	c.ID = sweep.Identity(c.Config, "go")
	for program, want := range map[string]string{
		me: "epoch=2 from=6", "0123456789abcdef": "epoch=2 from=0",
		me + "+0123456789abcdef": "epoch=2 from=0", "": "epoch=2 from=0",
	} {
		var log bytes.Buffer
		trainer := sweep.Trainer{Attempts: sweep.Attempts{Folder: t.TempDir(),
			Log: slog.New(slog.NewTextHandler(&log, nil))}, Processor: nn.OnLoops(plain)}
		calm, _, err := trainer.Do(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(trainer.Path(c), "run.json")
		data, err := os.ReadFile(file)
		left := bytes.Replace(data, []byte(me), []byte(program), 1)
		if err := errors.Join(err, os.WriteFile(file, left, 0o644)); err != nil {
			t.Fatal(err)
		}
		again := c
		again.Epoch = 2
		got, _, err := trainer.Do(t.Context(), again)
		if err != nil || !bytes.Equal(got, calm) || !strings.Contains(log.String(), want) {
			t.Errorf("%q: %v, %s, want %s:\n%s", program, err, got, want, log.String())
		}
		if strings.Contains(log.String(), "is another program's") != (program != me) {
			t.Errorf("%q: said\n%s", program, log.String())
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, left) {
			t.Errorf("%q: what was left has been changed (%v)", program, err)
		}
	}
}

// A database that was restored from a backup knows nothing of the last attempts and
// gives their epochs again, the last one too: they are gone on with, after those it
// knows of and the last one first.
func TestAttemptsAheadOfTheDatabase(t *testing.T) {
	plain, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	c := sweep.Claim{Sweep: "0123456789ab", Config: small(t)}
	c.ID = sweep.Identity(c.Config, "go")
	folder := t.TempDir()
	do := func(epoch int64, steps int) string {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		trainer := sweep.Trainer{Processor: nn.OnLoops(plain), Attempts: sweep.Attempts{Folder: folder,
			Log: slog.New(slog.NewTextHandler(&log, nil))}, Step: func() {
			if steps--; steps == 0 {
				cancel()
			}
		}}
		c.Epoch = epoch
		if _, _, err := trainer.Do(ctx, c); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		_, from, _ := strings.Cut(log.String(), "from=")
		return strings.TrimSpace(from)
	}
	for i, step := range []struct {
		epoch int64
		steps int
		from  string
	}{{1, 1, "0"}, {5, 1, "1"}, {7, 1, "2"}, {2, 1, "1"}, {3, 1, "2"}, {3, 1, "2"}, {3, 1, "2"}} {
		if from := do(step.epoch, step.steps); from != step.from {
			t.Errorf("%d: epoch %d goes on from step %s, not %s", i, step.epoch, from, step.from)
		}
	}
	trial := filepath.Join(folder, c.Sweep, c.ID)
	_, err = os.Stat(filepath.Join(trial, strconv.Itoa(3+math.MinInt64)))
	want(t, err, nil) // of epoch 3, which was given again
	want(t, errors.Join(os.RemoveAll(filepath.Join(trial, "1")),
		os.RemoveAll(filepath.Join(trial, "2")), os.RemoveAll(filepath.Join(trial, "3"))), nil)
	if from := do(1, 0); from != "3" { // of epoch 7, which was the last
		t.Errorf("it goes on from step %s", from)
	}
}

// With the attempt that was recorded those before it are done with, and no others.
func TestRecordedAttempt(t *testing.T) {
	c := sweep.Claim{Sweep: "0123456789ab", ID: "trial", Epoch: 2}
	attempts := sweep.Attempts{Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	trial := filepath.Dir(attempts.Path(c))
	for _, epoch := range []string{"-5", "1", "2", "3"} {
		want(t, os.MkdirAll(filepath.Join(trial, epoch), 0o755), nil)
	}
	attempts.Recorded(c)
	entries, err := os.ReadDir(trial)
	if err != nil || len(entries) != 2 || entries[0].Name() != "2" || entries[1].Name() != "3" {
		t.Errorf("left are %v, %v", entries, err)
	}
}

// A worker that was stopped before it began, and wakes up when another one has its
// trial, leaves that one's directory alone.
func TestStaleWorkerMovesNothing(t *testing.T) {
	plain, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	c := sweep.Claim{Sweep: "0123456789ab", Config: small(t), Epoch: 2}
	c.ID = sweep.Identity(c.Config, "go")
	stale := c
	stale.Epoch = 1
	trainer := sweep.Trainer{Processor: nn.OnLoops(plain),
		Attempts: sweep.Attempts{Folder: t.TempDir(),
			Log: slog.New(slog.DiscardHandler), Held: func(asked sweep.Claim) error {
				if asked.Epoch == stale.Epoch {
					return sweep.ErrLost
				}
				return nil
			}}}
	woken := false
	trainer.Step = func() {
		if woken {
			return
		}
		woken = true
		if _, _, err := trainer.Do(t.Context(), stale); !errors.Is(err, sweep.ErrLost) {
			t.Errorf("the stale worker: %v, want %v", err, sweep.ErrLost)
		}
	}
	if _, _, err := trainer.Do(t.Context(), c); err != nil {
		t.Errorf("the worker of epoch 2: %v", err)
	}
	if !woken {
		t.Error("no step was made")
	}
}

// A sweep is worked on by the program that created it.
func TestCheckProgram(t *testing.T) {
	for created, want := range map[string]string{
		"0123456789abcdef": "",
		"fedcba9876543210": "it was created by fedcba9876543210 and this is 0123456789abcdef; work " +
			"on it with the same file, or create it again",
		"": "it was created before programs had identities; work on it with the icar that created it",
	} {
		err := sweep.Sweep{ID: "s", Program: created}.CheckProgram("0123456789abcdef")
		if (err == nil) != (want == "") || err != nil &&
			(!errors.Is(err, sweep.ErrProgram) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", created, err)
		}
	}
}

// Every database that is made has an identity of its own, which stays.
func TestDatabasesHaveIdentities(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			a := address(t, kind)
			first, again, other := open(t, a).Identity(), open(t, a).Identity(), open(t,
				address(t, kind)).Identity()
			if len(first) != 12 || first != again || first == other {
				t.Errorf("identities %q and %q, another database's %q", first, again, other)
			}
		})
	}
}

// Tables of before there were programs are read; nothing is added to them.
func TestTablesWithoutPrograms(t *testing.T) {
	a := address(t, "sqlite")
	execute(t, a.File(),
		`CREATE TABLE sweeps (id TEXT PRIMARY KEY, kind TEXT NOT NULL, config TEXT NOT NULL, arithmetic TEXT NOT NULL,
			trials BIGINT NOT NULL, attempts BIGINT NOT NULL, stop_on_failure BIGINT NOT NULL, created BIGINT NOT NULL)`,
		`CREATE TABLE trials (sweep TEXT NOT NULL, position BIGINT NOT NULL, id TEXT NOT NULL, config TEXT NOT NULL, state TEXT NOT NULL,
			epoch BIGINT NOT NULL DEFAULT 0, due BIGINT NOT NULL DEFAULT 0, lease BIGINT NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '',
			failures BIGINT NOT NULL DEFAULT 0, losses BIGINT NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
			PRIMARY KEY (sweep, position), UNIQUE (sweep, id))`,
		`CREATE TABLE results (sweep TEXT NOT NULL, trial TEXT NOT NULL, epoch BIGINT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (sweep, trial))`,
		`CREATE TABLE icar_schema (version BIGINT NOT NULL)`, `INSERT INTO icar_schema VALUES (1)`,
		`INSERT INTO sweeps VALUES ('0123456789ab', 'train', '', 'go', 1, 3, 0, 1)`,
		`INSERT INTO trials (sweep, position, id, config, state, epoch) VALUES ('0123456789ab', 0, '`+
			sweep.Identity([]byte("x"), "go")+`', 'x', 'done', 1)`,
		`INSERT INTO results VALUES ('0123456789ab', '`+sweep.Identity([]byte("x"), "go")+
			`', 1, '{}')`)
	s := open(t, a)
	w, err := s.Find(t.Context(), "")
	if err != nil || w.Program != "" || w.Arithmetic != "go" || s.Identity() != "" {
		t.Fatalf("found %+v in %q, %v", w, s.Identity(), err)
	}
	n := 0
	err = s.Trials(t.Context(), w, func(r sweep.Trial) error {
		if string(r.Result) == "{}" {
			n++
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d results, %v", n, err)
	}
	_, err = s.Create(t.Context(), w, nil)
	if err == nil || !strings.Contains(err.Error(),
		"are of version 1, which knows of no programs: name another database") {
		t.Errorf("%v", err)
	}
}

// What stands for an identity in a database and is none goes nowhere.
func TestForgedIdentities(t *testing.T) {
	for statement, want := range map[string]string{
		"UPDATE icar_schema SET identity = '../../../tmp'": `the identity of the database, "../../../tmp", is not 12 hexadecimal digits`,
		"UPDATE icar_schema SET identity = ''":             `the identity of the database, "", is not`,
		"UPDATE icar_schema SET version = 3": "its tables are of version 3, this " +
			"icar's of version 2: use the icar that made them",
		"UPDATE sweeps SET program = '\x1b[31m0123456789abcd'": `the program of a sweep, "\x1b[31m0123456789abcd", is not 16 hexadecimal digits`,
	} {
		a := address(t, "sqlite")
		s := open(t, a)
		w := sweep.Sweep{ID: "0123456789ab", Kind: sweep.Training, Arithmetic: "go",
			Program: "0123456789abcdef", Attempts: 1}
		if _, err := s.Create(t.Context(), w, nil); err != nil {
			t.Fatal(err)
		}
		execute(t, a.File(), statement)
		s, err := sweep.Open(t.Context(), a)
		if err == nil {
			_, err = s.Sweeps(t.Context())
			if err2 := s.Close(); err2 != nil {
				t.Fatal(err2)
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
