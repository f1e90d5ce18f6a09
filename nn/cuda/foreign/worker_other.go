//go:build !(linux && amd64)

package foreign

import (
	"context"
	"fmt"
	"runtime"
)

// Worker is a process that makes calls; there is none on this system.
type Worker struct{}

// Start says that there are workers on linux/amd64 only.
func Start(context.Context, Options) (*Worker, error) {
	return nil, fmt.Errorf("C libraries are called on linux/amd64 only, and this is %s/%s",
		runtime.GOOS, runtime.GOARCH)
}

// Open opens a library; there is no Worker to ask here.
func (*Worker) Open(context.Context, ...string) (uint64, error) { panic("no worker") }

// Symbols finds functions; there is no Worker to ask here.
func (*Worker) Symbols(context.Context, uint64, ...string) ([]uint64, error) { panic("no worker") }

// Do makes calls; there is no Worker to ask here.
func (*Worker) Do(context.Context, []Call) ([]uint64, int, error) { panic("no worker") }

// Memory is shared with the worker; there is none here.
func (*Worker) Memory() []byte { panic("no worker") }

// Address is where the worker sees its memory; there is none here.
func (*Worker) Address(int) uint64 { panic("no worker") }

// Close ends the worker; there is none here.
func (*Worker) Close() error { panic("no worker") }
