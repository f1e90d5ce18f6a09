package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"icar/setting"
)

// part is something that a configuration names: a law or an encoding.
type part[T any] struct {
	name string
	make func() T // with the defaults of its settings
}

type parts[T any] []part[T]

// names returns the names in the order in which they were added.
func (p parts[T]) names() (names []string) {
	for _, part := range p {
		names = append(names, part.name)
	}
	return names
}

// find returns a new part of that name. The error says which names of the kind
// there are.
func (p parts[T]) find(kind, name string, others ...string) (found T, err error) {
	for _, part := range p {
		if part.name == name {
			return part.make(), nil
		}
	}
	return found, setting.Unknown(kind, name, append(others, p.names()...)...)
}

// settings returns the keys of all parts.
func (p parts[T]) settings() (keys []setting.Key) {
	for _, part := range p {
		keys = append(keys, settingsOf(part.make())...)
	}
	return keys
}

// owners returns which parts have a setting of that name.
func (p parts[T]) owners(kind, key string) (owners []string) {
	for _, part := range p {
		if hasKey(settingsOf(part.make()), key) {
			owners = append(owners, kind+" "+part.name)
		}
	}
	return owners
}

func hasKey(keys []setting.Key, name string) bool {
	return slices.ContainsFunc(keys, func(k setting.Key) bool { return k.Name == name })
}

// describe adds the keys of all parts to those that are there: one of a name that
// is there already adds its meaning to it.
func (p parts[T]) describe(keys []setting.Key, kind string) []setting.Key {
	for _, part := range p {
		for _, k := range settingsOf(part.make()) {
			means := fmt.Sprintf("%s `%s`: %s", kind, part.name, k.Means)
			i := slices.IndexFunc(keys, func(other setting.Key) bool { return other.Name == k.Name })
			if i < 0 {
				keys = append(keys, setting.Key{Name: k.Name, Means: means, Value: k.Value})
			} else {
				keys[i].Means += "; " + means
			}
		}
	}
	return keys
}

// settingsOf returns the keys of a part, none if it has no settings.
func settingsOf(part any) []setting.Key {
	if s, ok := part.(interface{ Settings() []setting.Key }); ok {
		return s.Settings()
	}
	return nil
}

// checkPart returns the error of a part's Check, if it has one.
func checkPart(part any) error {
	if c, ok := part.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// word is what a name may be, so that it needs no quotes in a file.
var word = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// add adds a part whose name is a word, whose defaults pass its Check and whose
// settings are none of the other keys: but for those that may be shared with
// another part of its kind, which have to be of the same type.
func add[T any](p *parts[T], added part[T], keys, shared []setting.Key) error {
	if !word.MatchString(added.name) {
		return errors.New("the name is no word of lower-case letters, digits and " +
			"_, such as tent_map")
	}
	if slices.Contains(p.names(), added.name) {
		return errors.New("there is one of this name: choose another one")
	}
	if err := checkPart(added.make()); err != nil {
		return err
	}
	types := map[string]string{"law": "", "tokens": ""}
	for _, k := range keys {
		types[k.Name] = "" // no other key is of this type
	}
	for _, k := range shared {
		types[k.Name] = k.Type()
	}
	for _, k := range settingsOf(added.make()) {
		switch of, taken := types[k.Name]; {
		case !word.MatchString(k.Name):
			return fmt.Errorf("the name of the setting %q is no word of lower-case "+
				"letters, digits and _", k.Name)
		case taken && of != k.Type():
			return fmt.Errorf("the setting %s has the name of another key: choose another one",
				k.Name)
		}
		types[k.Name] = "" // not twice
	}
	*p = append(*p, added)
	return nil
}

// Own holds settings by name, a JSON object of texts: so configurations can be
// compared and copied. "" is none.
type Own string

// texts returns the settings by name.
func (o Own) texts() (texts map[string]string, err error) {
	if o != "" {
		err = json.Unmarshal([]byte(o), &texts)
	}
	return texts, err
}

// with returns o with a setting, its names sorted.
func (o Own) with(name, text string) Own {
	texts, _ := o.texts()
	if texts == nil {
		texts = map[string]string{}
	}
	texts[name] = text
	data, err := json.Marshal(texts)
	if err != nil { // of texts there is none
		return o
	}
	return Own(data)
}

// MarshalJSON returns the object.
func (o Own) MarshalJSON() ([]byte, error) { return []byte(o), nil }

// UnmarshalJSON takes an object of texts.
func (o *Own) UnmarshalJSON(data []byte) error {
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	*o = ""
	for name, text := range texts {
		*o = o.with(name, text)
	}
	return nil
}

// kept is the value of a setting of a part, which a configuration keeps as text.
type kept struct {
	setting.Value
	name string
	own  *Own
}

// Set sets the value and keeps it.
func (k kept) Set(text string) error {
	err := k.Value.Set(text)
	if err == nil {
		*k.own = k.own.with(k.name, k.String())
	}
	return err
}

// bind sets the settings of a part to those that a configuration keeps, and
// returns its keys, which keep what they are set to.
func (o *Own) bind(part any) ([]setting.Key, error) {
	keys := settingsOf(part)
	texts, err := o.texts()
	for i, k := range keys {
		if text, ok := texts[k.Name]; ok {
			if wrong := k.Set(text); wrong != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", k.Name, wrong))
			}
		}
		keys[i].Value = kept{k.Value, k.Name, o}
	}
	return keys, err
}
