package outcome

import "testing"

func TestAuthorBySource(t *testing.T) {
	for source, want := range map[string]Author{
		"ours": ByUs, "paper, unitary": ByPaper, "paper and ours": ByPaper, "Fig. 5": ByPaper,
		"Prop. 2":              ByPaper,
		"after Fu et al. 2024": ByOthers, "Zheng et al. 2024": ByOthers,
		"after Fu and Chen 2024": ByOthers,
		"":                       "", "Ours": "", "papers of ours": "", "Figment": "", "2024": "",
		"somebody": "",
	} {
		got, err := Claim{Source: source}.Author()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is by %q, %v; want %q", source, got, err, want)
		}
	}
}
