package train_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio"

	"icar/command"
	"icar/internal/needs"
	"icar/nn"
	"icar/papers/sander2024"
	"icar/run"
	"icar/train"
)

// python runs a script in the current folder.
func python(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(needs.Interpreter, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// icar runs the command in this process.
func icar(t *testing.T, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := command.Main(args, &stdout, &stderr,
		command.WithExperiments(sander2024.All()...)); code != 0 {
		t.Fatalf("icar %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
	}
}

func writeArray(t *testing.T, path string, array any) {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(npyio.Write(&b, array),
		os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func readArray[T float32 | float64](t *testing.T, path string) (array []T) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err := errors.Join(err, npyio.Read(bytes.NewReader(data), &array)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return array
}

// readRun returns the configuration and the metrics of a run.
func readRun(t *testing.T, dir string) (train.Config, []run.Metric) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	var c train.Config
	if err := errors.Join(err, c.Decode(file)); err != nil {
		t.Fatal(err)
	}
	file, err = os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var metrics []run.Metric
	for d := json.NewDecoder(bytes.NewReader(file)); d.More(); {
		var m run.Metric
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		metrics = append(metrics, m)
	}
	return c, metrics
}

// TestOpponents holds the forms of the models that icar bench is compared with in
// PyTorch, written for speed, against those written for clarity.
func TestOpponents(t *testing.T) {
	needs.Python(t, "torch", "numpy", "yaml")
	python(t, "../nn/testdata/oracle.py", "check")
}

var codeBlock = regexp.MustCompile("(?ms)^```(sh|python)\n(.*?)^```$")

// TestPythonDocument runs the code of docs/python.md, all of it and nothing
// in between, and compares what PyTorch and icar make of the same weights.
func TestPythonDocument(t *testing.T) {
	needs.Python(t, "torch", "numpy", "yaml")
	page, err := os.ReadFile("../docs/python.md")
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.Symlink(filepath.Join(repository, "nn"), "nn"); err != nil {
		t.Fatal(err)
	}
	blocks := codeBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 6 || blocks[0][1] != "sh" || blocks[5][1] != "sh" {
		t.Fatalf("the page has %d blocks of code", len(blocks))
	}
	runShell(t, blocks[0][2])

	c, metrics := readRun(t, "runs/example")
	batches, err := train.NewBatches(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := batches.Batch(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var tokens [64][8][9]float32 // the shape of the page's run
	var targets [64][8][3]float32
	for i, v := range batch.X {
		tokens[i/72][i/9%8][i%9] = v
	}
	for i, v := range batch.Y {
		targets[i/24][i/3%8][i%3] = v
	}
	writeArray(t, "tokens.npy", tokens)
	writeArray(t, "targets.npy", targets)

	script := ""
	for _, b := range blocks[1:5] {
		if b[1] != "python" {
			t.Fatalf("a block of %s between the first and the last", b[1])
		}
		script += b[2]
	}
	script += `
np.save("prediction.npy", prediction.numpy().astype("<f8").ravel())
np.save("metrics.npy", np.concatenate([loss, step, test_mse, position_mse[-1], [P.shape[0]]]).astype("<f8"))
with torch.no_grad():
    error = first(x)[..., :config["coords"]].double() - torch.from_numpy(np.load("targets.npy")).double()
np.save("first.npy", np.array([(error**2).mean()]))
`
	python(t, "-c", script)
	samePredictions(t, c, batch)
	sameMetrics(t, metrics)

	runShell(t, blocks[5][2])
	_, metrics = readRun(t, "runs/from-pytorch")
	loss := readArray[float64](t, "first.npy")[0]
	gap := math.Abs(metrics[0].Loss-loss) / loss
	t.Logf("loss of PyTorch's weights: %v in PyTorch, %v in icar, apart by %.2g", loss,
		metrics[0].Loss, gap)
	if gap > 1e-5 {
		t.Errorf("icar starts from PyTorch's weights with loss %v, PyTorch has %v", metrics[0].Loss,
			loss)
	}
}

// runShell runs lines `icar ARGS`.
func runShell(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if words[0] != "icar" {
			t.Fatalf("%q is no icar command", line)
		}
		icar(t, words[1:]...)
	}
}

// samePredictions compares those of the page with the model's.
func samePredictions(t *testing.T, c train.Config, batch nn.Batch[float32]) {
	t.Helper()
	m, err := train.Load(c, "runs/example/checkpoint.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Predict(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	got := readArray[float64](t, "prediction.npy")
	worst := 0.0
	for i, v := range got {
		worst = max(worst, math.Abs(v-float64(want[i/c.Coords*c.Width+i%c.Coords])))
	}
	t.Logf("%d predictions of PyTorch differ by at most %.2g", len(got), worst)
	if len(got) != len(batch.Y) || !(worst < 1e-5) {
		t.Errorf("%d predictions differ by up to %v", len(got), worst)
	}
}

// sameMetrics compares what the page read with what was recorded.
func sameMetrics(t *testing.T, metrics []run.Metric) {
	t.Helper()
	var loss, step, mse, last []float64
	for _, m := range metrics {
		loss = append(loss, m.Loss)
		if m.Evaluation != nil {
			step, mse, last = append(step, float64(m.Step)), append(mse, m.TestMSE), m.PositionMSE
		}
	}
	want := append(append(append(append(loss, step...), mse...), last...), 30) // Tmax of fig6
	got := readArray[float64](t, "metrics.npy")
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("number %d of the metrics is %v, want %v", i, got[i], want[i])
		}
	}
}

// TestCurveOfPyTorch trains Fig. 5 at depth 1 for 100 steps here and in
// PyTorch, from the same weights on the same batches: with Adam as in the paper,
// and with all that descent can be set to.
func TestCurveOfPyTorch(t *testing.T) {
	needs.Python(t, "torch", "numpy", "yaml")
	oracle, err := filepath.Abs("../nn/testdata")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/curve.py")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	paper := train.DefaultConfig()
	paper.Batch, paper.Train, paper.Test, paper.Epochs, paper.EvalEvery = curveBatch, 50*curveBatch,
		1, 2, 0
	if paper, err = paper.Resolve(); err != nil {
		t.Fatal(err)
	}
	writeCurve(t, paper)
	decayed := paper
	decayed.Optimiser, decayed.WeightDecay, decayed.Clip = nn.AdamWName, 0.1, 0.02
	decayed.Warmup, decayed.Schedule = 20, train.Cosine
	configs := map[string]train.Config{"adam.yaml": paper, "adamw.yaml": decayed}
	for name, c := range configs {
		if err := os.WriteFile(name, c.YAML(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	python(t, script, oracle, "adam.yaml", "adamw.yaml")
	adam := readArray[float64](t, "adam.yaml.npy")
	other := readArray[float64](t, "adamw.yaml.npy")
	if math.Abs(other[99]-adam[99]) < 1e-3*adam[99] {
		t.Errorf("the two descents end at the same loss, %v and %v", adam[99], other[99])
	}
	reference := func(m *nn.Transformer[float32]) (nn.Backend, error) { return m, nil }
	for name, c := range configs {
		for on, backend := range map[string]nn.NewBackend{"engine": nil, "reference": reference} {
			if name == "adam.yaml" && on == "reference" {
				continue // to save time: the golden cases hold Adam on it
			}
			sameCurve(t, c, backend, readArray[float64](t, name+".npy"), name+" on the "+on)
		}
	}
}

// writeCurve writes the initial weights of c and its batches.
func writeCurve(t *testing.T, c train.Config) {
	t.Helper()
	m, err := nn.New[float32](c.Config, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	batches, err := train.NewBatches(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var weights, x, y []float32
	for _, p := range m.Parameters() {
		weights = append(weights, p.Data...)
	}
	for k := 1; k <= c.Steps(); k++ {
		b, err := batches.Batch(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		x, y = append(x, b.X...), append(y, b.Y...)
	}
	writeArray(t, "weights.npy", weights)
	writeArray(t, "x.npy", x)
	writeArray(t, "y.npy", y)
}

// sameCurve trains c and compares the losses with PyTorch's.
func sameCurve(t *testing.T, c train.Config, backend nn.NewBackend, want []float64, name string) {
	t.Helper()
	_, history, err := train.Train(t.Context(), c, train.Options{Backend: backend})
	if err != nil || len(history) != 100 || len(want) != 100 {
		t.Fatalf("%s: %d steps here, %d in PyTorch, %v", name, len(history), len(want), err)
	}
	worst, at := 0.0, 0
	for i, m := range history {
		if gap := math.Abs(m.Loss-want[i]) / want[i]; gap > worst {
			worst, at = gap, m.Step
		}
	}
	t.Logf("%s: loss %.6f at step 1, %.6f at step 100 (PyTorch %.6f); worst relative deviation "+
		"%.2g, at step %d", name, history[0].Loss, history[99].Loss, want[99], worst, at)
	// A float32 has 6e-8; a step that was another, a batch out of order or an
	// optimiser that is not PyTorch's shows in the second digit.
	if !(worst < 1e-4) {
		t.Errorf("%s: the loss at step %d is off by %v", name, at, worst)
	}
}

// curveBatch is smaller than the paper's 1024 to save time.
const curveBatch = 32
