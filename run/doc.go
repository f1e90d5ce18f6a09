// Package run owns what is written to disk: files that are whole or absent,
// and the directory of a training run.
//
//	config.yaml             the configuration, every default written out
//	run.json                what ran: version, revision, program, Go, arithmetic, seed, see Info
//	metrics.jsonl           a line a step, appended, see Metric
//	timings.jsonl           a line a step, appended, see Timing
//	checkpoint.safetensors  weights, optimiser and step, replaced whole, see Checkpoint
//	checkpoint.previous.safetensors  the one before it, until the run is complete
//	checkpoint.step-000000100.safetensors  the weights after a step, which stay, see Kept
//	DONE                    written last: the run is complete
//	label.json              what people call it and say of it, if they do, see Label
//
// Of two runs of the same configuration by the same program on the same
// arithmetic every file but timings.jsonl and label.json holds the same bytes. Of two programs
// run.json and the metadata of checkpoints differ by their identities, see
// Program, and nothing else when they compute the same.
package run
