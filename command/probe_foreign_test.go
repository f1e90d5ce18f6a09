//go:build unix

package command

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"icar/ar"
	"icar/internal/needs"
	"icar/internal/npy"
	"icar/run"
)

// npyFile is a .npy file of a description and so many bytes.
func npyFile(descr, fortran, shape string, data []byte) []byte {
	text := fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }", descr, fortran, shape)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	head := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	return append(append(head, text...), data...)
}

// saveNPY writes an array.
func saveNPY(t *testing.T, path string, data []float64, shape ...int) {
	t.Helper()
	if err := run.WriteFile(path, func(w io.Writer) error {
		return npy.Write(w, npy.Array{Name: path, Shape: shape, Data: data})
	}); err != nil {
		t.Fatal(err)
	}
}

// foreignFiles are states of 90 sequences of 7 states of d = 2 and predictions of
// them, half of the last state, in a folder.
func foreignFiles(t *testing.T, dir string) (predictions []float64) {
	t.Helper()
	sampler, err := ar.NewSampler[float64](ar.New(ar.Haar, 2), 90, 6, 5, "foreign")
	if err != nil {
		t.Fatal(err)
	}
	s := sampler.Batch(0)
	var w []float64
	for n := range s.N {
		for _, x := range s.States[n*14 : n*14+12] {
			predictions = append(predictions, 0.5*x)
		}
		w = append(w, s.Contexts[n].W...)
	}
	saveNPY(t, filepath.Join(dir, "s.npy"), s.States, 90, 7, 2)
	saveNPY(t, filepath.Join(dir, "p.npy"), predictions, 90, 6, 2)
	saveNPY(t, filepath.Join(dir, "w.npy"), w, 90, 2, 2)
	return predictions
}

// icarHere runs the command in this process and returns what it printed.
func icarHere(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := icarMain(args, &out, &errs); code != want {
		t.Errorf("icar %q: exit code %d, want %d\n%s", args, code, want, errs.String())
	}
	return out.String(), errs.String()
}

