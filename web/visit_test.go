package web

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"icar/ar"
	"icar/theory"
)

// visit is a page in a browser at a width, with two runs, at an address of it.
func visit(t *testing.T) (ctx context.Context, server started) {
	t.Helper()
	ctx, server = browser(t), withRun(t)
	trainRun(t, filepath.Join(server.runs, "a-second"), 2, nil) // before the first in the list
	return ctx, server
}

// show opens an address of the page, from nothing, so that it is loaded anew.
func show(t *testing.T, ctx context.Context, address string, width int64) {
	t.Helper()
	do(t, ctx, chromedp.EmulateViewport(width, 1080), chromedp.Navigate("about:blank"),
		chromedp.Navigate(address), until("document.querySelector('#process svg')"))
}

// TestLanding follows links into the page from without and within. The parts
// above are drawn while one lands, and must not push away what one came for.
func TestLanding(t *testing.T) {
	ctx, server := visit(t)
	for _, width := range []int64{380, 1280} {
		do(t, ctx, chromedp.EmulateViewport(width, 1080),
			chromedp.Navigate(server.url+"/#position"),
			until("document.querySelector('#position svg')"))
		landed(t, ctx, "position", fmt.Sprintf("the address, %d px", width))
		show(t, ctx, server.url+"/", width)
		for _, part := range []string{"position", "runs", "step"} {
			do(t, ctx, script(`document.querySelector('nav a[href="#`+part+`"]').click()`),
				until("document.querySelector('#"+part+" svg, #"+part+" tbody tr')"))
			landed(t, ctx, part, fmt.Sprintf("a link, %d px", width))
		}
		// A look inside a run opens where one sees it.
		do(t, ctx, script(`document.querySelector('nav a[href="#runs"]').click(); document.querySelector('#run-list button').click()`), until("document.querySelector('#inside [data-figure=attention] svg')"))
		landed(t, ctx, "run", fmt.Sprintf("look, %d px", width))
		do(t, ctx, chromedp.Navigate("about:blank")) // the next address is another page's
	}
}

// landed checks that a part begins below the bar of links, or that the page ends.
func landed(t *testing.T, ctx context.Context, part, way string) {
	t.Helper()
	time.Sleep(300 * time.Millisecond) // for what comes late
	off := ask[float64](t, ctx, `(() => {
		const top = document.getElementById('`+part+
		`').getBoundingClientRect().top - document.querySelector('nav').offsetHeight;
		return Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight && top > 0 && top < innerHeight / 2 ? 0 : top;
	})()`)
	if off < -2 || off > 20 {
		t.Errorf("%s: %s begins %.0f px off the bar of links", way, part, off)
	}
}

// TestEightTabs opens as many pages of one server in one browser, which keeps six
// connections to it for all of them.
func TestEightTabs(t *testing.T) {
	ctx, server := visit(t)
	do(t, ctx, chromedp.Navigate("about:blank")) // starts the browser of the tabs
	for i := range 8 {
		tab, closeTab := chromedp.NewContext(ctx)
		defer closeTab()
		do(t, tab, chromedp.Navigate(server.url+"/?runs.run=first"),
			until("document.querySelector('#process svg') && "+
				"document.querySelectorAll('#run-list tr').length === 2"))
		if i == 7 { // all are alive
			trainRun(t, filepath.Join(server.runs, "third"), 2, nil)
			do(t, tab, until("document.querySelectorAll('#run-list tr').length === 3"))
		}
	}
}

