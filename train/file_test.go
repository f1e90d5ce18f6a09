package train

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/internal/npy"
	"icar/sequence"
	"icar/setting"
)

// saved writes n sequences of t+1 states of d numbers, of which state k of sequence i
// is (i + k/100 + …) in every coordinate, and returns the path.
func saved(t *testing.T, name string, n, length, d int) string {
	t.Helper()
	a := npy.Array{Name: sequence.States, Shape: []int{n, length + 1, d}}
	for i := range n {
		for k := range length + 1 {
			for j := range d {
				a.Data = append(a.Data, float64(i)+float64(k)/100+float64(j)/1000)
			}
		}
	}
	path := filepath.Join(t.TempDir(), name)
	if err := sequence.Save(path, []npy.Array{a}); err != nil {
		t.Fatal(err)
	}
	return path
}

// filled assigns settings KEY=VALUE to the defaults and fills in what follows.
func filled(t *testing.T, settings ...string) (Config, error) {
	t.Helper()
	c := DefaultConfig()
	var all []setting.Setting
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		all = append(all, setting.Setting{Key: key, Value: value})
	}
	if err := c.Assign(all...); err != nil {
		return c, err
	}
	c, err := new(Files).Fill(c)
	if err != nil {
		return c, err
	}
	return c.Resolve()
}

// sequencesIn returns which sequences of saved a batch of plain tokens holds, each
// whole: every input and target is of it, in order.
func sequencesIn(t *testing.T, x, y []float32, length, d int) (all []int) {
	t.Helper()
	size := length * d
	for from := 0; from < len(x); from += size {
		i := int(x[from])
		for k := range length {
			for j := range d {
				at := from + k*d + j
				in := float32(float64(i) + float64(k)/100 + float64(j)/1000)
				out := float32(float64(i) + float64(k+1)/100 + float64(j)/1000)
				if x[at] != in || y[at] != out {
					t.Fatalf("sequence %d has %v and target %v at row %d, column %d", i, x[at],
						y[at], k, j)
				}
			}
		}
		all = append(all, i)
	}
	return all
}

