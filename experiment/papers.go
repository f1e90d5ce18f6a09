package experiment

// All returns every experiment in the order of the report.
func All() []Experiment {
	return []Experiment{
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
