package train

import (
	"fmt"
	"strconv"
	"strings"

	"icar/internal/budget"
)

// plainMembers reads the part of YAML that [Config.YAML] writes, a line KEY: VALUE for
// each setting, and says of anything else that it is not that.
func plainMembers(file []byte) ([]member, error) {
	var all []member
	lines := map[string]int{}
	for i, line := range strings.Split(string(budget.Text(file)), "\n") {
		if line = strings.TrimRight(line, " \r"); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, text, found := strings.Cut(line, ": ")
		if !found || !word.MatchString(key) {
			return nil, fmt.Errorf("line %d: want a line KEY: VALUE, as icar train writes it", i+1)
		}
		if before := lines[key]; before > 0 {
			return nil, fmt.Errorf("line %d: %s is there already, in line %d", i+1, key, before)
		}
		lines[key] = i + 1
		if strings.HasPrefix(text, `"`) {
			var err error
			if text, err = strconv.Unquote(text); err != nil {
				return nil, fmt.Errorf("line %d: %s: the quotes do not end", i+1, key)
			}
		} else if strings.ContainsAny(text, " \t#[]{}&*!|>'%@`,\"") || text == "" {
			return nil, fmt.Errorf("line %d: %s: want one word or number", i+1, key)
		}
		all = append(all, member{line: i + 1, key: key, text: text})
	}
	return all, nil
}
