package protocol

// Shapes: n sequences of a batch, T positions, d token dimension.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"icar/ar"
	"icar/internal/npy"
)

// ErrAnswer is in an error about what a program has answered; any other error of a
// program is that it ended, or did not answer in time.
var ErrAnswer = errors.New("not an answer of the protocol")

// Options say how a program is run.
type Options struct {
	// Words are the program and its arguments. No shell reads them.
	Words []string
	// Timeout is how long the answer to a batch may take, and the end of the program
	// after the last one; 0 for [Timeout]. The first answer takes the start too.
	Timeout time.Duration
	// Numbers is the largest number of numbers in a batch, of one sequence at least;
	// 0 for 2¹⁸, which are 2 MiB.
	Numbers int
	// Stderr is where its standard error is shown, bounded, every line behind the
	// program's name; nil for nowhere.
	Stderr io.Writer
}

// Timeout is the usual time limit.
const Timeout = 2 * time.Minute

// Program is a running program that predicts: a probe.Predictor. It is not for
// several goroutines at a time.
type Program struct {
	ctx    context.Context // of its whole life
	o      Options
	c      *exec.Cmd
	in     *os.File // the program's standard input
	out    *os.File // its standard output
	says   *os.File // and its standard error
	answer *bufio.Reader
	stderr *echo
	ended  chan struct{} // closed when the process has ended; then failed is set
	failed error         // what Wait said
	batch  int           // asked so far
	broken error         // that ended the conversation
	mute   bool          // whether it closed its output and went on
	stop   func()        // kills the process and closes our ends of its pipes
}

// Start starts a program, which is killed when the context ends. The error says that
// there is none of that name or that it does not start. A [Program.Close] has to
// follow.
func Start(ctx context.Context, o Options) (*Program, error) {
	if len(o.Words) == 0 {
		return nil, errors.New(`no program is named: give a command, as in "python3 model.py"`)
	}
	if o.Timeout == 0 {
		o.Timeout = Timeout
	}
	if o.Numbers == 0 {
		o.Numbers = 1 << 18
	}
	p := &Program{ctx: ctx, o: o, c: exec.Command(o.Words[0], o.Words[1:]...),
		ended:  make(chan struct{}),
		stderr: &echo{to: o.Stderr, name: filepath.Base(o.Words[0])}}
	own(p.c)
	p.c.Env = append(os.Environ(), fmt.Sprintf("ICAR_PROTOCOL=%d", Version))
	theirs, err := p.pipes()
	if err != nil {
		return nil, err
	}
	p.answer = bufio.NewReaderSize(p.out, 1<<16)
	started := make(chan error)
	go p.run(started)
	err = <-started
	closeAll(theirs)
	if err != nil {
		closeAll([]*os.File{p.in, p.out, p.says})
		return nil, fmt.Errorf("program %s does not start: %w", o.Words[0], err)
	}
	p.stop = sync.OnceFunc(func() {
		select {
		case <-p.ended: // its number may be another's by now
		default:
			end(p.c)
		}
		p.in.Close()
		p.out.Close()
	})
	context.AfterFunc(ctx, p.stop)
	return p, nil
}

// pipes makes the three pipes to the program and returns its ends of them.
func (p *Program) pipes() (theirs []*os.File, err error) {
	ours := [3]*os.File{}
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(theirs, ours[:i]...))
			return nil, err
		}
		if i == 0 {
			r, w = w, r // it reads the first and writes the others
		}
		ours[i], theirs = r, append(theirs, w)
	}
	p.in, p.out, p.says = ours[0], ours[1], ours[2]
	p.c.Stdin, p.c.Stdout, p.c.Stderr = theirs[0], theirs[1], theirs[2]
	return theirs, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// run starts the process, waits for its end and kills what it has left behind. It
// keeps its thread: where the kernel kills the program with its parent, the parent is
// the thread that started it.
func (p *Program) run(started chan<- error) {
	runtime.LockOSThread()
	err := p.c.Start()
	started <- err
	if err != nil {
		return
	}
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		_, _ = io.Copy(p.stderr, p.says) // that it ends is all that it can say
	}()
	p.failed = p.c.Wait()
	end(p.c)
	select {
	case <-listened:
	case <-time.After(time.Second): // who left the group may still hold it
	}
	p.says.Close()
	<-listened
	p.stderr.finish()
	close(p.ended)
}

// Predict asks for predictions (N, T, d), in batches. The error is the context's,
// says how the program ended, or, an [ErrAnswer], what is wrong with its answer.
// After an error the program is no longer there.
func (p *Program) Predict(ctx context.Context, s ar.Batch[float64]) ([]float64, error) {
	size := s.T * s.D
	most := max(1, p.o.Numbers/size)
	states := make([]float64, 0, min(most, s.N)*size)
	predictions := make([]float64, s.N*size)
	for from := 0; from < s.N; from += most {
		to := min(from+most, s.N)
		states = states[:0]
		for n := from; n < to; n++ { // all states but the last, which is a target only
			states = append(states, s.States[n*(size+s.D):][:size]...)
		}
		shape := []int{to - from, s.T, s.D}
		if err := p.ask(ctx, shape, states, predictions[from*size:to*size]); err != nil {
			return nil, err
		}
	}
	return predictions, nil
}

