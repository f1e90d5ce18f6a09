package outcome

import (
	"fmt"
	"regexp"
)

// Author says who makes a claim, so that what the paper states is counted
// apart from what is said here for the first time.
type Author string

const (
	ByPaper  Author = "paper"  // the paper states it, in a proposition, a figure or its text
	ByOthers Author = "others" // another paper does
	ByUs     Author = "ours"   // nobody else does, to our knowledge
)

// Authors lists every author in the order of the report.
func Authors() []Author { return []Author{ByPaper, ByOthers, ByUs} }

// The sources of the paper name a part of it or begin with "paper"; those of
// others end with names and a year.
var (
	ofPaper  = regexp.MustCompile(`^(paper\b|(Prop|Fig|Sec|Eq|Thm|Lemma|Appendix)\b)`)
	ofOthers = regexp.MustCompile(`\S (and \S+|et al\.) \d{4}$`)
)

// Author returns who makes the claim, by its source: this is the one place
// that decides. What the paper and we state together, "paper and ours", counts
// as the paper's. A source that names nobody is an error in the experiment.
func (c Claim) Author() (Author, error) {
	switch {
	case c.Source == "ours":
		return ByUs, nil
	case ofPaper.MatchString(c.Source):
		return ByPaper, nil
	case ofOthers.MatchString(c.Source):
		return ByOthers, nil
	}
	return "", fmt.Errorf(`claim %s: the source %q names nobody: write "Fig. 5", "paper, unitary", "Fu et al. 2024" or "ours"`, c.ID, c.Source)
}
