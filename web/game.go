// The game of the story: what comes next? Ten rounds, a reader against least squares
// and the Transformer.

package web

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"strconv"
	"strings"

	"icar/ar"
	"icar/figure"
)

// gameRound is how hard a round is: how many tokens are shown, how strong the noise is,
// and between which sizes the angle of W lies.
type gameRound struct {
	tokens    int
	sigma     float64
	low, high float64
	hint      string
}

// gameRounds are the rounds in their order, which grows harder.
var gameRounds = []gameRound{
	{8, 0, 0.25, 0.5, "The rule turns the plane by a small angle, the same at every token."},
	{6, 0, 0.5, 1.1, "Another rule, a larger angle."},
	{5, 0, 1.1, 2.1, "Larger again: watch which way round."},
	{4, 0, 0.5, 2.6, "Now the angle can be anything."},
	{3, 0, 0.5, 2.6, "Three tokens are just enough for least squares."},
	{2, 0, 0.5, 2.6, "Two tokens: you know that the rule is a turn, least squares does not."},
	{8, 0.05, 0.4, 2.6, "From here on noise pushes every token a little off its way."},
	{8, 0.15, 0.4, 2.6, "More noise."},
	{6, 0.25, 0.4, 2.6, "More noise, fewer tokens."},
	{5, 0.4, 0.4, 2.6, "The last: nobody can be sure."},
}

// gameReach bounds the coordinates of a guess.
const gameReach = 2

var gameParameters = []parameter{
	number("seed", "game", 1, 1, 9999, 1, "which ten sequences: the same for whoever plays it"),
	number("round", "round", 0, 0, 10, 1,
		"the round that is shown, its answer if it has a guess; 0 is the first without one"),
	{name: "guess", symbol: "guess", many: len(gameRounds), takes: "x,y, each from -2 to 2",
		means: "where the next token of each round is guessed to be, in the order of the rounds"},
}

// playedRound is a round as it was drawn: the tokens (T), where the rule takes the
// last of them, and where the noise took it.
type playedRound struct {
	gameRound
	shown      []complex128
	next, came complex128
}

// drawRound draws round k = 0, 1, … of the game of a seed. The tokens begin on the unit
// circle.
func drawRound(seed uint64, k int) (playedRound, error) {
	r := playedRound{gameRound: gameRounds[k]}
	chance := ar.Rand(seed, "web-game", uint64(k))
	angle := r.low + (r.high-r.low)*chance.Float64()
	if chance.IntN(2) == 0 {
		angle = -angle
	}
	first := cmplx.Rect(1, 2*math.Pi*chance.Float64())
	process := ar.New(ar.Unitary, 1)
	process.Sigma = r.sigma
	lambda := cmplx.Rect(1, angle)
	states, err := ar.Rollout[complex128](process, ar.Context{Lambda: []complex128{lambda}},
		r.tokens+1, chance)
	if err != nil {
		return r, err
	}
	for i := range states {
		states[i] *= first // circular noise turned is circular noise
	}
	r.shown, r.came = states[:r.tokens], states[r.tokens]
	r.next = lambda * r.shown[r.tokens-1]
	return r, nil
}

// points are what a guess earns: 100 at the place where the rule takes the last token,
// none as far off it as the centre is, or farther.
func points(guess, next complex128) int {
	return int(math.Round(100 * max(0, 1-cmplx.Abs(guess-next)/cmplx.Abs(next))))
}

// contestants are who plays, in the order of the score.
var contestants = []string{"you", "least squares", "the Transformer"}

// guesses returns where everybody takes the next token to be.
func (r playedRound) guesses(yours complex128, m *layer) ([3]complex128, error) {
	least, err := leastSquaresOn(r.shown)
	return [3]complex128{yours, least, m.predict(r.shown)}, err
}

// parseGuesses reads guesses "x,y", one a line.
func parseGuesses(text string) (all []complex128, err error) {
	if text == "" {
		return nil, nil
	}
	for i, line := range strings.Split(text, "\n") {
		var at point
		x, y, found := strings.Cut(line, ",")
		for c, coordinate := range []string{x, y} {
			v, err := strconv.ParseFloat(coordinate, 64)
			if !found || err != nil || !(math.Abs(v) <= gameReach) {
				return nil, fmt.Errorf("guess %d is %.40q: use x,y with both from -%d to %d, "+
					"such as 0.50,-0.87", i+1, line, gameReach, gameReach)
			}
			at[c] = v
		}
		all = append(all, complex(at[0], at[1]))
	}
	return all, nil
}

// game shows a round and the score of those before it.
func (s *Server) game(ctx context.Context, v values) (Document, error) {
	guesses, err := parseGuesses(v["guess"])
	if err != nil {
		return Document{}, bad(err)
	}
	shown := v.integer("round")
	if shown == 0 {
		shown = min(len(guesses)+1, len(gameRounds))
	}
	if shown > len(guesses)+1 {
		return Document{}, bad(fmt.Errorf("round is %d, and %d guesses are given: use one from "+
			"1 to %d, or 0", shown, len(guesses), len(guesses)+1))
	}
	m, err := trainLayer(ctx)
	if err != nil {
		return Document{}, err
	}
	var doc Document
	var total [3]int
	var answer []complex128 // everybody's guess in the round that is shown, once it is played
	doc.Table = &Table{Columns: []string{"round", "tokens", "noise σ", "you", "least squares",
		"the Transformer"}}
	seed := uint64(v.integer("seed"))
	for k, yours := range guesses {
		r, err := drawRound(seed, k)
		if err != nil {
			return doc, err
		}
		all, err := r.guesses(yours, m)
		if err != nil {
			return doc, err
		}
		line := []string{fmt.Sprint(k + 1), fmt.Sprint(r.tokens), fmt.Sprint(r.sigma)}
		for i, guess := range all {
			earned := points(guess, r.next)
			total[i] += earned
			line = append(line, fmt.Sprint(earned))
		}
		doc.Table.Rows = append(doc.Table.Rows, line)
		if k+1 == shown {
			doc.answer(r, all)
			answer = all[:]
		}
	}
	r, err := drawRound(seed, shown-1)
	if err != nil {
		return doc, err
	}
	doc.board(r, shown, answer)
	doc.number("round", float64(shown))
	doc.number("played", float64(len(guesses)))
	doc.score(total, len(guesses), m)
	return doc, nil
}

