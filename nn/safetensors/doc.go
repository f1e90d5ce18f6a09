// Package safetensors reads and writes the safetensors format of weights:
// named arrays and nothing that can be executed.
//
//	8 bytes          n, the length of the header, unsigned and little-endian
//	n bytes          JSON: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
//	the rest         the arrays, row-major and little-endian, at those offsets
//
// "__metadata__" in the header is a map from string to string.
//
// The reader is strict: what it accepts has one meaning. The same tensors are
// always written as the same bytes.
//
// Reference: https://huggingface.co/docs/safetensors.
package safetensors
