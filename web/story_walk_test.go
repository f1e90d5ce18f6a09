package web

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"icar/internal/browser"
)

const gameGrip = "document.querySelector('#game .grip')"

// textOf is what an element says.
func textOf(t *testing.T, ctx context.Context, selector string) string {
	t.Helper()
	return browser.Ask[string](t, ctx, "document.querySelector('"+selector+"').textContent")
}

// guessInBrowser guesses in the round that is played, by pointer or by keys.
func guessInBrowser(t *testing.T, ctx context.Context, k int) {
	t.Helper()
	browser.Do(t, ctx,
		browser.Until(gameGrip+" && !document.querySelector('#game [data-guess]').hidden"))
	played := fmt.Sprintf("document.getElementById('game').dataset.played === '%d'", k+1)
	switch k % 3 {
	case 0: // a click in the plane, then the button
		x, y := placed(t, ctx, "document.querySelector('#game .panel > svg')")
		browser.Do(t, ctx, chromedp.MouseClickXY(x+60, y-40), browser.Script("document.querySelector("+
			"'#game [data-guess]').click()"), browser.Until(played))
	case 1: // the mark is dragged
		x, y := placed(t, ctx, gameGrip)
		before := browser.Ask[string](t, ctx, gameGrip+".getAttribute('aria-valuetext')")
		drag(t, ctx, x, y, 30, 20)
		if after := browser.Ask[string](t, ctx,
			gameGrip+".getAttribute('aria-valuetext')"); after == before {
			t.Errorf("round %d: dragged, the mark is still at %s", k+1, after)
		}
		browser.Do(t, ctx, browser.Script("document.querySelector('#game [data-guess]').click()"),
			browser.Until(played))
	default: // by keys
		browser.Do(t, ctx, browser.Script(gameGrip+".focus()"), chromedp.KeyEvent(kb.ArrowLeft),
			chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.Enter), browser.Until(played))
	}
}

// TestGameToItsEnd plays ten rounds with pointer and keys. The address keeps them: loaded
// again or elsewhere it shows the same score, Back takes the last guess away, and a
// round can be looked at again.
func TestGameToItsEnd(t *testing.T) {
	ctx, server := browser.Open(t, 1920, 1080), withRun(t)
	heard := browser.Watch(t, ctx)
	show(t, ctx, server.url+"/?game.seed=12", 1280)
	for k := range gameRounds {
		guessInBrowser(t, ctx, k)
		if said := textOf(t, ctx, "#game [data-says=verdict]"); !strings.HasPrefix(said, "You were ") ||
			!strings.Contains(said, "the Transformer came") {
			t.Errorf("round %d: the page says %q", k+1, said)
		}
		if k < len(gameRounds)-1 {
			browser.Do(t, ctx, browser.Script("document.querySelector('#game [data-next]').click()"))
		}
	}
	end := textOf(t, ctx, "#game [data-says=score]")
	if !strings.HasPrefix(end, "After 10 rounds of 10: you ") || !strings.HasSuffix(end, " you.") &&
		!strings.Contains(end, "you beat") && !strings.Contains(end, "level") {
		t.Errorf("at the end the page says %q", end)
	}
	address := browser.Ask[string](t, ctx, "location.search")
	if strings.Count(address, "game.guess=") != len(gameRounds) ||
		!strings.Contains(address, "game.seed=12") {
		t.Errorf("the address %s does not keep the game", address)
	}
	over := "document.querySelector('#game [data-says=score]').textContent.startsWith('After 10')"
	browser.Do(t, ctx, chromedp.Reload(), browser.Until(over))
	if again := textOf(t, ctx, "#game [data-says=score]"); again != end {
		t.Errorf("loaded again: %q, before %q", again, end)
	}
	browser.Do(t, ctx, browser.Script("document.querySelector('#game tbody button').click()"),
		browser.Until(
			"document.querySelector('#game .title').textContent.startsWith('Round 1 of 10')"))
	if again := textOf(t, ctx, "#game [data-says=score]"); again != end {
		t.Errorf("round 1 looked at again: %q, before %q", again, end)
	}
	browser.Do(t, ctx, browser.Script("history.back()"),
		browser.Until("document.querySelector('#game .title')"+
			".textContent.startsWith('Round 10')"), browser.Script("history.back()"),
		browser.Until("document.getElementById('game').dataset.played === '9'"))
	tab, closeTab := chromedp.NewContext(ctx)
	defer closeTab()
	browser.Do(t, tab, chromedp.Navigate(server.url+"/"+address), browser.Until(over))
	if shared := textOf(t, tab, "#game [data-says=score]"); shared != end {
		t.Errorf("the address elsewhere: %q, here %q", shared, end)
	}
	browser.Do(t, ctx, browser.Script("document.querySelector('#game [data-again]').click()"),
		browser.Until("document.getElementById('game').dataset.played === '0'"),
		browser.Script("document.querySelector('#game [data-other]').click()"),
		browser.Until("location.search.includes('game.seed=13')"))
	if complaints := heard.Complaints(); len(complaints) > 0 {
		t.Errorf("the page complains: %q", complaints)
	}
}

