//go:build unix

package sweep_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/sweep"
)

// settled opens the database at an address and says which place it is at.
func settled(t *testing.T, a sweep.Address, restored bool) sweep.Place {
	t.Helper()
	s, err := sweep.Open(t.Context(), a)
	want(t, err, nil)
	p, err := s.Settle(t.Context(), restored)
	want(t, err, nil)
	want(t, s.Close(), nil)
	return p
}

// copied copies a closed database to a new file or a new database of the server.
func copied(t *testing.T, a sweep.Address) sweep.Address {
	t.Helper()
	text := filepath.Join(t.TempDir(), "copy.db")
	if a.File() != "" {
		data, err := os.ReadFile(a.File())
		want(t, err, nil)
		want(t, os.WriteFile(text, data, 0o644), nil)
	} else {
		other := open(t, address(t, "postgres"))
		name := fmt.Sprint("copy", server.names.Add(1))
		from := a.String()[strings.LastIndex(a.String(), "/")+1:]
		want(t, other.Run(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+from), nil)
		text = server.Address(name)
	}
	a, err := sweep.ParseAddress(text)
	want(t, err, nil)
	return a
}

// A copy of a database has a place of its own, from the first time on that it is
// worked on, unless it is said to be the same.
func TestPlacesOfFiles(t *testing.T) { checkPlaces(t, address(t, "sqlite")) }

func TestPlacesOfServers(t *testing.T) { checkPlaces(t, address(t, "postgres")) }

func checkPlaces(t *testing.T, a sweep.Address) {
	t.Helper()
	first := settled(t, a, false)
	if len(first.Name) != 12 || first.Moved || settled(t, a, true) != first {
		t.Errorf("%+v", first)
	}
	moved := settled(t, copied(t, a), false)
	if !moved.Moved || len(moved.Name) != 12 || moved.Name == first.Name {
		t.Errorf("a copy is at %+v, its original at %+v", moved, first)
	}
	b := copied(t, a)
	if p := settled(t, b, true); p != first {
		t.Errorf("restored it is at %+v, not at %+v", p, first)
	}
	if p := settled(t, b, false); p != first {
		t.Errorf("later it is at %+v, not at %+v", p, first)
	}
	c := copied(t, a)
	p := settled(t, c, false) // somebody forgot to say it
	if again := settled(t, c, false); again.Name != p.Name || again.Moved {
		t.Errorf("again at %+v, not %+v", again, p)
	}
	if again := settled(t, c, true); again != first {
		t.Errorf("restored later it is at %+v, not at %+v", again, first)
	}
	if again := settled(t, c, false); again != first {
		t.Errorf("once restored it is at %+v, not at %+v", again, first)
	}
	if p := settled(t, a, false); p != first {
		t.Errorf("the original is now at %+v, not at %+v", p, first)
	}
}

// A copy of a copy is restored to where that was, and not to where it began.
func TestPlaceOfACopyOfACopy(t *testing.T) {
	a := address(t, "sqlite")
	settled(t, a, false)
	b := copied(t, a)
	p := settled(t, b, false)
	execute(t, b.File(), "UPDATE icar_places SET since = since + 10 WHERE name = '"+p.Name+"'")
	if again := settled(t, copied(t, b), true); again.Name != p.Name || again.Moved {
		t.Errorf("at %+v, not at %s", again, p.Name)
	}
}

// A server may keep from its users which cluster it is; the database and the table
// are told all the same.
func TestPlaceOfAPlainUser(t *testing.T) {
	a := address(t, "postgres")
	s := open(t, a)
	name := a.String()[strings.LastIndex(a.String(), "/")+1:]
	for _, statement := range []string{
		"REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
		"CREATE ROLE plain LOGIN PASSWORD 'plain'",
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO plain",
	} {
		want(t, s.Run(t.Context(), statement), nil)
	}
	b, err := sweep.ParseAddress(fmt.Sprintf(
		"postgres:host=127.0.0.1 port=%d user=plain password=plain dbname=%s sslmode=disable",
		server.Port, name))
	want(t, err, nil)
	if p := settled(t, b, false); !p.Moved || len(p.Name) != 12 { // he is told another place
		t.Errorf("%+v", p)
	}
	if p := settled(t, b, true); p.Moved || p.Name != s.Identity() {
		t.Errorf("%+v, not %s", p, s.Identity())
	}
	// Of before there were places, the tables' owner has to make theirs.
	want(t, s.Run(t.Context(), "DROP TABLE icar_places"), nil)
	for _, made := range []bool{false, true} {
		if made {
			settled(t, a, false)
		}
		if _, err := open(t, b).Settle(t.Context(), false); err == nil ||
			!strings.Contains(err.Error(), "GRANT ALL ON icar_places") {
			t.Errorf("with the table made %t: %v", made, err)
		}
	}
	want(t, s.Run(t.Context(), "GRANT ALL ON icar_places TO plain"), nil)
	settled(t, b, true)
}

// A file stays at its place when it is renamed, rewritten by a VACUUM and grows, and a
// database of before there were places is where it always was.
func TestPlaceStays(t *testing.T) {
	a := address(t, "sqlite")
	first := settled(t, a, false)
	to := filepath.Join(t.TempDir(), "renamed.db")
	execute(t, a.File(), "VACUUM", "CREATE TABLE filler AS SELECT zeroblob(100000) AS x")
	want(t, os.Rename(a.File(), to), nil)
	a, err := sweep.ParseAddress(to)
	want(t, err, nil)
	if p := settled(t, a, false); p != first {
		t.Errorf("at %+v, not at %+v", p, first)
	}
	execute(t, to, "DROP TABLE icar_places")
	if p := settled(t, a, false); p != first {
		t.Errorf("at %+v, not at %+v", p, first)
	}
	execute(t, to, "UPDATE icar_places SET name = '../../../tmp'")
	s := open(t, a)
	if _, err := s.Settle(t.Context(), false); sweep.FaultOf(err) != sweep.Refusal {
		t.Errorf("%v", err)
	}
}
