package site

import (
	"fmt"
	"strings"
	"testing"
)

// visitor is what a walk asks of Chromium and of Firefox alike.
type visitor interface {
	open(t *testing.T, url string)
	say(t *testing.T, expression string) string // JavaScript's value, or what it promises
	wait(t *testing.T, condition string)
	press(t *testing.T, key key)
	back(t *testing.T)
	forward(t *testing.T)
	reload(t *testing.T)
}

// key is a key of the keyboard, by the code that WebDriver has for it.
type key rune

const (
	keyTab   key = '\ue004'
	keyEnter key = '\ue007'
	keyLeft  key = '\ue012'
	keyUp    key = '\ue013'
	keyRight key = '\ue014'
	keyDown  key = '\ue015'
)

const (
	played = "document.getElementById('game').dataset.played === '%d'"
	score  = "document.querySelector('#game [data-says=score]').textContent"
	title  = "document.querySelector('#game .title')?.textContent"
	over   = score + ".startsWith('After 10 rounds of 10: you ')"
)

// tabTo presses Tab until the focus is on an element e of which a condition holds.
func tabTo(t *testing.T, b visitor, condition string) {
	t.Helper()
	for range 150 {
		if b.say(t, "(e => "+condition+")(document.activeElement)") == "true" {
			return
		}
		b.press(t, keyTab)
	}
	t.Fatalf("no Tab comes to %s", condition)
}

// playByKeys plays a game to its end with keys alone and returns what the page has said of
// every round and of all.
func playByKeys(t *testing.T, b visitor, url string) []string {
	t.Helper()
	b.open(t, url+"?game.seed=12")
	b.wait(t, "document.querySelector('#game .grip') && document.querySelector('#process svg')")
	tabTo(t, b, "e.matches('#game .grip')")
	var said []string
	for k := range 10 {
		for range 1 + k%3 {
			b.press(t, []key{keyLeft, keyUp, keyRight, keyDown}[k%4])
		}
		b.press(t, keyEnter)
		b.wait(t, fmt.Sprintf(played, k+1))
		said = append(said, b.say(t, "document.querySelector('#game [data-says=verdict]').textContent"))
		if !strings.HasPrefix(said[k], "You were ") {
			t.Errorf("round %d: the page says %q", k+1, said[k])
		}
		if k < 9 {
			tabTo(t, b, "e.matches('#game [data-next]')")
			b.press(t, keyEnter)
			b.wait(t, "document.activeElement.matches('#game .grip')")
		}
	}
	b.wait(t, over)
	return append(said, b.say(t, score))
}

// keepsGame goes back, forward and elsewhere from the end of a game: the address keeps it.
func keepsGame(t *testing.T, b visitor, url, end string) {
	t.Helper()
	same := func(after string) {
		t.Helper()
		b.wait(t, over)
		if got := b.say(t, score); got != end {
			t.Errorf("%s the page says %q, before %q", after, got, end)
		}
	}
	address := b.say(t, "location.search")
	if strings.Count(address, "game.guess=") != 10 {
		t.Errorf("the address %s does not keep the game", address)
	}
	b.reload(t)
	same("loaded again")
	b.back(t)
	b.wait(t, title+".startsWith('Round 10 of 10') && "+fmt.Sprintf(played, 9))
	b.forward(t)
	same("after Back and Forward")
	// The address of the fourth round, sent to somebody else, who plays on.
	parts := strings.Split(strings.TrimPrefix(address, "?"), "&")
	middle, guesses := []string{"game.round=4"}, 0
	for _, part := range parts {
		if strings.HasPrefix(part, "game.seed") || strings.HasPrefix(part, "game.guess") && guesses < 4 {
			middle = append(middle, part)
		}
		if strings.HasPrefix(part, "game.guess") {
			guesses++
		}
	}
	b.open(t, "about:blank")
	b.open(t, url+"?"+strings.Join(middle, "&"))
	b.wait(t, title+".startsWith('Round 4 of 10') && "+fmt.Sprintf(played, 4))
	b.say(t, "document.querySelector('#game [data-next]').click()")
	b.wait(t, title+".startsWith('Round 5 of 10')")
}

