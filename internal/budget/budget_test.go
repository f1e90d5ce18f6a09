package budget

import (
	"errors"
	"strings"
	"testing"
)

// What is counted is found wherever it stands, and texts count for nothing.
func TestJSONIsCountedBeforeItIsParsed(t *testing.T) {
	b := Budget{Bytes: 1000, Depth: 3, Keys: 6, Values: 8}
	for _, c := range []struct{ name, document, over string }{
		{"fits", `{"a": [[1, 2]], "b": {"c": 3}}`, ""},
		{"a text of brackets", `"[[[[[[{{{{,,,,,,,,,,,,::::::::\"[[[["`, ""},
		{"too deep", `[[[[`, "lists within lists"},
		{"too deep after a text", `["]", [[[`, "lists within lists"},
		{"closed lists are not deep", `[[], [], [[]]]`, ""},
		{"too many keys", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}`, "keys"},
		{"empty mappings are keys", `{"a":{},"b":{},"c":{}}`, "keys"},
		{"too many values", `[1,1,1,1,1,1,1,1,1]`, "values"},
		{"too long", strings.Repeat(" ", 1001), "longer than 1000 bytes"},
		{"an open text", `"` + strings.Repeat(`\`, 99), ""},
	} {
		err := b.JSON([]byte(c.document))
		if c.over == "" && err != nil || c.over != "" &&
			(!errors.Is(err, ErrTooMuch) || !strings.Contains(err.Error(), c.over)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.over)
		}
	}
}

// A parser of YAML cannot be led into more than was counted.
func TestYAMLIsCountedBeforeItIsParsed(t *testing.T) {
	b := Budget{Bytes: 1000, Depth: 4, Keys: 6, Values: 20}
	for _, c := range []struct{ name, file, over string }{
		{"fits", "a: 1\nb: [1, 2]\nc: {d: [1]}\n", ""},
		{"brackets", "a: [[[[[", "lists within lists"},
		{"brackets that a quote seems to hide", "{'x # ': [[[[", "lists within lists"},
		{"dashes in a line", "- - - - - - x", "lists within lists"},
		{"dashes of a list", "- 1\n- 1\n- 1\n- 1\n- 1\n- 1\n", ""},
		{"questions in a line", "? ? ? ? ? x", "lists within lists"},
		{"keys", strings.Repeat("a: 1\n", 7), "keys"},
		{"values", "[" + strings.Repeat("1,", 21), "values"},
		{"lines", strings.Repeat("\n", 21), "values"},
		{"anchors", strings.Repeat("&a ", 21), "values"},
		{"negative numbers", "[-1, -1, -1, -1, -1, -1]", ""},
	} {
		err := b.YAML([]byte(c.file))
		if c.over == "" && err != nil || c.over != "" &&
			(!errors.Is(err, ErrTooMuch) || !strings.Contains(err.Error(), c.over)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.over)
		}
	}
}

func TestUnmarshal(t *testing.T) {
	var v struct{ A int }
	if err := UnmarshalKnown([]byte("\ufeff{\"a\": 3}\n"), &v, Record()); err != nil || v.A != 3 {
		t.Errorf("a document after a byte order mark: %v, %v", v, err)
	}
	for _, document := range []string{`{"b": 1}`, `{"a": 1} {}`, `{"a": 1`} {
		if err := UnmarshalKnown([]byte(document), &v, Record()); err == nil {
			t.Errorf("%s is read", document)
		}
	}
	deep := []byte(`{"b":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}")
	if err := Unmarshal(deep, &v, Record()); !errors.Is(err, ErrTooMuch) {
		t.Errorf("a deep document: %v, want that it is too much", err)
	}
}
