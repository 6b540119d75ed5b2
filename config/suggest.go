package config

import "strings"

// nearest returns the candidate that name was probably meant to be; empty: none is near.
func nearest(name string, candidates []string) string {
	best, least := "", 1+max(1, len(name)/3)
	for _, c := range candidates {
		if len(name) > 2*len(c)+least {
			continue // don't measure what can't be near
		}
		if d := distance(normal(name), normal(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// normal takes away what is confused without being misspelt.
func normal(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// distance counts the characters that must be inserted, removed, replaced or swapped with
// their neighbour to make a into b (optimal string alignment).
func distance(a, b string) int {
	var before, previous, current []int
	for j := range len(b) + 1 {
		previous = append(previous, j)
	}
	for i := range len(a) {
		current = append(make([]int, 0, len(b)+1), i+1)
		for j := range len(b) {
			d := min(previous[j+1]+1, current[j]+1)
			if a[i] == b[j] {
				d = min(d, previous[j])
			} else {
				d = min(d, previous[j]+1)
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			current = append(current, d)
		}
		before, previous = previous, current
	}
	return previous[len(b)]
}

// didYouMean returns the end of an error about an unknown name: a question, or nothing.
func didYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return "; did you mean " + suggestion + "?"
}
