package main

import (
	"slices"
)

// spread is the median of some figures, the two between which the middle half of
// them lies, and their least and greatest.
type spread struct{ median, low, high, min, max float64 }

func spreadOf(figures []float64) spread {
	s := slices.Sorted(slices.Values(figures))
	n := len(s)
	if n == 0 {
		return spread{}
	}
	median := s[n/2]
	if n%2 == 0 {
		median = (s[n/2-1] + s[n/2]) / 2
	}
	return spread{median, s[n/4], s[n-1-n/4], s[0], s[n-1]}
}

// against is what chains cost beside two others: added over base in the same
// round, and that as a part of what the reference adds. Comparing within rounds
// takes out what changes slowly on the machine.
func against(own, base, reference []float64) (added, ratio spread) {
	a, r := make([]float64, len(own)), make([]float64, len(own))
	for i := range own {
		a[i] = own[i] - base[i]
		r[i] = a[i] / (reference[i] - base[i])
	}
	return spreadOf(a), spreadOf(r)
}
