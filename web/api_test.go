package web

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// row is the line of docs/api.md about a parameter.
func row(p parameter) string {
	first := p.value
	if first == "" {
		first = "none"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", p.name, first, p.Range(), p.means)
}

// TestAPIDocument holds docs/api.md against the routes and the routes against
// their parameters: a section for each, a line for each parameter, no others;
// every default is taken, everything beyond the range refused.
func TestAPIDocument(t *testing.T) {
	file, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range regexp.MustCompile(`(?m)^## `).Split(string(file), -1)[1:] {
		heading, text, _ := strings.Cut(s, "\n")
		if strings.Contains(heading, "/api/") {
			sections[heading] = text
		}
	}
	server := withRun(t)
	for _, r := range routes() {
		heading := r.method + " " + r.path
		section, found := sections[heading]
		delete(sections, heading)
		if !found {
			t.Errorf("docs/api.md has no section %q with\n%s", heading, table(r))
			continue
		}
		var rows []string
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "| `") {
				rows = append(rows, strings.TrimSpace(line))
			}
		}
		if want := strings.Split(table(r), "\n"); !slices.Equal(rows, want) && len(r.parameters)+
			len(rows) > 0 {
			t.Errorf("%s: docs/api.md has\n%s\nwant\n%s", heading, strings.Join(rows, "\n"), table(r))
		}
		if !strings.Contains(section, "Answers: "+r.answer) {
			t.Errorf("%s: docs/api.md does not say that it answers: %s", heading, r.answer)
		}
		if r.body > 0 && !strings.Contains(section, fmt.Sprintf("%d MiB", r.body>>20)) {
			t.Errorf("%s: docs/api.md does not say that %d MiB is the limit", heading, r.body>>20)
		}
		checkRange(t, server.url, r)
	}
	for heading := range sections {
		t.Errorf("docs/api.md has a section %q: there is no such address", heading)
	}
}

func table(r route) string {
	var rows []string
	for _, p := range r.parameters {
		rows = append(rows, row(p))
	}
	return strings.Join(rows, "\n")
}

// checkRange asks beyond the range of every parameter.
func checkRange(t *testing.T, url string, r route) {
	t.Helper()
	bad := []string{"nosuch=1"}
	for _, p := range r.parameters {
		if p.many > 0 {
			bad = append(bad, p.name+"="+strings.Repeat("x", maxText+1))
			if p.takes == "a path" {
				bad = append(bad, p.name+"=..%2F..%2Fetc")
			}
			continue
		}
		if err := p.check(p.value); err != nil {
			t.Errorf("%s: the default is refused: %v", r.path, err)
		}
		bad = append(bad, p.name+"=NaN", p.name+"=", p.name+"="+p.value+"&"+p.name+"="+p.value)
		if p.choices == nil {
			bad = append(bad, fmt.Sprintf("%s=%v", p.name, p.low-1),
				fmt.Sprintf("%s=%v", p.name, p.high+1), p.name+"=1e400")
		}
	}
	for _, query := range bad {
		request, err := http.NewRequest(r.method, url+r.path+"?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, request); status < 400 || status > 499 ||
			!strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("%s?%s: %d %.200s, want a 4xx and an error", r.path, query, status, body)
		}
	}
}