// TestStory walks the story in one browser.
func TestStory(t *testing.T) {
	ctx, server := visit(t)
	for name, walk := range map[string]func(*testing.T, context.Context, started){
		"wrong games": walkWrongGames, "questions": walkQuestions, "phone": walkPhone,
		"old addresses": walkOldAddresses, "keys alone": walkKeysAlone,
	} {
		t.Run(name, func(t *testing.T) { walk(t, ctx, server) })
	}
}

// walkWrongGames opens addresses that hold what is no game: each is said, and not used.
func walkWrongGames(t *testing.T, ctx context.Context, server started) {
	for address, want := range map[string][2]string{
		"game.seed=many":                      {"game.seed=many in the address is no game", "0"},
		"game.seed=0":                         {"game.seed=0 in the address is no game", "0"},
		"game.guess=0.1,0.2&game.guess=9,9":   {"game.guess=9,9 in the address is no guess", "1"},
		"game.guess=here":                     {"game.guess=here in the address is no guess", "0"},
		"game.round=7":                        {"game.round=7 in the address has no guess yet", "0"},
		strings.Repeat("game.guess=0,0&", 12): {"more than 10 guesses: shown are the first", "10"},
	} {
		show(t, ctx, server.url+"/?"+address, 1280)
		browser.Do(t, ctx, browser.Until("document.querySelector('#game .status').textContent !== ''"))
		if said := textOf(t, ctx, "#game .status"); !strings.Contains(said, want[0]) {
			t.Errorf("%s: the page says %q, want %q", address, said, want[0])
		}
		if got := browser.Ask[string](t, ctx,
			"document.getElementById('game').dataset.played"); got != want[1] ||
			browser.Ask[string](t, ctx, "document.getElementById('game-seed').value") != "1" {
			t.Errorf("%s: %s rounds are played, want %s of game 1", address, got, want[1])
		}
	}
}

