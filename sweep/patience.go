package sweep

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Patience is how long to wait for a database that is away.
type Patience struct {
	GiveUp time.Duration // without an answer
	Log    *slog.Logger  // is told when the waiting begins
}

// Insist asks the database until it answers or is more than Away, which
// FaultOf says, and for GiveUp at most: then the error is ErrAway. When ctx
// ends it is the context's cause.
func (p Patience) Insist(ctx context.Context, what string, ask func(context.Context) error) error {
	wait := 50 * time.Millisecond
	for start, told := time.Now(), false; ; {
		err := ask(ctx)
		if FaultOf(err) != Away {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(start) >= p.GiveUp {
			return fmt.Errorf("%w for %v: %w", ErrAway, p.GiveUp, err)
		}
		if !told {
			p.Log.Warn("the database does not answer, waiting for it", "question", what, "error",
				err)
			told = true
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
