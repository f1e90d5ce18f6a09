//go:build linux && amd64

package foreign

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"icar/internal/needs"
)

// open starts a worker that ends with the test.
func open(t *testing.T, o Options) *Worker {
	t.Helper()
	if _, err := os.Stat(loader); err != nil {
		needs.Missing(t, "there is no "+loader+": use a system with glibc")
	}
	w, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// function returns one of libc's.
func function(t *testing.T, w *Worker, name string) uint64 {
	t.Helper()
	f, err := w.Symbols(t.Context(), 0, name)
	if err != nil {
		t.Fatal(err)
	}
	return f[0]
}

// Every one of twelve arguments arrives in its place: snprintf prints ten numbers.
func TestArgumentsArrive(t *testing.T) {
	w := open(t, Options{})
	f := []uint64{function(t, w, "snprintf"), function(t, w, "strlen")}
	copy(w.Memory(), "%ld %ld %ld %ld %ld %ld %ld %ld %ld\x00")
	call := Call{Function: f[0], Any: true, Args: []uint64{w.Address(500), 400, w.Address(0),
		1, 22, 1 << 40, 4, 5, 66, 7, 1<<64 - 8, 9}}
	length := Call{Function: f[1], Any: true, Args: []uint64{w.Address(500)}}
	done, left, err := w.Do(t.Context(), []Call{call, length})
	const want = "1 22 1099511627776 4 5 66 7 -8 9"
	got, _, _ := strings.Cut(string(w.Memory()[500:900]), "\x00")
	if err != nil || left != 0 || got != want || done[0] != uint64(len(want)) || done[1] != done[0] {
		t.Errorf("%q, results %v, %d left, %v; want %q", got, done, left, err, want)
	}
}

// A list ends at the first call that returns an error code, which is a number of 32
// bits, unless any result of that call is fine.
func TestListEndsAtTheFirstFailure(t *testing.T) {
	w := open(t, Options{})
	abs := function(t, w, "labs")
	var calls []Call
	for i, v := range []uint64{0, 1 << 32, 7, 0, 3, 0} {
		calls = append(calls, Call{Function: abs, Args: []uint64{v}, Any: i == 2})
	}
	done, left, err := w.Do(t.Context(), calls)
	if want := "[0 4294967296 7 0 3]"; err != nil || left != 2 || fmt.Sprint(done) != want {
		t.Errorf("%v, %d left, %v; want %s, 2 left", done, left, err, want)
	}
	if done, left, err = w.Do(t.Context(), calls[:4]); err != nil || left != 0 || len(done) != 4 {
		t.Errorf("then %v, %d left, %v", done, left, err)
	}
}

// Lists that the memory does not hold are refused before anything is called.
func TestListsAreBounded(t *testing.T) {
	w := open(t, Options{})
	abs := Call{Function: function(t, w, "labs"), Args: []uint64{0}}
	most := make([]Call, MaxCalls+1)
	for i := range most {
		most[i] = abs
	}
	w.Memory()[0] = 77
	if done, left, err := w.Do(t.Context(), most[:MaxCalls]); err != nil || left != 0 ||
		len(done) != MaxCalls || w.Memory()[0] != 77 {
		t.Errorf("%d results, %d left, %v, memory %d", len(done), left, err, w.Memory()[0])
	}
	for _, calls := range [][]Call{most, {{Function: abs.Function, Args: make([]uint64, 13)}},
		{{Args: []uint64{1}}}} {
		if _, _, err := w.Do(t.Context(), calls); err == nil {
			t.Errorf("a list of %d calls with %d arguments is taken", len(calls),
				len(calls[0].Args))
		}
	}
}

// What a library or a function lacks is said by name, and the worker goes on.
func TestWhatIsMissingIsNamed(t *testing.T) {
	w := open(t, Options{})
	_, err := w.Open(t.Context(), "libnothing.so.9", "libnothing.so.10")
	if err == nil || !strings.Contains(err.Error(), "libnothing.so.9: cannot open shared object") {
		t.Errorf("a library that is not there: %v", err)
	}
	m, err := w.Open(t.Context(), "libnothing.so.9", "libm.so.6")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Symbols(t.Context(), m, "cos", "cosine"); err == nil ||
		err.Error() != "there is no function cosine" {
		t.Errorf("a function that is not there: %v", err)
	}
	if f, err := w.Symbols(t.Context(), m, "cos", "sin"); err != nil || f[0] == f[1] {
		t.Errorf("functions that are there: %v, %v", f, err)
	}
}

// A system without glibc is told so.
func TestWithoutGlibc(t *testing.T) {
	_, err := start(t.Context(), Options{}, "/lib64/ld-none.so.2")
	const want = "this system has no /lib64/ld-none.so.2: C libraries need glibc"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A crash, an end and a hang of what is called are errors that say which, at once or when
// patience is over, and of every later call.
func TestLoss(t *testing.T) {
	for _, test := range []struct {
		function, want string
		args           []uint64
	}{
		{"abort", "its process has ended: signal: aborted", nil},
		{"_exit", "its process has ended: exit status 3", []uint64{3}},
		{"strlen", "its process has ended: signal: segmentation fault", []uint64{8}},
		{"pause", "it has not answered for 300ms, and was ended", nil},
	} {
		w := open(t, Options{})
		f := function(t, w, test.function)
		if test.function == "pause" { // of what answers none is lost however slow the machine is
			w.options.Patience = 300 * time.Millisecond
		}
		calls := []Call{{Function: f, Args: test.args}}
		for i := range 2 {
			start := time.Now()
			_, _, err := w.Do(t.Context(), calls)
			var lost LostError
			if !errors.As(err, &lost) || lost.Why != test.want {
				t.Errorf("%s: %v, want %s", test.function, err, test.want)
			}
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("%s: call %d takes %v", test.function, i, took)
			}
		}
		select {
		case <-w.ended:
		default:
			t.Errorf("%s: the process is still there", test.function)
		}
	}
}

// What the process said last is in the reason.
func TestLossSaysWhatWasSaid(t *testing.T) {
	w := open(t, Options{})
	f := []uint64{function(t, w, "perror"), function(t, w, "abort")}
	copy(w.Memory(), "first\x00second\x00")
	_, _, err := w.Do(t.Context(), []Call{{Function: f[0], Any: true, Args: []uint64{w.Address(0)}},
		{Function: f[0], Any: true, Args: []uint64{w.Address(6)}}, {Function: f[1]}})
	if err == nil || !strings.HasPrefix(err.Error(),
		"its process has ended: signal: aborted: second: ") {
		t.Error(err)
	}
}

// A context that is done ends a call with its cause: before it nothing happens, in
// the middle of it the call has a time of grace, then the process is ended.
func TestCancelled(t *testing.T) {
	w := open(t, Options{Grace: time.Hour})
	pause, sleep := function(t, w, "pause"), function(t, w, "usleep")
	cause := errors.New("enough")
	done, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, _, err := w.Do(done, []Call{{Function: pause}}); !errors.Is(err, cause) || w.lost != nil {
		t.Errorf("before a call: %v, %v", err, w.lost)
	}
	soon := func() context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
		return ctx
	}
	if _, left, err := w.Do(soon(), []Call{{Function: sleep, Args: []uint64{100_000}}}); err != nil ||
		left != 0 {
		t.Errorf("a call that ends within its grace: %v", err)
	}
	w.options.Grace = 50 * time.Millisecond // of a patience of minutes
	begin := time.Now()
	if _, _, err := w.Do(soon(), []Call{{Function: pause}}); !errors.Is(err, cause) ||
		time.Since(begin) > time.Minute {
		t.Errorf("a call that does not: %v, after %v", err, time.Since(begin))
	}
	if _, _, err := w.Do(t.Context(), []Call{{Function: sleep}}); !errors.As(err, new(LostError)) {
		t.Errorf("after that: %v", err)
	}
}

