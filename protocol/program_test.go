//go:build unix

package protocol

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"icar/ar"
	"icar/internal/needs"
	"icar/internal/npy"
)

// The test binary is the programs that are tested too: started by this package, which
// sets ICAR_PROTOCOL, it behaves as its first argument says.
func TestMain(m *testing.M) {
	if os.Getenv("ICAR_PROTOCOL") != "" {
		os.Exit(behave(os.Args[1]))
	}
	os.Exit(m.Run())
}

// shape of every batch of these tests.
var shape = []int{4, 9, 3}

// array is a header of an array and count numbers of a few bytes.
func array(descr, fortran, shape string, bytesOfData int) []byte {
	text := fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }", descr, fortran, shape)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	head := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	return append(append(head, text...), make([]byte, bytesOfData)...)
}

// right is the header of a right answer and its size.
func right() []byte { return array("'<f8'", "False", "(4, 9, 3)", 4*9*3*8) }

// wrong are answers that a program writes after it has read a batch.
var wrong = map[string]func() []byte{
	"fortran":    func() []byte { return array("'<f8'", "True", "(4, 9, 3)", 864) },
	"big-endian": func() []byte { return array("'>f8'", "False", "(4, 9, 3)", 864) },
	"float16":    func() []byte { return array("'<f2'", "False", "(4, 9, 3)", 216) },
	"complex":    func() []byte { return array("'<c16'", "False", "(4, 9, 3)", 1728) },
	"pickled":    func() []byte { return array("'|O'", "False", "(4, 9, 3)", 100) },
	"records": func() []byte {
		return array("[('x', '<f8')]", "False", "(4, 9, 3)", 864)
	},
	"billion":   func() []byte { return array("'<f8'", "False", "(1000000000, 9, 3)", 100) },
	"overflow":  func() []byte { return array("'<f8'", "False", "(99999999999999999999,)", 100) },
	"flat":      func() []byte { return array("'<f8'", "False", "(4, 27)", 864) },
	"scalar":    func() []byte { return array("'<f8'", "False", "()", 8) },
	"longer":    func() []byte { return array("'<f8'", "False", "(4, 10, 3)", 960) },
	"garbage":   func() []byte { return []byte("loading the model …\n" + strings.Repeat("x", 5000)) },
	"short":     func() []byte { return []byte("ok\n") },
	"version 9": func() []byte { return slices.Replace(right(), 6, 7, 9) },
	"header": func() []byte {
		return append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f"), make([]byte, 100)...)
	},
	"half":   func() []byte { return right()[:500] },
	"stump":  func() []byte { return right()[:7] },
	"silent": func() []byte { return nil },
	"nan": func() []byte {
		a := right()
		binary.LittleEndian.PutUint64(a[len(a)-864+8*(9*3+7*3+2):], math.Float64bits(math.NaN()))
		return a
	},
	"infinite": func() []byte {
		a := right()
		binary.LittleEndian.PutUint64(a[len(a)-8:], math.Float64bits(math.Inf(-1)))
		return a
	},
}