// count returns from, …, to-1.
func count(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// An epoch of a file is its first sequences, each once and whole, and the test its
// last: never a token of one in the other.
func TestFilesAreSplitBySequence(t *testing.T) {
	const length, d = 4, 2
	path := saved(t, "s.npy", 23, length, d)
	other := saved(t, "other.npy", 30, length, d)
	for _, test := range []struct {
		settings        []string
		train, from, to int
	}{
		{nil, 18, 18, 23}, // a fifth of 23 is 4.6
		{[]string{"batch=4"}, 16, 16, 23},
		{[]string{"batch=3", "test=2"}, 21, 21, 23},
		{[]string{"batch=4", "train=8"}, 8, 8, 23},
		{[]string{"batch=4", "train=8", "test=3"}, 8, 20, 23},
		{[]string{"batch=5", "test_data=" + other}, 20, 0, 30},
		{[]string{"batch=5", "test_data=" + other, "test=7", "train=10"}, 10, 23, 30},
	} {
		c, err := filled(t, append([]string{"batch=1", "tokens=plain", "epochs=2",
			"data=" + path}, test.settings...)...)
		if err != nil || c.Train != test.train || c.Length != length || c.D != d {
			t.Errorf("%v: train %d, length %d, d %d, %v", test.settings, c.Train, c.Length, c.D, err)
			continue
		}
		b, err := NewBatches(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		var trained []int
		for k := 1; k <= c.Train/c.Batch; k++ {
			batch, err := b.Batch(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			trained = append(trained, sequencesIn(t, batch.X, batch.Y, length, d)...)
		}
		if slices.Sort(trained); !slices.Equal(trained, count(0, test.train)) {
			t.Errorf("%v: trained on %v", test.settings, trained)
		}
		held, err := b.Test(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := sequencesIn(t, held.X, held.Y, length, d); !slices.Equal(got,
			count(test.from, test.to)) {
			t.Errorf("%v: tested on %v", test.settings, got)
		}
		alone, err := TestSet(t.Context(), c)
		if err != nil || !slices.Equal(alone.X, held.X) || !slices.Equal(alone.Y, held.Y) {
			t.Errorf("%v: TestSet has other sequences, %v", test.settings, err)
		}
		for stream, want := range map[string]int{TrainStream: 0, TestStream: test.from} {
			s, err := Sequences(c, stream, 2)
			if err != nil || s.N != 2 || s.States[0] != float64(want) || s.Contexts[0].W != nil {
				t.Errorf("%v: stream %s has %d sequences from %v, %v", test.settings, stream, s.N,
					s.States[:1], err)
			}
		}
		if s, err := Sequences(c, TestStream, 1000); err != nil || s.N != test.to-test.from {
			t.Errorf("%v: of 1000 test sequences there are %d, %v", test.settings, s.N, err)
		}
	}
}

// The sequences of a law, written to files in float64 and trained on, give the bits
// that the law gives.
func TestFilesOfALawTrainToItsBits(t *testing.T) {
	of, err := filled(t, "d=2", "length=5", "batch=8", "train=32", "test=16", "epochs=2",
		"eval_every=4")
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for stream, n := range map[string]int{TrainStream: of.Train, TestStream: of.Test} {
		s, err := Sequences(of, stream, n)
		if err != nil {
			t.Fatal(err)
		}
		arrays, err := sequence.Arrays(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		paths[stream] = filepath.Join(t.TempDir(), stream+".npy")
		if err := sequence.Save(paths[stream], arrays); err != nil {
			t.Fatal(err)
		}
	}
	c, err := filled(t, "batch=8", "epochs=2", "eval_every=4", "data="+paths[TrainStream],
		"test_data="+paths[TestStream])
	if err != nil {
		t.Fatal(err)
	}
	_, want, err := Train(t.Context(), of, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := Train(t.Context(), c, Options{})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d steps, want %d, %v", len(got), len(want), err)
	}
	for i, m := range got {
		if m.Loss != want[i].Loss {
			t.Errorf("step %d has loss %v, from the law %v", m.Step, m.Loss, want[i].Loss)
		}
	}
	if got.Last().TestMSE != want.Last().TestMSE {
		t.Errorf("test error %v, from the law %v", got.Last().TestMSE, want.Last().TestMSE)
	}
}

// What is written is read back, and files are part of what a run is.
func TestConfigurationOfFiles(t *testing.T) {
	path := saved(t, `a "b": é.npy`, 10, 3, 2)
	c, err := filled(t, "data="+path, "batch=2")
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"family", "test_data", "law"} {
		if bytes.Contains(c.YAML(), []byte("\n"+absent+":")) {
			t.Errorf("the file has %s:\n%s", absent, c.YAML())
		}
	}
	if again, err := (*Catalogue)(nil).Read(c.YAML()); err != nil || again != c {
		t.Errorf("read back: %+v, %v, want %+v", again, err, c)
	}
	var changed []string
	for _, s := range c.Changed() {
		changed = append(changed, s.Key)
	}
	if !slices.Equal(changed, []string{"data", "batch"}) {
		t.Errorf("%v were changed, want data and batch", changed)
	}
	law, err := filled(t, "batch=2", "train=8")
	if err != nil || bytes.Contains(law.YAML(), []byte("data")) {
		t.Errorf("a law has files:\n%s, %v", law.YAML(), err)
	}
	if got := Differing(law, c); !slices.Contains(got, "data") ||
		!slices.Contains(got, "data_sha256") {
		t.Errorf("a law and a file differ in %v", got)
	}
	if c.OfProcess() || !law.OfProcess() {
		t.Error("who follows the law of the paper")
	}
	// A file takes the place of the settings of the law before it, and of its own size.
	c.Batch = 1
	if err := c.Assign(setting.Setting{Key: "data", Value: saved(t, "c.npy", 5, 6,
		3)}); err != nil {
		t.Fatal(err)
	}
	if c, err = new(Files).Fill(c); err != nil || c.D != 3 || c.Length != 6 || c.Train != 4 ||
		c.Test != 1 {
		t.Errorf("another file: %+v, %v", c, err)
	}
	// A file of the same name is another one too, and one to test on has a size of its own.
	for _, name := range []string{"data", "test_data"} {
		if err := c.Assign(setting.Setting{Key: name, Value: c.Data}); err != nil {
			t.Fatal(err)
		}
	}
	if c.DataSum != "" || c.Train != 0 || c.Test != 0 {
		t.Errorf("named again: %+v", c)
	}
	c.Test, c.TestSum = 4, strings.Repeat("0", 64)
	if err := c.Assign(setting.Setting{Key: "test_data", Value: "none"}); err != nil ||
		c.TestData != "" || c.TestSum != "" || c.Test != 0 {
		t.Errorf("without the file to test on: %+v, %v", c, err)
	}
}

// A file is read once for all configurations that name it, and is not taken for another.
func TestFilesAreReadOnce(t *testing.T) {
	first, second := saved(t, "s.npy", 10, 3, 2), saved(t, "other.npy", 20, 5, 4)
	var files Files
	for _, read := range []string{"once", "again"} {
		for path, want := range map[string][3]int{first: {8, 3, 2}, second: {16, 5, 4}} {
			c, err := files.Fill(Config{Recorded: Recorded{Data: path}, Batch: 1})
			if err != nil || [3]int{c.Train, c.Length, c.D} != want {
				t.Errorf("%s: %+v, %v, want train, length and d %v", read, c, err, want)
			}
			if err := os.Remove(path); err != nil && read == "once" {
				t.Fatal(err)
			}
		}
	}
}

// A setting that a file contradicts is refused with what to do.
func TestSettingsThatDoNotFitAFile(t *testing.T) {
	path, one := saved(t, "s.npy", 20, 4, 2), saved(t, "one.npy", 1, 4, 2)
	same, longer := saved(t, "same.npy", 20, 4, 2), saved(t, "longer.npy", 20, 5, 2)
	other := saved(t, "other.npy", 20, 4, 3)
	data := "data=" + path
	for want, settings := range map[string][]string{
		"d 3 does not fit: the coordinates of a state":       {data, "d=3"},
		"length 50 does not fit: the states to predict from": {data, "length=50"},
		"train 12 and test 9 do not fit": {
			data, "batch=1", "train=12", "test=9"},
		"batch 1024 is more than the 16 sequences of": {data},
		"train 20 leaves none of the 20 sequences of": {data, "batch=1", "train=20"},
		"a SHA-256 goes with a file of sequences": {
			"data_sha256=" + strings.Repeat("0", 64)},
		"test 20 leaves no sequence of":                       {data, "batch=1", "test=20"},
		"train 10 is not a multiple of batch 4":               {data, "batch=4", "train=10"},
		"fresh sequences cannot be drawn from":                {data, "batch=4", "fresh=true"},
		"family is a setting of law process":                  {data, "family=so"},
		"unknown law":                                         {"law=tent", "epochs=2"},
		"test_data goes with data":                            {"test_data=" + path},
		"holds a single sequence, and one has to be held out": {"data=" + one, "batch=1"},
		"holds the same sequences as":                         {data, "batch=1", "test_data=" + same},
		"has sequences of 6 states of 2 numbers and": {
			data, "batch=1", "test_data=" + longer},
		"test 21 does not fit": {
			data, "batch=1", "test_data=" + one, "test=21"},
		"train 21 does not fit": {
			data, "batch=1", "test_data=" + one, "train=21"},
		"has sequences of 5 states of 3 numbers and": {
			data, "batch=1", "test_data=" + other},
		"test -1 is too small": {data, "batch=1", "test=-1"},
		"batch 0 is too small": {data, "batch=0"},
		"nowhere.npy":          {"data=nowhere.npy"},
		"is not the file that the settings are about: its SHA-256 is": {
			data, "batch=1", "data_sha256=" + strings.Repeat("0", 64)},
	} {
		if _, err := filled(t, settings...); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", settings, err, want)
		}
	}
	c := DefaultConfig()
	c.Law, c.Data = "tent", path
	if _, err := c.Resolve(); err == nil || !strings.Contains(err.Error(), "both say") {
		t.Errorf("law and data: %v", err)
	}
	c.Law = ""
	if _, err := c.Resolve(); err == nil || !strings.Contains(err.Error(), "was not read") {
		t.Errorf("a file that was not read: %v", err)
	}
	for _, sum := range []string{strings.Repeat("0", 63), strings.Repeat("0", 65),
		strings.Repeat("A", 64)} {
		c.DataSum = sum
		if _, err := c.Resolve(); err == nil || !strings.Contains(err.Error(),
			"is no SHA-256 in hex") {
			t.Errorf("data_sha256 %s: %v", sum, err)
		}
	}
	c.Data = "two\nlines.npy"
	if _, err := c.Resolve(); err == nil || !strings.Contains(err.Error(), "rename it") {
		t.Errorf("a name of two lines: %v", err)
	}
}

// A file that is another than it was is refused by name wherever it is read.
func TestAFileThatHasChangedIsRefused(t *testing.T) {
	path, test := saved(t, "s.npy", 10, 4, 2), saved(t, "test.npy", 8, 4, 2)
	c, err := filled(t, "data="+path, "batch=2", "test_data="+test, "tokens=plain")
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []string{path, test} {
		whole, err := os.ReadFile(changed)
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(whole)
		bad[len(bad)-8] ^= 1 // of the last number's last digit
		if err := os.WriteFile(changed, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func() error{
			"NewBatches": func() error { _, err := NewBatches(t.Context(), c); return err },
			"TestSet":    func() error { _, err := TestSet(t.Context(), c); return err },
			"Sequences":  func() error { _, err := Sequences(c, TestStream, 1); return err },
			"Train":      func() error { _, _, err := Train(t.Context(), c, Options{}); return err },
		} {
			if err := read(); !errors.As(err, new(FileError)) || !strings.Contains(err.Error(),
				changed+" is not the file that the settings are about") {
				t.Errorf("%s of a changed %s: %v", name, filepath.Base(changed), err)
			}
		}
		if err := os.WriteFile(changed, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewBatches(t.Context(), c); err != nil {
		t.Errorf("put back: %v", err)
	}
	wrong := c
	wrong.Train = 12
	if _, _, err := wrong.own(); !errors.As(err, new(FileError)) || !strings.Contains(err.Error(),
		"train 12 does not fit") {
		t.Errorf("more sequences than there are: %v", err)
	}
	if s, err := Sequences(c, "valid", 1); err == nil || !strings.Contains(err.Error(),
		`stream "valid" is none of`) {
		t.Errorf("a stream that no file has: %d sequences, %v", s.N, err)
	}
	wrong.TestData, wrong.TestSum = "", ""
	wrong.Train, wrong.Test = 8, 3
	if _, _, err := wrong.own(); err == nil || !strings.Contains(err.Error(),
		"train 8 and test 3 are more than the 10 sequences") {
		t.Errorf("sequences in both: %v", err)
	}
	wrong.Length = 3
	if _, _, err := wrong.own(); err == nil || !strings.Contains(err.Error(), "length 3 and d 2") {
		t.Errorf("another length: %v", err)
	}
	wrong.Length, wrong.D = 4, 3
	if _, _, err := wrong.own(); err == nil || !strings.Contains(err.Error(), "length 4 and d 3") {
		t.Errorf("another dimension: %v", err)
	}
}
