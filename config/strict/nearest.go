package strict

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Nearest returns the known word that word was most likely meant to be: the one
// with the fewest single-letter changes (insert, delete, replace, or swap of
// neighbours), if they are few for its length. Otherwise it returns "".
func Nearest(word string, known []string) string {
	if utf8.RuneCountInString(word) > 64 {
		return ""
	}
	best, fewest := "", 1<<30
	w := strings.ToLower(word)
	for _, k := range known {
		allowed := 1 + min(utf8.RuneCountInString(k), utf8.RuneCountInString(w))/4
		if d := distance(w, strings.ToLower(k)); d <= allowed && d < fewest {
			best, fewest = k, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: Levenshtein's, in which a
// swap of neighbours counts as one change.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	prev2, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(y)]
}

func didYouMean(word string, known []string) string {
	next := "Use one of: " + strings.Join(known, ", ")
	if near := Nearest(word, known); near != "" {
		next = "Did you mean " + near + "? " + next
	}
	return next
}

// Quote shows text from outside: quoted, without control or invisible
// characters, and cut to a length that fits a sentence.
func Quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}
