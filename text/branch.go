package text

// Branches reports whether a token of the window is followed by one token here
// and by another there. No W sends one vector to two, so such a window has an
// error. Any other is fitted exactly, as long as its distinct tokens are
// linearly independent.
func Branches(window []int32) bool {
	for j := range len(window) - 1 {
		for i := range j {
			if window[i] == window[j] && window[i+1] != window[j+1] {
				return true
			}
		}
	}
	return false
}

// MostPatterned is the longest window of BranchChance: it visits each way in
// which the tokens of a window can be equal, and 8 tokens have 4,140.
const MostPatterned = 8

// BranchChance returns the probability that a window of so many tokens, drawn
// independently as often as each is among the given, Branches.
func BranchChance(tokens []int32, length int) float64 {
	counts := map[int32]int{}
	for _, t := range tokens {
		counts[t]++
	}
	power := make([]float64, length+1) // Σ_t p_t^b
	frequencies := map[int]int{}       // in whole numbers, so that the order does not matter
	for _, n := range counts {
		frequencies[n]++
	}
	for n := 1; n <= len(tokens); n++ {
		p := 1.0
		for b := range power {
			power[b] += float64(frequencies[n]) * p
			p *= float64(n) / float64(len(tokens))
		}
	}
	fits := 0.0
	patterns(make([]int32, 0, length), 0, func(pattern []int32, kinds int) {
		if !Branches(pattern) {
			sizes := make([]int, kinds)
			for _, kind := range pattern {
				sizes[kind]++
			}
			fits += distinct(power, sizes)
		}
	})
	return 1 - fits
}

// patterns visits the ways in which tokens can be equal: each the number of
// its kind, numbered as they come.
func patterns(begun []int32, kinds int, visit func([]int32, int)) {
	if len(begun) == cap(begun) {
		visit(begun, kinds)
		return
	}
	for kind := range kinds + 1 {
		patterns(append(begun, int32(kind)), max(kinds, kind+1), visit)
	}
}

// distinct returns the probability that groups of draws of the given sizes are
// each of one token, no two of the same: the last group's token is any, less
// the cases where it is that of another group.
func distinct(power []float64, sizes []int) float64 {
	if len(sizes) == 0 {
		return 1
	}
	rest, last := sizes[:len(sizes)-1], sizes[len(sizes)-1]
	chance := power[last] * distinct(power, rest)
	for i := range rest {
		joined := append([]int{}, rest...)
		joined[i] += last
		chance -= distinct(power, joined)
	}
	return chance
}
