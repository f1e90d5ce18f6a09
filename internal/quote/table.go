package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// rows are those of a CSV file that meet all conditions "column=text", under
// its header. A condition that names no column is an error.
func rows(folder, file string,
	conditions []string) (header []string, chosen [][]string, err error) {
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(file)))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil || len(records) == 0 {
		return nil, nil, fmt.Errorf("%s: no table: %w", file, err)
	}
	header, chosen = records[0], records[1:]
	for _, condition := range conditions {
		name, want, ok := strings.Cut(condition, "=")
		i := slices.Index(header, name)
		if !ok || i < 0 {
			return nil, nil, fmt.Errorf("%s: the condition %q names none of the columns %q", file,
				condition, header)
		}
		chosen = slices.DeleteFunc(chosen, func(row []string) bool { return row[i] != want })
	}
	return header, chosen, nil
}

// texts are the entries of a column in the rows that meet conditions, at least
// one. The last argument is the column's name, those before it are conditions.
func texts(folder, file string, arguments []string) ([]string, error) {
	if len(arguments) == 0 {
		return nil, fmt.Errorf("%s: the name of a column is missing", file)
	}
	conditions, name := arguments[:len(arguments)-1], arguments[len(arguments)-1]
	header, chosen, err := rows(folder, file, conditions)
	if err != nil {
		return nil, err
	}
	i := slices.Index(header, name)
	if i < 0 {
		return nil, fmt.Errorf("%s has no column %q among %q", file, name, header)
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%s: no row meets %q", file, conditions)
	}
	var entries []string
	for _, row := range chosen {
		entries = append(entries, row[i])
	}
	return entries, nil
}

// column is texts as numbers.
func column(folder, file string, arguments []string) ([]float64, error) {
	entries, err := texts(folder, file, arguments)
	if err != nil {
		return nil, err
	}
	var numbers []float64
	for _, text := range entries {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		numbers = append(numbers, x)
	}
	return numbers, nil
}

// claimField is a field of the claim of an ID in a claims.json; one with a dot
// is a field of a field.
func claimField(folder, file, id, field string) (any, error) {
	data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	var claims []map[string]any
	if err := json.Unmarshal(data, &claims); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, c := range claims {
		if c["id"] != id {
			continue
		}
		of, end, nested := strings.Cut(field, ".")
		v := c[of]
		if parts, _ := v.(map[string]any); nested {
			v = parts[end]
		}
		if v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("%s: the claim %s has no %s", file, id, field)
	}
	return nil, fmt.Errorf("%s has no claim %s", file, id)
}
