package web

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"icar/internal/browser"
)

// placed is the middle of an element in the window, once it is there and at rest.
func placed(t *testing.T, ctx context.Context, element string) (x, y float64) {
	t.Helper()
	browser.Do(t, ctx,
		browser.Script(element+".scrollIntoView({behavior: 'instant', block: 'center'})"))
	at := browser.Ask[[]float64](t, ctx, "new Promise(done => requestAnimationFrame(() => "+
		"requestAnimationFrame(() => done((r => [r.x + r.width / 2, r.y + r.height / 2])("+element+
		".getBoundingClientRect())))))")
	return at[0], at[1]
}

// drag moves the pointer from a place by some pixels, held down.
func drag(t *testing.T, ctx context.Context, x, y, dx, dy float64) {
	t.Helper()
	mouse := func(kind input.DispatchMouseEventType, part float64) {
		browser.Do(t, ctx, chromedp.MouseEvent(kind, x+part*dx, y+part*dy, chromedp.ButtonLeft,
			chromedp.ClickCount(1)))
	}
	mouse(input.DispatchMouseEventTypeMousePressed, 0)
	for k := range 4 {
		mouse(input.DispatchMouseEventTypeMouseMoved, float64(k+1)/4)
	}
	mouse(input.DispatchMouseEventTypeMouseReleased, 1)
}