// Wrong files are each told in one line what is wrong with them, with exit code 3, and
// nothing is written.
func TestForeignFilesAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p := foreignFiles(t, dir)
	bad := append([]float64(nil), p...)
	bad[(11*6+5)*2+1] = math.NaN()
	saveNPY(t, path("nan.npy"), bad, 90, 6, 2)
	saveNPY(t, path("long.npy"), make([]float64, 90*7*2), 90, 7, 2)
	saveNPY(t, path("flat.npy"), p, 90*6*2)
	saveNPY(t, path("singular.npy"), make([]float64, 90*2*2), 90, 2, 2)
	states := make([]float64, 90*7*2)
	for i := range states {
		states[i] = float64(i%5) + 1
	}
	states[(3*7+6)*2] = math.Inf(1)
	saveNPY(t, path("infinite.npy"), states, 90, 7, 2)
	for name, content := range map[string][]byte{
		"float16.npy": npyFile("'<f2'", "False", "(90, 6, 2)", make([]byte, 90*6*2*2)),
		"complex.npy": npyFile("'<c16'", "False", "(90, 6, 2)", make([]byte, 90*6*2*16)),
		"pickled.npy": npyFile("'|O'", "False", "(90, 6, 2)", []byte("\x80\x04]\x94.")),
		"billion.npy": npyFile("'<f8'", "False", "(1000000000, 6, 2)", make([]byte, 800)),
		"half.npy":    npyFile("'<f8'", "False", "(90, 6, 2)", make([]byte, 90*6*8)),
		"stump.npy":   []byte("\x93NUMPY"),
		"text.npy":    []byte("0.1,0.2\n"),
		"version.npy": []byte("\x93NUMPY\x07\x00\x00\x00"),
	} {
		if err := os.WriteFile(path(name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const kind = "its header is not that of an array of float32 or float64"
	for _, c := range []struct{ flag, file, want string }{
		{"--predictions", "float16.npy", kind},
		{"--predictions", "complex.npy", kind},
		{"--predictions", "pickled.npy", kind},
		{"--predictions", "billion.npy", "its header claims the shape (1000000000, 6, 2), there " +
			"are 800 bytes: the file is cut short"},
		{"--predictions", "half.npy", "its header claims the shape (90, 6, 2), 8640 bytes, and " +
			"there are 4320"},
		{"--predictions", "stump.npy", "it is no .npy file"},
		{"--predictions", "text.npy", "it is no .npy file"},
		{"--predictions", "version.npy", "it is of version 7"},
		{"--predictions", "nan.npy", "nan.npy: sequence 11, row 5, column 1 is NaN, counted from 0"},
		{"--predictions", "long.npy", "long.npy has the shape (90, 7, 2): predictions of s_2 … " +
			"s_{T+1} of " + path("s.npy") + " have the shape (90, 6, 2)"},
		{"--predictions", "flat.npy", "flat.npy has the shape (1080,)"},
		{"--predictions", "absent.npy", "no such file"},
		{"--states", "infinite.npy", "infinite.npy: sequence 3, row 6, column 0 is +Inf"},
		{"--states", "flat.npy", "flat.npy has the shape (1080,): save states as an array (N, T+1, d)"},
		{"--maps", "w.npy", "w.npy has the shape (90, 2, 2): maps of " +
			path("s.npy") + " have the shape (90, 6, 2, 2)"},
		{"--hidden", "flat.npy", "hidden states have the shape (L, 90, 6, D)"},
		{"--hidden", "nan.npy", "nan.npy: layer 0, sequence 11, row 5, column 1 is NaN"},
		{"--w", "p.npy", "p.npy has the shape (90, 6, 2): the hidden matrices of " +
			path("s.npy") + " have the shape (90, 2, 2)"},
		{"--fit", "p.npy", "fit on sequences of the same shape"},
	} {
		args := []string{"probe", "--out", path("out")}
		given := map[string]string{"--states": "s.npy", "--predictions": "p.npy"}
		given[c.flag] = c.file
		for flag, file := range given {
			args = append(args, flag, path(file))
		}
		stdout, stderr := icarHere(t, exitInput, args...)
		if stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s %s: %q, want %q", c.flag, c.file, stderr, c.want)
		}
	}
	if _, err := os.Stat(path("out")); err == nil {
		t.Error("a wrong file has left a folder")
	}
}

// Arrays in Fortran order, big-endian and in float32 are the same predictions.
func TestForeignFilesOfAnyLayout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p := foreignFiles(t, dir)
	var big, fortran []byte
	for _, x := range p {
		big = binary.BigEndian.AppendUint64(big, math.Float64bits(x))
	}
	for i := range 2 {
		for row := range 6 {
			for n := range 90 {
				fortran = binary.LittleEndian.AppendUint64(fortran,
					math.Float64bits(p[(n*6+row)*2+i]))
			}
		}
	}
	for name, content := range map[string][]byte{
		"big.npy":     npyFile("'>f8'", "False", "(90, 6, 2)", big),
		"fortran.npy": npyFile("'<f8'", "True", "(90, 6, 2)", fortran),
	} {
		if err := os.WriteFile(path(name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var all []any
	for _, name := range []string{"p.npy", "big.npy", "fortran.npy"} {
		out, _ := icarHere(t, exitDone, "probe", "--states", path("s.npy"), "--w", path("w.npy"),
			"--predictions", path(name), "--out", path("out-"+name), "--json")
		all = append(all, analysisOf(t, out)["alignments"])
	}
	if !reflect.DeepEqual(all[0], all[1]) || !reflect.DeepEqual(all[0], all[2]) {
		t.Errorf("the layout changes the numbers: %v", all)
	}
}

// Maps that are the hidden matrices of their sequences are beside these, each beside its
// own; of total derivatives it is said that they are no such matrices. With hidden states
// there are layers to look at.
func TestForeignMapsAreBesideTheirMatrices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p := foreignFiles(t, dir)
	_, w, err := npy.ReadFile(path("w.npy"))
	if err != nil {
		t.Fatal(err)
	}
	var maps []float64
	for n := range 90 {
		for range 6 {
			maps = append(maps, w[4*n:4*n+4]...)
		}
	}
	saveNPY(t, path("maps.npy"), maps, 90, 6, 2, 2)
	args := []string{"probe", "--states", path("s.npy"), "--w", path("w.npy"), "--predictions",
		path("p.npy"), "--maps", path("maps.npy"), "--json", "--out"}
	out, _ := icarHere(t, exitDone, append(args, path("out"))...)
	a := analysisOf(t, out)
	for i, off := range a["distance"].(map[string]any)["whole"].([]any) {
		if x, ok := off.(float64); !ok || x > 1e-12 {
			t.Errorf("position %d: Γ = W is %v from W", i, off)
		}
	}
	out, _ = icarHere(t, exitDone, append(args, path("total"), "--total")...)
	a = analysisOf(t, out)
	if m := a["maps"].(map[string]any); m["total"] != true ||
		a["distance"].(map[string]any)["whole"] != nil {
		t.Errorf("as total derivatives: %v, %v", m, a["distance"])
	}
	saveNPY(t, path("hidden.npy"), p, 1, 90, 6, 2)
	out, _ = icarHere(t, exitDone, append(args, path("layers"), "--hidden", path("hidden.npy"))...)
	if r := analysisOf(t, out)["resemblance"].(map[string]any); r["algorithms"] == nil ||
		r["control"] != "a readout of s_T alone" {
		t.Errorf("with hidden states: %v", r)
	}
}

// analysisOf returns the analysis in a document.
func analysisOf(t *testing.T, document string) map[string]any {
	t.Helper()
	var d struct{ Analysis map[string]any }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatalf("%v: %.300s", err, document)
	}
	return d.Analysis
}

// Programs that misbehave are each told in one line how, behind what they said
// themselves, with the right exit code; nothing of them is left, and nothing written.
func TestForeignProgramsAreChecked(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "a shell", "sh")
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	foreignFiles(t, dir)
	for name, content := range map[string][]byte{
		"fortran": npyFile("'<f8'", "True", "(45, 6, 2)", make([]byte, 45*6*2*8)),
		"float16": npyFile("'<f2'", "False", "(45, 6, 2)", make([]byte, 45*6*2*2)),
		"other":   npyFile("'<f8'", "False", "(45, 7, 2)", make([]byte, 45*7*2*8)),
		"billion": npyFile("'<f8'", "False", "(1000000000, 6, 2)", nil),
		"half":    npyFile("'<f8'", "False", "(45, 6, 2)", make([]byte, 99)),
	} {
		if err := os.WriteFile(path(name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		script string
		code   int
		want   string
		says   string // before it
	}{
		{"cat " + path("fortran"), exitInput, "it is in Fortran order", ""},
		{"cat " + path("float16"), exitInput, "it is an array of '<f2'", ""},
		{"cat " + path("other"), exitInput, "it has the shape (45, 7, 2), want (45, 6, 2)", ""},
		{"cat " + path("billion"), exitInput, "it has the shape (1000000000, 6, 2), want (45, 6, 2)", ""},
		{"cat " + path("half"), exitRunFailed, "within its answer to batch 1, which is cut short", ""},
		{"echo epoch 1", exitInput, `it begins with "epoch 1\n", which is no .npy array`, ""},
		{"exit 0", exitRunFailed, "ended with exit code 0 before it answered batch 1", ""},
		{"echo Traceback >&2; echo 'ValueError: \033[2Jshape' >&2; exit 1", exitRunFailed,
			`ended with exit code 1 before it answered batch 1: it says: ValueError: \u001b[2Jshape`,
			"sh: Traceback\nsh: ValueError: \\u001b[2Jshape\n"},
		{"sleep 60 & sleep 60", exitRunFailed, "has not answered batch 1 within 1s: give it " +
			"longer, or see why it hangs", ""},
		{"cat; sleep 60", exitRunFailed, "has not ended within 1s after the end of its input", ""},
		{"cat; exit 7", exitRunFailed, "answered all and then ended with exit code 7", ""},
		{"cat; echo bye", exitInput, "wrote more than it was asked for", ""},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			script := path(fmt.Sprintf("program%d.sh", i))
			if err := os.WriteFile(script, []byte(c.script+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			out := path("out" + strconv.Itoa(i))
			begun := time.Now()
			timeout := "30s"
			if strings.Contains(c.want, "within 1s") {
				timeout = "1s"
			}
			stdout, stderr := icarHere(t, c.code, "probe", "--states", path("s.npy"), "--program",
				shell+" "+script, "--timeout", timeout, "--out", out)
			said, line, _ := strings.Cut(stderr, "icar: ")
			if stdout != "" || strings.Count(line, "\n") != 1 || said != c.says ||
				!strings.Contains(line, c.want) {
				t.Errorf("%s: %q, want %q", c.script, stderr, c.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("it has left a folder")
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if all, err := exec.Command("ps", "-A", "-o", "stat=,args=").Output(); err == nil {
				for row := range strings.Lines(string(all)) {
					if strings.Contains(row, script) && !strings.HasPrefix(row, "Z") {
						t.Errorf("left behind: %s", row)
					}
				}
			}
		})
	}
}

// A program and what was saved of it are the same numbers, to the last digit.
func TestProgramAndFilesAgree(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "coreutils", "cat")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p := foreignFiles(t, dir)
	for i := range p {
		p[i] *= 2
	}
	saveNPY(t, path("p.npy"), p, 90, 6, 2)
	asked, _ := icarHere(t, exitDone, "probe", "--states", path("s.npy"), "--w", path("w.npy"),
		"--program", "cat", "--out", path("asked"), "--json")
	read, _ := icarHere(t, exitDone, "probe", "--states", path("s.npy"), "--w", path("w.npy"),
		"--predictions", path("p.npy"), "--out", path("read"), "--json")
	sameAnalysis(t, analysisOf(t, asked), analysisOf(t, read))
}

// More sequences of a law than are held at a time are each looked at once: the error is
// that over the first 1100 test sequences, as icar sample draws them.
func TestProgramOnSequencesInPieces(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "coreutils", "cat")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	icarHere(t, exitDone, "sample", "--d", "2", "--length", "2", "--sequences", "1100", "--stream",
		"test", "--out", path("s.npy"))
	_, s, err := npy.ReadFile(path("s.npy"))
	if err != nil {
		t.Fatal(err)
	}
	want, last := 0.0, 0.0 // of copying the last state, and the same of the last 76
	for n := range 1100 {
		for i := range 4 {
			off := s[6*n+i+2] - s[6*n+i]
			want += off * off / 4400
			if n >= 1024 {
				last += off * off / 4400
			}
		}
	}
	out, _ := icarHere(t, exitDone, "probe", "--program", "cat", "--d", "2", "--length", "2",
		"--sequences", "1100", "--out", path("out"), "--json")
	a := analysisOf(t, out)
	if got := a["mse"].(map[string]any)["value"].(float64); math.Abs(got-want) > 1e-12 || last == 0 {
		t.Errorf("error %v, want %v", got, want)
	}
	if a["sequences"] != 1100. || a["detailed"] != 1024. {
		t.Errorf("%v sequences, %v in detail", a["sequences"], a["detailed"])
	}
	page, err := os.ReadFile(path("out/report.html"))
	if said := "over all 1100 sequences, all else is over the first 1024."; err != nil ||
		!strings.Contains(string(page), said) {
		t.Errorf("the page lacks %q, %v", said, err)
	}
}

// sameAnalysis compares all that predictions alone give.
func sameAnalysis(t *testing.T, asked, read map[string]any) {
	t.Helper()
	for _, key := range []string{"sequences", "mse", "position_mse"} {
		if !reflect.DeepEqual(asked[key], read[key]) {
			t.Errorf("%s: %v and %v", key, asked[key], read[key])
		}
	}
	a, r := asked["alignments"].([]any), read["alignments"].([]any)
	for i := range a {
		for _, key := range []string{"estimator", "prediction_distance", "error",
			"mean_prediction_distance", "mean_error"} {
			if x, y := a[i].(map[string]any)[key], r[i].(map[string]any)[key]; !reflect.DeepEqual(x, y) {
				t.Errorf("%s: %v and %v", key, x, y)
			}
		}
	}
	n, m := asked["nearest"].(map[string]any), read["nearest"].(map[string]any)
	for _, key := range []string{"estimator", "distance", "share", "next", "next_distance"} {
		if !reflect.DeepEqual(n[key], m[key]) {
			t.Errorf("nearest, %s: %v and %v", key, n[key], m[key])
		}
	}
}
