//go:build unix

package sweep_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"icar/nn"
	"icar/sweep"
)

// step does one of the things that happen, some more often than others.
func (w *world) step() {
	all := []struct {
		weight int
		do     func()
	}{
		{8, w.claim}, {8, w.work}, {5, w.kill}, {4, w.stop}, {3, w.forget}, {1, w.editRow},
		{5, w.damageFile},
		{1, w.cancel}, {2, func() { w.retry() }}, {4, w.tick}, {1, w.create}, {1, w.restart},
		{4, w.changeProgram}, {1, w.killProcess},
	}
	total := 0
	for _, a := range all {
		total += a.weight
	}
	at := w.IntN(total)
	for _, a := range all {
		if at -= a.weight; at < 0 {
			w.within(a.do)
			return
		}
	}
}

// errAgain is the end of a worker that was stopped or killed.
var errAgain = errors.New("interrupted")

// answered fails the test for an error that no answer of the database explains.
func (w *world) answered(what string, err error) {
	w.Helper()
	if fault := sweep.FaultOf(err); fault == sweep.Away || fault == sweep.Broken {
		w.fail("%s: %v", what, err)
	}
}

func (w *world) create() {
	w.note("create")
	_, err := w.store.Create(w.Context(), w.sweep, w.trials)
	w.answered("create", err)
}

func (w *world) claim() {
	claim := w.store.Claim
	if w.IntN(2) == 0 {
		claim = w.store.ClaimAlone
	}
	c, err := claim(w.Context(), w.sweep, "w", lease)
	w.answered("claim", err)
	if err != nil {
		w.note("claim: %v", err)
		if w.IntN(2) == 0 { // so that there will be one
			w.retry()
		} else {
			w.forget()
		}
		return
	}
	w.note("claim %s under epoch %d", c.ID, c.Epoch)
	if w.calm[c.ID] == nil {
		w.fail("%q is no trial of the plan", c.ID)
	}
	w.held, w.latest[c.ID] = append(w.held, c), c.Epoch
}

// take takes one of the claims that workers hold.
func (w *world) take() (c sweep.Claim, ok bool) {
	if len(w.held) == 0 {
		return c, false
	}
	i := w.IntN(len(w.held))
	c = w.held[i]
	w.held = append(w.held[:i], w.held[i+1:]...)
	return c, true
}

// do works on a trial for so many steps, to its end for 0.
func (w *world) do(c sweep.Claim, steps int) ([]byte, []sweep.Metric, error) {
	ctx, cancel := context.WithCancelCause(w.Context())
	defer cancel(nil)
	left := steps
	trainer := sweep.Trainer{Attempts: w.attempts(), Processor: nn.OnLoops(loops()), Step: func() {
		if left--; left == 0 {
			cancel(errAgain)
		}
	}}
	return trainer.Do(ctx, c)
}

func (w *world) attempts() sweep.Attempts { return sweep.Attempts{Folder: w.files, Log: quiet()} }

// work works on a trial to its end and records it, as a worker does.
func (w *world) work() {
	c, ok := w.take()
	if !ok {
		return
	}
	result, metrics, err := w.do(c, 0)
	w.note("work on %s under epoch %d: %v", c.ID, c.Epoch, err)
	w.record(c, result, metrics, err)
}

func (w *world) record(c sweep.Claim, result []byte, metrics []sweep.Metric, err error) {
	ctx := w.Context()
	if err == nil {
		if err = w.store.Complete(ctx, c, result, metrics); err == nil {
			w.results++
			if c.Epoch < w.latest[c.ID] {
				w.fail("%s: the worker of epoch %d recorded it after epoch %d was claimed", c.ID,
					c.Epoch, w.latest[c.ID])
			}
			w.attempts().Recorded(c)
			return
		}
		w.answered("complete", err)
	}
	if !errors.Is(err, sweep.ErrLost) {
		err = w.store.Fail(ctx, c, err, 0)
		w.answered("fail", err)
	}
	if errors.Is(err, sweep.ErrLost) {
		w.note("%s under epoch %d was lost", c.ID, c.Epoch)
		w.answered("survived", w.store.Survived(ctx, c))
	}
}

// kill ends a worker somewhere in its trial; nobody tells the database.
func (w *world) kill() {
	if c, ok := w.take(); ok {
		_, _, err := w.do(c, 1+w.IntN(20))
		w.note("kill %s under epoch %d: %v", c.ID, c.Epoch, err)
	}
}

