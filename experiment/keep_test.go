package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// notices collects what a Reproduce says.
type notices struct {
	sync.Mutex
	said []string
}

func (n *notices) add(message string) {
	n.Lock()
	defer n.Unlock()
	n.said = append(n.said, message)
}

// outcome returns an experiment's outcome as JSON and the trials that were kept.
func collected(t *testing.T, e Experiment, o Options) ([]byte, int) {
	t.Helper()
	found, cost, err := Reproduce(context.Background(), e, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	return data, cost.Kept
}

// A failing trial costs itself only: the others are found again, whole ones as
// they are, damaged ones run again and named.
func TestReproduceGoesOn(t *testing.T) {
	var runs, broken atomic.Int32
	broken.Store(1)
	e := toy(func(ctx context.Context, c toyConfig) (toyResult, error) {
		runs.Add(1)
		if c.N == 6 && broken.Load() == 1 {
			return toyResult{}, errors.New("killed")
		}
		return square(ctx, c)
	})
	want, _ := collected(t, toy(square), Options{})
	var n notices
	o := Options{Workers: 1, Keep: filepath.Join(t.TempDir(), "trials"), Notice: n.add}
	if _, _, err := Reproduce(context.Background(), e, o, nil); err == nil {
		t.Fatal("the sixth trial did not fail")
	}
	runs.Store(0)
	broken.Store(0)
	got, found := collected(t, e, o)
	if found != 5 || runs.Load() != 3 || !bytes.Equal(got, want) || len(n.said) != 0 {
		t.Errorf("%d results were kept and %d trials run, said %q; want 5 and 3, and the outcome of "+
			"one go", found, runs.Load(), n.said)
	}

	plan, err := Plan(e, o)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := newKeeper(o.Keep, Env{})
	if err != nil {
		t.Fatal(err)
	}
	file := func(i int) string { return keep.path(plan[i]) + ".json" }
	whole, err := os.ReadFile(file(0))
	if err != nil {
		t.Fatal(err)
	}
	for what, damaged := range map[string][]byte{
		"is damaged":       whole[:len(whole)/2],
		"its checksum":     bytes.Replace(whole, []byte(`"square":1`), []byte(`"square":2`), 1),
		"of another trial": bytes.Clone(must(os.ReadFile(file(1)))),
	} {
		if err := os.WriteFile(file(0), damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		n.said = nil
		got, found := collected(t, e, o)
		if found != 7 || !bytes.Equal(got, want) || len(n.said) != 1 ||
			!strings.Contains(n.said[0], what) {
			t.Errorf("%s: %d results were kept, said %q", what, found, n.said)
		}
	}
	// A killed process may leave a file that it was writing.
	half := filepath.Join(keep.folder, "."+filepath.Base(file(2))+".123")
	if err := os.WriteFile(half, whole[:9], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Forget(o.Keep, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(o.Keep); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left", o.Keep)
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}
