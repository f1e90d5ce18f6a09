package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"icar/figure"
	"icar/internal/budget"
	"icar/internal/hostile"
	"icar/internal/npy"
	"icar/nn/safetensors"
	"icar/outcome"
	"icar/papers/sander2024"
	"icar/report"
	"icar/run"
	"icar/sweep"
	"icar/text"
	"icar/train"
	"icar/web"
)

// hostileSeed is that of the inputs too large to be kept.
const hostileSeed = 1

// reader is what reads files that nobody vouches for. Its error is its own
// affair; that it returns, and what it takes, is the test's.
type reader struct {
	name   string
	valid  []byte
	places []hostile.Wrap
	read   func([]byte) error
}

// TestHostileInputs gives generated inputs to every reader, larger than those of
// TestHostileCorpus: none panics or hangs. With ICAR_SLOW=1 there are 200, as large
// as is let in, and more, and none takes more than 256 MiB above its size, or 2 s.
func TestHostileInputs(t *testing.T) {
	inputs, size, slow := 40, 16<<10, os.Getenv("ICAR_SLOW") == "1"
	if slow {
		inputs, size = 200, 8<<20
		defer debug.SetGCPercent(debug.SetGCPercent(50))
	}
	for _, r := range readers(t) {
		t.Run(r.name, func(t *testing.T) {
			if err := r.read(r.valid); err != nil {
				t.Fatalf("what is valid is refused: %v", err)
			}
			var most cost
			refused := 0
			for _, in := range hostile.Inputs(hostileSeed, inputs, size, r.valid, r.places...) {
				c, err := measured(slow, func() error { return r.read(in.Data) })
				if err != nil {
					refused++
				}
				c.above -= int64(len(in.Data))
				if slow && (c.above > 256<<20 || c.took > 2*time.Second) {
					t.Errorf("%s: %v, %d MiB above its size: %.200v", in.Name, c.took, c.above>>20, err)
				}
				most = cost{max(most.took, c.took), max(most.above, c.above)}
			}
			if refused < inputs/4 {
				t.Errorf("%d of %d hostile inputs are refused", refused, inputs)
			}
			t.Logf("%d of %d refused; at most %v and %d MiB above the input", refused, inputs,
				most.took.Round(time.Millisecond), most.above>>20)
		})
	}
}

// cost is the time that a reader took and its largest heap above that before.
type cost struct {
	took  time.Duration
	above int64
}

func measured(memory bool, read func() error) (c cost, err error) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	ended := make(chan error, 1)
	var before int64
	if memory {
		runtime.GC()
		before = heap()
	}
	start := time.Now()
	go func() { ended <- read() }()
	for tick := time.Tick(2 * time.Millisecond); ; {
		select {
		case err = <-ended:
			c.took = time.Since(start)
			if memory {
				c.above = max(c.above, heap()-before)
			}
			return c, err
		case <-tick:
			if memory {
				c.above = max(c.above, heap()-before)
			}
		case <-time.After(time.Minute):
			return cost{took: time.Minute}, errors.New("it does not end")
		}
	}
}

