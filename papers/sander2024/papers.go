// Package sander2024 holds the figures and propositions of Sander, Giryes,
// Suzuki, Blondel, Peyré, "How do Transformers perform In-Context
// Autoregressive Learning?", ICML 2024, arXiv 2402.05787, and what is asked
// beyond them of the same models, as experiments: one file each, one line each
// in All.
package sander2024

import "icar/experiment"

// All returns every experiment in the order of the report.
func All() []experiment.Experiment {
	return []experiment.Experiment{
		augmented(),
		gradient(),
		fig3Unitary(),
		fig3Rotation(),
		fig4(),
		minima(),
		fig5(),
		depth(),
		heads(),
		generalise(),
		noise(),
		fig6(),
		position(),
		fig7(),
		softmax(),
	}
}
