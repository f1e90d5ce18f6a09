package train

import (
	"fmt"
	"slices"

	"icar/ar"
	"icar/nn"
	"icar/setting"
)

// Catalogue is what the names in a configuration file mean: which laws of
// sequences, encodings of tokens and kinds of mixer there are, and so which
// settings. A program adds its own to the [Standard] one before it makes the first
// configuration with [Catalogue.Config]; everything that is made from the
// configuration then knows them. A nil Catalogue is the standard one.
type Catalogue struct {
	laws      parts[ar.Law]
	encodings parts[ar.Encoding]
	mixers    parts[nn.Mixing] // besides those of package nn
}

// processLaw is the name of the law of ar.Process, whose settings are fields of
// Config. It is left out of files.
const processLaw = "process"

// orderTokens is the name of the encoding ar.Order.
const orderTokens = "order"

// Standard returns a catalogue of what this module has: the process, the tokens
// plain, augmented and order, and the mixers of package nn.
func Standard() *Catalogue {
	plain := func(k ar.Tokens) func() ar.Encoding { return func() ar.Encoding { return k } }
	return &Catalogue{encodings: parts[ar.Encoding]{
		{string(ar.Plain), plain(ar.Plain)},
		{string(ar.Augmented), plain(ar.Augmented)},
		{orderTokens, func() ar.Encoding { return &ar.Order{P: 2} }},
	}}
}

// or returns the standard catalogue for nil.
func (c *Catalogue) or() *Catalogue {
	if c == nil {
		return Standard()
	}
	return c
}

// Config returns the default configuration, whose law, tokens and keys are those
// of the catalogue.
func (c *Catalogue) Config() Config {
	config := DefaultConfig()
	config.catalogue = c
	return config
}

// AddLaw adds a law under a name. The function returns it with the defaults of
// its settings, if it has a method Settings, and a new one at every call. The
// error says that the defaults fail the law's Check, that the name is taken or no
// word, or that a setting has the name of another key. Laws may share the name of
// a setting if it is of the same type; d, mu, rho, sigma and noise are the
// process's.
func (c *Catalogue) AddLaw(name string, law func() ar.Law) error {
	shared := append(new(Config).processKeys(), c.laws.settings()...)
	if name == processLaw {
		return fmt.Errorf("law %q: this is the name of the paper's: choose another one", name)
	}
	if err := add(&c.laws, part[ar.Law]{name, law}, c.Keys(), shared); err != nil {
		return fmt.Errorf("law %q: %w", name, err)
	}
	return nil
}

// AddEncoding is AddLaw for an encoding of tokens. It may have a method Check.
func (c *Catalogue) AddEncoding(name string, encoding func() ar.Encoding) error {
	shared := c.encodings.settings()
	if err := add(&c.encodings, part[ar.Encoding]{name, encoding}, c.Keys(), shared); err != nil {
		return fmt.Errorf("tokens %q: %w", name, err)
	}
	return nil
}

// AddMixer adds a kind of mixer under its own name. The error says that the name is
// taken or no word.
func (c *Catalogue) AddMixer(kind nn.Mixing) error {
	for _, k := range nn.Mixings() {
		if k.Name() == kind.Name() {
			return fmt.Errorf("mixer %q: package nn has one of this name: choose another one",
				kind.Name())
		}
	}
	added := part[nn.Mixing]{kind.Name(), func() nn.Mixing { return kind }}
	if err := add(&c.mixers, added, nil, nil); err != nil {
		return fmt.Errorf("mixer %q: %w", kind.Name(), err)
	}
	return nil
}

// Keys returns the keys of all configurations of the catalogue, such as flags
// are, with the defaults: a key that only some laws or tokens have says so.
// Setting them is [Config.Assign] to do.
func (c *Catalogue) Keys() []setting.Key {
	c = c.or()
	config := c.Config()
	var keys []setting.Key
	for _, k := range config.lawKeys() {
		if len(c.laws) > 0 && k.Name != "law" {
			k.Means = fmt.Sprintf("law `%s`: %s", processLaw, k.Means)
		}
		keys = append(keys, k)
	}
	keys = c.laws.describe(keys, "law")
	keys = append(append(keys, config.dataKeys()...), config.tokensKey())
	keys = c.encodings.describe(keys, "tokens")
	return append(keys, config.ownKeys()...)
}

// OfProcess reports whether the sequences of c follow the law of its Process, and
// no other of the catalogue and no files.
func (c Config) OfProcess() bool {
	return c.Data == "" && (c.Law == "" || c.Law == processLaw)
}

// law returns the law of the sequences of c. The error is about its name, or the
// family of a process without real states, the only kind that a Transformer
// takes; whether the law makes sense is for its Check to say.
func (c Config) law() (ar.Law, error) {
	if c.OfProcess() {
		var names []string
		for _, f := range ar.Families() {
			if f.Real() {
				names = append(names, string(f))
			}
		}
		if !slices.Contains(names, string(c.Family)) {
			return nil, setting.Unknown("family", string(c.Family), names...)
		}
		return c.Process, nil
	}
	law, err := c.catalogue.or().laws.find("law", c.Law, processLaw)
	if err == nil {
		_, err = c.Own.bind(law)
	}
	return law, err
}

// Encoding returns the encoding of the tokens of c. The error is about its name
// or its settings.
func (c Config) Encoding() (ar.Encoding, error) {
	encoding, err := c.catalogue.or().encodings.find("tokens", string(c.Tokens))
	if err == nil {
		_, err = c.Own.bind(encoding)
	}
	if err == nil {
		err = checkPart(encoding)
	}
	return encoding, err
}

// mixing returns the kind of mixer that c names, nil for one of package nn. The
// error says which ones there are.
func (c Config) mixing() (nn.Mixing, error) {
	if c.Mixing != nil && c.Mixing.Name() == c.Mixer {
		return c.Mixing, nil
	}
	var names []string
	for _, k := range nn.Mixings() {
		names = append(names, k.Name())
	}
	if c.Mixer == "" || slices.Contains(names, c.Mixer) {
		return nil, nil
	}
	return c.catalogue.or().mixers.find("mixer", c.Mixer, names...)
}

// written returns the settings of the law and the encoding of c, all written out.
func (c Config) written() (own Own) {
	for _, k := range slices.Concat(c.lawKeys(), c.encodingKeys()) {
		if _, kept := k.Value.(kept); kept {
			own = own.with(k.Name, k.String())
		}
	}
	return own
}
