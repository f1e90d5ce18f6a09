package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/ar"
	"icar/internal/npy"
	"icar/internal/visible"
	"icar/outcome"
	"icar/report"
	"icar/sequence"
	"icar/setting"
	"icar/train"
)

type sampleFlags struct {
	of, config        string
	stream, out       string
	sequences         int
	overwrite, asJSON bool
}

func (h *house) newSample() *cobra.Command {
	var f sampleFlags
	c := &cobra.Command{
		Use:   "sample --out FILE",
		Short: "Write sequences of a law to a file, for a program of your own",
		Long: `Draw sequences of a law and write them in float64: states (N, T+1, d), the hidden
matrices w (N, d, d) where the law has any and, if --tokens names an encoding, the
tokens (N, T, C). The ending of FILE says the format: .npz and .safetensors hold all
arrays, FILE.npy holds the states and FILE-w.npy and FILE-tokens.npy the others. A
document beside them, FILE.json with the ending before it, says what they are.

With --of the sequences are those that the run in a directory is tested on, bit for
bit as icar probe takes them: in float64, which the training rounds to float32.`,
		Example: `  icar sample --d 3 --length 16 --sequences 4096 --out states.npy
  icar sample --family rotation --d 4 --tokens augmented --out train.npz
  icar sample --of runs/first --out test.safetensors`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return h.sample(c, f) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.out, "out", "", "the `file` to write: .npy, .npz or .safetensors")
	flags.StringVar(&f.of, "of", "", "the `directory` of a run whose test sequences to write")
	flags.StringVar(&f.config, "config", "", "YAML `file` of settings, as icar train takes it; "+
		"flags go before it")
	flags.IntVar(&f.sequences, "sequences", 1024,
		"sequences to draw, N (default with --of those of the run)")
	flags.StringVar(&f.stream, "stream", train.TrainStream,
		"stream of randomness: of a seed, every `word` has sequences of its own (default with --of test)")
	flags.BoolVar(&f.overwrite, "overwrite", false, "replace files that are there")
	flags.BoolVar(&f.asJSON, "json", false, "print the document instead of the table")
	addSettings(flags, h.catalogue.SequenceKeys())
	return c
}

func (h *house) sample(c *cobra.Command, f sampleFlags) error {
	if f.out == "" {
		return usage(errors.New("no file to write: name one, icar sample --out states.npy"))
	}
	if f.sequences < 1 {
		return usage(fmt.Errorf("--sequences %d is not positive: use 1 or more", f.sequences))
	}
	if f.stream == "" {
		return usage(fmt.Errorf("--stream is empty: use a word, such as %s", train.TestStream))
	}
	if err := sequence.CheckEnding(f.out); err != nil {
		return usage(fmt.Errorf("--out %w", err))
	}
	config, err := h.sampleConfig(c, &f)
	if err != nil {
		return err
	}
	s, err := train.Sequences(config, f.stream, f.sequences)
	if errors.As(err, new(train.FileError)) {
		return badInput(err)
	}
	if err != nil {
		return usage(err)
	}
	var tokens ar.Encoding
	if c.Flags().Changed("tokens") {
		if tokens, err = config.Encoding(); err != nil {
			return usage(err)
		}
	}
	arrays, err := sequence.Arrays(s, tokens)
	if err != nil {
		return usage(err)
	}
	document := newSampleDocument(config, f, arrays)
	if err := f.mayWrite(arrays); err != nil {
		return usage(err)
	}
	if err := sequence.Save(f.out, arrays); err != nil {
		return runFailed(err)
	}
	if err := report.WriteJSON(f.out+".json", document); err != nil {
		return runFailed(err)
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), document)
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ARRAY\tSHAPE\tFILE")
	for _, a := range arrays {
		fmt.Fprintf(w, "%s\t%v\t%s\n", a.Name, a.Shape, visible.Text(sequence.File(f.out, a.Name)))
	}
	return w.Flush()
}

