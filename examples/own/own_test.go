package main

import (
	"testing"

	"icar/ar/lawtest"
	"icar/nn/mixertest"
)

func TestRetentionIsAMixer(t *testing.T) {
	if err := mixertest.Test(retention{}); err != nil {
		t.Error(err)
	}
}

func TestReflectionIsALaw(t *testing.T) {
	if err := lawtest.Check(reflection{4}, reflection{1}); err != nil {
		t.Error(err)
	}
}
