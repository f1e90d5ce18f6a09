package train

import (
	"fmt"

	"icar/nn"
	"icar/nn/safetensors"
	"icar/run"
)

// Read returns the resolved configuration of a file that a run or a sweep has
// written. The error is that of [Config.Decode] or [Config.Resolve].
func (c *Catalogue) Read(file []byte) (Config, error) {
	config := c.Config()
	if err := config.Decode(file); err != nil {
		return config, err
	}
	return config.Resolve()
}

// ReadRun returns the run in a directory and its resolved configuration. The error is
// that of run.Read, or of Read about its config.yaml.
func (c *Catalogue) ReadRun(path string) (r run.Run, config Config, err error) {
	if r, err = run.Read(path); err != nil {
		return r, config, err
	}
	if config, err = c.Read(r.Config); err != nil {
		err = fmt.Errorf("%s: %s: %w", path, run.ConfigFile, err)
	}
	return r, config, err
}

// Load returns the model of c with the weights in a safetensors file, such as
// a checkpoint or what PyTorch has written. The error is that of
// [Config.Resolve], of run.ReadWeights or of nn.Import.
func Load(c Config, path string) (*nn.Transformer[float32], error) {
	weights, err := run.ReadWeights(path)
	if err != nil {
		return nil, err
	}
	return Assemble(c, weights, path)
}

// Assemble is Load of weights that were read already, from the file path.
func Assemble(c Config, weights []safetensors.Tensor,
	path string) (*nn.Transformer[float32], error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	m, err := nn.New[float32](c.Config, c.Seed)
	if err != nil {
		return nil, err
	}
	if err := nn.Import(nn.Tensors(m.Parameters()), weights); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
