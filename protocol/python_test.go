//go:build unix

package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/command"
	"icar/internal/needs"
	"icar/nn"
	"icar/probe"
	"icar/protocol"
)

// folder has the programs of docs/protocol.md and of testdata.
func folder(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```python\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("docs/protocol.md has %d programs", len(blocks))
	}
	dir := t.TempDir()
	for i, name := range []string{"serve.py", "model.py"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(blocks[i][1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"gelu.py", "twin.py"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// icar runs the command in this process and returns what it printed.
func icar(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := command.Main(args, &stdout, &stderr); code != 0 {
		t.Fatalf("icar %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
	}
	return stdout.String()
}

// analysis of a document, of which the keys are those of docs/json.md.
func analysis(t *testing.T, document string) (d struct {
	Analysis struct {
		MSE         struct{ Value float64 }
		PositionMSE []float64 `json:"position_mse"`
		Nearest     struct {
			Estimator string
			Above     bool
			Share     float64
			Distance  struct{ Value, Low, High float64 }
			Next      string
			Gap       struct{ Value float64 } `json:"next_distance"`
		}
		Alignments []struct {
			Estimator string
			Apart     []float64 `json:"prediction_distance"`
			Error     []float64
			Mean      float64 `json:"mean_prediction_distance"`
		}
		Maps *probe.MapNote
	}
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatalf("%v: %.300s", err, document)
	}
	return d
}

// The programs of docs/protocol.md are programs of the protocol: theirs is a step of
// gradient descent.
func TestProtocolDocument(t *testing.T) {
	t.Parallel()
	needs.Python(t, "numpy")
	dir := folder(t)
	a := analysis(t, icar(t, "probe", "--program", needs.Interpreter+" "+dir+"/model.py", "--d", "3",
		"--length", "8", "--sequences", "60", "--json", "--out", dir+"/out")).Analysis
	if a.Nearest.Estimator != "gradient descent, k = 1" || !a.Nearest.Above {
		t.Errorf("%+v", a.Nearest)
	}
	if a.Maps == nil || !a.Maps.Total || a.Maps.By.Error > 1e-8 || a.Maps.By.Ahead > 1e-8 {
		t.Errorf("%+v", a.Maps)
	}
}

// A model of another make, trained by another program: what it is nearest to is told
// through the protocol and from saved arrays alike, to the last digit.
func TestForeignTransformer(t *testing.T) {
	needs.Time(t, "it trains with PyTorch for a minute")
	needs.Python(t, "torch", "numpy")
	dir := folder(t)
	python := func(args ...string) {
		t.Helper()
		c := exec.Command(needs.Interpreter, append([]string{"gelu.py"}, args...)...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	icar(t, "sample", "--d", "3", "--length", "10", "--sequences", "30000", "--out",
		dir+"/train.npy")
	icar(t, "sample", "--d", "3", "--length", "10", "--sequences", "1024", "--stream", "test",
		"--out", dir+"/s.npy")
	python("train", "train.npy", "weights.pt", "4000")
	python("save", "weights.pt", "s.npy", "p.npy")
	asked := icar(t, "probe", "--program", needs.Interpreter+" "+dir+"/gelu.py serve "+dir+
		"/weights.pt",
		"--states", dir+"/s.npy", "--out", dir+"/asked", "--json")
	read := icar(t, "probe", "--predictions", dir+"/p.npy", "--states", dir+"/s.npy", "--out",
		dir+"/read", "--json")
	a, b := analysis(t, asked).Analysis, analysis(t, read).Analysis
	t.Logf("error %.4g; nearest to %s, %.4g apart, %.3g of its size; next %s, %.4g; maps %+v",
		a.MSE.Value, a.Nearest.Estimator, a.Nearest.Distance.Value, a.Nearest.Share, a.Nearest.Next,
		a.Nearest.Gap.Value, a.Maps.By)
	for _, e := range a.Alignments {
		t.Logf("%s: %.4g apart", e.Estimator, e.Mean)
	}
	if a.MSE.Value > 0.25 || !a.Nearest.Above || a.Nearest.Share > 0.5 {
		t.Errorf("it has learnt nothing: error %v, %+v", a.MSE.Value, a.Nearest)
	}
	if a.Maps.By.Error > 1e-2 || !bool(a.Maps.By.Single) || a.Maps.By.Ahead > 1e-3 {
		t.Errorf("maps %+v", a.Maps.By)
	}
	a.Maps, b.Maps = nil, nil
	a.Nearest.Above, b.Nearest.Above = true, true // of which there is a control more
	if !reflect.DeepEqual(a, b) {
		t.Errorf("asked and read are two:\n%+v\n%+v", a, b)
	}
}

// A model of icar's, computed by PyTorch, is through the protocol what it is directly;
// its finite differences are the exact total derivative.
func TestTwin(t *testing.T) {
	needs.Time(t, "it trains with PyTorch for a minute")
	needs.Python(t, "torch", "numpy", "yaml")
	dir := folder(t)
	icar(t, "train", "--d", "3", "--length", "8", "--train", "1024", "--batch", "64", "--epochs",
		"20", "--depth", "2", "--mlp", "0", "--out", dir+"/run")
	oracle, err := filepath.Abs("../nn/testdata")
	if err != nil {
		t.Fatal(err)
	}
	direct := analysis(t, icar(t, "probe", dir+"/run", "--json", "--out", dir+"/direct")).Analysis
	m, err := probe.Open(dir+"/run", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, precision := range []string{"float32", "float64"} {
		words := []string{needs.Interpreter, dir + "/twin.py", dir + "/run", oracle, precision}
		asked := analysis(t, icar(t, "probe", "--program", strings.Join(words, " "), "--of", dir+"/run",
			"--json", "--out", dir+"/"+precision)).Analysis
		worst := math.Abs(asked.MSE.Value - direct.MSE.Value)
		for i, e := range asked.Alignments {
			for p, apart := range e.Apart {
				worst = max(worst, math.Abs(apart-direct.Alignments[i].Apart[p]))
			}
		}
		t.Logf("%s: through the protocol and directly %.1e apart", precision, worst)
		if worst > 1e-5 || asked.Nearest.Estimator != direct.Nearest.Estimator {
			t.Errorf("%s: %v apart; nearest to %s and %s", precision, worst,
				asked.Nearest.Estimator, direct.Nearest.Estimator)
		}
		off, by := differences(t, m, words)
		t.Logf("%s: finite differences off the exact total derivative by %.1e at worst, reported %.1e",
			precision, off, by.Error)
		most := map[string]float64{"float32": 1e-2, "float64": 1e-7}[precision]
		if off > most || off > 3*by.Error.Float() || bool(by.Single) != (precision == "float32") {
			t.Errorf("%s: off by %v, %+v", precision, off, by)
		}
	}
}

// differences returns how far the finite differences of a program are off the exact
// total derivatives of a model, at worst, over the size of the maps.
func differences(t *testing.T, m *probe.Model,
	words []string) (worst float64, by probe.Differenced) {
	t.Helper()
	g, err := m.Given(8)
	if err != nil {
		t.Fatal(err)
	}
	p, err := protocol.Start(t.Context(), protocol.Options{Words: words})
	if err != nil {
		t.Fatal(err)
	}
	maps, err := probe.Differences{Predictor: p}.Maps(t.Context(), g.Test)
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := m.Batch(g.Test)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := m.Config.Encoding()
	if err != nil {
		t.Fatal(err)
	}
	zeros, _ := tokens.(ar.Lagged).Blocks()
	d, c := g.Test.D, m.Config.Width
	exact := make([]float64, len(maps.Gamma))
	for at := range b.T {
		for i := range d {
			doutput := make([]float64, len(b.X))
			for n := range b.N {
				doutput[(n*b.T+at)*c+i] = 1
			}
			dx, err := m.Net.Pullback(t.Context(), b, doutput, nn.AllPaths)
			if err != nil {
				t.Fatal(err)
			}
			for n := range b.N {
				p := n*b.T + at
				copy(exact[(p*d+i)*d:(p*d+i+1)*d], dx[p*c+zeros*d:])
			}
		}
	}
	for n := range b.N {
		own := exact[n*b.T*d*d : (n+1)*b.T*d*d]
		for at := range b.T {
			off, size := 0.0, 0.0
			for _, x := range own {
				size += x * x / float64(b.T)
			}
			for i, x := range own[at*d*d : (at+1)*d*d] {
				e := x - maps.Gamma[(n*b.T+at)*d*d+i]
				off += e * e
			}
			worst = max(worst, math.Sqrt(off/size))
		}
	}
	if !slices.ContainsFunc(exact, func(x float64) bool { return x != 0 }) {
		t.Fatal("the model has no derivative")
	}
	return worst, *maps.Differences
}
