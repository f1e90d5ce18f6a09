// Package setting names the fields of a configuration: those of a training run,
// and those that a law of sequences or an encoding of one's own brings with it.
package setting

import (
	"errors"
	"fmt"
	"strconv"

	"icar/internal/suggest"
)

// Key is a field of a configuration by the name that files and flags know it
// by. It is a flag.Value of the flag of that name.
type Key struct {
	Name  string
	Means string // its unit or values too
	Value
	// Usual is the value at which files go without the key, for one that came
	// after there were files; "" for a key that is always there.
	Usual string
}

// Written reports whether a file has the key.
func (k Key) Written() bool { return k.Usual == "" || k.String() != k.Usual }

// Value reads and writes a field as text; it is a pflag.Value.
type Value interface {
	String() string        // as Set reads it
	Set(text string) error // the error says what a value of its type looks like
	Type() string          // the kind of value: word, integer, number or bool
}

// Setting is a key by its name and the value that it is set to.
type Setting struct{ Key, Value string }

// String is the setting as KEY=VALUE.
func (s Setting) String() string { return s.Key + "=" + s.Value }

// New returns the key of a field; setting the key sets the field. Whether a value
// makes sense is for a Check of the configuration to say.
func New[T string | int | uint64 | float64 | bool](name, means string, field *T) Key {
	return Key{Name: name, Means: means, Value: value[T]{field}}
}

// Unknown returns the error about a word that is none of those a key can be: it
// asks for the nearest of them, or lists all.
func Unknown(key, word string, words ...string) error {
	return fmt.Errorf("unknown %s %.80q: %s", key, word, suggest.Instead(word, words))
}

// value is a field of a configuration.
type value[T any] struct{ field *T }

func (v value[T]) String() string {
	switch f := any(v.field).(type) {
	case *string:
		return *f
	case *int:
		return strconv.Itoa(*f)
	case *uint64:
		return strconv.FormatUint(*f, 10)
	case *float64:
		return strconv.FormatFloat(*f, 'f', -1, 64) // YAML 1.1 takes 1e-05 for a word
	case *bool:
		return strconv.FormatBool(*f)
	}
	return ""
}

func (v value[T]) Set(text string) (err error) {
	switch f := any(v.field).(type) {
	case *string:
		*f = text
	case *int:
		err = set(f, text, "a whole number", strconv.Atoi)
	case *uint64:
		err = set(f, text, "a whole number from 0 to 2⁶⁴-1",
			func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case *float64:
		err = set(f, text, "a number",
			func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case *bool:
		err = set(f, text, "true or false", parseBool)
	}
	return err
}

func (v value[T]) Type() string {
	switch any(v.field).(type) {
	case *string:
		return "word"
	case *bool:
		return "bool"
	case *float64:
		return "number"
	}
	return "integer"
}

func set[T any](field *T, text, want string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s is out of range: use %s that a computer holds", text, want)
	}
	if err != nil {
		return fmt.Errorf("%q is not %s", text, want)
	}
	*field = value
	return nil
}

func parseBool(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, strconv.ErrSyntax
	}
	return text == "true", nil
}
