package foreign

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Worker is a process that makes calls. It ends with this one, however that ends. It is
// used from one goroutine at a time.
type Worker struct {
	options Options
	command *exec.Cmd
	socket  socket
	memory  []byte
	said    *tail
	ended   chan struct{} // closed when the process has
	lost    error
}

// socket is this program's end of what a byte goes through for a list, and one for its answer.
type socket interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
}

// Memory is shared with the worker. It is this program's between calls of the other
// methods, and gone after Close.
func (w *Worker) Memory() []byte { return w.memory[dataAt:] }

// Address returns where the worker sees byte i of the Memory.
func (w *Worker) Address(i int) uint64 {
	return binary.LittleEndian.Uint64(w.memory[baseAt:]) + dataAt + uint64(i)
}

// Open opens the first of these libraries that can be, and returns its handle. It
// overwrites Memory. The error says why the first cannot.
func (w *Worker) Open(ctx context.Context, names ...string) (uint64, error) {
	// Before all: to look for a function overwrites the last complaint.
	ask, err := w.Symbols(ctx, 0, "dlerror", "strncpy")
	if err != nil {
		return 0, err
	}
	var first error
	for _, name := range names {
		const now = 2
		copy(w.Memory(), name+"\x00")
		done, _, err := w.Do(ctx, []Call{{Function: w.word(openAt), Any: true,
			Args: []uint64{w.Address(0), now}}})
		if err != nil {
			return 0, err
		}
		if done[0] != 0 {
			return done[0], nil
		}
		if first == nil {
			if first, err = w.complaint(ctx, ask[0], ask[1]); err != nil {
				return 0, err
			}
		}
	}
	return 0, first
}

// complaint returns what the dynamic linker says about the last failure.
func (w *Worker) complaint(ctx context.Context, dlerror, strncpy uint64) (said, err error) {
	done, _, err := w.Do(ctx, []Call{{Function: dlerror, Any: true}})
	if err != nil || done[0] == 0 {
		return errors.New("the library cannot be opened"), err
	}
	text := w.Memory()[:1024]
	_, _, err = w.Do(ctx, []Call{{Function: strncpy, Any: true,
		Args: []uint64{w.Address(0), done[0], uint64(len(text) - 1)}}})
	line, _, _ := strings.Cut(string(text), "\x00")
	return errors.New(line), err
}

// Symbols returns the addresses of functions of a library, or for 0 of all that are
// loaded. It overwrites Memory. The error names the first function that is not there.
func (w *Worker) Symbols(ctx context.Context, library uint64, names ...string) ([]uint64, error) {
	var calls []Call
	at := 0
	for _, name := range names {
		calls = append(calls, Call{Function: w.word(symAt), Any: true,
			Args: []uint64{library, w.Address(at)}})
		at += copy(w.Memory()[at:], name+"\x00")
	}
	found, _, err := w.Do(ctx, calls)
	if err != nil {
		return nil, err
	}
	for i, address := range found {
		if address == 0 {
			return nil, fmt.Errorf("there is no function %s", names[i])
		}
	}
	return found, nil
}

func (w *Worker) word(at int) uint64 { return binary.LittleEndian.Uint64(w.memory[at:]) }

// Do makes calls in order, up to one that fails, and returns their results and how many of
// the calls were not made without failure: with left > 0 the last result is the error code
// of call len(calls)-left. The error is the context's cause, a LostError, or about a
// call that cannot be written down.
func (w *Worker) Do(ctx context.Context, calls []Call) (done []uint64, left int, err error) {
	switch {
	case w.lost != nil:
		return nil, 0, w.lost
	case ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case len(calls) == 0:
		return nil, 0, nil
	}
	if err := list(w.memory, calls); err != nil {
		return nil, 0, err
	}
	if _, err := w.socket.Write([]byte{1}); err != nil {
		return nil, 0, w.bury(err)
	}
	if err := w.wait(ctx); err != nil {
		return nil, 0, err
	}
	done, left = results(w.memory, len(calls))
	return done, left, nil
}

// wait waits for an answer.
func (w *Worker) wait(ctx context.Context) error {
	limit := time.Now().Add(w.options.Patience)
	if err := w.socket.SetReadDeadline(limit); err != nil {
		return w.bury(err)
	}
	called := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(called)
		if sooner := time.Now().Add(w.options.Grace); sooner.Before(limit) {
			_ = w.socket.SetReadDeadline(sooner) // else the limit stands
		}
	})
	_, err := w.socket.Read(make([]byte, 1))
	if !stop() {
		<-called // it must not move the deadline of the next call
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		w.lost = LostError{"it was stopped in the middle of a call, and ended"}
		return errors.Join(context.Cause(ctx), w.kill())
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.lost = LostError{fmt.Sprintf("it has not answered for %v, and was ended",
			w.options.Patience)}
		return errors.Join(w.lost, w.kill())
	case err != nil:
		return w.bury(err)
	}
	return nil
}

// bury returns how the process came to its end.
func (w *Worker) bury(err error) error {
	select {
	case <-w.ended:
		why := w.command.ProcessState.String()
		if line := w.said.last(); line != "" {
			why += ": " + line
		}
		w.lost = LostError{"its process has ended: " + why}
	case <-time.After(2 * time.Second):
		w.lost = LostError{"its process cannot be reached: " + err.Error()}
		return errors.Join(w.lost, w.kill())
	}
	return w.lost
}

// kill ends the process at once.
func (w *Worker) kill() error {
	err := w.command.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-w.ended:
	case <-time.After(w.options.Grace): // it hangs in the kernel, which ends it in its time
	}
	return err
}

// Close ends the worker and what it holds. Later calls return a LostError.
func (w *Worker) Close() error {
	if w.memory == nil {
		return nil
	}
	err := w.socket.Close() // the worker reads that there is nothing more to do
	select {
	case <-w.ended:
	case <-time.After(w.options.Grace):
		err = errors.Join(err, w.kill())
	}
	if w.lost == nil {
		w.lost = LostError{"it was closed"}
	}
	return errors.Join(err, w.unmap())
}

func (w *Worker) unmap() error {
	if w.memory == nil {
		return nil
	}
	err := unix.Munmap(w.memory)
	w.memory = nil
	return err
}