func behave(how string) int {
	if answer, ok := wrong[how]; ok {
		receive()
		os.Stdout.Write(answer())
		return 0
	}
	switch how {
	case "traceback":
		fmt.Fprint(os.Stderr, "Traceback (most recent call last):\n  File \"m.py\", line "+
			"1\nValueError: no \x1b[31mweights\n")
		return 1
	case "dies":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // which the runtime does not make an exit of
		time.Sleep(time.Minute)
	case "hangs":
		fmt.Fprintln(os.Stderr, "compiling")
		time.Sleep(time.Minute)
	case "closes":
		os.Stdout.Close()
		time.Sleep(time.Minute)
	case "half and hangs":
		receive()
		os.Stdout.Write(right()[:500])
		time.Sleep(time.Minute)
	case "flood":
		line := strings.Repeat("\x1b]0;title\a", 100) + "\n"
		for range 10_000 {
			io.WriteString(os.Stderr, line)
		}
		return echoes(8)
	case "does not end":
		echoes(8)
		time.Sleep(time.Minute)
	case "ends badly":
		echoes(8)
		fmt.Fprintln(os.Stderr, "RuntimeError: at exit")
		return 3
	case "unended":
		fmt.Fprint(os.Stderr, "first\r\nsecond")
		return echoes(8)
	case "more":
		echoes(8)
		os.Stdout.Write(right())
	case "family": // leaves a child that holds all that it has inherited
		c := exec.Command("sleep", "60")
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := c.Start(); err != nil {
			return 5
		}
		return echoes(8)
	case "left": // leaves a child that has left its group, and holds its standard error
		c := exec.Command("sleep", "6")
		c.Stderr, c.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			return 5
		}
		return echoes(8)
	case "parent": // starts a program itself, and says which
		p, err := Start(context.Background(), Options{Words: []string{os.Args[0], "closes"}})
		if err != nil {
			return 5
		}
		fmt.Println(p.c.Process.Pid)
		time.Sleep(time.Minute)
	case "early": // answers before it reads
		os.Stdout.Write(right())
		return echoes(8)
	case "single":
		return echoes(4)
	case "environment":
		if os.Getenv("ICAR_PROTOCOL") != "1" {
			return 6
		}
		return echoes(8)
	default:
		return echoes(8)
	}
	return 0
}

// receive reads a batch as a program has to, and returns nil at the end.
func receive() []byte {
	head := make([]byte, 128)
	if _, err := io.ReadFull(os.Stdin, head); err != nil {
		return nil
	}
	_, after, _ := bytes.Cut(head, []byte("'shape': ("))
	count := 1
	for _, n := range strings.Split(string(after[:bytes.IndexByte(after, ')')]), ", ") {
		k, err := strconv.Atoi(n)
		if err != nil {
			panic(err)
		}
		count *= k
	}
	data := make([]byte, 8*count)
	if _, err := io.ReadFull(os.Stdin, data); err != nil {
		panic(err)
	}
	return append(head, data...)
}

// echoes predicts that every sequence stands still, in numbers of that size.
func echoes(size int) int {
	for batch := receive(); batch != nil; batch = receive() {
		if size == 4 {
			head := bytes.Replace(batch[:128], []byte("<f8"), []byte("<f4"), 1)
			for i := 128; i < len(batch); i += 8 {
				x := math.Float64frombits(binary.LittleEndian.Uint64(batch[i:]))
				head = binary.LittleEndian.AppendUint32(head, math.Float32bits(float32(x)))
			}
			batch = head
		}
		os.Stdout.Write(batch)
	}
	return 0
}

// sequences are n of them in the shape of the tests: 1, 2, 3, … thirds.
func sequences(n int) ar.Batch[float64] {
	s := ar.Batch[float64]{N: n, T: shape[1], D: shape[2]}
	for i := range n * (s.T + 1) * s.D {
		s.States = append(s.States, float64(i)/3)
	}
	return s
}

// inputs are the states of sequences but the last of each.
func inputs(s ar.Batch[float64]) (x []float64) {
	size := (s.T + 1) * s.D
	for n := range s.N {
		x = append(x, s.States[n*size:(n+1)*size-s.D]...)
	}
	return x
}

// start starts this binary to behave so.
func start(t *testing.T, how string, o Options) *Program {
	t.Helper()
	o.Words = []string{os.Args[0], how}
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// gone fails the test unless nobody of a program's group is left, but for the dead
// whom their new parent has not looked after yet.
func gone(t *testing.T, p *Program) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pgid=,stat=,args=").Output()
	if err != nil {
		needs.Missing(t, fmt.Sprintf("without ps nobody can be looked for: %v: install procps",
			err))
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if words[0] == strconv.Itoa(p.c.Process.Pid) && !strings.HasPrefix(words[1], "Z") {
			t.Errorf("%s: left behind: %s", p.name(), line)
		}
	}
}

