package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/experiment"
	"icar/figure"
	"icar/internal/visible"
	"icar/outcome"
	"icar/papers/sander2024"
	"icar/report"
	"icar/text"
)

type textFlags struct {
	text, embeddings, tokenizer, out string
	windows, length, dims, nulls     int
	seed                             uint64
	asJSON                           bool
	style                            report.Style
}

func newText() *cobra.Command {
	var f textFlags
	c := &cobra.Command{
		Use:   "text --text FILE --embeddings FILE",
		Short: "Ask whether a text is an autoregressive process in a model's embeddings",
		Long: `Cut a text into tokens, take each token's vector from a model, and fit
s_{t+1} = W s_t: to each window by itself, as in the paper's Fig. 4, and one W to
all training windows, measured on held-out ones against three nulls. The folder
given by --out then holds report.html and the figure and table of folder text.
docs/text.md says what the numbers mean.

Embeddings: .safetensors of GPT-2 or Llama, or the .json index of several of
them; .bin of llama2.c; .npy; .txt, .vec, or either with .gz (GloVe).
Tokenizers: gpt2, words (of embeddings that name their words), or a tokenizer
file of llama2.c. The text is UTF-8, gzipped or not.`,
		Example: `  icar text --text book.txt --embeddings glove.6B.100d.txt
  icar text --text book.txt --embeddings gpt2/model.safetensors --tokenizer gpt2 --dims 50
  icar text --text story.txt --embeddings stories260K.bin --tokenizer tok512.bin`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.text, "text", "", "the text: a `file`")
	c.Flags().StringVar(&f.embeddings, "embeddings", "", "the embeddings: a `file`")
	c.Flags().StringVar(&f.tokenizer, "tokenizer", "",
		"gpt2, words or a `file` of llama2.c (default: words for GloVe, gpt2 for safetensors)")
	c.Flags().StringVar(&f.out, "out", "icar-text", "the folder to write")
	c.Flags().IntVar(&f.windows, "windows", 10_000, "windows to draw; all if there are fewer")
	c.Flags().IntVar(&f.length, "length", 5, "tokens a window")
	c.Flags().IntVar(&f.dims, "dims", 20, "principal axes of the embeddings to keep")
	c.Flags().IntVar(&f.nulls, "nulls", 200, "texts of each null, to which W is fitted anew")
	c.Flags().Uint64Var(&f.seed, "seed", 0,
		"seed of all randomness; the same seed gives the same bits")
	addStyle(c.Flags(), &f.style)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

// The most that can be asked for: a study of them takes hours, its p-values
// are exact to five digits, and its arrays fit the memory of any machine.
const (
	maxNulls   = 100_000
	maxWindows = 10_000_000
	maxWindow  = 10_000 // tokens
)

func (f textFlags) run(c *cobra.Command) error {
	switch {
	case f.text == "":
		return usage(fmt.Errorf("no text: name one, icar text --text FILE --embeddings FILE"))
	case f.embeddings == "":
		return usage(fmt.Errorf("no embeddings: name them, icar text --text %s --embeddings FILE",
			f.text))
	case f.nulls < 1:
		return usage(fmt.Errorf(
			"--nulls %d: use 1 or more; 19 are the least that can show a p-value of 0.05", f.nulls))
	}
	if f.nulls > maxNulls || f.windows > maxWindows || f.length > maxWindow {
		return usage(fmt.Errorf("--nulls %d, --windows %d, --length %d: use at most %d, %d and %d",
			f.nulls, f.windows, f.length, maxNulls, maxWindows, maxWindow))
	}
	tokenizer, err := text.TokenizerFor(f.embeddings, f.tokenizer)
	if err != nil {
		return usage(err)
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	s, err := text.Open(f.text, f.embeddings, tokenizer)
	if err != nil {
		return badInput(err)
	}
	if f.dims > s.Dim() {
		return usage(fmt.Errorf("--dims %d: the embeddings have %d dimensions; use --dims %d or "+
			"less", f.dims, s.Dim(), s.Dim()))
	}
	e := sander2024.Text(s, sander2024.TextOptions{Windows: f.windows, Length: f.length,
		Dims: f.dims, Nulls: f.nulls})
	options := experiment.Options{Scale: outcome.Quick, Seed: f.seed}
	plan, err := experiment.Plan(e, options)
	if err != nil {
		return usage(err)
	}
	if least := max(sander2024.LeastTokens, 10*f.length); len(s.Tokens) < least {
		return badInput(fmt.Errorf("%s has %d tokens with a vector: %d are the least to test a "+
			"fit on", f.text, len(s.Tokens), least))
	}
	entry, err := f.study(c.Context(), c.ErrOrStderr(), e, options, len(plan))
	if err != nil {
		return runFailed(err)
	}
	page, err := report.WritePage(f.out, []report.Entry{entry})
	if err != nil {
		return runFailed(err)
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), f.document(s, entry.Outcome))
	}
	return printText(c.OutOrStdout(), s, entry.Outcome, page)
}

