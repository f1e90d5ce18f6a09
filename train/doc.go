// Package train trains the Transformer of package nn on autoregressive
// sequences, as in section 5 of the paper.
//
// A [Config] says everything about a run: its data, its model, its descent.
// Batch k of it is a function of the configuration and k alone, and so are the
// weights after k steps, bit by bit, at any number of processors.
//
// What a configuration names is in a [Catalogue], to which a program adds laws of
// sequences, encodings of tokens and kinds of mixer. Sequences that no law draws
// come from a [Source].
//
// Reference: Sander, Giryes, Suzuki, Blondel, Peyré, "How do Transformers
// perform In-Context Autoregressive Learning?", ICML 2024, arXiv 2402.05787.
package train
