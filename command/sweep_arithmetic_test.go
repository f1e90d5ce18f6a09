package command

import (
	"database/sql"
	"testing"

	"icar/nn/kernel"
	"icar/sweep"
)

// A sweep on record as of amd64-fma, which is what fma was called, is worked on where the
// kernel is of fma, and refused elsewhere.
func TestSweepOfAnOlderArithmetic(t *testing.T) {
	env, path := planned(t, tinyPlan)
	asOfOld(t, path)
	k, err := kernel.Choose("")
	if err != nil {
		t.Fatal(err)
	}
	want := exitInput
	if k.Arithmetic() == "fma" {
		want = exitDone
	}
	if code, said := ends(t, append(env, "ICAR_KERNEL=go"), "sweep", "work"); code != exitInput {
		t.Errorf("on plain Go it ends with %d: %s", code, said)
	}
	if code, said := ends(t, append(env, "ICAR_KERNEL="), "sweep", "work"); code != want {
		t.Errorf("on %s it ends with %d, want %d: %s", k.Name(), code, want, said)
	}
}

// asOfOld makes the sweep of a database one of amd64-fma: its trials are named by that.
func asOfOld(t *testing.T, path string) {
	t.Helper()
	const old = "amd64-fma"
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT id, config FROM trials")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names := map[string]string{}
	for rows.Next() {
		var id, config string
		if err := rows.Scan(&id, &config); err != nil {
			t.Fatal(err)
		}
		names[id] = sweep.Identity([]byte(config), old)
	}
	if err := rows.Err(); err != nil || len(names) != 3 {
		t.Fatalf("%d trials: %v", len(names), err)
	}
	for id, name := range names {
		change(t, path, "UPDATE trials SET id = ? WHERE id = ?", name, id)
	}
	change(t, path, "UPDATE sweeps SET arithmetic = ?", old)
}