// errLate is the cause of a context whose time limit is over.
var errLate = errors.New("too late")

// ask writes one batch and reads its answer.
func (p *Program) ask(ctx context.Context, shape []int, states, answer []float64) error {
	if p.broken != nil {
		return p.broken
	}
	p.batch++
	limited, cancel := context.WithTimeoutCause(ctx, p.o.Timeout, errLate)
	defer cancel()
	defer context.AfterFunc(limited, p.stop)()
	// It may answer before it has read all: who only wrote first would wait for it
	// while it waits to be read.
	written := make(chan error, 1)
	go func() {
		written <- npy.Write(p.in, npy.Array{Name: "states", Shape: shape, Data: states})
	}()
	err := npy.Read(p.answer, shape, answer)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			p.linger(limited)
		}
		p.stop()
	}
	if unread := <-written; err == nil && unread != nil {
		err = io.EOF
		p.linger(limited)
	}
	if err == nil {
		err = checkFinite(shape, answer)
	}
	if err == nil {
		return nil
	}
	p.stop()
	p.broken = p.explain(ctx, limited, err)
	return p.broken
}

// linger waits a moment for a process that has closed its output to end by itself, so
// that there is an exit status to report.
func (p *Program) linger(ctx context.Context) {
	select {
	case <-p.ended:
	case <-ctx.Done():
	case <-time.After(time.Second):
		p.mute = true
	}
}

// explain says why there is no answer.
func (p *Program) explain(ctx, limited context.Context, err error) error {
	for _, c := range []context.Context{ctx, p.ctx} {
		if c.Err() != nil {
			return context.Cause(c)
		}
	}
	if errors.Is(context.Cause(limited), errLate) {
		return fmt.Errorf("program %s has not answered batch %d within %v: give it longer, or "+
			"see why it hangs%s",
			p.name(), p.batch, p.o.Timeout, p.said())
	}
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("program %s %s before it answered batch %d%s", p.name(), p.status(),
			p.batch, p.said())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("program %s %s within its answer to batch %d, which is cut short%s",
			p.name(), p.status(), p.batch, p.said())
	}
	return fmt.Errorf("program %s, answer to batch %d: %w (%w)", p.name(), p.batch, err, ErrAnswer)
}

func (p *Program) name() string { return strings.Join(p.o.Words, " ") }

// said is the last line on standard error, for the end of a sentence.
func (p *Program) said() string {
	<-p.ended // all of it has been read
	if line := p.stderr.last(); line != "" {
		return ": it says: " + line
	}
	return ""
}

// status says how the process ended. It has been stopped or has ended.
func (p *Program) status() string {
	<-p.ended
	state := p.c.ProcessState
	switch {
	case p.mute:
		return "closed its standard output"
	case state.Success():
		return "ended with exit code 0"
	case state.Exited():
		return fmt.Sprintf("ended with exit code %d", state.ExitCode())
	default:
		return "ended (" + state.String() + ")"
	}
}

// checkFinite names the first prediction that is not finite.
func checkFinite(shape []int, answer []float64) error {
	for i, x := range answer {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			row := i / shape[2]
			return fmt.Errorf("sequence %d, row %d, column %d is %v, counted from 0: every "+
				"prediction has to be finite",
				row/shape[1], row%shape[1], i%shape[2], x)
		}
	}
	return nil
}

// Close ends the conversation: the program finds the end of its input, has to exit
// with code 0 and to have written nothing more. After an error of Predict it is gone
// already. In any case nothing of it is left when Close returns. The error is that it
// did not end so; nil if an error of Predict said already what was wrong.
func (p *Program) Close() error {
	defer func() {
		p.stop()
		<-p.ended
	}()
	if p.broken != nil {
		return nil
	}
	p.broken = errors.New("the program has been closed")
	limit := time.AfterFunc(p.o.Timeout, p.stop)
	p.in.Close()
	extra, err := io.Copy(io.Discard, io.LimitReader(p.answer, 1<<20))
	if err != nil || extra > 0 {
		p.stop()
	}
	<-p.ended
	switch late := !limit.Stop(); {
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case late:
		return fmt.Errorf("program %s has not ended within %v after the end of its input: exit "+
			"when there is nothing more to read",
			p.name(), p.o.Timeout)
	case extra > 0:
		return fmt.Errorf("program %s wrote more than it was asked for: print to standard error "+
			"only (%w)",
			p.name(), ErrAnswer)
	case p.failed != nil:
		return fmt.Errorf("program %s answered all and then %s%s", p.name(), p.status(), p.said())
	}
	return nil
}
