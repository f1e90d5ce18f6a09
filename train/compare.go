package train

import (
	"slices"

	"icar/setting"
)

// Differing returns those of Names whose values are not the same in all of the
// configurations.
func Differing(configs ...Config) []string {
	var all []map[string]string
	for _, c := range configs {
		all = append(all, c.Values())
	}
	return slices.DeleteFunc(Names(configs...), func(name string) bool {
		return !slices.ContainsFunc(all,
			func(values map[string]string) bool { return values[name] != all[0][name] })
	})
}

// Changed returns what has to be set to get c, which is resolved, from the
// defaults of its catalogue: not what follows from other settings.
func (c Config) Changed() (set []setting.Setting) {
	defaults := c.catalogue.Config()
	were := defaults.Values()
	defaults.Law, defaults.Tokens = c.Law, c.Tokens // which have keys of their own

	if c.Data != "" { // from which these follow
		defaults.Recorded, defaults.D, defaults.Length = c.Recorded, c.D, c.Length
		defaults.Train, defaults.Test = c.Train, c.Test
	}
	for name, value := range defaults.Values() {
		if rank(name) > 0 {
			were[name] = value
		}
	}
	for i, k := range c.Keys() {
		without := c
		err := without.Keys()[i].Set(were[k.Name])
		if err == nil {
			without, err = without.Resolve()
		}
		if err != nil || without != c {
			set = append(set, setting.Setting{Key: k.Name, Value: k.String()})
		}
	}
	return set
}
