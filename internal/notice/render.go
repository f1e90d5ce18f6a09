package main

import (
	"fmt"
	"strings"
)

// render lays works out: a list of them with what has to be said of each, then
// the texts, one that many share once.
func render(works []work) string {
	var list, texts strings.Builder
	numbers := map[string]int{} // of texts, by their content
	var order []string
	users := map[string][]string{}
	for _, w := range works {
		fmt.Fprintf(&list, "\n* %s\n", w.name)
		if len(w.kinds) > 0 {
			fmt.Fprintf(&list, "  %s", strings.Join(w.kinds, ", "))
			for _, t := range w.texts {
				if numbers[t.content] == 0 {
					order = append(order, t.content)
					numbers[t.content] = len(order)
				}
				users[t.content] = append(users[t.content], w.name+", "+t.name)
				fmt.Fprintf(&list, "; %s [%d]", t.name, numbers[t.content])
			}
			fmt.Fprintln(&list)
		}
		if len(w.fonts) > 0 {
			fmt.Fprintf(&list, "  fonts: %s\n", strings.Join(w.fonts, ", "))
		}
		for line := range strings.Lines(strings.TrimSpace(w.remark)) {
			fmt.Fprintf(&list, "  %s\n", strings.TrimRight(line, "\n"))
		}
	}
	rule := strings.Repeat("=", 78)
	for i, t := range order {
		fmt.Fprintf(&texts, "\n%s\n[%d] %s\n%s\n\n%s\n", rule, i+1,
			strings.Join(users[t], "\n    "), rule, t)
	}
	return "icar is under the MIT License, see LICENSE. Its command also holds the works below,\n" +
		"each under its own licence; the numbers are those of the texts that follow.\n" +
		"Written by go run ./internal/notice.\n" + list.String() + texts.String()
}
