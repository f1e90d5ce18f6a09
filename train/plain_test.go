package train

import (
	"reflect"
	"strings"
	"testing"
)

// What YAML writes is read to the same settings without a reader of YAML.
func TestPlainMembers(t *testing.T) {
	quoted := DefaultConfig()
	quoted.Data = "my sequences: \"a\" #1.npy"
	for name, file := range map[string]string{
		"as at first": string(DefaultConfig().YAML()), "quotes": string(quoted.YAML()),
		"comments": "\ufeff# mine\n\nseed: 3\r\ndepth: 2  \n",
	} {
		want, err := membersOf([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := plainMembers([]byte(file))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	for file, want := range map[string]string{
		"seed: 1\nseed: 2\n":    "line 2: seed is there already, in line 1",
		"seed\n":                "line 1: want a line KEY: VALUE",
		"a: 1\nfamily: [so]\n":  "line 2: family: want one word or number",
		"data: \"mine.npy\n":    "line 1: data: the quotes do not end",
		"seed: 1\n  depth: 2\n": "line 2: want a line KEY: VALUE",
		"data: mine.npy # mine": "line 1: data: want one word or number",
	} {
		if _, err := plainMembers([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", file, err, want)
		}
	}
}
