// Package browser walks on pages in Chromium, for tests: it opens one, asks it by JavaScript
// and waits for what a page comes to. Where a script promises a value, that is what it says.
package browser

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"icar/internal/needs"
)

const (
	longest = 5 * time.Minute // of a test in a browser
	patient = time.Minute     // for one condition
)

// Open opens Chromium, whose window has a size in pixels, until the test ends. A machine that
// has none lacks it by name.
func Open(t testing.TB, width, height int) context.Context {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	found := slices.IndexFunc(names, func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	})
	if found < 0 {
		needs.Missing(t, "there is no chromium, which opens the page: install chromium")
	}
	// What speaks to the network by itself is off, and what it keeps goes with the test.
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(names[found]), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, longest)
	t.Cleanup(cancel)
	return ctx
}

// Action is a step that returns nothing.
type Action = chromedp.Action[chromedp.Void]

// Do takes steps one after another; the test ends at one that fails.
func Do(t testing.TB, ctx context.Context, actions ...Action) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// Ask returns what JavaScript comes to, or what that promises.
func Ask[T any](t testing.TB, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// Script runs JavaScript for what it does.
func Script(expression string) Action {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[any](expression+";null")(ctx, target)
		return err
	})
}

// Until waits until a condition of JavaScript is true. One that does not come true is an
// error with what the page says of its state and errors, the texts of its .status.
func Until(condition string) Action {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		soon, cancel := context.WithTimeout(ctx, patient)
		defer cancel()
		_, err := chromedp.Poll[any](condition,
			chromedp.WithPollingInterval(20*time.Millisecond))(soon, target)
		if err == nil {
			return nil
		}
		const states = "[...document.querySelectorAll('.status')].map(e => e.textContent).join('; ')"
		said, silent := chromedp.Evaluate[string](states)(ctx, target)
		if silent != nil {
			said = silent.Error()
		}
		return fmt.Errorf("%.200s does not come true: %w; the page says %q", condition, err, said)
	})
}
