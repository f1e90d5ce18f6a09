package web

import (
	"fmt"
	"math"
	"math/cmplx"
	"strings"
	"testing"
)

// TestPoints gives points where they are known: at the place, half as far off as the
// centre is, at the centre, and beyond.
func TestPoints(t *testing.T) {
	next := complex(0, 2)
	for _, c := range []struct {
		guess complex128
		want  int
	}{{2i, 100}, {1i, 50}, {3i, 50}, {0, 0}, {-2i, 0}, {complex(0.5, 2), 75}, {complex(2, 0), 0}} {
		for _, size := range []complex128{1, 0.25} { // points have no scale
			if got := points(size*c.guess, size*next); got != c.want {
				t.Errorf("a guess at %v where %v is right earns %d, want %d", size*c.guess,
					size*next, got, c.want)
			}
		}
	}
}

// TestRounds draws the rounds of 40 games. Without noise the tokens are a turn by a
// fixed angle between the sizes of the round; the noise is as strong as it says; the
// same game is drawn again to the same bits, and no two games are the same.
func TestRounds(t *testing.T) {
	seen := map[complex128]bool{}
	var noise, count [10]float64
	for seed := range uint64(40) {
		for k, want := range gameRounds {
			r, err := drawRound(seed, k)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := drawRound(seed, k)
			if again.came != r.came || seen[r.came] || len(r.shown) != want.tokens {
				t.Fatalf("game %d, round %d: drawn twice, or of %d tokens", seed, k+1, len(r.shown))
			}
			seen[r.came] = true
			lambda := r.next / r.shown[len(r.shown)-1]
			angle := math.Abs(cmplx.Phase(lambda))
			if angle < want.low || angle > want.high || math.Abs(cmplx.Abs(lambda)-1) > 1e-12 {
				t.Errorf("game %d, round %d: W is %v, want a turn by %v to %v", seed, k+1, lambda,
					want.low, want.high)
			}
			for i, s := range append(r.shown[1:len(r.shown):len(r.shown)], r.came) {
				off := cmplx.Abs(s - lambda*r.shown[i])
				noise[k], count[k] = noise[k]+off*off, count[k]+1
			}
		}
	}
	for k, r := range gameRounds {
		// A mean of n squares of circular noise of variance σ² has the standard
		// deviation σ²/√n.
		got, n := noise[k]/count[k], count[k]
		if math.Abs(got-r.sigma*r.sigma) > 5*r.sigma*r.sigma/math.Sqrt(n)+1e-24 {
			t.Errorf("round %d: noise of variance %v, want %v", k+1, got, r.sigma*r.sigma)
		}
	}
}

// TestNobodyIsFavoured plays 40 games: who guesses where the rule leads has 1000
// points, least squares has all points of rounds without noise and three tokens or
// more, and the layer the points of one gradient step.
func TestNobodyIsFavoured(t *testing.T) {
	m, err := trainLayer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(40) {
		for k := range gameRounds {
			r, err := drawRound(seed, k)
			if err != nil {
				t.Fatal(err)
			}
			all, err := r.guesses(r.next, m)
			if err != nil {
				t.Fatal(err)
			}
			if points(all[0], r.next) != 100 {
				t.Errorf("game %d, round %d: the right guess earns %d", seed, k+1,
					points(all[0], r.next))
			}
			if r.sigma == 0 && r.tokens > 2 && points(all[1], r.next) != 100 {
				t.Errorf("game %d, round %d: least squares earns %d", seed, k+1,
					points(all[1], r.next))
			}
			if r.sigma == 0 { // the sentence at the end: so much of the way a token
				want := complex(m.eta()*float64(r.tokens-1), 0) * r.next
				if off := cmplx.Abs(all[2] - want); off > 0.03 {
					t.Errorf("game %d, round %d: the Transformer is %.3f from %d pieces of %.4f",
						seed, k+1, off, r.tokens-1, m.eta())
				}
			}
		}
	}
}

