package site

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sameAnswer compares the answer of a page with that of a server. Where this test is built
// with the tag noasm, which leaves plain Go of gonum's linear algebra, they are the same
// bytes. Else sums are taken in another order: numbers are the same to rounding, and what
// is rounding itself is below 1e-12.
func sameAnswer(t *testing.T, url, page, server string) {
	t.Helper()
	if page == server {
		return
	}
	if plainGo {
		t.Errorf("%s: the page answers %.300s, the server %.300s", url, page, server)
		return
	}
	var a, b any
	for _, one := range []struct {
		text string
		into *any
	}{{page, &a}, {server, &b}} {
		_, document, _ := strings.Cut(one.text, " ")
		if err := json.Unmarshal([]byte(document), one.into); err != nil {
			t.Fatal(err)
		}
	}
	if page[:4] != server[:4] || !near(a, b) {
		t.Errorf("%s: the page answers %.300s, the server %.300s", url, page, server)
	}
}

// rounding bounds the difference of numbers of two orders of summing: the longest descent
// takes 10⁶ steps and multiplies an error of 1e-16 by less than that.
const rounding = 1e-9

// near compares documents of JSON.
func near(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, near)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, near)
	case float64:
		b, ok := b.(float64)
		return ok && math.Abs(a-b) <= rounding*max(1, math.Abs(a))
	case string: // words, and numbers among them
		b, ok := b.(string)
		x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
		return ok && number.ReplaceAllString(a, "") == number.ReplaceAllString(b, "") &&
			slices.EqualFunc(x, y, nearText)
	}
	return a == b
}

// number finds what is a number in a text.
var number = regexp.MustCompile(`-?\d+(\.\d+)?(e[+-]?\d+)?`)

// nearText compares numbers that are written out, in five digits or so.
func nearText(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return a == b || errX == nil && errY == nil && math.Abs(x-y) <= 1e-5*max(1e-7, math.Abs(x))
}
