package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/ar/lawtest"
	"icar/nn"
	"icar/run"
	"icar/setting"
)

// tents is a law of a user's own: tent maps side by side, each from a random
// start. It is not linear and has no hidden matrices.
type tents struct {
	Slope float64
	Maps  int
}

func (l tents) Check() error {
	if !(l.Slope > 0 && l.Slope < 2) {
		return fmt.Errorf("slope %v is not in (0, 2): use 1.9", l.Slope)
	}
	return nil
}

func (l tents) Dim() int { return l.Maps }

func (l tents) Draw(states []float64, n int, r *rand.Rand) []ar.Context {
	for i := range states {
		if i/l.Maps%n == 0 {
			states[i] = r.Float64()
		} else {
			last := states[i-l.Maps]
			states[i] = l.Slope * min(last, 1-last)
		}
	}
	return nil
}

func (l *tents) Settings() []setting.Key {
	return []setting.Key{
		setting.New("slope", "slope of the map", &l.Slope),
		setting.New("d", "maps side by side", &l.Maps),
	}
}

// powers is an encoding of a user's own: e_t = (s_t, s_t^p) by coordinates.
type powers struct{ P int }

func (e powers) Check() error {
	if e.P < 2 {
		return fmt.Errorf("power %d adds nothing: use 2 or more", e.P)
	}
	return nil
}

func (e powers) Width(d int) int { return 2 * d }

func (e powers) Encode(x, states []float64, d int) {
	for i := range len(x) / 2 {
		at := i/d*2*d + i%d
		x[at], x[at+d] = states[i], math.Pow(states[i], float64(e.P))
	}
}

func (e *powers) Settings() []setting.Key {
	return []setting.Key{setting.New("power", "power p", &e.P)}
}