// TestDragged drags W, s_1 and the heads in their pictures, by pointer and by keys. Back
// undoes it, and the same sequence goes on in the next part.
func TestDragged(t *testing.T) {
	ctx, server := visit(t)
	show(t, ctx, server.url+"/#process", 1280)
	value := func(name string) float64 {
		return browser.Ask[float64](t, ctx, "Number(document.querySelector('#process "+
			"[name="+name+"]').value)")
	}
	grip := func(name string) string {
		return "[...document.querySelectorAll('#process .grip')].find(g => g.textContent === '" +
			name + "')"
	}
	browser.Do(t, ctx, browser.Until("!!"+grip("W s1")))
	x, y := placed(t, ctx, grip("W s1"))
	centre := browser.Ask[[]float64](t, ctx, "(r => [r.x + r.width / 2, r.y + r.height / 2])("+
		grip("your guess")+".getBoundingClientRect())") // where nobody has moved it
	cx, cy := centre[0], centre[1]
	// To where it is turned on by a right angle about the centre: θ grows by π/2.
	drag(t, ctx, x, y, cx+(y-cy)-x, cy-(x-cx)-y)
	browser.Do(t, ctx, browser.Until("location.search.includes('process.theta')"))
	if got := value("theta"); math.Abs(got-0.7-math.Pi/2) > 0.03 || value("rho") < 0.97 {
		t.Errorf("dragged on by a right angle W has θ = %v, ρ = %v; want %.2f and 1", got,
			value("rho"), 0.7+math.Pi/2)
	}
	browser.Do(t, ctx, browser.Script(grip("s1")+".focus()"), chromedp.KeyEvent(kb.ArrowLeft))
	if got := value("start"); math.Abs(got-0.05) > 1e-9 {
		t.Errorf("after an arrow key s_1 is turned by %v, want 0.05", got)
	}
	browser.Do(t, ctx, scrollTo("flow"),
		browser.Until("document.querySelector('#flow [data-figure=sum] svg')"))
	if got := browser.Ask[float64](t, ctx,
		"Number(document.querySelector('#flow [name=theta]').value)"); got != value("theta") {
		t.Errorf("the next part has θ = %v, want %v", got, value("theta"))
	}
	browser.Do(t, ctx, browser.Script("history.back()"),
		browser.Until("document.querySelector('#process [name=start]').value === '0'"))
	for range 5 { // on a busy machine a drag takes more than a second, and is more than one step
		if value("theta") != 0.7 {
			browser.Do(t, ctx, browser.Script("history.back()"),
				browser.Script("new Promise(done => setTimeout(done, 100))"))
		}
	}
	browser.Do(t, ctx,
		browser.Until("document.querySelector('#process [name=theta]').value === '0.7'"),
		browser.Until("document.querySelector('#flow [name=theta]').value === '0.7'"))

	browser.Do(t, ctx, scrollTo("heads"),
		browser.Until("document.getElementById('heads').dataset.frames > 1"))
	heads := "document.querySelector('#heads .strip .grip')"
	x, y = placed(t, ctx, heads)
	drag(t, ctx, x, y, -38, 0) // a head's width
	becomes := "document.querySelector('#heads [data-theory]').textContent.includes('becomes %v.')"
	browser.Do(t, ctx, browser.Until(fmt.Sprintf(becomes, 1)))
	browser.Do(t, ctx, browser.Script(heads+".focus()"), chromedp.KeyEvent(kb.ArrowRight),
		browser.Until(fmt.Sprintf(becomes, 0)))
	if lost := browser.Ask[int](t, ctx, "document.querySelectorAll('#heads .strip "+
		".lost').length"); lost != 0 {
		t.Errorf("with a head for every coordinate %d have none", lost)
	}
}

// walkQuestions looks for the five questions of a first visitor: each is a heading, and
// what follows it answers with a sentence that was computed.
func walkQuestions(t *testing.T, ctx context.Context, server started) {
	show(t, ctx, server.url+"/", 1280)
	for _, part := range []string{"process", "flow", "step", "heads", "half", "depth"} {
		browser.Do(t, ctx, scrollTo(part),
			browser.Until("document.querySelector('#"+part+" svg.x, #"+part+
				" .panel > svg')"))
	}
	for question, answer := range map[string]string{
		"What is hidden?":               "W is hidden. All that can be seen of it are 4 tokens.",
		"What does the model see?":      "It sees 4 tokens, each beside the one before it.",
		"What has it learnt?":           "one step of gradient descent: its step size is 0.1579",
		"How do I know?":                "By its error on 128 sequences that it was not trained on",
		"What if I take something away": "theory says that the loss becomes",
		"What takes the place of a":     "the minimum has -1/2",
		"What do more layers add?":      "Layer 2 has taken",
	} {
		after := browser.Ask[string](t, ctx, `(() => {
			const all = [...document.querySelectorAll('h2, h3, .words')].filter(e => !e.hidden);
			const at = all.findIndex(e => e.textContent.startsWith(`+fmt.Sprintf("%q", question)+`));
			const rest = at < 0 ? [] : all.slice(at + 1);
			const end = rest.findIndex(e => e.tagName !== 'P');
			return (end < 0 ? rest : rest.slice(0, end)).map(e => e.textContent).join(' ');
		})()`)
		if !strings.Contains(after, answer) {
			t.Errorf("%s is answered by %q, want %q in it", question, after, answer)
		}
	}
}