// played asks for a game.
func played(t *testing.T, seed int, round string, guesses ...string) Document {
	t.Helper()
	var s Server
	doc, err := s.game(t.Context(), values{"seed": fmt.Sprint(seed), "round": round,
		"guess": strings.Join(guesses, "\n")})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestGameKeepsItsSecret looks for the answer in a round that has no guess: no marker of
// the next token, no guess of the others, no W. With a guess they are there.
func TestGameKeepsItsSecret(t *testing.T) {
	for _, open := range []bool{true, false} {
		doc := played(t, 3, "1")
		if !open {
			doc = played(t, 3, "1", "0.5,0.5")
		}
		r, err := drawRound(3, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range doc.Figures[0].Panels[0].Series {
			if s.Label == "least squares" || s.Label == "the Transformer" {
				found = found || len(s.X) > 0
			}
			for i := range s.X {
				if s.Label != "" && cmplx.Abs(complex(s.X[i], s.Y[i])-r.next) < 1e-9 {
					found = true
				}
			}
		}
		if found == open || (doc.Words["verdict"] == "") != open ||
			(doc.Words["task"] == "") == open {
			t.Errorf("without a guess: %v; the answer is shown: %v, words %v", open, found, doc.Words)
		}
	}
}

// TestGameCounts plays a game by its answers: the sum of the table is the score, whoever
// is ahead is said to be, and a round that is looked at again changes nothing.
func TestGameCounts(t *testing.T) {
	var guesses []string
	for k := range gameRounds {
		r, err := drawRound(7, k)
		if err != nil {
			t.Fatal(err)
		}
		guesses = append(guesses, fmt.Sprintf("%.3f,%.3f", real(r.next), imag(r.next)))
	}
	doc := played(t, 7, "0", guesses...)
	sum := map[int]int{}
	for _, row := range doc.Table.Rows {
		for i, text := range row[3:] {
			var points int
			fmt.Sscan(text, &points)
			sum[i] += points
		}
	}
	for i, who := range []string{"you", "least", "model"} {
		if got := int(doc.Numbers[who]); got != sum[i] {
			t.Errorf("%s has %d points, the table %d", who, got, sum[i])
		}
	}
	if doc.Numbers["you"] != 1000 || !strings.Contains(doc.Words["score"],
		"You beat least squares, you beat the Transformer.") || doc.Words["why"] == "" {
		t.Errorf("with the answers for guesses: %v", doc.Words)
	}
	if again := played(t, 7, "4", guesses...); again.Words["score"] != doc.Words["score"] ||
		again.Numbers["round"] != 4 || !strings.HasPrefix(again.Words["verdict"],
		"You were 0.00 off: 100 points") {
		t.Errorf("round 4 again: %v", again.Words)
	}
	half := played(t, 7, "0", guesses[:4]...)
	if half.Numbers["round"] != 5 || half.Words["why"] != "" || half.Words["task"] == "" {
		t.Errorf("after four guesses: round %v, %v", half.Numbers["round"], half.Words)
	}
	centre := strings.Fields(strings.Repeat("0,0 ", len(gameRounds))) // guesses that say nothing
	lost := played(t, 7, "0", centre...)
	if lost.Numbers["you"] != 0 || !strings.Contains(lost.Words["score"],
		"Least squares beat you, the Transformer beat you.") {
		t.Errorf("ten guesses at the centre: %v", lost.Words["score"])
	}
}

// TestGuesses reads guesses, and refuses what is none with what to do.
func TestGuesses(t *testing.T) {
	got, err := parseGuesses("0.5,-1\n2,-2")
	if err != nil || len(got) != 2 || got[0] != complex(0.5, -1) || got[1] != complex(2, -2) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"1", "1,", ",1", "2.01,0", "0,-2.01", "NaN,0", "0,Inf", "1,2,3",
		"a,b", "0,0\n"} {
		if got, err := parseGuesses(text); err == nil || !strings.Contains(err.Error(), "use x,y") {
			t.Errorf("%q: %v, %v; want an error that says what to use", text, got, err)
		}
	}
	var s Server
	if _, err := s.game(t.Context(), values{"seed": "1", "round": "3", "guess": "0,0"}); err == nil ||
		!strings.Contains(err.Error(), "use one from 1 to 2") {
		t.Errorf("round 3 after a guess: %v", err)
	}
}
