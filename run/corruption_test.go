package run

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/nn/safetensors"
)

// golden returns a copy of the golden run.
func golden(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(path, os.DirFS("testdata/golden")); err != nil {
		t.Fatal(err)
	}
	return path
}

// opened opens a run and closes it again.
func opened(t *testing.T, path string) (Saved, error) {
	t.Helper()
	d, saved, err := Open(path, "go", false)
	if d != nil {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return saved, err
}

func TestGoldenRunOpens(t *testing.T) {
	saved, err := opened(t, golden(t))
	if err != nil || saved.Done || saved.Damaged != nil || saved.Checkpoint.Step != 8 ||
		len(saved.Metrics) != 8 || saved.Metrics[7].Evaluation == nil {
		t.Errorf("%+v, %v", saved, err)
	}
}

// Each corruption of the checkpoint is recognised: the one before it is used,
// and without one nothing is.
func TestCorruptions(t *testing.T) {
	good, err := os.ReadFile("testdata/golden/checkpoint.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	header := 8 + int(binary.LittleEndian.Uint64(good))
	corruptions := map[string][]byte{"empty": nil, "longer": append(bytes.Clone(good), 0)}
	for n := 1; n <= header; n++ {
		if f, err := safetensors.Read(bytes.NewReader(good[:n]), int64(n)); err == nil {
			t.Errorf("truncated to %d bytes it is read as %v", n, f.Metadata)
		}
		if n%64 == 1 || n == header {
			corruptions["truncated after "+string(good[max(0, n-20):n])] = good[:n]
		}
	}
	for _, at := range []int{0, 3, 8, header / 2, header - 1, header, (header + len(good)) / 2,
		len(good) - 1} {
		flipped := bytes.Clone(good)
		flipped[at] ^= 1
		corruptions["flipped near "+string(flipped[max(0, at-20):at+1])] = flipped
	}
	path := golden(t)
	checkpoint, previous := filepath.Join(path, checkpointFile), filepath.Join(path, previousFile)
	before, err := os.ReadFile(previous)
	metrics, err2 := os.ReadFile(filepath.Join(path, metricsFile))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for name, content := range corruptions {
		err := errors.Join(os.WriteFile(checkpoint, content, 0o644),
			os.WriteFile(previous, before, 0o644),
			os.WriteFile(filepath.Join(path, metricsFile), metrics, 0o644))
		if err != nil {
			t.Fatal(err)
		}
		if saved, err := opened(t, path); err != nil || saved.Damaged == nil ||
			saved.Checkpoint.Step != 6 || len(saved.Metrics) != 6 {
			t.Errorf("%q: step %d, %v, %v", name, saved.Checkpoint.Step, saved.Damaged, err)
		}
		if err := errors.Join(os.WriteFile(checkpoint, content, 0o644),
			os.WriteFile(previous, content, 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := opened(t, path); err == nil ||
			!strings.Contains(err.Error(), "has no checkpoint that is whole") {
			t.Errorf("%q twice: %v", name, err)
		}
		if _, err := ReadWeights(checkpoint); err == nil {
			t.Errorf("%q: weights are read", name)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	remove := func(names ...string) func(string) error {
		return func(path string) (err error) {
			for _, n := range names {
				err = errors.Join(err, os.Remove(filepath.Join(path, n)))
			}
			return err
		}
	}
	write := func(name, content string) func(string) error {
		return func(path string) error {
			return os.WriteFile(filepath.Join(path, name), []byte(content), 0o644)
		}
	}
	for name, test := range map[string]struct {
		damage func(path string) error
		step   int
		err    string
	}{
		"no config":   {remove(ConfigFile), 0, "holds no run: there is no config.yaml in it"},
		"no info":     {remove(infoFile), 0, "has no readable run.json"},
		"broken info": {write(infoFile, "{"), 0, "has no readable run.json: unexpected end"},
		"next version": {write(infoFile, `{"version":2}`), 0,
			"is a run of version 2, this icar reads version 1: use the icar that wrote it"},
		"endless config": {write(ConfigFile, strings.Repeat("#", maxConfig+1)), 0,
			"config.yaml is longer than 65536 bytes"},
		"other config": {write(ConfigFile, "seed: 2\n"), 0,
			"checkpoint.safetensors is of another configuration than config.yaml: put back the file"},
		"other arithmetic": {write(infoFile, `{"version":1,"arithmetic":"abacus"}`), 0,
			"was computed in the arithmetic abacus, this would be go, whose bits differ: resume " +
				"it on a machine like the first, or use --allow-different-arithmetic"},
		"no checkpoint":  {remove(checkpointFile), 6, ""},
		"no checkpoints": {remove(checkpointFile, previousFile), 0, ""},
		"nor its own start": {func(p string) error {
			return errors.Join(remove(checkpointFile, previousFile)(p),
				write(infoFile, `{"version":1,"arithmetic":"go","init":"00"}`)(p))
		}, 0, "has no checkpoint: remove it and start again"},
		"no metrics": {remove(metricsFile), 0,
			"has no checkpoint that is whole: checkpoint.safetensors counts"},
		"no timings": {remove(timingsFile), 8, ""},
		"half a line of more": {func(p string) error {
			f, err := os.OpenFile(filepath.Join(p, metricsFile), os.O_APPEND|os.O_WRONLY, 0)
			_, err2 := f.WriteString(`{"step":9,"lo`)
			return errors.Join(err, err2, f.Close())
		}, 8, ""},
		"next checkpoint": {func(p string) error {
			data, err := os.ReadFile("testdata/version2.safetensors")
			return errors.Join(err, write(checkpointFile, string(data))(p))
		}, 0, "is a checkpoint of version 2, this icar reads version 1: use the icar that wrote it"},
	} {
		path := golden(t)
		if err := test.damage(path); err != nil {
			t.Fatal(err)
		}
		saved, err := opened(t, path)
		if test.err == "" && (err != nil || saved.Checkpoint.Step != test.step ||
			len(saved.Metrics) != test.step || saved.Damaged != nil) {
			t.Errorf("%s: step %d of %d, %v, %v", name, saved.Checkpoint.Step, test.step,
				saved.Damaged, err)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another arithmetic that is allowed is on record from then on.
func TestMixedArithmeticIsRecorded(t *testing.T) {
	path := golden(t)
	d, saved, err := Open(path, "abacus", true)
	if err == nil {
		err = errors.Join(d.Checkpoint(saved.Checkpoint), d.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, path); err == nil ||
		!strings.Contains(err.Error(), "in the arithmetic go+abacus, this would be go") {
		t.Errorf("%v", err)
	}
}

// A run on record as of amd64-fma, which is what fma was called, is of fma.
func TestArithmeticOfAnOlderName(t *testing.T) {
	path := golden(t)
	record := func(arithmetic string) {
		info := fmt.Sprintf(`{"version":1,"arithmetic":%q}`, arithmetic)
		if err := os.WriteFile(filepath.Join(path, infoFile), []byte(info), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for stored, want := range map[string]string{"amd64-fma": "fma", "go+amd64-fma": "go+fma",
		"amd64-fma2": "amd64-fma2"} {
		record(stored)
		if r, err := Read(path); err != nil || r.Info.Arithmetic != want {
			t.Errorf("%s is read as %s (%v), want %s", stored, r.Info.Arithmetic, err, want)
		}
	}
	record("amd64-fma")
	d, _, err := Open(path, "fma", false)
	if err != nil {
		t.Fatalf("is not gone on with: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(path); err != nil || r.Info.Arithmetic != "fma" {
		t.Errorf("gone on with it is of %s (%v)", r.Info.Arithmetic, err)
	}
}

// A run has one writer at a time, in this process or another.
func TestOneWriter(t *testing.T) {
	path := golden(t)
	d, _, err := Open(path, "go", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, path); !errors.Is(err, ErrRunning) {
		t.Errorf("%v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, path); err != nil {
		t.Error(err)
	}
}

// What a killed WriteFolder left is cleared away by the next one; what is not
// its own stays.
func TestWriteFolderRecovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".a.1.old", ".a.1", ".a.x", ".b.1"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "a")
	fail := errors.New("no")
	if err := WriteFolder(path, func(string) error { return fail }); !errors.Is(err, fail) {
		t.Fatal(err)
	}
	if got := strings.Join(entries(t, dir), " "); got != ".a.x .b.1 a" {
		t.Errorf("there is %s", got)
	}
}