// walkOldAddresses opens addresses without a part that set something: they open the part
// that they are about.
func walkOldAddresses(t *testing.T, ctx context.Context, server started) {
	for address, part := range map[string]string{
		"process.reveal=yes&process.shown=9": "process", "position.mu=200": "position",
		"step.t=12&heads.h=2": "step",
	} {
		browser.Do(t, ctx, chromedp.EmulateViewport(1280, 1080), chromedp.Navigate("about:blank"),
			chromedp.Navigate(server.url+"/?"+address),
			browser.Until("document.querySelector('#"+part+" .panel > svg')"))
		landed(t, ctx, part, address)
	}
}

// walkPhone drags a slider on a phone: its picture is above it, whole, and in view.
func walkPhone(t *testing.T, ctx context.Context, server started) {
	show(t, ctx, server.url+"/#process", 375)
	browser.Do(t, ctx, chromedp.EmulateViewport(375, 812))
	for part, slider := range map[string]string{"process": "sigma", "flow": "theta", "half": "theta",
		"position": "row", "depth": "d"} {
		browser.Do(t, ctx, scrollTo(part),
			browser.Until("document.querySelector('#"+part+" .panel > svg')"))
		placed(t, ctx, "document.querySelector('#"+part+" [name="+slider+"]').parentElement")
		browser.Do(t, ctx, browser.Script("document.querySelector('#"+part+" [name="+slider+
			"]').scrollIntoView({behavior: 'instant', block: 'end'})"))
		box := browser.Ask[[]float64](t, ctx, `new Promise(done => requestAnimationFrame(() => {
			const box = (e) => e.getBoundingClientRect(), part = document.getElementById('`+part+`');
			const picture = box(part.querySelector('.stage .panel > svg'));
			done([box(document.querySelector('nav')).bottom, picture.top, picture.bottom,
				box(part.querySelector('[name=`+slider+`]')).top, innerHeight]);
		}))`)
		bar, top, bottom, control, window := box[0], box[1], box[2], box[3], box[4]
		if top < bar-1 || bottom > control || control > window {
			t.Errorf("%s: the picture is at %.0f to %.0f below the bar at %.0f, the slider at %.0f of %.0f",
				part, top, bottom, bar, control, window)
		}
	}
}

// walkKeysAlone reaches the game, plays a round and comes to the heads with keys alone.
func walkKeysAlone(t *testing.T, ctx context.Context, server started) {
	show(t, ctx, server.url+"/", 1280)
	browser.Do(t, ctx, browser.Until("!!"+gameGrip))
	tabTo := func(condition string) {
		t.Helper()
		for range 150 {
			if browser.Ask[bool](t, ctx, "(e => "+condition+")(document.activeElement)") {
				return
			}
			browser.Do(t, ctx, chromedp.KeyEvent(kb.Tab))
		}
		t.Fatalf("no Tab comes to %s", condition)
	}
	tabTo("e.matches('#game .grip')")
	browser.Do(t, ctx, chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter),
		browser.Until("document.getElementById('game').dataset.played === '1'"))
	tabTo("e.matches('[data-next]')")
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Enter),
		browser.Until("document.activeElement.matches('#game .grip')"))
	tabTo("e.matches('#heads .strip .grip')")
	browser.Do(t, ctx, chromedp.KeyEvent(kb.ArrowLeft),
		browser.Until("document.querySelector('#heads [data-theory]').textContent.includes('becomes "+
			"1.')"))
}
