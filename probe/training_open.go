package probe

import (
	"fmt"

	"icar/run"
	"icar/train"
)

// maxMoments is how many moments of a run are looked at; of more, evenly spaced ones.
const maxMoments = 32

// Moments returns the models of a run along its training: those of the checkpoints
// that it has kept, at most 32 of them, and that of its last checkpoint. The
// catalogue is that of [Open]. The error says that there is no run that can be read,
// or that it has kept none.
func Moments(path string, catalogue *train.Catalogue) ([]Snapshot, error) {
	r, config, err := catalogue.ReadRun(path)
	if err != nil {
		return nil, err
	}
	kept, err := r.Kept()
	if err != nil {
		return nil, err
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("%s has kept no checkpoints along its training: train it with "+
			"keep_every, such as icar train --config %s/%s --keep_every %d --out %[1]s-kept", path,
			path, run.ConfigFile, max(1, config.Steps()/16))
	}
	last, err := r.Last()
	if err != nil {
		return nil, err
	}
	var all []Snapshot
	for _, k := range shown(kept, last) {
		net, err := train.Load(config, k.Path)
		if err != nil {
			return nil, err
		}
		model, err := New(config, net)
		if err != nil {
			return nil, err
		}
		all = append(all, Snapshot{k.Step, model})
	}
	return all, nil
}

// shown are evenly spaced ones of those that were kept before the last, and the last.
func shown(kept []run.Kept, last run.Kept) (all []run.Kept) {
	for len(kept) > 0 && kept[len(kept)-1].Step >= last.Step { // written meanwhile
		kept = kept[:len(kept)-1]
	}
	n := min(len(kept), maxMoments-1)
	for i := range n {
		all = append(all, kept[i*len(kept)/n])
	}
	return append(all, last)
}
