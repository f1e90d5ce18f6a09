//go:build !unix

package sweep

import "context"

// queue is SQLite's own waiting.
type queue struct{ path string }

func (queue) enter(context.Context) (leave func()) { return func() {} }
