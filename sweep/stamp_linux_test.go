package sweep_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"icar/sweep"
)

// inFile is the stamp in a database's file, by the file format.
func inFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || len(data) < 100 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	return fmt.Sprintf("%x", data[68:72])
}

// A database's file says whose it is from its first opening on, also one that was
// made before there were stamps, and says the same after a VACUUM.
func TestStamps(t *testing.T) {
	a := address(t, "sqlite")
	s := open(t, a)
	first := inFile(t, a.File())
	identity := s.Identity()[:8]
	if first[:7] != identity[:7] || strings.IndexByte("13579bdf", first[7]) < 0 {
		t.Errorf("the file of %s is stamped %s", identity, first)
	}
	want(t, s.Close(), nil)
	execute(t, a.File(), "PRAGMA application_id = 0")
	if found := inFile(t, a.File()); found != "00000000" {
		t.Fatalf("still stamped %s", found)
	}
	s = open(t, a)
	create(t, s, sweep.Sweep{}, 100)
	want(t, s.Run(t.Context(), "DELETE FROM trials WHERE position > 50"), nil)
	want(t, s.Run(t.Context(), "VACUUM"), nil)
	claim(t, s)
	want(t, s.Close(), nil)
	if again := inFile(t, a.File()); again != first {
		t.Errorf("stamped %s, before %s", again, first)
	}
}

// Who reads a database of before there were stamps, as it was then, keeps nobody out;
// the stamp is in the file once the reader has gone.
func TestStampDoesNotWaitForReaders(t *testing.T) {
	a := address(t, "sqlite")
	s := open(t, a)
	create(t, s, sweep.Sweep{}, 1)
	want(t, s.Close(), nil)
	execute(t, a.File(), "PRAGMA application_id = 0")
	db, err := sql.Open("sqlite", a.File())
	want(t, err, nil)
	defer db.Close()
	reader, err := db.BeginTx(t.Context(), nil)
	want(t, err, nil)
	var trials int
	want(t, reader.QueryRowContext(t.Context(), "SELECT count(*) FROM trials").Scan(&trials), nil)
	start := time.Now()
	s = open(t, a)
	claim(t, s)
	if waited := time.Since(start); waited > 10*time.Second {
		t.Errorf("it waited %v for a reader", waited)
	}
	if found := inFile(t, a.File()); found != "00000000" {
		t.Fatalf("stamped %s under the eyes of its reader", found)
	}
	want(t, errors.Join(reader.Rollback(), db.Close(), s.Close()), nil)
	want(t, open(t, a).Close(), nil)
	if found := inFile(t, a.File()); found == "00000000" {
		t.Error("never stamped")
	}
}

// A stamp is the first four bytes of an identity, big-endian and odd, so never 0.
func TestStampOf(t *testing.T) {
	for identity, want := range map[string]int32{"000000000000": 1, "123456789abc": 0x12345679,
		"ffffffffffff": -1, "800000020000": -1<<31 + 3} {
		if got, err := sweep.StampOf(identity); err != nil || got != want {
			t.Errorf("%s: %#x, %v, want %#x", identity, got, err, want)
		}
	}
	for _, identity := range []string{"", "123456", "no digits", "1234567"} {
		if got, err := sweep.StampOf(identity); !errors.Is(err, sweep.ErrRow) {
			t.Errorf("%q: %#x, %v", identity, got, err)
		}
	}
}

// A -wal that is of another database than the file beside it is not brought into it.
func TestWALOfAnotherDatabase(t *testing.T) {
	a := address(t, "sqlite")
	want(t, open(t, a).Close(), nil)
	before := inFile(t, a.File())
	db, err := sql.Open("sqlite", a.File())
	want(t, err, nil)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range []string{"PRAGMA wal_autocheckpoint = 0", "PRAGMA application_id = 7"} {
		_, err := db.ExecContext(t.Context(), s)
		want(t, err, nil)
	}
	s, err := sweep.Open(t.Context(), a)
	if !errors.Is(err, sweep.ErrBroken) || !strings.Contains(err.Error(), "different databases") {
		t.Errorf("%v", err)
	}
	if err == nil {
		want(t, s.Close(), nil)
	}
	if now := inFile(t, a.File()); now != before {
		t.Errorf("the file is stamped %s, before %s", now, before)
	}
}

// What lies over an open database is noticed at the next question, whatever it is.
func TestOverwrittenFile(t *testing.T) {
	other := address(t, "sqlite")
	want(t, open(t, other).Close(), nil)
	database, err := os.ReadFile(other.File())
	want(t, err, nil)
	for name, over := range map[string][]byte{
		"another database": database, "text": []byte(strings.Repeat("no database ", 1000)),
		"nothing": nil, "half a header": database[:50],
	} {
		t.Run(name, func(t *testing.T) {
			a := address(t, "sqlite")
			s, err := sweep.Open(t.Context(), a)
			want(t, err, nil)
			defer s.Close()
			create(t, s, sweep.Sweep{}, 1)
			want(t, os.WriteFile(a.File(), over, 0o644), nil)
			_, err = s.Find(t.Context(), only)
			if !errors.Is(err, sweep.ErrBroken) || !strings.Contains(err.Error(), "overwritten") {
				t.Errorf("%v", err)
			}
		})
	}
}

// Looking at the file does not lose the locks that SQLite has on it: a process
// that closes a descriptor of a file gives all its locks on it away.
func TestLocksAreKept(t *testing.T) {
	a := address(t, "sqlite")
	s := open(t, a)
	create(t, s, sweep.Sweep{}, 1)
	claim(t, s)
	info, err := os.Stat(a.File())
	want(t, err, nil)
	inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	locks, err := os.ReadFile("/proc/locks")
	want(t, err, nil)
	for lock := range strings.Lines(string(locks)) {
		if strings.Contains(lock, inode) && strings.Contains(lock, fmt.Sprint(os.Getpid())) {
			return
		}
	}
	t.Errorf("no lock on inode %s of\n%s", inode, locks)
}

// A checkpoint writes the first page, which says how long the file is, before the
// last ones: who looks in between sees nothing wrong.
func TestCheckpointInTheMiddle(t *testing.T) {
	a := address(t, "sqlite")
	s := open(t, a)
	create(t, s, sweep.Sweep{}, 1)
	f, err := os.OpenFile(a.File(), os.O_RDWR, 0)
	want(t, err, nil)
	defer f.Close()
	pages := make([]byte, 4)
	_, err = f.ReadAt(pages, 28)
	want(t, err, nil)
	pages[2]++ // 256 pages more
	_, err = f.WriteAt(pages, 28)
	want(t, err, nil)
	claim(t, s)
}