// own is the catalogue of a program that adds a law and an encoding.
func own(t *testing.T) *Catalogue {
	t.Helper()
	c := Standard()
	err := errors.Join(
		c.AddLaw("tents", func() ar.Law { return &tents{Slope: 1.9, Maps: 3} }),
		c.AddEncoding("powers", func() ar.Encoding { return &powers{P: 2} }))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ofTents is a run of a law and an encoding of a user's own.
func ofTents(t *testing.T) Config {
	t.Helper()
	c := own(t).Config()
	err := c.Decode([]byte("power: 3\nslope: 1.80\ntokens: powers\nlaw: tents\nd: 2\n" +
		"length: 6\nbatch: 16\ntrain: 64\ntest: 32\nepochs: 3\neval_every: 4\ncheckpoint_every: 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOwnPartsKeepTheContract(t *testing.T) {
	if err := lawtest.Check(tents{1.9, 3}, tents{0, 3}, tents{2, 3}); err != nil {
		t.Error(err)
	}
	if err := lawtest.CheckEncoding(powers{3}, 2); err != nil {
		t.Error(err)
	}
}

// The settings of a law and an encoding stand in the file in the place of those
// of the process, all written out, and are read back from it and from JSON.
func TestFileOfAnotherLaw(t *testing.T) {
	c := ofTents(t)
	if err := c.Decode([]byte("power: 2\n")); err != nil { // the law of before is kept
		t.Fatal(err)
	}
	resolved, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if resolved.D != 2 || resolved.Width != 4 || resolved.Coords != 2 {
		t.Errorf("d %d, width %d, coords %d", resolved.D, resolved.Width, resolved.Coords)
	}
	const want = "law: tents\nslope: 1.8\nd: 2\ntokens: powers\npower: 2\nwidth: 4\nembed: 4\n"
	if file := string(resolved.YAML()); !strings.HasPrefix(file, want) {
		t.Errorf("the file is\n%s, want first\n%s", file, want)
	}
	back := c.catalogue.Config()
	if err := back.Decode(resolved.YAML()); err != nil {
		t.Fatal(err)
	}
	if back, err = back.Resolve(); err != nil || back != resolved {
		t.Errorf("read back: %+v, %v", back, err)
	}
	data, err := json.Marshal(resolved)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"own":{"d":"2","power":"2","slope":"1.8"}`) {
		t.Errorf("JSON is %s", data)
	}
	back = c.catalogue.Config()
	if err := json.Unmarshal(data, &back); err != nil || back != resolved {
		t.Errorf("JSON gave %+v, %v", back, err)
	}
}

// Configurations of the same run are equal once resolved, whether a default is
// written out and whatever was set of a law that is not theirs.
func TestSettingsLeftOut(t *testing.T) {
	catalogue := own(t)
	resolve := func(files ...string) Config {
		c := catalogue.Config()
		for _, file := range files {
			if err := c.Decode([]byte(file)); err != nil {
				t.Fatal(err)
			}
		}
		resolved, err := c.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		return resolved
	}
	if a, b := resolve("law: tents"), resolve("law: tents\nslope: 1.90\nd: 3"); a != b {
		t.Errorf("defaults written out: %+v, left out: %+v", b, a)
	}
	if a, b := resolve("d: 5"), resolve("law: tents\nslope: 1.5", "law: process"); a != b {
		t.Errorf("a process %+v, one that was of tents %+v", a, b)
	}
}

// A configuration is a value: what is set in a copy is not set in the first.
func TestCopiesShareNothing(t *testing.T) {
	c := ofTents(t)
	other := c
	if err := other.Assign(setting.Setting{Key: "slope", Value: "1.1"}); err != nil {
		t.Fatal(err)
	}
	if was, is := c.Values()["slope"], other.Values()["slope"]; was != "1.8" || is != "1.1" {
		t.Errorf("slope %s in the first and %s in the copy", was, is)
	}
}

// The file of a process has the same bytes whatever else a program knows.
func TestProcessIsTheSameInEveryCatalogue(t *testing.T) {
	want, err := small().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	c := own(t).Config()
	if err := c.Decode(append([]byte("law: process\n"), small().YAML()...)); err != nil {
		t.Fatal(err)
	}
	if c, err = c.Resolve(); err != nil || string(c.YAML()) != string(want.YAML()) ||
		strings.Contains(string(c.YAML()), "law") {
		t.Errorf("%v: %s", err, c.YAML())
	}
}

func TestWrongSettingsOfParts(t *testing.T) {
	for file, want := range map[string]string{
		"law: tnets\n":          `unknown law "tnets": did you mean tents?`,
		"d: 2\nlaw: 3\n":        `unknown law "3": use one of process, tents`,
		"law: tents\nslop: 1\n": `line 2: unknown key "slop": did you mean slope?`,
		"slope: 1\n": "line 1: slope is a setting of law tents: choose that, or " +
			"leave slope out",
		"law: tents\nrho: 1\n":          "line 2: rho is a setting of law process: choose that",
		"power: 3\n":                    "line 1: power is a setting of tokens powers: choose that",
		"order: 3\n":                    "line 1: order is a setting of tokens order: choose that",
		"law: tents\nslope: steep\n":    `line 2: slope: "steep" is not a number`,
		"law: tents\nslope: 3\n":        "slope 3 is not in (0, 2): use 1.9",
		"law: tents\nd: 0\n":            "have 0 coordinates: use 1 or more",
		"tokens: power\n":               `unknown tokens "power": did you mean powers?`,
		"tokens: powers\npower: 1\n":    "power 1 adds nothing: use 2 or more",
		"tokens: order\norder: 0\n":     "order 0 of the tokens is not from 1 to 65536",
		"law: tents\nwidth: 5\n":        "width 5 does not fit: augmented tokens of d = 3 have width 9",
		"tokens: powers\nlength: 6.5\n": `line 2: length: "6.5" is not a whole number`,
	} {
		c := own(t).Config()
		err := c.Decode([]byte(file))
		if err == nil {
			_, err = c.Resolve()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(),
			"\n") {
			t.Errorf("%q: %v, want %s", file, err, want)
		}
	}
	c := DefaultConfig()
	if err := c.Decode([]byte("law: tents\nslope: 1.5\n")); err == nil ||
		err.Error() != `line 2: unknown law "tents": use one of process` {
		t.Errorf("another program's law: %v", err)
	}
}

// named is a law whose settings are given.
type named struct {
	tents
	keys []setting.Key
}

func (n *named) Settings() []setting.Key { return n.keys }

func TestWhatACatalogueRefuses(t *testing.T) {
	word, number := "", 0.0
	law := func(keys ...setting.Key) func() ar.Law {
		return func() ar.Law { return &named{tents{1.9, 1}, keys} }
	}
	for _, c := range []struct {
		name string
		law  func() ar.Law
		want string
	}{
		{"process", law(), "this is the name of the paper's"},
		{"tents", law(), "there is one of this name"},
		{"Tents", law(), "no word of lower-case letters"},
		{"", law(), "no word of lower-case letters"},
		{"other", func() ar.Law { return tents{0, 1} }, "slope 0 is not in (0, 2)"},
		{"other", law(setting.New("length", "",
			&number)), "the setting length has the name of another key"},
		{"other", law(setting.New("law", "",
			&word)), "the setting law has the name of another key"},
		{"other", law(setting.New("order", "",
			new(int))), "the setting order has the name of another key"},
		{"other", law(setting.New("slope", "",
			&word)), "the setting slope has the name of another key"},
		{"other", law(setting.New("d", "", &number)), "the setting d has the name of another key"},
		{"other", law(setting.New("a b", "", &word)), `the name of the setting "a b" is no word`},
		{"other", law(setting.New("a", "", &word), setting.New("a", "",
			&word)), "the setting a has the name"},
		{"other", law(setting.New("slope", "", &number), setting.New("sigma", "", &number)), ""},
	} {
		switch err := own(t).AddLaw(c.name, c.law); {
		case c.want == "" && err != nil:
			t.Errorf("law %q: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("law %q: %v, want %s", c.name, err, c.want)
		}
	}
	if err := own(t).AddEncoding("powers", func() ar.Encoding { return ar.Plain }); err == nil {
		t.Error("two encodings of one name")
	}
	if err := own(t).AddEncoding("none", func() ar.Encoding { return powers{} }); err == nil {
		t.Error("an encoding whose defaults fail its Check")
	}
}

// The keys of a catalogue are those of all its configurations, each once.
func TestKeysOfACatalogue(t *testing.T) {
	means := map[string]string{}
	for _, k := range own(t).Keys() {
		if _, twice := means[k.Name]; twice {
			t.Errorf("%s comes twice", k.Name)
		}
		means[k.Name] = k.Means
	}
	for name, want := range map[string]string{
		"law":    "law of the sequences: `process`, that of the paper, or `tents`",
		"d":      "law `process`: token dimension; law `tents`: maps side by side",
		"slope":  "law `tents`: slope of the map",
		"power":  "tokens `powers`: power p",
		"length": "context length n: inputs s_1 … s_n, targets s_2 … s_{n+1}",
	} {
		if means[name] != want {
			t.Errorf("%s: %s, want %s", name, means[name], want)
		}
	}
	if !strings.HasSuffix(means["tokens"], ", or `powers`") {
		t.Errorf("tokens: %s", means["tokens"])
	}
	tents, process := ofTents(t), own(t).Config()
	want := []string{"law", "family", "d", "mu", "rho", "sigma", "noise", "slope", "tokens",
		"power", "width"}
	if got := Names(tents, process); !slices.Equal(got[:len(want)], want) {
		t.Errorf("names %v, want first %v", got, want)
	}
	if v := process.Values(); v["law"] != "process" || v["rho"] != "1" || v["slope"] != "" {
		t.Errorf("values %v", v)
	}
}

// A law and an encoding of a user's own train, stop, go on to the same bytes, and
// the model is read back by the file of the run.
func TestTrainingOnAnotherLaw(t *testing.T) {
	c := ofTents(t)
	whole := newDir(t, c)
	m, _, err := Train(t.Context(), c, Options{Dir: whole})
	if err != nil {
		t.Fatal(err)
	}
	stopped := newDir(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err = Train(ctx, c, Options{Dir: stopped, Observe: func(m run.Metric) {
		if m.Step == 7 {
			cancel()
		}
	}})
	if closed := stopped.Close(); !errors.Is(err, context.Canceled) || closed != nil {
		t.Fatal(err, closed)
	}
	dir, saved, err := run.Open(stopped.Path(), "go", true)
	if err != nil {
		t.Fatal(err)
	}
	again := c.catalogue.Config()
	if err := again.Decode(saved.Config); err != nil {
		t.Fatal(err)
	}
	_, history, err := Train(t.Context(), again, Options{Dir: dir, Saved: &saved})
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.yaml", "metrics.jsonl"} {
		a, err := os.ReadFile(filepath.Join(whole.Path(), name))
		b, err2 := os.ReadFile(filepath.Join(dir.Path(), name))
		if errors.Join(err, err2) != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs, %v, %v", name, err, err2)
		}
	}
	if len(history) != 12 || !(history[11].Loss < history[0].Loss/2) {
		t.Errorf("%d steps: %+v", len(history), history)
	}
	loaded, err := Load(again, filepath.Join(dir.Path(), "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range m.Parameters() {
		if !slices.Equal(p.Data, loaded.Parameters()[i].Data) {
			t.Errorf("%s is not that of training in one go", p.Name)
		}
	}
}

// The tokens and targets of a batch are those of the sequences in float64.
func TestBatchesOfAnotherLaw(t *testing.T) {
	c, err := ofTents(t).Resolve()
	if err != nil {
		t.Fatal(err)
	}
	sequences, err := Sequences(c, TestStream, c.Test)
	if err != nil {
		t.Fatal(err)
	}
	test, err := TestSet(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for n := range c.Test {
		if sequences.Contexts[n].W != nil {
			t.Fatal("a tent map has a hidden matrix")
		}
		for p := range c.Length * c.D {
			at, s := n*c.Length*c.D+p, sequences.States[n*(c.Length+1)*c.D+p:]
			e := test.X[2*(n*c.Length*c.D+p/c.D*c.D)+p%c.D:]
			if test.Y[at] != float32(s[c.D]) || e[0] != float32(s[0]) ||
				math.Abs(float64(e[c.D])-math.Pow(s[0], 3)) > 1e-6 {
				t.Fatalf("sequence %d, number %d: token (%v, %v), target %v of states %v and %v",
					n, p, e[0], e[c.D], test.Y[at], s[0], s[c.D])
			}
		}
	}
}

// A model trains on any source of sequences; that of another seed is one.
func TestTrainingOnASource(t *testing.T) {
	c := small()
	other := c
	other.Seed = 7
	source, err := NewBatches(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	_, want, err := Train(t.Context(), other, Options{Model: firstModel(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := Train(t.Context(), c, Options{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	if got[7].Loss != want[7].Loss || got.Last().TestMSE != want.Last().TestMSE {
		t.Errorf("loss %v and test MSE %v, want %v and %v",
			got[7].Loss, got.Last().TestMSE, want[7].Loss, want.Last().TestMSE)
	}
}

// renamed is a kind of mixer of a user's own: that of the paper by another name.
type renamed struct{ nn.FullHeads }

func (renamed) Name() string { return "again" }

// A mixer of a user's own is found by its name, also in a file that was read back;
// the model has the parameters that the mixer asks for.
func TestMixersOfACatalogue(t *testing.T) {
	catalogue := own(t)
	if err := catalogue.AddMixer(renamed{}); err != nil {
		t.Fatal(err)
	}
	for want, kind := range map[string]nn.Mixing{
		"there is one of this name":       renamed{},
		"package nn has one of this name": nn.MultiHead{},
	} {
		if err := catalogue.AddMixer(kind); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c := catalogue.Config()
	err := c.Decode(append(small().YAML(), "mixer: again\n"...))
	if err != nil {
		t.Fatal(err)
	}
	back := catalogue.Config()
	if err := back.Decode(c.YAML()); err != nil {
		t.Fatal(err)
	}
	if back, err = back.Resolve(); err != nil || back.Mixing != (renamed{}) {
		t.Fatalf("mixing %v, %v", back.Mixing, err)
	}
	model, history, err := Train(t.Context(), back, Options{})
	if err != nil || len(history) != 8 {
		t.Fatalf("%d steps, %v", len(history), err)
	}
	if m, first := model.Parameters(), firstModel(t, small()).Parameters(); len(m) != len(first) {
		t.Errorf("%d parameters, want %d", len(m), len(first))
	}
	c.Mixer = "agian"
	if _, err := c.Resolve(); err == nil ||
		err.Error() != `unknown mixer "agian": did you mean again?` {
		t.Errorf("%v", err)
	}
}

// What decides the sequences and their tokens is told from what decides the model.
func TestSequenceKeys(t *testing.T) {
	config := Standard().Config()
	var names []string
	for _, k := range config.SequenceKeys() {
		names = append(names, k.Name)
	}
	want := []string{"law", "family", "d", "mu", "rho", "sigma", "noise", "tokens", "length",
		"seed"}
	if !slices.Equal(names, want) {
		t.Errorf("keys %q, want %q", names, want)
	}
	if all := Standard().SequenceKeys(); len(all) != len(want)+1 || !hasKey(all, "order") {
		t.Errorf("%d keys of all laws and tokens", len(all))
	}
}
