// Package probe takes the in-context algorithm out of a trained Transformer.
//
// The paper's idea is a factorisation: from the context the model makes a
// matrix Γ, then it predicts Γ s_T. Maps is that Γ, at every position of every
// sequence; Align compares it with those of the classical estimators; Resemble
// asks which iteration of which algorithm each layer is like, with controls;
// Heads, Encodings and Attention look at the parts; Ablate takes them out, and
// Interpolate walks to a model that does one gradient step by construction.
//
// A probe of one's own starts from Model.Net, whose Activations are all
// intermediate tensors by name.
package probe