// stop interrupts a worker, which gives its trial back.
func (w *world) stop() {
	c, ok := w.take()
	if !ok {
		return
	}
	result, metrics, err := w.do(c, 1+w.IntN(20))
	w.note("stop %s under epoch %d: %v", c.ID, c.Epoch, err)
	if !errors.Is(err, errAgain) { // it had come to its end
		w.record(c, result, metrics, err)
		return
	}
	w.answered("release", w.store.Release(w.Context(), c))
}

// forget lets a worker do nothing until another may have its trial.
func (w *world) forget() {
	w.note("forget")
	w.clock += lease.Milliseconds() + 1
	want(w, w.store.Tick(w.Context(), w.clock), nil)
}

// tick steps the database's clock.
func (w *world) tick() {
	w.clock += int64(w.IntN(3)-1) * int64(w.IntN(3_600_000))
	w.note("clock at %d", w.clock)
	want(w, w.store.Tick(w.Context(), w.clock), nil)
}

// editRow changes a trial behind icar's back.
func (w *world) editRow() {
	edits := []string{
		"id = '../../../outside'", "id = '../../outside/victim'", "id = '.'", "id = upper(id)",
		"config = config || ' '", "config = ''",
		"epoch = -1", "epoch = epoch + 1", "epoch = 9223372036854775807", "epoch = 0",
		"failures = -5", "losses = 9223372036854775807", "losses = losses + 1",
		"state = 'pending'", "state = 'running'", "state = 'done'", "state = 'failed'", "due = 0",
		"due = 1000000000000000", "lease = 0", "lease = 9223372036854775807", "worker = 'x'",
		"error = 'y'",
	}
	position, edit := w.Int64N(int64(len(w.trials))), edits[w.IntN(len(edits))]
	w.edited[position] = true
	w.note("row %d: %s", position, edit)
	// A name that another row has is refused, which is fine.
	w.answered("edit", w.store.Run(w.Context(), "UPDATE trials SET "+edit+" WHERE position = $1",
		position))
}

// damageFile harms one of the files of attempts.
func (w *world) damageFile() {
	var found []string
	err := filepath.WalkDir(w.files, func(path string, e fs.DirEntry,
		err error) error { // follows no link
		// Folders less often: all is gone with one.
		if err == nil && path != w.files && (!e.IsDir() || w.IntN(8) == 0) {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Fatal(err)
	}
	if len(found) == 0 {
		return
	}
	path := found[w.IntN(len(found))]
	info, err := os.Lstat(path)
	if err != nil {
		w.Fatal(err)
	}
	name := []string{"remove", "link", "pipe", "cut", "flip"}[w.IntN(5)]
	w.note("%s %s", name, path)
	switch {
	case name == "cut" && info.Mode().IsRegular():
		err = os.Truncate(path, w.Int64N(info.Size()+1))
	case name == "flip" && info.Mode().IsRegular() && info.Size() > 0:
		err = w.flip(path)
	default:
		err = os.RemoveAll(path)
		if name == "link" {
			err = errors.Join(err, os.Symlink(filepath.Join(w.outside, "victim"), path))
		}
		if name == "pipe" {
			err = errors.Join(err, syscall.Mkfifo(path, 0o644))
		}
	}
	if err != nil {
		w.Fatal(err)
	}
}

// flip changes a bit of a file.
func (w *world) flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[w.IntN(len(data))] ^= 1 << w.IntN(8)
	return os.WriteFile(path, data, 0o644)
}

func (w *world) cancel() {
	n, err := w.store.Cancel(w.Context(), w.sweep.ID)
	w.note("cancel %d", n)
	w.answered("cancel", err)
}

func (w *world) retry() (trials int64) {
	n, err := w.store.Retry(w.Context(), w.sweep.ID)
	w.note("retry %d", n)
	w.answered("retry", err)
	return n
}

// restart has the workers find their database anew, in the long version after
// the server was stopped, politely or at once.
func (w *world) restart() {
	w.note("restart")
	if w.at.File() == "" && os.Getenv("ICAR_SLOW") == "1" {
		how := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT}[w.IntN(2)]
		if err := errors.Join(server.Down(how), server.Up()); err != nil {
			w.Fatal(err)
		}
	}
	w.reopen()
}