// TestBack goes back and forward through what was set, switched off and chosen.
func TestBack(t *testing.T) {
	ctx, server := visit(t)
	show(t, ctx, server.url+"/", 1280)
	picture := "document.querySelector('#process [data-figure=path]').innerHTML"
	first := ask[string](t, ctx, picture)
	do(t, ctx, script(`{const c = document.querySelector('#process [name=theta]'); for (const value of ['1.3', '1.5']) { c.value = value; c.dispatchEvent(new Event('input', {bubbles: true})); }}`)) // one move
	slide(t, ctx, "process", "reveal", "yes")
	ridge := "[...document.querySelectorAll('#process .legend button')].find(b => b.textContent === 'ridge')"
	do(t, ctx, until("!!"+ridge), script(ridge+".click()"),
		until("document.querySelector('#run-list input')"),
		script("document.querySelector('#run-list input').click()"),
		until("document.querySelector('#runs > .pair svg')"))
	for _, condition := range []string{
		"!document.querySelector('#run-list input:checked') && document.querySelector('#process " +
			".legend button[aria-pressed=false]')",
		"!document.querySelector('#process .legend button[aria-pressed=false]')",
		"document.querySelector('#process [name=reveal]').value === 'no' && " +
			"document.querySelector('#process [name=theta]').value === '1.5'",
		"document.querySelector('#process [name=theta]').value === '0.7'",
	} {
		do(t, ctx, script("history.back()"), until(condition))
	}
	do(t, ctx, until("location.search === ''"))
	deadline := time.Now().Add(10 * time.Second)
	for ask[string](t, ctx, picture) != first {
		if time.Now().After(deadline) {
			t.Fatal("back at the beginning the picture is another one")
		}
		time.Sleep(20 * time.Millisecond)
	}
	do(t, ctx, script("history.forward()"), until("document.querySelector('#process "+
		"[name=theta]').value === '1.5'"), until("document.querySelector('#process "+
		"output[for=process-theta]').textContent === '1.5'"))
}

// TestFamilyAndDimension asks for what a family cannot have, with the controls
// and with the address: the page says what it shows, and is never in the wrong.
func TestFamilyAndDimension(t *testing.T) {
	ctx, server := visit(t)
	value := func(part, name string) string {
		return ask[string](t, ctx, "document.querySelector('#"+part+" [name="+name+"]').value")
	}
	check := func(part, family, d, note string) {
		t.Helper()
		if f, n := value(part, "family"), value(part, "d"); f != family || n != d {
			t.Errorf("%s: %s, d = %s; want %s, d = %s", part, f, n, family, d)
		}
		do(t, ctx, until("document.querySelector('#"+part+
			" .status').textContent.includes('"+note+
			"') && !document.querySelector('.wrong')"))
	}
	show(t, ctx, server.url+"/", 1280)
	slide(t, ctx, "process", "d", "3")
	check("process", "so", "3", "the family is so now")
	slide(t, ctx, "process", "family", "unitary")
	check("process", "unitary", "2", "d is 2 now")
	do(t, ctx, scrollTo("step"), until("document.querySelector('#step svg')"))
	slide(t, ctx, "step", "d", "3")
	slide(t, ctx, "step", "family", "rotation")
	check("step", "rotation", "4", "d is 4 now")
	show(t, ctx, server.url+"/?process.d=3&step.family=rotation&step.d=5&process.rho=lots&process.sigma=7", 1280)
	check("process", "so", "3", "process.rho=lots in the address is not to be had: shown is 1.")
	check("process", "so", "3", "process.sigma=7 in the address is not to be had: shown is 0.5.")
	if d := value("step", "d"); d != "4" {
		t.Errorf("d = %s of a rotation, want 4", d)
	}
}

// inkOf is JavaScript that is the colours of the curves of a figure by their names.
func inkOf(picture string) string {
	return `Object.fromEntries([...document.querySelectorAll("` + picture +
		` .legend button")].map(b => [b.textContent, getComputedStyle(b.querySelector('svg > *')).fill +
			getComputedStyle(b.querySelector('svg > *')).stroke]))`
}

