package run

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// stopped makes the directory of a run with two steps and a checkpoint.
func stopped(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Create(path, []byte("d: 2\n"), NewInfo(3, "go"))
	if err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= 2; k++ {
		if err := d.Record(Metric{Step: k, Loss: 1 / float64(k)}, Timing{k, 0.5}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Checkpoint(Checkpoint{Step: 2}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	d := stopped(t, path)
	state := func(want State) Run {
		t.Helper()
		r, err := Read(path)
		if err != nil || r.State != want || len(r.Metrics) != 2 || r.Metrics[1].Loss != 0.5 ||
			r.Seconds != 1 || string(r.Config) != "d: 2\n" || r.Info.Seed != 3 {
			t.Errorf("read %+v, %v, want %s", r, err, want)
		}
		return r
	}
	state(Running)
	f, err := os.OpenFile(filepath.Join(path, metricsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"step":3,"lo`); err != nil { // a line that is being written
		t.Fatal(err)
	}
	state(Running)
	if err := errors.Join(f.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	state(Stopped)
	d, _, err = Open(path, "go", false) // reading has left no lock behind
	if err == nil {
		err = errors.Join(d.Done(2), d.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	state(Complete)
}

// Whoever asks whether a run is being written does not appear to the next one
// as its writer, however many ask at once.
func TestReadersAreNoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := stopped(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				if r, err := Read(path); err != nil || r.State != Stopped {
					t.Errorf("read %s, %v, want %s", r.State, err, Stopped)
					return
				}
			}
		})
	}
	readers.Wait()

	reader, err := os.Open(filepath.Join(path, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := share(reader); err != nil {
		t.Fatal(err)
	}
	go func() { // lets go of it, as readers do after a moment
		time.Sleep(5 * time.Millisecond)
		reader.Close()
	}()
	if err := Remove(path); err != nil {
		t.Errorf("a reader keeps the run from being removed: %v", err)
	}
}

// A folder may be named by a link to it; links inside it are not followed.
func TestListFollowsTheLinkItIsGiven(t *testing.T) {
	root := t.TempDir()
	inside, outside := filepath.Join(root, "real", "a"), filepath.Join(root, "other", "b")
	for _, path := range []string{inside, outside} {
		if err := stopped(t, path).Close(); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(root, "link")
	err := errors.Join(os.Symlink(filepath.Join(root, "real"), link),
		os.Symlink(outside, filepath.Join(root, "real", "out")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, link + string(filepath.Separator)} {
		runs, err := List(name)
		if err != nil || len(runs) != 1 || runs[0].Path != filepath.Join(link, "a") {
			t.Errorf("%s: %+v, %v, want the run %s", name, runs, err, filepath.Join(link, "a"))
		}
	}
	// A run itself may be named so too.
	runs, err := List(filepath.Join(root, "real", "out"))
	if err != nil || len(runs) != 1 || runs[0].State != Stopped {
		t.Errorf("a link to a run: %+v, %v", runs, err)
	}
}

func TestListFindsRunsAndNamesDamagedOnes(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"b", "a", filepath.Join("deep", "er", "c")} {
		if err := stopped(t, filepath.Join(root, name)).Close(); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755),
			os.WriteFile(filepath.Join(root, name), []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("notes/readme.txt", "no run")
	write("b/metrics.jsonl", "{\n")
	if err := os.Symlink(filepath.Join(root, "a"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	runs, err := List(root)
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v, want 3", len(runs), err)
	}
	for i, want := range []struct {
		name  string
		state State
	}{{"a", Stopped}, {"b", Damaged}, {filepath.Join("deep", "er", "c"), Stopped}} {
		if r := runs[i]; r.Path != filepath.Join(root, want.name) || r.State != want.state ||
			(r.Err != nil) != (want.state == Damaged) {
			t.Errorf("run %d is %s, %s (%v), want %s, %s", i, r.Path, r.State, r.Err, want.name,
				want.state)
		}
	}
	if _, err := List(filepath.Join(root, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestRemoveTakesRunsOnly(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	d := stopped(t, path("busy"))
	defer d.Close()
	for _, name := range []string{"whole", "more", "target"} {
		if err := stopped(t, path(name)).Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.Mkdir(path("empty"), 0o755),
		os.WriteFile(path("more/notes.txt"), nil, 0o644),
		os.Symlink(path("target"), path("link")),
		os.WriteFile(path("whole/.checkpoint.safetensors.123"), nil, 0o644), // a kill left it
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"busy": "is being written by another process: stop it first",
		"more": "holds notes.txt, which is no file of a run",
		"link": "is a symbolic link", "link/": "is a symbolic link", "link/.": "is a symbolic link",
		"empty": "holds no run", "nowhere": "holds no run",
	} {
		if err := Remove(root + "/" + name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	for _, left := range []string{"busy/config.yaml", "more/checkpoint.safetensors",
		"target/run.json", "empty"} {
		if _, err := os.Stat(path(left)); err != nil {
			t.Errorf("%s is gone: %v", left, err)
		}
	}
	if err := Remove(path("whole")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path("whole")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("whole is left: %v", err)
	}
}
