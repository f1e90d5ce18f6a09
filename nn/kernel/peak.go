package kernel

import "time"

// busySums is the number of sums that Busy adds to, of Lanes numbers each, in
// front of the numbers that it multiplies.
const busySums = 12

// Peak measures, on the processor it runs on, the floating-point operations a
// second of a loop of k that does nothing but multiply and add in registers:
// no other loop of k can be faster. It is the best of several spells that take
// about the given time together, short ones, since other programs may take the
// processor away in between. A multiply-add is two operations.
func Peak(k Kernel, spell time.Duration) float64 {
	const spells, rounds = 100, 2_000
	var s [(busySums + 1) * Lanes]float32
	best := 0.0
	for range spells {
		start, operations := time.Now(), 0
		for time.Since(start) < spell/spells {
			operations += k.Busy(&s, rounds)
		}
		best = max(best, float64(operations)/time.Since(start).Seconds())
	}
	return best
}

// Busy implements Kernel with a number to each of 12 sums, which multiplies
// itself: a common product would be computed once.
func (plain) Busy(s *[(busySums + 1) * Lanes]float32, rounds int) int {
	a := s[busySums*Lanes]
	s0, s1, s2, s3, s4, s5 := s[0], s[1], s[2], s[3], s[4], s[5]
	s6, s7, s8, s9, s10, s11 := s[6], s[7], s[8], s[9], s[10], s[11]
	for range rounds {
		s0 += float32(a * s0)
		s1 += float32(a * s1)
		s2 += float32(a * s2)
		s3 += float32(a * s3)
		s4 += float32(a * s4)
		s5 += float32(a * s5)
		s6 += float32(a * s6)
		s7 += float32(a * s7)
		s8 += float32(a * s8)
		s9 += float32(a * s9)
		s10 += float32(a * s10)
		s11 += float32(a * s11)
	}
	s[0], s[1], s[2], s[3], s[4], s[5] = s0, s1, s2, s3, s4, s5
	s[6], s[7], s[8], s[9], s[10], s[11] = s6, s7, s8, s9, s10, s11
	return 2 * busySums * rounds
}