// All that is asked is answered in the order of the sequences, however they are cut
// into batches, and the program ends.
func TestProgramPredicts(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"echo", "environment", "family", "flood"} {
		for _, numbers := range []int{1, 60, 1 << 18} {
			p := start(t, how, Options{Numbers: numbers})
			for _, n := range []int{7, 1} {
				s := sequences(n)
				got, err := p.Predict(t.Context(), s)
				if err != nil || !slices.Equal(got, inputs(s)) {
					t.Errorf("%s: predicts %v, %v", how, got, err)
				}
			}
			if err := p.Close(); err != nil {
				t.Errorf("%s: %v", how, err)
			}
			gone(t, p)
			if want := map[int]int{1: 8, 60: 5, 1 << 18: 2}[numbers]; p.batch != want {
				t.Errorf("%d batches of %d numbers, want %d", p.batch, numbers, want)
			}
		}
	}
	p := start(t, "single", Options{})
	s := sequences(2)
	got, err := p.Predict(t.Context(), s)
	for i, x := range inputs(s) {
		if err == nil && got[i] != float64(float32(x)) {
			t.Errorf("%v as float32 is %v", x, got[i])
		}
	}
	if err = errors.Join(err, p.Close()); err != nil {
		t.Error(err)
	}
}

// However a program misbehaves, the error is one line that says how, of the right
// kind, in time, and nothing is left behind.
func TestProgramMisbehaves(t *testing.T) {
	t.Parallel()
	const late = 700 * time.Millisecond
	for how, want := range map[string]struct {
		text   string
		answer bool // what it answered is wrong, rather than how it ended
	}{
		"fortran":    {"it is in Fortran order: write numpy.ascontiguousarray", true},
		"big-endian": {"it is an array of '>f8': write float32 or float64", true},
		"float16":    {"it is an array of '<f2': write float32", true},
		"complex":    {"it is an array of '<c16': write float32", true},
		"pickled":    {"it is an array of '|O': write float32", true},
		"records":    {"it is an array of [('x', '<f8')]: write float32", true},
		"billion":    {"it has the shape (1000000000, 9, 3), want (4, 9, 3)", true},
		"overflow":   {"it has the shape (99999999999999999999,), want (4, 9, 3)", true},
		"flat":       {"it has the shape (4, 27), want (4, 9, 3)", true},
		"scalar":     {"it has the shape (), want (4, 9, 3)", true},
		"longer":     {"it has the shape (4, 10, 3), want (4, 9, 3)", true},
		"garbage":    {`it begins with "loading th", which is no .npy array`, true},
		"short":      {`it begins with "ok\n", which is no .npy array`, true},
		"version 9":  {"it is of version 9 of the format", true},
		"header":     {"its header claims 2147483647 bytes", true},
		"nan":        {"sequence 1, row 7, column 2 is NaN, counted from 0", true},
		"infinite":   {"sequence 3, row 8, column 2 is -Inf, counted from 0", true},
		"more":       {"wrote more than it was asked for", true},
		"half":       {"ended with exit code 0 within its answer to batch 1, which is cut short", false},
		"stump":      {"ended with exit code 0 within its answer to batch 1", false},
		"silent":     {"ended with exit code 0 before it answered batch 1", false},
		"closes":     {"closed its standard output before it answered batch 1", false},
		"traceback": {"ended with exit code 1 before it answered batch 1: it says: " +
			"ValueError: no \x1b[31mweights", false},
		"dies": {"ended (signal: killed) before it answered batch 1", false},
		"hangs": {"has not answered batch 1 within 700ms: give it longer, or see why it " +
			"hangs: it says: compiling", false},
		"half and hangs": {"has not answered batch 1 within 700ms", false},
		"does not end":   {"has not ended within 700ms after the end of its input", false},
		"ends badly": {"answered all and then ended with exit code 3: it says: RuntimeError: " +
			"at exit", false},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			o := Options{Timeout: time.Minute}
			if strings.HasSuffix(want.text, "compiling") || strings.Contains(want.text, "700ms") {
				o.Timeout = late
			}
			p := start(t, how, o)
			begun := time.Now()
			_, err := p.Predict(t.Context(), sequences(shape[0]))
			if again, second := p.Predict(t.Context(), sequences(1)); err != nil && second != err {
				t.Errorf("after %v it predicts %v, %v", err, again, second)
			}
			err = errors.Join(err, p.Close())
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if err == nil || !strings.Contains(err.Error(), want.text) ||
				strings.Contains(err.Error(), "\n") || errors.Is(err, ErrAnswer) != want.answer {
				t.Errorf("error %q, want %q", err, want.text)
			}
			gone(t, p)
		})
	}
	if _, err := Start(t.Context(), Options{Words: []string{"icar-has-no-such"}}); !errors.Is(err,
		exec.ErrNotFound) {
		t.Errorf("a program that is none: %v", err)
	}
	if _, err := Start(t.Context(), Options{}); err == nil {
		t.Error("no program starts")
	}
}

