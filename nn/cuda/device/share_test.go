package device

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a device that takes a second for what it is asked to allocate.
type slow struct {
	Device
	asked []int // for bytes
	in    bool
}

func (s *slow) Alloc(_ context.Context, bytes int) (Pointer, error) {
	if s.in {
		panic("two use the device at a time")
	}
	s.in = true
	time.Sleep(time.Second)
	s.in = false
	s.asked = append(s.asked, bytes)
	return 0, nil
}

// A device that is shared does what many ask for one after the other, in the order of asking.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &slow{}
		all := Share(one)
		begin, done := time.Now(), make(chan error)
		want := []int{3, 1, 4, 15, 9, 2, 6}
		for _, bytes := range want {
			go func() {
				_, err := all.Alloc(t.Context(), bytes)
				done <- err
			}()
			synctest.Wait()
		}
		for range want {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(one.asked, want) {
			t.Errorf("done in the order %v, asked in that of %v", one.asked, want)
		}
		if took := time.Since(begin); took != time.Duration(len(want))*time.Second {
			t.Errorf("%d things of a second take %v", len(want), took)
		}
	})
}
