package command

import (
	"fmt"
	"io"
	"text/tabwriter"

	"icar/bench"
	"icar/internal/visible"
	"icar/report"
)

// benchDocument is what --json prints.
type benchDocument struct {
	Version   int            `json:"version"`
	Peak      float64        `json:"peak_gflops"` // of all cores
	Cases     []bench.Result `json:"cases"`
	Exponents []bench.Growth `json:"exponents,omitempty"`
}

// table prints the document for people.
func (d *benchDocument) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	header := "CASE\tT\tLEAST s/step\tMEDIAN\tPEAK MiB\tGFLOP/s\tOF THE PEAK\tKERNEL"
	if d.Cases[0].Against != nil {
		header += "\tAGAINST s/step\tPEAK MiB\tRATIO\tWORST ROUND"
	}
	fmt.Fprintln(w, header)
	for _, r := range d.Cases {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s", r.Case, r.Length,
			report.Number(r.SecondsPerStep), report.Number(r.MedianSeconds),
			optional("%.1f", r.PeakMiB), optional("%.1f", r.GFlops), optional("%.2f", r.Roofline),
			r.Kernel)
		if a := r.Against; a != nil {
			fmt.Fprintf(w, "\t%s\t%s\t%.1f\t%.1f", report.Number(a.SecondsPerStep),
				optional("%.1f", a.PeakMiB), a.Ratio, a.WorstRound)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range d.Cases {
		if a := r.Against; a != nil && a.Program != "" {
			fmt.Fprintf(out, "%s is against %s.\n", r.Case, visible.Text(a.Program))
		}
	}
	for _, e := range d.Exponents {
		fmt.Fprintf(out, "%s: time grows as T^%.2f, memory as T^%s\n", e.Case, e.Seconds,
			optional("%.2f", e.Memory))
	}
	_, err := fmt.Fprintf(out, "The peak of all cores is %.1f GFLOP/s.\n", d.Peak)
	return err
}

// optional formats a number that may not have been measured.
func optional(format string, v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}