// An answer that comes before the batch was read keeps nobody waiting for the other.
func TestProgramAnswersBeforeItReads(t *testing.T) {
	t.Parallel()
	p := start(t, "early", Options{Timeout: 10 * time.Second})
	got, err := p.Predict(t.Context(), sequences(4))
	if err != nil || slices.Max(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if err := p.Close(); !errors.Is(err, ErrAnswer) { // the echo of the batch is one too many
		t.Errorf("closed with %v", err)
	}
	gone(t, p)
}

// Who interrupts is told so at once, and the program is gone.
func TestProgramIsInterrupted(t *testing.T) {
	t.Parallel()
	why := errors.New("interrupted")
	for _, how := range []string{"hangs", "half and hangs", "does not end"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		p, err := Start(ctx, Options{Words: []string{os.Args[0], how}, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
		begun := time.Now()
		_, err = p.Predict(ctx, sequences(4))
		if err = errors.Join(err, p.Close()); !errors.Is(err, why) ||
			time.Since(begun) > 10*time.Second {
			t.Errorf("%s: %v after %v", how, err, time.Since(begun))
		}
		gone(t, p)
	}
}

// Who has left the group of a program keeps nobody waiting, whatever it holds: it ends by
// itself after six seconds.
func TestProgramLeavesSomebodyElsewhere(t *testing.T) {
	t.Parallel()
	p := start(t, "left", Options{})
	s := sequences(1)
	got, err := p.Predict(t.Context(), s)
	begun := time.Now()
	if err = errors.Join(err, p.Close()); err != nil || !slices.Equal(got, inputs(s)) {
		t.Errorf("predicts %v, %v", got, err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v to close", took)
	}
}

// The last line on standard error is shown also if nothing ends it.
func TestUnendedLineIsShown(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	p := start(t, "unended", Options{Stderr: &shown})
	_, err := p.Predict(t.Context(), sequences(1))
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(shown.String(), "\n"); len(lines) != 3 ||
		!strings.HasSuffix(lines[0], ": first") || !strings.HasSuffix(lines[1], ": second") {
		t.Errorf("%q is shown", shown.String())
	}
}

// Standard error is shown line by line behind the program's name, each character
// visible, up to a bound that is said.
func TestStandardErrorIsShownBounded(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	p := start(t, "flood", Options{Stderr: &shown})
	_, err := p.Predict(t.Context(), sequences(1))
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	text := shown.String()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if strings.ContainsAny(text, "\x1b\a") || len(text) > 64<<10 ||
		!strings.Contains(lines[0], `.test: \u001b]0;title\u0007`) ||
		!strings.HasSuffix(lines[len(lines)-1], "the rest is not shown") ||
		len(lines) != mostShown/mostLine+2 && len(lines) != mostShown/mostLine+1 {
		t.Errorf("%d lines, %d bytes: %.300q … %.300q", len(lines), len(text), text, lines[len(lines)-1])
	}
	var e echo
	fmt.Fprint(&e, "first\n\n  \nlast é", strings.Repeat("é", 500))
	if last := e.last(); !strings.HasPrefix(last, "last ééé") || len(last) > mostLine/2 ||
		!strings.HasSuffix(last, "é") {
		t.Errorf("last line %q", last)
	}
}

// What icar writes is what docs/protocol.md says, byte by byte.
func TestBatchOnTheWire(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := npy.Write(&b, npy.Array{Shape: []int{1, 2, 1}, Data: []float64{1, -2}}); err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 1), }" +
		strings.Repeat(" ", 55) + "\n\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0"
	if b.String() != want {
		t.Errorf("wrote %q, want %q", b.String(), want)
	}
}