// Who is stopped in the middle of a call that still has its answer leaves no deadline to the next
// call, which may take longer than a time of grace.
func TestDeadlinesEndWithTheirCalls(t *testing.T) {
	for grace := 50 * time.Millisecond; ; grace *= 2 {
		w := open(t, Options{Grace: grace})
		answers, worker, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answers.Close(); worker.Close() })
		calls := w.socket
		t.Cleanup(func() { w.socket = calls })
		w.socket = answers
		answer := func() {
			if _, err := worker.Write([]byte{1}); err != nil {
				t.Error(err)
			}
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		answer()
		if err := w.wait(done); errors.Is(err, context.Canceled) {
			continue // the machine has taken a time of grace to come to read the answer
		} else if err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(3*grace, answer)
		defer late.Stop()
		if err := w.wait(t.Context()); err != nil {
			t.Errorf("the next call: %v", err)
		}
		return
	}
}

// The worker is deaf to what asks the program to stop, and gone when it is closed.
func TestSignalsAreThePrograms(t *testing.T) {
	w := open(t, Options{})
	abs := function(t, w, "labs")
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP,
		syscall.SIGQUIT} {
		if err := w.command.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if done, _, err := w.Do(t.Context(), []Call{{Function: abs, Any: true,
		Args: []uint64{1<<64 - 5}}}); err != nil || done[0] != 5 {
		t.Errorf("after signals: %v, %v", done, err)
	}
	if err := w.Close(); err != nil || !w.command.ProcessState.Success() {
		t.Errorf("closed: %v, %v", err, w.command.ProcessState)
	}
	if _, _, err := w.Do(t.Context(), []Call{{Function: abs}}); !errors.As(err, new(LostError)) {
		t.Errorf("after that: %v", err)
	}
}

