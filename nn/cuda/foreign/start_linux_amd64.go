package foreign

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Start writes the worker to memory and runs it. The error says what this system lacks.
func Start(ctx context.Context, o Options) (*Worker, error) { return start(ctx, o, loader) }

func start(ctx context.Context, o Options, interp string) (*Worker, error) {
	if o.Patience == 0 {
		o.Patience = 2 * time.Minute
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	w := &Worker{options: o, said: new(tail), ended: make(chan struct{})}
	files, err := w.files(image(interp))
	if err == nil {
		err = w.run(files, interp)
	}
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		if w.socket != nil {
			w.socket.Close()
		}
		return nil, errors.Join(err, w.unmap())
	}
	if err := w.wait(ctx); err != nil { // for the byte that says that it has begun
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// files makes what the worker shares with this program, from memoryFile on: the memory,
// its end of the socket, and the program itself.
func (w *Worker) files(program []byte) (files []*os.File, err error) {
	inMemory := func(name string, size, flags int) *os.File {
		fd, created := unix.MemfdCreate(name, unix.MFD_CLOEXEC|flags)
		if created != nil && flags != 0 { // Linux before 6.3 knows none, or it is forbidden here
			fd, created = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		}
		if created != nil {
			err = errors.Join(err, fmt.Errorf("no memory to share: %w", created))
			return nil
		}
		f := os.NewFile(uintptr(fd), name)
		files = append(files, f)
		err = errors.Join(err, f.Truncate(int64(size)))
		return f
	}
	memory := inMemory("icar-memory", size, 0)
	if err != nil {
		return files, err
	}
	if w.memory, err = unix.Mmap(int(memory.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED); err != nil {
		return files, err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return files, err
	}
	files = append(files, os.NewFile(uintptr(ends[1]), "worker"))
	err = unix.SetNonblock(ends[0], true) // so that reads have deadlines
	w.socket = os.NewFile(uintptr(ends[0]), "worker")
	if file := inMemory("icar-worker", len(program), unix.MFD_EXEC); err == nil {
		_, err = file.WriteAt(program, 0)
	}
	return files, err
}

// run starts the process.
func (w *Worker) run(files []*os.File, interp string) error {
	w.command = exec.Command(fmt.Sprintf("/proc/self/fd/%d", memoryFile+len(files)-1))
	w.command.ExtraFiles = files
	w.command.Stdout, w.command.Stderr = w.said, w.said
	w.command.WaitDelay = time.Second
	// The kernel ends the worker when the thread that started it ends: that one waits.
	w.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := w.command.Start()
		started <- err
		if err == nil {
			_ = w.command.Wait() // how it ended is in its state
			close(w.ended)
		}
	}()
	err := <-started
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("this system has no %s: C libraries need glibc", interp)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this system runs no program from memory, see sysctl vm.memfd_noexec: %w",
			err)
	case err != nil:
		return err
	}
	// A process with a card's memory has nothing in it that a file of its core would tell.
	_ = unix.Prlimit(w.command.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	return nil // where it has ended already, the wait for its first byte says how
}