// board draws a round, with everybody's guess once the reader has guessed, all.
func (doc *Document) board(r playedRound, round int, all []complex128) {
	var series []figure.Series
	put := func(label string, style figure.Style, z ...complex128) {
		x, y := parts(z)
		series = append(series, figure.NewSeries(label, style, x, y))
	}
	last := r.shown[r.tokens-1]
	put("tokens", figure.Solid, r.shown...)
	put("s_1 … s_T", figure.Points, r.shown...)
	put("s_T", figure.Points, last)
	for i, label := range []string{"your guess", "least squares", "the Transformer"} {
		if all == nil {
			put(label, figure.Points)
			continue
		}
		put(label, figure.Points, all[i])
	}
	if all != nil {
		put("W s_T", figure.Points, r.next)
	}
	if all != nil && r.sigma > 0 {
		put("s_{T+1}, with its noise", figure.Points, r.came)
	}
	series = append(series, circle(gameReach))
	series = append(series, cross()...)
	title := fmt.Sprintf("Round %d of %d: %s, %s", round, len(gameRounds),
		plural(r.tokens, "token"), noiseWords(r.sigma))
	doc.figure("board", title, "The circle is as far as a guess can be. The cross is the centre.", 1,
		figure.Panel{Kind: figure.Plane, X: linear("first coordinate"),
			Y: linear("second coordinate"), Series: series})
	if all == nil {
		doc.say("task", "%s %s, %s. Where is s_%d?", r.hint, capital(plural(r.tokens, "token")),
			noiseWords(r.sigma), r.tokens+1)
		doc.Handles = append(doc.Handles, Handle{Figure: "board", Name: "your guess",
			Means: fmt.Sprintf("your guess of s_%d", r.tokens+1), At: pointOf(last), X: "x", Y: "y"})
	}
}

// answer says how near everybody was.
func (doc *Document) answer(r playedRound, all [3]complex128) {
	var parts []string
	for i, who := range contestants {
		was := "was"
		if i == 0 {
			was = "were"
		}
		parts = append(parts, fmt.Sprintf("%s %s %.2f off: %s", who, was,
			cmplx.Abs(all[i]-r.next), plural(points(all[i], r.next), "point")))
	}
	// How far along the way from the centre the Transformer came.
	along := real(all[2]*cmplx.Conj(r.next)) / real(r.next*cmplx.Conj(r.next))
	doc.say("verdict", "%s. Along the way from the centre to W s_T the Transformer came %.0f%%.",
		capital(strings.Join(parts, "; ")), 100*along)
}

// score says who leads after some rounds.
func (doc *Document) score(total [3]int, rounds int, m *layer) {
	for i, who := range []string{"you", "least", "model"} {
		doc.number(who, float64(total[i]))
	}
	if rounds == 0 {
		doc.say("score", "Nobody has a point yet.")
		return
	}
	sum := fmt.Sprintf("After %s of %d: you %d, least squares %d, the Transformer %d.",
		plural(rounds, "round"), len(gameRounds), total[0], total[1], total[2])
	if rounds < len(gameRounds) {
		doc.say("score", "%s", sum)
		return
	}
	doc.say("score", "%s %s, %s.", sum, capital(beaten("least squares", total[0], total[1])),
		beaten("the Transformer", total[0], total[2]))
	doc.say("why", "The Transformer is one layer that was trained on contexts of up to %d tokens. "+
		"Without noise every token after the first takes it %.1f%% of the way to W s_T, whatever "+
		"the angle: what it does, and why, is what the rest of the page is about.", layerLength,
		100*m.eta())
}

// beaten says how one stands against another.
func beaten(other string, own, others int) string {
	switch {
	case own > others:
		return "you beat " + other
	case own < others:
		return other + " beat you"
	}
	return "you are level with " + other
}

func noiseWords(sigma float64) string {
	if sigma == 0 {
		return "no noise"
	}
	return fmt.Sprintf("noise σ = %v", sigma)
}

// capital writes the first letter of an ASCII sentence large.
func capital(text string) string {
	return strings.ToUpper(text[:1]) + text[1:]
}

// cross is a small grey cross at the origin, of four arms: a dashed line begins with
// a dash.
func cross() (arms []figure.Series) {
	for _, z := range []complex128{1, 1i, -1, -1i} {
		arms = append(arms, figure.NewSeries("", figure.Dashed, []float64{0, 0.06 * real(z)},
			[]float64{0, 0.06 * imag(z)}))
	}
	return arms
}

// circle is a grey circle about the origin.
func circle(r float64) figure.Series {
	var x, y []float64
	for i := range 97 {
		z := cmplx.Rect(r, 2*math.Pi*float64(i)/96)
		x, y = append(x, real(z)), append(y, imag(z))
	}
	return figure.NewSeries("", figure.Dashed, x, y)
}
