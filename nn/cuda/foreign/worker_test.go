//go:build linux && amd64

package foreign

import (
	"fmt"
	"os"
	"strings"
	"testing"

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
	if err != nil || left != 0 || got != want || done[0] != uint64(len(want)) ||
		done[1] != done[0] {
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
	// Of the lists before it nothing is left where a list is written.
	calls[2].Any = false
	if done, left, err = w.Do(t.Context(), calls[:4]); err != nil || left != 2 || len(done) != 3 {
		t.Errorf("with an error code for a result: %v, %d left, %v", done, left, err)
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
	names := []string{"cos", "exp", "sin", "cos"}
	f, err := w.Symbols(t.Context(), m, names...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if one, err := w.Symbols(t.Context(), m, name); err != nil || f[i] != one[0] {
			t.Errorf("%s is at %#x among others, and at %#x alone, %v", name, f[i], one, err)
		}
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