// A worker that is closed leaves neither memory nor open files.
func TestNothingIsLeft(t *testing.T) {
	open(t, Options{}).Close() // what a first one needs for good
	held := func() (files, memory int) {
		all, err := os.ReadDir("/proc/self/fd")
		maps, err2 := os.ReadFile("/proc/self/maps")
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return len(all), strings.Count(string(maps), "icar-memory")
	}
	files, memory := held()
	if err := open(t, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if f, m := held(); f != files || m != memory {
		t.Errorf("%d files and %d pieces of memory are there, and were %d and %d", f, m, files,
			memory)
	}
}

// However this program ends, its worker does, also in the middle of a call.
func TestWorkerEndsWithTheProgram(t *testing.T) {
	const inside = "ICAR_TEST_WAITS"
	if os.Getenv(inside) != "" {
		w := open(t, Options{})
		pause := function(t, w, "pause")
		fmt.Printf("\n%d\n", w.command.Process.Pid)
		_, _, err := w.Do(t.Context(), []Call{{Function: pause}})
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	c.Env = append(os.Environ(), inside+"=1")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var worker int
	for s := bufio.NewScanner(out); worker == 0 && s.Scan(); {
		worker, _ = strconv.Atoi(s.Text()) // else it is another line
	}
	time.Sleep(50 * time.Millisecond) // until it is in the call; before it it ends too
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", worker))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the worker goes on: %s", stat)
		}
	}
}

// What the worker has written is looked at before it is believed.
func TestResultsAreChecked(t *testing.T) {
	memory := make([]byte, size)
	for _, left := range []uint64{3, 1 << 20, 1<<64 - 1} {
		binary.LittleEndian.PutUint64(memory[leftAt:], left)
		if done, n := results(memory, 2); n != 2 || len(done) != 1 {
			t.Errorf("%d of 2 calls are left: %v, %d", left, done, n)
		}
	}
}

// What a program says is kept to its end, of bounded size.
func TestTail(t *testing.T) {
	said := new(tail)
	for range 1000 {
		fmt.Fprintf(said, "a line of %s\n", strings.Repeat("x", 50))
	}
	fmt.Fprint(said, "the last\n\n")
	if len(said.text) > kept || said.last() != "the last" {
		t.Errorf("%d bytes, %q", len(said.text), said.last())
	}
	fmt.Fprint(said, strings.Repeat("y", 3*kept))
	if len(said.text) > kept || said.last() != strings.Repeat("y", 200) {
		t.Errorf("%d bytes, %q", len(said.text), said.last())
	}
}

// BenchmarkDo is what a request and its answer take.
func BenchmarkDo(b *testing.B) {
	w, err := Start(b.Context(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	f, err := w.Symbols(b.Context(), 0, "labs")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := w.Do(b.Context(), []Call{{Function: f[0], Args: []uint64{0}}}); err != nil {
			b.Fatal(err)
		}
	}
}
