package needs

import (
	"fmt"
	"strings"
	"testing"
)

// end is how a test ended: with Fatal or with Skip, and what was said.
type end struct{ how, said string }

// fake is a test that ends by a panic.
type fake struct{ testing.TB }

func (fake) Helper()           {}
func (fake) Fatal(args ...any) { panic(end{"fatal", fmt.Sprint(args...)}) }
func (fake) Skip(args ...any)  { panic(end{"skip", fmt.Sprint(args...)}) }

// ended returns how a test ends that asks for something, the zero value if it goes on.
func ended(ask func(testing.TB)) (e end) {
	defer func() { e, _ = recover().(end) }()
	ask(fake{})
	return e
}

// What is missing is a skip by name on a laptop and a failure under CI; what is there
// is neither.
func TestNeeds(t *testing.T) {
	for _, ci := range []string{"", "true"} {
		t.Setenv("CI", ci)
		t.Setenv("ICAR_SLOW", "")
		want := map[string]string{"": "skip", "true": "fatal"}[ci]
		for name, ask := range map[string]func(testing.TB){
			"no-such-program": func(t testing.TB) { Programs(t, "nothing", "go", "no-such-program") },
			"no_such_module":  func(t testing.TB) { Python(t, "sys", "no_such_module") },
		} {
			if got := ended(ask); got.how != want || !strings.Contains(got.said, name) {
				t.Errorf("CI=%q, %s: %+v, want %s", ci, name, got, want)
			}
		}
		if got := ended(func(t testing.TB) { Time(t, "an hour") }); got.how != "skip" {
			t.Errorf("CI=%q, time: %+v", ci, got)
		}
	}
	patience := func(t testing.TB) { Patience(t, "seconds") }
	for _, asked := range [][2]string{{"CI", "true"}, {"ICAR_SLOW", "1"}, {"ICAR_PATIENT", "1"}} {
		for _, name := range []string{"CI", "ICAR_SLOW", "ICAR_PATIENT"} {
			t.Setenv(name, "")
		}
		if got := ended(patience); got.how != "skip" || !strings.Contains(got.said, "seconds") {
			t.Errorf("patience that nobody has: %+v", got)
		}
		t.Setenv(asked[0], asked[1])
		if got := ended(patience); got != (end{}) {
			t.Errorf("%v: %+v", asked, got)
		}
	}
	t.Setenv("ICAR_SLOW", "1")
	if got := ended(func(t testing.TB) {
		Programs(t, "go", "go")
		Time(t, "an hour")
	}); got != (end{}) {
		t.Errorf("with all that it needs: %+v", got)
	}
}
