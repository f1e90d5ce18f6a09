package web

import (
	"context"
	"time"
)

// slots bounds how many do something at a time.
type slots struct {
	free chan struct{}
	wait time.Duration // for a slot, before the request is refused
	text string        // of the refusal
}

func newSlots(n int, wait time.Duration, text string) slots {
	return slots{make(chan struct{}, n), wait, text}
}

// take takes a slot and returns what gives it back. When none becomes free the
// error is a 429.
func (s slots) take(ctx context.Context) (func(), error) {
	give := func() { <-s.free }
	select {
	case s.free <- struct{}{}:
		return give, nil
	default:
	}
	patience := time.NewTimer(s.wait)
	defer patience.Stop()
	select {
	case s.free <- struct{}{}:
		return give, nil
	case <-patience.C:
		return nil, refuse(statusBusy, "%s", s.text)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