// readers are all readers of files, rows and uploads.
func readers(t *testing.T) []reader {
	dir := t.TempDir()
	trained := filepath.Join(dir, "run")
	if code := icarMain([]string{"train", "--d", "2", "--length", "6", "--train", "64", "--test",
		"32", "--batch", "32",
		"--epochs", "2", "--eval_every", "1", "--out", trained}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("train: exit code %d", code)
	}
	file := func(name string) []byte { return mustRead(t, filepath.Join(trained, name)) }
	config, checkpoint := file("config.yaml"), file("checkpoint.safetensors")
	around := hostile.Around
	header := []hostile.Wrap{
		hostile.Safetensors(around("", "")), hostile.Safetensors(around("{", "}")),
		hostile.Safetensors(around(`{"__metadata__":{"config":"a","settings":"`, `"}}`)),
		hostile.Safetensors(around(`{"t":{"dtype":"F32","data_offsets":[0,4],"shape":[`, `1]}}`)),
	}
	array := append([]byte("\x93NUMPY\x01\x00\x76\x00"), fmt.Appendf(nil, "%-117s\n",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 2), }")...)
	array = append(array, make([]byte, 64)...)
	arrays := []hostile.Wrap{hostile.NPY(around("", "")),
		hostile.NPY(around("{'descr': '<f8', 'fortran_order': True, 'shape': (", "), }\n"))}
	result, claims := results(t)
	documents := []hostile.Wrap{around(`{"version":1,"figures":[{"panels":[`, `]}]}`),
		around(`{"version":1,"claims":[`, `{}]}`),
		around(`{"version":1,"figures":[{"panels":[{"series":[{"x":[`, `1]}]}]}]}`)}
	trial := []byte(`{"program":"a","experiment":"fig5","trial":{"id":"a","config":{}}}`)
	return []reader{
		{"configuration", config, []hostile.Wrap{around("d: ", "\n"), around("d: [", "]\n"),
			around("d:\n", "")}, readConfig},
		{"plan", []byte("grid: {depth: [1, 2], seed: [0, 1, 2]}\nattempts: 2\n"),
			[]hostile.Wrap{around("grid: {depth: [", "]}\n"), around("grid:\n", ""),
				around("random: {samples: 3, seed: ", "}\n")},
			func(data []byte) error { _, err := sweep.DecodePlan(data, nil); return err }},
		{"npy", array, arrays, func(data []byte) error { _, _, err := npy.Parse(data); return err }},
		{"safetensors", checkpoint, header, readModel},
		{"embeddings in safetensors", embedding(), header, inFile(dir, "model.safetensors", readTable)},
		{"embeddings in npy", array, arrays, inFile(dir, "table.npy", readTable)},
		{"embeddings of words", []byte("a 1 2\nb 3 4\n"), []hostile.Wrap{around("a 1 2\n", "\n"),
			around("a ", "\n")}, inFile(dir, "words.txt", readTable)},
		{"compressed embeddings", hostile.Gzip([]byte("a 1 2\nb 3 4\n")),
			[]hostile.Wrap{hostile.Gzip,
				func(b []byte) []byte { return hostile.Gzip(around("a 1 2\n", "\n")(b)) }},
			inFile(dir, "words.txt.gz", readTable)},
		{"result.json", result, documents, resultIn(dir)},
		{"claims.json", claims, []hostile.Wrap{around("[", "{}]"), around(`[{"id":"`, `"}]`)},
			served(t, "claims.json")},
		{"metrics.jsonl", file("metrics.jsonl"), []hostile.Wrap{around("", "\n"),
			around(`{"step":1,"position_mse":[`, "1]}\n")}, inRun(t, trained, "metrics.jsonl")},
		{"timings.jsonl", file("timings.jsonl"), []hostile.Wrap{around("", "\n")},
			inRun(t, trained, "timings.jsonl")},
		{"run.json", file("run.json"), []hostile.Wrap{around(`{"version":1,"icar":`, `}`),
			around(`{"version":1,"icar":"`, `"}`)}, inRun(t, trained, "run.json")},
		{"rows of trials", trial, []hostile.Wrap{around(`{"program":"`, `"}`),
			around(`{"program":"a","experiment":"`, `"}`), around(`{"trial":{"config":`, `}}`)},
			func(data []byte) error {
				_, _, err := (&house{experiments: sander2024.All()}).decodeTrial(data)
				return err
			}},
		{"rows of results", []byte(`{"trial":{"id":"a","config":{}},"found":[1,2]}`),
			[]hostile.Wrap{around(`{"found":[`, `1]}`)},
			func(data []byte) error { var r outcome.Result; return budget.Unmarshal(data, &r, budget.Found()) }},
		{"results of a sweep", sweptLines(t), []hostile.Wrap{around(`{"trial":"a","config":{`,
			`},"result":{}}`), around(`{"trial":"a","config":{"own":{`, `}},"result":{}}`)},
			swept(t, "a.jsonl")},
		{"tables of a sweep", sweptTable, []hostile.Wrap{around("trial,depth,",
			",steps,loss,test_mse\n"), around(`trial,depth,steps,loss,test_mse`+"\n\"", `",1,1,1,1`)},
			swept(t, "a.csv")},
		{"uploaded sequences", array, arrays, posted(t, "/api/sequence")},
		{"uploaded models", checkpoint, header, posted(t, "/api/model")},
	}
}

