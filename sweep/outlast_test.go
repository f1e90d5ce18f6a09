package sweep

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What outlasts a context ends patience after it, and not before; or when it is cancelled.
func TestOutlast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		longer, cancel := outlast(ctx)
		defer cancel()
		time.Sleep(3 * patience)
		for i, end := range []time.Duration{0, patience - time.Nanosecond} {
			if time.Sleep(end); longer.Err() != nil {
				t.Errorf("it ends before moment %d", i)
			}
			stop()
		}
		time.Sleep(time.Nanosecond)
		if synctest.Wait(); longer.Err() == nil {
			t.Error("it does not end")
		}
		short, cancel := outlast(t.Context())
		if cancel(); short.Err() == nil {
			t.Error("it is not cancelled")
		}
	})
}
