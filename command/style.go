package command

import (
	"github.com/spf13/pflag"

	"icar/report"
)

// addStyle makes the flag that says what figures are drawn for.
func addStyle(flags *pflag.FlagSet, style *report.Style) {
	*style = report.Paper
	flags.Var(style, "style", "what figures are drawn for: paper (an ICML column or text width, "+
		"type of 7 points or more) or talk (slides: larger type and lines)")
}