// sampleConfig returns what the flags or the run say, and sets the flags that follow
// from the run.
func (h *house) sampleConfig(c *cobra.Command, f *sampleFlags) (train.Config, error) {
	settings := given(c.Flags(), h.catalogue.SequenceKeys())
	config, err := h.readConfig(f.config)
	if err != nil {
		return config, err
	}
	if f.of != "" {
		if f.config != "" {
			return config, usage(errors.New("--config and --of both give settings: leave one out"))
		}
		if config, err = h.runConfig(f.of); err != nil {
			return config, err
		}
		for _, s := range settings {
			if s.Key != "tokens" {
				return config, usage(fmt.Errorf("--%s is a setting of the run %s: leave it out, "+
					"or leave --of out", s.Key, f.of))
			}
		}
		if !c.Flags().Changed("stream") {
			f.stream = train.TestStream
		}
		if !c.Flags().Changed("sequences") {
			f.sequences = config.Test
		}
	}
	if err := config.Assign(settings...); err != nil {
		return config, usage(err)
	}
	if config.Data != "" {
		return config, f.checkOwn(config)
	}
	const most = 1 << 28 // numbers, 2 GiB
	n := float64(f.sequences) * (float64(config.Length) + 1) * float64(config.D)
	if config.Length > 0 && n > most {
		return config, usage(fmt.Errorf("%d sequences of %d states of d = %d are %.3g numbers, "+
			"more than %d: "+
			"write fewer, under several --stream words", f.sequences, config.Length+1, config.D, n,
			most))
	}
	return config, nil
}

// checkOwn returns an error unless the sequences are those that a run has taken from
// files.
func (f sampleFlags) checkOwn(config train.Config) error {
	if f.of == "" {
		return usage(fmt.Errorf("%s is a file of sequences already, and no law to draw from: "+
			"leave data out", config.Data))
	}
	most := map[string]int{train.TrainStream: config.Train, train.TestStream: config.Test}[f.stream]
	if most > 0 && f.sequences > most {
		return usage(fmt.Errorf("--sequences %d is more than the %d of the stream %s in %s: use "+
			"that or fewer", f.sequences, most, f.stream, config.Data))
	}
	return nil
}

// mayWrite returns an error about a file that is there and is not to be replaced.
func (f sampleFlags) mayWrite(arrays []npy.Array) error {
	if f.overwrite {
		return nil
	}
	paths := []string{f.out + ".json"}
	for _, a := range arrays {
		paths = append(paths, sequence.File(f.out, a.Name))
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: choose another --out, or replace it with "+
				"--overwrite", path)
		}
	}
	return nil
}

// sampleDocument is what docs/json.md describes.
type sampleDocument struct {
	Version  int               `json:"version"`
	Icar     string            `json:"icar"`
	Program  string            `json:"program"`
	Run      string            `json:"run,omitempty"`
	Stream   string            `json:"stream"`
	Seed     uint64            `json:"seed"`
	Settings map[string]string `json:"settings"`
	Arrays   []sampleArray     `json:"arrays"`
}

type sampleArray struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	File  string `json:"file"`
}

func newSampleDocument(config train.Config, f sampleFlags, arrays []npy.Array) sampleDocument {
	d := sampleDocument{Version: outcome.DocumentVersion, Icar: buildVersion(),
		Program: thisProgram(),
		Run:     f.of, Stream: f.stream, Seed: config.Seed,
		Settings: drawnBy(config, config.SequenceKeys())}
	for _, a := range arrays {
		d.Arrays = append(d.Arrays, sampleArray{a.Name, a.Shape,
			filepath.Base(sequence.File(f.out, a.Name))})
	}
	return d
}

// drawnBy are the settings, among some, that sequences were drawn by. Those in a file are
// of no law that is known.
func drawnBy(config train.Config, keys []setting.Key) map[string]string {
	values := map[string]string{}
	for _, k := range keys {
		if k.Name != "law" || config.Data == "" {
			values[k.Name] = k.String()
		}
	}
	return values
}