func readConfig(data []byte) error {
	c := train.DefaultConfig()
	if err := c.Decode(data); err != nil {
		return err
	}
	_, err := c.Resolve()
	return err
}

func readModel(data []byte) error {
	f, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if _, err := run.Weights(f, "model"); err != nil {
		return err
	}
	return readConfig(run.Settings(f))
}

func readTable(path string) error { _, err := text.ReadTable(path); return err }

// embedding is a model of two tokens.
func embedding() []byte {
	header := hostile.Safetensors(hostile.Around("",
		""))([]byte(`{"wte.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`))
	return append(header, make([]byte, 16)...)
}

// inFile gives a reader the name of a file with the data.
func inFile(dir, name string, read func(path string) error) func([]byte) error {
	return func(data []byte) error {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
		return read(path)
	}
}

// inRun reads a copy of a run of which one file is replaced.
func inRun(t *testing.T, trained, name string) func([]byte) error {
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(path, os.DirFS(trained)); err != nil {
		t.Fatal(err)
	}
	return inFile(path, name, func(string) error {
		_, err := run.Read(path)
		_, _, err2 := new(run.Watch).Look(budget.Folder(path), 1<<20)
		return errors.Join(err, err2)
	})
}

// resultIn reads a folder with one experiment.
func resultIn(dir string) func([]byte) error {
	return func(data []byte) error {
		out := filepath.Join(dir, "out", "fig5")
		if err := errors.Join(os.MkdirAll(out, 0o700), os.WriteFile(filepath.Join(out,
			report.ResultFile), data, 0o600),
			os.WriteFile(filepath.Join(out, report.CostFile), []byte("{}"), 0o600)); err != nil {
			return err
		}
		_, err := report.Load(filepath.Dir(out), nil)
		return err
	}
}

// results returns a whole result.json and claims.json.
func results(t *testing.T) (result, claims []byte) {
	o := outcome.Outcome{Version: outcome.DocumentVersion, Name: "fig5"}
	o.Claims = []outcome.Claim{{ID: "a", Relation: outcome.AtMost, Pass: true}}
	o.Figures = []figure.Figure{{Title: "a", Panels: []figure.Panel{{Kind: figure.Lines,
		Series: []figure.Series{figure.NewSeries("s", figure.Solid, []float64{1, 2}, []float64{3, 4})}}}}}
	result, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if claims, err = json.Marshal(o.Claims); err != nil {
		t.Fatal(err)
	}
	return result, claims
}

// served reads a file of the output folder of a server.
func served(t *testing.T, name string) func([]byte) error {
	out := t.TempDir()
	url := explorer(t, web.Options{Outcome: out})
	return inFile(out, name, func(string) error { return answered(http.Get(url + "api/claims")) })
}

// swept reads a file of the folder of runs of a server.
func swept(t *testing.T, name string) func([]byte) error {
	runs := t.TempDir()
	url := explorer(t, web.Options{Runs: runs})
	return inFile(runs, name, func(string) error {
		return answered(http.Get(url + "api/sweep?sweep=" + name))
	})
}

var sweptTable = []byte("trial,depth,seed,steps,loss,test_mse\na,1,0,9,0.5,0.25\nb,2,0,9,0.5,0.125\n")

// sweptLines are the results of two trials.
func sweptLines(t *testing.T) []byte {
	config, err := train.DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := sweep.WriteJSON(&b, []sweep.TrainedTrial{{ID: "a", Config: config},
		{ID: "b", Config: config}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// posted uploads to a server.
func posted(t *testing.T, path string) func([]byte) error {
	url := explorer(t, web.Options{})
	return func(data []byte) error {
		return answered(http.Post(url+path[1:], "", bytes.NewReader(data)))
	}
}

// answered returns an error for an answer that is a refusal.
func answered(r *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %.300s", r.StatusCode, body)
	}
	return err
}

// explorer starts a server and returns its address.
func explorer(t *testing.T, o web.Options) string {
	o.Address, o.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	s, err := web.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