// textDocument is what docs/json.md describes.
type textDocument struct {
	Version    int              `json:"version"`
	Text       string           `json:"text"`
	Embeddings string           `json:"embeddings"`
	Tokens     int              `json:"tokens"`
	Dropped    int              `json:"dropped"`
	Dim        int              `json:"dim"`
	Windows    int              `json:"windows"`
	Length     int              `json:"length"`
	Dims       int              `json:"dims"`
	Nulls      int              `json:"nulls"`
	Seed       uint64           `json:"seed"`
	Measures   []map[string]any `json:"measures"`
}

// document returns the settings, and the rows of the table by the names of its
// columns, null where a row has no such number.
func (f textFlags) document(s *text.Sequence, o outcome.Outcome) textDocument {
	d := textDocument{Version: outcome.DocumentVersion, Text: f.text, Embeddings: f.embeddings,
		Tokens: len(s.Tokens), Dropped: s.Dropped, Dim: s.Dim(),
		Windows: f.windows, Length: f.length, Dims: f.dims, Nulls: f.nulls, Seed: f.seed}
	table := o.Data.Tables[0]
	for _, row := range table.Rows {
		measure := map[string]any{}
		for i, cell := range row {
			switch v := cell.(type) {
			case float64:
				measure[table.Columns[i]] = figure.Number(v)
			case string:
				if measure[table.Columns[i]] = v; v == "" {
					measure[table.Columns[i]] = nil
				}
			default:
				measure[table.Columns[i]] = v
			}
		}
		d.Measures = append(d.Measures, measure)
	}
	return d
}

// study runs the experiment with progress and saves it.
func (f textFlags) study(ctx context.Context, stderr io.Writer, e experiment.Experiment,
	o experiment.Options, steps int) (report.Entry, error) {
	progress := newProgress(stderr)
	defer progress.wait()
	bar := progress.bar(e.Name, steps)
	collected, cost, err := experiment.Reproduce(ctx, e, o, bar.step)
	if err != nil {
		bar.abort()
		return report.Entry{}, err
	}
	return report.Entry{Outcome: collected, Cost: cost},
		report.Save(f.out, collected, cost, f.style)
}

func printText(out io.Writer, s *text.Sequence, o outcome.Outcome, page string) error {
	fmt.Fprintf(out, "%d tokens have a vector, %d have none and are left out; d = %d.\n\n",
		len(s.Tokens), s.Dropped, s.Dim())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	table := o.Data.Tables[0]
	fmt.Fprintln(w, strings.ToUpper(strings.Join(table.Columns, "\t")))
	for _, row := range table.Rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			if v, number := cell.(float64); number {
				fmt.Fprintf(w, "%.4f", v)
			} else {
				fmt.Fprint(w, visible.Text(fmt.Sprint(cell)))
			}
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nReport: %s\n", visible.Text(page))
	return err
}
