// Package text turns a text into a sequence of token embeddings of a real
// model, to ask whether it is an autoregressive process, s_{t+1} = W s_t.
//
// A Tokenizer cuts the text, a Table holds a vector a token.
// The readers are strict: what a file claims is held against its size before
// anything is allocated, and what they accept has one meaning.
package text
