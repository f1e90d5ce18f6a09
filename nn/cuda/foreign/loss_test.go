//go:build linux && amd64

package foreign

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A crash, an end and a hang of what is called are errors that say which, at once or when
// patience is over, and of every later call.
func TestLoss(t *testing.T) {
	for _, test := range []struct {
		function, want string
		args           []uint64
	}{
		{"abort", "its process has ended: signal: aborted", nil},
		{"_exit", "its process has ended: exit status 3", []uint64{3}},
		{"strlen", "its process has ended: signal: segmentation fault", []uint64{8}},
		{"pause", "it has not answered for 300ms, and was ended", nil},
	} {
		w := open(t, Options{})
		f := function(t, w, test.function)
		if test.function == "pause" { // of what answers none is lost however slow the machine is
			w.options.Patience = 300 * time.Millisecond
		}
		calls := []Call{{Function: f, Args: test.args}}
		for i := range 2 {
			start := time.Now()
			_, _, err := w.Do(t.Context(), calls)
			var lost LostError
			if !errors.As(err, &lost) || lost.Why != test.want {
				t.Errorf("%s: %v, want %s", test.function, err, test.want)
			}
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("%s: call %d takes %v", test.function, i, took)
			}
			select {
			case <-w.ended:
			default:
				t.Errorf("%s: call %d returns, and the process is still there", test.function, i)
			}
		}
	}
}

// What the process said last is in the reason.
func TestLossSaysWhatWasSaid(t *testing.T) {
	w := open(t, Options{})
	f := []uint64{function(t, w, "perror"), function(t, w, "abort")}
	copy(w.Memory(), "first\x00second\x00")
	_, _, err := w.Do(t.Context(), []Call{{Function: f[0], Any: true, Args: []uint64{w.Address(0)}},
		{Function: f[0], Any: true, Args: []uint64{w.Address(6)}}, {Function: f[1]}})
	if err == nil || !strings.HasPrefix(err.Error(),
		"its process has ended: signal: aborted: second: ") {
		t.Error(err)
	}
}
