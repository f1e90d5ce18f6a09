package emulator_test

import (
	"slices"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// TestText runs instructions as PTX has them and package ptx does not write them, in 32 lanes:
// with what is in a register at the end, of lane l.
func TestText(t *testing.T) {
	const head = ".visible .entry k(\n.param .u64 p,\n.param .u32 n\n)\n{\n.reg .b32 %r<6>;\n" +
		".reg .b64 %a<3>;\n.reg .pred %p<1>;\nld.param.u64 %a0, [p];\n" +
		"mov.u32 %r0, %tid.x;\nmad.wide.u32 %a1, %r0, 4, %a0;\n" +
		"setp.lt.u32 %p0, %r0, 7;\nmov.u32 %r1, 100;\n"
	const tail = "st.global.u32 [%a1+0], %r1;\n}\n"
	below := func(yes, no uint32) func(uint32) uint32 {
		return func(l uint32) uint32 {
			if l < 7 {
				return yes
			}
			return no
		}
	}
	for name, test := range map[string]struct {
		body string
		want func(lane uint32) uint32
	}{
		"lanes with a guard": {"@%p0 add.u32 %r1, %r1, 5;\n", below(105, 100)},
		"lanes without one":  {"@!%p0 add.u32 %r1, %r1, 5;\n", below(100, 105)},
		"some lanes end":     {"@%p0 ret;\n", below(9, 100)},
		"others end":         {"@!%p0 ret;\n", below(100, 9)},
		"some lanes end, and others part": {"@%p0 ret;\nsetp.lt.u32 %p0, %r0, 20;\n" +
			"@%p0 bra $L0;\nmov.u32 %r1, 50;\n$L0:\n",
			func(l uint32) uint32 {
				switch {
				case l < 7:
					return 9
				case l < 20:
					return 100
				}
				return 50
			}},
		"both halves of a shift": {"shf.l.wrap.b32 %r1, %r0, 3, 31;\n",
			func(l uint32) uint32 { return 1<<31 | l>>1 }},
		"a shift by more than there are bits": {"shf.l.wrap.b32 %r1, %r0, 3, 36;\n",
			func(l uint32) uint32 { return 3 << 4 }},
		"lanes exchanged in place": {
			"mov.u32 %r1, %r0;\nshfl.sync.bfly.b32 %r1, %r1, 1, 31, -1;\n",
			func(l uint32) uint32 { return l ^ 1 }},
		"a lane's number in the place of the result": {
			"xor.b32 %r1, %r0, 2;\nshfl.sync.idx.b32 %r1, %r0, %r1, 31, -1;\n",
			func(l uint32) uint32 { return l ^ 2 }},
		"a parameter of 32 bits": {"ld.param.u32 %r1, [n];\n",
			func(uint32) uint32 { return 1<<31 | 5 }},
		"a parameter for some": {"@%p0 ld.param.u32 %r1, [n];\n", below(1<<31|5, 100)},
	} {
		d := emulator.New()
		m, err := d.Load(t.Context(), head+test.body+tail, "k")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := card{d, m.Kernels[0]}
		p := c.memory(t, slices.Repeat([]uint32{9}, 32)...)
		err = c.launch(1, 32, device.Address(p, 0), device.Arg{Bits: 1<<31 | 5, Size: 4})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for l, got := range c.words(t, p, 32) {
			if want := test.want(uint32(l)); got != want {
				t.Errorf("%s: lane %d has %d, want %d", name, l, got, want)
			}
		}
	}
}
