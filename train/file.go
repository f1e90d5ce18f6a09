package train

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"icar/ar"
	"icar/sequence"
	"icar/setting"
)

// Shapes: N sequences of T+1 states in a file, d token dimension.

// Own sequences are in files, in place of a law: states (N, T+1, d) in NumPy's .npy
// format. The configuration of a run names the files and their SHA-256, so that it
// says as much about the sequences as the settings of a law do: a run goes on, and
// is probed, with the very bytes that it began with, or not at all.

// Recorded names files of sequences in a configuration. The zero value is none: the
// sequences follow a law.
type Recorded struct {
	// Data is the path of the file to train on. Without TestData its last
	// sequences are held out and tested on.
	Data    string `json:"data,omitempty"`
	DataSum string `json:"data_sha256,omitempty"` // in hex, of the file
	// TestData is the path of a file of others to test on.
	TestData string `json:"test_data,omitempty"`
	TestSum  string `json:"test_data_sha256,omitempty"`
}

// FileError is about a file of sequences that cannot be read, or is not what the
// configuration says of it.
type FileError struct{ Err error }

func (e FileError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the file.
func (e FileError) Unwrap() error { return e.Err }

// none is how a file is named that there is none of.
const none = "none"

// path is the name of a file in a configuration, whose SHA-256 and what else follows
// from the file is forgotten when it becomes another.
type path struct {
	byName
	follows func()
}

// Set names the file.
func (p path) Set(name string) error {
	was := *p.field
	err := p.byName.Set(name)
	if *p.field != was || name != none {
		p.follows()
	}
	return err
}

// dataKeys are the files of sequences. Naming one takes back the size of what there
// was before: it follows from the file, but for what is set afterwards.
func (c *Config) dataKeys() []setting.Key {
	sum := func(of string, field *string) setting.Key {
		return setting.Key{Name: of + "_sha256", Value: byName{field, none}, Usual: none,
			Means: "SHA-256 of " + of + ", in hex, which a file of other bytes is refused by; " +
				"`none` for that of the file"}
	}
	return []setting.Key{
		{Name: "data", Usual: none, Means: "own sequences in place of a law: a .npy file of " +
			"states (N, length+1, d), from which d, length, train and test follow, or `none`",
			Value: path{byName{&c.Data, none}, func() {
				c.DataSum, c.D, c.Length, c.Train, c.Test = "", 0, 0, 0, 0
			}}},
		sum("data", &c.DataSum),
		{Name: "test_data", Usual: none, Means: "own sequences to test on: a .npy file as data, " +
			"or `none`: the last sequences of data are held out",
			Value: path{byName{&c.TestData, none}, func() { c.TestSum, c.Test = "", 0 }}},
		sum("test_data", &c.TestSum),
	}
}

// sha256Hex is what a SHA-256 is written like.
var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// checkData returns an error if the files of c are none that a run can be made with.
// It opens none: that their size is known is what [Files.Fill] is for.
func (c Config) checkData() error {
	if c.Data == "" {
		if c.TestData != "" {
			return errors.New("test_data goes with data, which names the sequences to train on: " +
				"name both, or leave test_data out")
		}
		if c.DataSum != "" || c.TestSum != "" {
			return errors.New("a SHA-256 goes with a file of sequences, and none is named: " +
				"name it with data, or leave data_sha256 and test_data_sha256 out")
		}
		return nil
	}
	if c.Law != "" {
		return fmt.Errorf("law %s and data %s both say what the sequences are: leave one out",
			c.Law, c.Data)
	}
	if c.Fresh {
		return fmt.Errorf("fresh sequences cannot be drawn from %s: use fresh false", c.Data)
	}
	for _, f := range []struct{ key, path, sum string }{
		{"data", c.Data, c.DataSum}, {"test_data", c.TestData, c.TestSum},
	} {
		switch {
		case f.path == "":
		case !utf8.ValidString(f.path), strings.ContainsFunc(f.path, unicode.IsControl):
			return fmt.Errorf("%s %q cannot be written into a file of settings: rename it", f.key,
				f.path)
		case f.sum == "":
			return fmt.Errorf("%s %s was not read: its %s_sha256 is missing, which a new run with "+
				"--%[1]s has", f.key, f.path, f.key)
		case !sha256Hex.MatchString(f.sum):
			return fmt.Errorf("%s_sha256 %.80q is no SHA-256 in hex: leave it out, and the file "+
				"is read", f.key, f.sum)
		}
	}
	if c.TestSum == c.DataSum {
		return fmt.Errorf("%s holds the same sequences as %s: leave test_data out, and the last "+
			"ones of data are held out", c.TestData, c.Data)
	}
	return nil
}

// Files are files of sequences that configurations name, each read once. The zero
// value has read none.
type Files struct{ known map[string]measured }

// measured is the size of a file of sequences and its SHA-256.
type measured struct {
	n, t, d int
	sum     string
}

// Fill returns c with all that follows from its files of sequences: their SHA-256, d,
// length, train and test. A configuration without files is returned as it is. The
// error is a FileError, or about a setting of c that contradicts a file. It comes
// before [Config.Resolve], which opens no files.
func (f *Files) Fill(c Config) (Config, error) {
	if c.Data == "" {
		return c, nil
	}
	data, err := f.measure(c.Data, &c.DataSum)
	if err != nil {
		return c, err
	}
	if err := follow("d", &c.D, data.d, "coordinates of a state", c.Data); err != nil {
		return c, err
	}
	if err := follow("length", &c.Length, data.t, "states to predict from, one fewer than there are,",
		c.Data); err != nil {
		return c, err
	}
	if c.TestData == "" {
		return c, c.holdOut(data.n)
	}
	test, err := f.measure(c.TestData, &c.TestSum)
	if err != nil {
		return c, err
	}
	if test.d != data.d || test.t != data.t {
		return c, FileError{fmt.Errorf("%s has sequences of %d states of %d numbers and %s of "+
			"%d states of %d: test on sequences of the same shape",
			c.TestData, test.t+1, test.d, c.Data, data.t+1, data.d)}
	}
	c.Train, c.Test = cmp.Or(c.Train, c.batches(data.n)), cmp.Or(c.Test, test.n)
	if err := c.aBatch(data.n); err != nil {
		return c, err
	}
	return c, c.enough(data.n, test.n)
}

// measure reads a file, checks or sets its SHA-256, and returns its size.
func (f *Files) measure(path string, sum *string) (measured, error) {
	m, ok := f.known[path]
	if !ok {
		s, digest, err := sequence.ReadSum(path)
		if err != nil {
			return m, FileError{err}
		}
		m = measured{s.N, s.T, s.D, digest}
		if f.known == nil {
			f.known = map[string]measured{}
		}
		f.known[path] = m
	}
	if *sum == "" {
		*sum = m.sum
	}
	return m, sameBytes(path, m.sum, *sum)
}

// sameBytes returns an error about a file whose SHA-256 is another than it was.
func sameBytes(path, sum, was string) error {
	if sum == was {
		return nil
	}
	return FileError{fmt.Errorf("%s is not the file that the settings are about: its SHA-256 is "+
		"%.12s…, not %.12s…; put that one back, or start a new run with --data", path, sum, was)}
}

// follow sets what a file says, unless it was set: then it has to be the same.
func follow(key string, field *int, value int, what, path string) error {
	if *field != 0 && *field != value {
		return fmt.Errorf("%s %d does not fit: the %s of %s are %d; leave %s out, or save another "+
			"array", key, *field, what, path, value, key)
	}
	*field = value
	return nil
}

// heldOut is the share of the sequences of a file that is tested on at least.
const heldOut = 5

// holdOut shares N sequences out between training and test where the settings leave
// that open: a fifth is held out, and what is over when whole batches are made of the
// rest. Training takes the first ones and the test the last, so that sequences that
// lie together in the file, such as windows of one recording, stay together.
func (c *Config) holdOut(n int) error {
	if n < 2 {
		return FileError{fmt.Errorf("%s holds a single sequence, and one has to be held out to "+
			"test on: cut it into several, or name others with test_data", c.Data)}
	}
	rest := n - cmp.Or(c.Test, (n+heldOut-1)/heldOut)
	c.Train = cmp.Or(c.Train, c.batches(max(rest, 0)))
	if err := c.aBatch(rest); err != nil {
		return err
	}
	if c.Test == 0 && c.Train >= n {
		return fmt.Errorf("train %d leaves none of the %d sequences of %s to test on: "+
			"use a smaller train, or name others with test_data", c.Train, n, c.Data)
	}
	c.Test = cmp.Or(c.Test, n-c.Train)
	if c.Train+c.Test > n {
		return fmt.Errorf("train %d and test %d do not fit: %s holds %d sequences; leave one of "+
			"them out", c.Train, c.Test, c.Data, n)
	}
	return nil
}

// batches returns how many of n sequences make whole batches.
func (c Config) batches(n int) int {
	if c.Batch < 1 { // for Resolve to say
		return max(n, 1)
	}
	return n / c.Batch * c.Batch
}

// aBatch returns an error if the n sequences that can be trained on are not one batch.
func (c Config) aBatch(n int) error {
	if c.Train != 0 {
		return nil
	}
	if n < 1 {
		return fmt.Errorf("test %d leaves no sequence of %s to train on: use a smaller test",
			c.Test, c.Data)
	}
	return fmt.Errorf("batch %d is more than the %d sequences of %s that can be trained on: "+
		"use batch %d or less", c.Batch, n, c.Data, n)
}

// enough returns an error if more sequences are asked for than the files have.
func (c Config) enough(data, test int) error {
	for _, f := range []struct {
		key     string
		want, n int
		path    string
	}{{"train", c.Train, data, c.Data}, {"test", c.Test, test, cmp.Or(c.TestData, c.Data)}} {
		if f.want > f.n {
			return fmt.Errorf("%s %d does not fit: %s holds %d sequences; leave %s out", f.key,
				f.want, f.path, f.n, f.key)
		}
	}
	return nil
}

// own reads the sequences that c trains on and those that it is tested on. The error
// is a FileError: a file that cannot be read, or is another than it was.
func (c Config) own() (training, test ar.Batch[float64], err error) {
	data, err := c.read(c.Data, c.DataSum)
	if err != nil {
		return data, data, err
	}
	test = data
	if c.TestData != "" {
		if test, err = c.read(c.TestData, c.TestSum); err != nil {
			return data, test, err
		}
	}
	if err := c.enough(data.N, test.N); err != nil {
		return data, test, FileError{err}
	}
	if c.TestData == "" && c.Train+c.Test > data.N {
		return data, test, FileError{fmt.Errorf("train %d and test %d are more than the %d "+
			"sequences of %s: none may be in both", c.Train, c.Test, data.N, c.Data)}
	}
	return data.Part(0, c.Train), test.Part(test.N-c.Test, test.N), nil
}

// read reads a file of sequences of the size and with the SHA-256 that c says.
func (c Config) read(path, sum string) (ar.Batch[float64], error) {
	s, digest, err := sequence.ReadSum(path)
	if err != nil {
		return s, FileError{err}
	}
	if err := sameBytes(path, digest, sum); err != nil {
		return s, err
	}
	if s.T != c.Length || s.D != c.D {
		return s, FileError{fmt.Errorf("%s has sequences of %d states of %d numbers, and the "+
			"settings say length %d and d %d: leave these out", path, s.T+1, s.D, c.Length, c.D)}
	}
	return s, nil
}

// ownSequences returns the first n sequences of a stream, or all if there are fewer.
func (c Config) ownSequences(stream string, n int) (ar.Batch[float64], error) {
	training, test, err := c.own()
	switch {
	case err != nil:
		return training, err
	case stream == TrainStream:
		return training.Part(0, min(n, training.N)), nil
	case stream == TestStream:
		return test.Part(0, min(n, test.N)), nil
	}
	return training, fmt.Errorf("stream %q is none of %s: it has %s and %s", stream, c.Data,
		TrainStream, TestStream)
}
