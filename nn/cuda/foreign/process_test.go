//go:build linux && amd64

package foreign

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

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

// A process that what is called has left behind, and that holds the worker's output, holds up
// nobody: the worker has ended when it has.
func TestWhatALibraryLeavesBehind(t *testing.T) {
	w := open(t, Options{Grace: time.Hour})
	system := Call{Function: function(t, w, "system"), Args: []uint64{w.Address(0)}}
	file := filepath.Join(t.TempDir(), "pid")
	copy(w.Memory(), "sleep 3600 & echo $! > "+file+"\x00")
	if _, left, err := w.Do(t.Context(), []Call{system}); err != nil || left != 0 {
		t.Fatalf("%d left, %v", left, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	behind, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- w.Close() }()
	select {
	case err = <-closed:
	case <-time.After(30 * time.Second):
		t.Error("it is waited for")
	}
	if gone := syscall.Kill(behind, syscall.SIGKILL); gone != nil || err != nil {
		t.Errorf("what is behind: %v; closed: %v", gone, err)
	}
}

// A worker that crashes leaves no file of its core, which would be as large as the card's
// memory that is mapped.
func TestNoCoreIsWritten(t *testing.T) {
	w := open(t, Options{})
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", w.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, is := strings.CutPrefix(line, "Max core file size"); is &&
			strings.Join(strings.Fields(rest), " ") == "0 0 bytes" {
			return
		}
	}
	t.Errorf("its limits are\n%s", limits)
}