// TestColours chooses runs in this order and that and shows W or not: a name has
// one colour. The truth lies above what estimates it, also where they coincide.
func TestColours(t *testing.T) {
	ctx, server := visit(t)
	show(t, ctx, server.url+"/?process.sigma=0", 1280)
	hidden := ask[map[string]string](t, ctx, inkOf("#process"))
	slide(t, ctx, "process", "reveal", "yes")
	shown := ask[map[string]string](t, ctx, inkOf("#process"))
	for name, ink := range hidden {
		if shown[name] != ink {
			t.Errorf("%s has colour %s before W is shown and %s after", name, ink, shown[name])
		}
	}
	if _, found := hidden["sT+1"]; found || shown["sT+1"] == "" {
		t.Errorf("the legends are %v and %v, want the next token in the second alone", hidden,
			shown)
	}
	top := ask[string](t, ctx, "(e => getComputedStyle(e).fill + "+
		"getComputedStyle(e).stroke)([...document.querySelectorAll('#process .panel > svg "+
		".mark')].at(-1))")
	if top != shown["sT+1"] {
		t.Errorf("on top lies what has the colour %s, want s_{T+1}, %s", top, shown["sT+1"])
	}
	runs := map[string]map[string]string{}
	for _, order := range [][]string{{"first", "a-second"}, {"a-second", "first"}, {"a-second"},
		{"first"}} {
		show(t, ctx, server.url+"/?runs.run="+strings.Join(order, "&runs.run="), 1280)
		do(t, ctx, until("document.querySelectorAll('#runs > .pair svg').length > 1"))
		for _, picture := range []string{"loss", "positions"} {
			for name, ink := range ask[map[string]string](t, ctx,
				inkOf("#runs > .pair [data-figure="+picture+"]")) {
				if runs[picture] == nil {
					runs[picture] = map[string]string{}
				}
				if before := runs[picture][name]; before != "" && before != ink {
					t.Errorf("%s: %s has colour %s and, chosen in the order %v, %s", picture, name,
						before, order, ink)
				}
				runs[picture][name] = ink
			}
		}
	}
	if runs["loss"]["first"] == runs["loss"]["a-second"] ||
		runs["loss"]["first"] != runs["positions"]["first"] {
		t.Errorf("the runs have the colours %v, want one of its own for each, in both figures",
			runs)
	}
}

// TestBusy opens the page while others hold all places of computations: it says so, and
// draws once one is free, unasked.
func TestBusy(t *testing.T) {
	ctx, server := visit(t)
	var give []func()
	for range cap(server.server.computations.free) {
		free, err := server.server.computations.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		give = append(give, free)
	}
	do(t, ctx, chromedp.Navigate(server.url),
		until("document.querySelector('#process .status').textContent.includes('busy')"))
	if ask[bool](t, ctx, "document.querySelector('#process svg') !== null") {
		t.Error("a picture came while all places were taken")
	}
	for _, free := range give {
		free()
	}
	do(t, ctx, until("document.querySelector('#process svg') && "+
		"!document.querySelector('#process .status').textContent.includes('busy')"))
}

// TestSpace turns space: the axes of the drawing are named by what they show.
func TestSpace(t *testing.T) {
	ctx, server := visit(t)
	labels := "[...document.querySelectorAll('#process .panel > svg text')].map(e => e.textContent).join('|')"
	show(t, ctx, server.url+"/?process.d=3&process.family=so&process.turn=0&process.lift=0", 1280)
	if text := ask[string](t, ctx, labels); !strings.Contains(text, "|x₁|x₃") {
		t.Errorf("seen from the front, the axes are called %s, want x₁ and x₃", text)
	}
	slide(t, ctx, "process", "turn", "1")
	slide(t, ctx, "process", "lift", "0.5")
	// cos 1 = 0.5403, sin 1 = 0.8415; sin 0.5 = 0.4794, cos 0.5 = 0.8776.
	if text := ask[string](t, ctx, labels); !strings.Contains(text,
		"|0.54 x₁ + 0.84 x₂|-0.40 x₁ + 0.26 x₂ + 0.88 x₃") {
		t.Errorf("the axes are called %s", text)
	}
	if legend := ask[string](t, ctx, "document.querySelector('#process .legend').textContent"); !strings.Contains(legend, "axis x₁axis x₂axis x₃") {
		t.Errorf("the legend %s does not name the axes of space", legend)
	}
	show(t, ctx, server.url+"/?process.family=unitary", 1280)
	if text := ask[string](t, ctx, labels); !strings.Contains(text,
		"real part of the first coordinate|its imaginary part") {
		t.Errorf("the axes of a complex coordinate are called %s", text)
	}
}

// TestWave reads what part four says of its rows: the first is half a period of a
// cosine, the one at the default is none.
func TestWave(t *testing.T) {
	ctx, server := visit(t)
	caption := "document.querySelector('#position [data-figure=row] .caption').textContent"
	show(t, ctx, server.url+"/?position.logk=1&position.row=20", 1280)
	do(t, ctx, scrollTo("position"), until("document.querySelector('#position svg')"))
	if text := ask[string](t, ctx, caption); text != "The row is a cosine of 0.50 periods." {
		t.Errorf("after 10 iterations: %s", text)
	}
	slide(t, ctx, "position", "row", "30")
	slide(t, ctx, "position", "logk", "3")
	if text := ask[string](t, ctx, caption); !strings.Contains(text, "The row is no cosine") ||
		!strings.Contains(text, "which is a parabola") {
		t.Errorf("at the default: %s", text)
	}
}

