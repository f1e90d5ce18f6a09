//go:build unix

package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"icar/internal/pgtest"
	"icar/sweep"
)

// What a worker may ask again, by the codes of Postgres and what has no code.
func TestFaultOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want sweep.Fault
	}{
		{nil, sweep.Answer}, {sweep.ErrNone, sweep.Answer},
		{fmt.Errorf("x: %w", sweep.ErrLost), sweep.Answer},
		{io.ErrUnexpectedEOF, sweep.Away}, {&net.OpError{Op: "dial", Err: errors.New("refused")},
			sweep.Away},
		{context.DeadlineExceeded, sweep.Away}, {errors.New("unheard of"), sweep.Away},
		{sweep.ErrAway, sweep.Away},
		{sweep.ErrRow, sweep.Refusal}, {sweep.ErrBroken, sweep.Broken},
		{sweep.ErrNoSweep, sweep.Broken},
		{state("08006"), sweep.Away}, {state("40P01"), sweep.Away}, {state("53100"), sweep.Away},
		{state("53300"), sweep.Away},
		{state("57P01"), sweep.Away}, {state("57P03"), sweep.Away}, {state("57014"), sweep.Away},
		{state("25P03"), sweep.Away},
		{state("25006"), sweep.Away}, {state("58030"), sweep.Away}, {state("55P03"), sweep.Away},
		{state("22021"), sweep.Refusal}, {state("22003"), sweep.Refusal},
		{state("23505"), sweep.Refusal}, {state("23502"), sweep.Refusal},
		{state("54000"), sweep.Refusal},
		{state("28P01"), sweep.Broken}, {state("3D000"), sweep.Broken},
		{state("42P01"), sweep.Broken}, {state("42501"), sweep.Broken},
		{state("XX001"), sweep.Broken}, {state("57P04"), sweep.Broken}, {state(""), sweep.Broken},
	} {
		if got := sweep.FaultOf(c.err); got != c.want {
			t.Errorf("%v is a fault of kind %d, want %d", c.err, got, c.want)
		}
	}
}

func state(code string) error { return fmt.Errorf("asked: %w", &pgconn.PgError{Code: code}) }

// The databases themselves: what they say about each kind of question.
func TestFaultsOfDatabases(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		w := create(t, s, sweep.Sweep{}, 2)
		c := claim(t, s)
		twice := []sweep.Metric{{Step: 1, Name: "loss"}, {Step: 1, Name: "loss"}}
		if err := s.Complete(ctx, c, []byte("{}"), twice); sweep.FaultOf(err) != sweep.Refusal {
			t.Errorf("a metric twice: %v", err)
		}
		want(t, s.Fail(ctx, c, errors.New("bytes \xff and \x00, "+strings.Repeat("long", 5000)), 0),
			nil)
		want(t, s.Run(ctx, "DROP TABLE metrics"), nil)
		if err := s.Complete(ctx, claim(t, s), []byte("{}"),
			twice); sweep.FaultOf(err) != sweep.Broken {
			t.Errorf("no table: %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Claim(ended, w, "w", lease); sweep.FaultOf(err) != sweep.Away {
			t.Errorf("no time: %v", err)
		}
		want(t, s.Run(ctx, "UPDATE icar_schema SET version = 99"), nil)
		if _, err := sweep.Open(ctx, s.Address()); sweep.FaultOf(err) != sweep.Broken {
			t.Errorf("another version: %v", err)
		}
	})
	t.Run("opened", func(t *testing.T) {
		text := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)),
			0o644); err != nil {
			t.Fatal(err)
		}
		a, err := sweep.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sweep.Open(t.Context(), a); sweep.FaultOf(err) != sweep.Broken {
			t.Errorf("no database: %v", err)
		}
		address(t, "postgres") // starts it, or skips
		for text, want := range map[string]sweep.Fault{
			"password=wrong": sweep.Broken,
			"password='" + pgtest.Password + "' dbname=no_such": sweep.Broken,
			"password=x port=1": sweep.Away,
		} {
			a, err := sweep.ParseAddress(fmt.Sprintf("postgres:host=127.0.0.1 port=%d user=icar "+
				"sslmode=disable %s", server.Port, text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sweep.Open(t.Context(), a); sweep.FaultOf(err) != want {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}

// Rows that another program has changed are refused with their reason, and do
// not keep a worker from those that nobody has changed.
func TestForgedRows(t *testing.T) {
	changes := []string{
		"id = '../../../victim'", "id = upper(id)", "config = config || ' '", "epoch = -1",
		"epoch = 9223372036854775807",
		"failures = -1", "losses = -1",
	}
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		w := create(t, s, sweep.Sweep{}, len(changes)+1)
		for i, change := range changes {
			want(t, s.Run(ctx, "UPDATE trials SET "+change+" WHERE position = $1", i), nil)
		}
		if c := claim(t, s); c.ID != specs(len(changes) + 1)[len(changes)].ID {
			t.Errorf("claimed %+v", c)
		}
		_, err := s.Claim(ctx, w, "w", lease)
		want(t, err, sweep.ErrNone)
		want(t, s.Trials(ctx, w, func(trial sweep.Trial) error {
			if trial.Position == int64(len(changes)) {
				return nil
			}
			if trial.State != sweep.Failed ||
				!strings.Contains(trial.Error, sweep.ErrRow.Error()) ||
				trial.Wrong != nil && trial.ID != "" {
				t.Errorf("%s: %+v", changes[trial.Position], trial)
			}
			return nil
		}), nil)
		for _, change := range []string{"id = 'x'", "kind = 'a b'", "arithmetic = 'go;id'",
			"attempts = 0", "trials = -1"} {
			want(t, s.Run(ctx, "UPDATE sweeps SET id = $1, kind = '', arithmetic = '', attempts = 1, "+
				"trials = 1", only), nil)
			want(t, s.Run(ctx, "UPDATE sweeps SET "+change), nil)
			for _, id := range []string{"", only} {
				if _, err := s.Find(ctx, id); !errors.Is(err, sweep.ErrRow) {
					t.Errorf("%s: %v", change, err)
				}
			}
		}
	})
}