// headByKeys takes a head away with keys alone: theory says at once what it costs, and the
// training comes to it.
func headByKeys(t *testing.T, b visitor) {
	t.Helper()
	tabTo(t, b, "e.matches('#heads .strip .grip')")
	b.press(t, keyLeft)
	b.wait(t, "document.querySelector('#heads [data-theory]').textContent.includes('becomes 1.')")
	b.say(t, "document.querySelector('#heads form').requestSubmit()")
	b.wait(t, "document.getElementById('heads').dataset.state === 'training'")
	b.wait(t, "document.getElementById('heads').dataset.state === 'done'")
	const want = "Theory says that the loss becomes 1. It has become 1.0"
	got := b.say(t, "document.querySelector('#heads [data-says=verdict]').textContent")
	if !strings.HasPrefix(got, want) {
		t.Errorf("at the end of a training with 5 heads the page says %q, want %q", got, want)
	}
}

// everyPart scrolls through the parts: each draws its picture and complains of nothing.
func everyPart(t *testing.T, b visitor) {
	t.Helper()
	for _, part := range []string{"process", "flow", "step", "half", "position", "depth"} {
		area := "document.getElementById('" + part + "')"
		b.say(t, "dispatchEvent(new Event('wheel')), "+area+".scrollIntoView({behavior: 'instant'})")
		b.wait(t, area+".querySelector('.panel > svg') && Number("+area+".dataset.drawn) > 0")
	}
	const all = "[...document.querySelectorAll('.wrong')].map(e => e.textContent).join()"
	if wrong := b.say(t, all); wrong != "" {
		t.Errorf("a part says %s", wrong)
	}
}

// whole walks through a page: the game by keys, its address, every part, and a head. It
// returns what the game has said.
func whole(t *testing.T, b visitor, url string) []string {
	t.Helper()
	said := playByKeys(t, b, url)
	keepsGame(t, b, url, said[len(said)-1])
	everyPart(t, b)
	headByKeys(t, b)
	return said
}

// speed logs how fast a page sees a live training, whose pictures come no faster than one can
// see, and how fast descent is where nothing waits, in the part on what takes a head's place.
func speed(t *testing.T, b visitor, who string) {
	t.Helper()
	got := b.say(t, `import(new URL("assets/ask.js", location.href)).then(({ ask, listen }) =>
		new Promise((done) => {
			const leave = new AbortController(), seen = [];
			const end = async () => {
				leave.abort();
				const first = seen[1], last = seen.at(-1), seconds = (last.at - first.at) / 1000;
				const began = performance.now(); // which Firefox tells to a millisecond
				for (let k = 0; k < 20; k++) await ask("/api/half?logk=4&theta=" + (1 + k / 100));
				const free = 2e5 / ((performance.now() - began) / 1000);
				done([(last.iteration - first.iteration) / seconds, (seen.length - 2) / seconds,
					free].join(" "));
			};
			listen("/api/heads?d=16&h=16&tmax=20&iterations=40000", leave.signal, (name, data) => {
				if (name !== "frame" || leave.signal.aborted) return;
				seen.push({ at: performance.now(), iteration: data.iteration });
				if (seen.length > 4 && seen.at(-1).at - seen[1].at > 2000) end();
			}).catch(() => {}); // it is left
		}))`)
	var live, pictures, free float64
	if _, err := fmt.Sscan(got, &live, &pictures, &free); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	t.Logf("%s: a live training of 16 heads shows %.0f steps and %.0f pictures a second; "+
		"one of 3 heads that shows none takes %.3g steps a second", who, live, pictures, free)
	if live <= 0 || pictures < 1 || free < live {
		t.Errorf("%s: it does not train as fast as one can see", who)
	}
}