// TestShape names curves that are known.
func TestShape(t *testing.T) {
	cosine := theory.Cosine{Mean: 0.1, Amplitude: 2, Frequency: 0.4, Phase: 1}
	short := theory.Cosine{Amplitude: 1, Frequency: 2 * math.Pi * 0.4 / 29}
	parabola, wild := make([]float64, 30), make([]float64, 30)
	for i := range parabola {
		parabola[i] = float64((i - 9) * (i - 9))
		wild[i] = float64(i * 7919 % 31)
	}
	for want, row := range map[string][]float64{
		"a cosine of 1.85 periods": cosine.Curve(30), // 0.4 times 29 steps over 2π
		"smooth and no more":       parabola,
		"near its top or bottom":   short.Curve(30), // 0.4 periods
		"no cosine":                wild,
	} {
		var doc Document
		doc.wave(row)
		if got := doc.Figures[0].Caption; !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestView draws the coordinate vectors: they stay orthonormal in space, and
// seen from the front the third points up.
func TestView(t *testing.T) {
	v := view{show: 3}
	if x, y := v.project([]float64{1, 2, 3}); x[0] != 1 || y[0] != 3 {
		t.Errorf("from the front (1, 2, 3) is seen at (%v, %v), want (1, 3)", x[0], y[0])
	}
	v = view{show: 3, turn: 0.7, lift: -0.4}
	x, y := v.project([]float64{1, 0, 0, 0, 1, 0, 0, 0, 1})
	var xx, xy, yy float64
	for i := range x {
		xx, xy, yy = xx+x[i]*x[i], xy+x[i]*y[i], yy+y[i]*y[i]
	}
	if d := max(xx-1, 1-xx, yy-1, 1-yy, xy, -xy); d > 1e-15 { // rounding of six products
		t.Errorf("the directions of the drawing have the products %v, %v, %v, want 1, 0, 1", xx, xy,
			yy)
	}
}

// TestTour computes the numbers of the tour again.
func TestTour(t *testing.T) {
	file, err := os.ReadFile("../docs/explorer.md")
	if err != nil {
		t.Fatal(err)
	}
	tour := strings.Join(strings.Fields(string(file)), " ")
	v := values{}
	for _, p := range processParameters {
		v[p.name] = p.value
	}
	v["sigma"], v["shown"] = "0.2", "3"
	const draws = 1000
	var first, mean [2]float64 // how far least squares and ridge regression are off
	nearer := 0
	for seed := range draws {
		v["seed"] = fmt.Sprint(seed + 1)
		q, err := drawSample(v)
		if err != nil {
			t.Fatal(err)
		}
		var off [2]float64
		for i, e := range guessers()[1:3] {
			prediction, err := q.predict(e.Estimator, 3)
			if err != nil {
				t.Fatal(err)
			}
			off[i] = math.Hypot(prediction[0]-q.states[6], prediction[1]-q.states[7])
			mean[i] += off[i] / draws
		}
		if seed == 0 {
			first = off
		}
		if off[1] < off[0] {
			nearer++
		}
	}
	for _, sentence := range []string{
		fmt.Sprintf("is off by %.3f and ridge regression by %.3f.", first[0], first[1]),
		fmt.Sprintf("over its %d draws they are off by %.3f and %.3f on average, and ridge "+
			"regression is nearer in %d.", draws, mean[0], mean[1], nearer),
	} {
		if !strings.Contains(tour, sentence) {
			t.Errorf("docs/explorer.md does not say: %s", sentence)
		}
	}
	descent, err := theory.NewPositionDescent(theory.Position{Tmax: 30, Mu: 50, Rho: 1,
		Noise: ar.CircularNoise}.Rows(), positionRate)
	if err != nil {
		t.Fatal(err)
	}
	cosine, err := theory.FitCosine(descent.At(1000)[28*30 : 29*30])
	if err != nil {
		t.Fatal(err)
	}
	if sentence := fmt.Sprintf("is a parabola that explains %.3f of it.",
		cosine.R2); periods(cosine, 30) >= 0.5 || !strings.Contains(tour, sentence) {
		t.Errorf("docs/explorer.md does not say: %s", sentence)
	}
}
