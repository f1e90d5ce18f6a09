package emulator_test

import (
	"strings"
	"testing"

	"icar/nn/cuda/emulator"
)

// TestTextIsRefused checks what a text has to be, each with its line.
func TestTextIsRefused(t *testing.T) {
	const head = ".visible .entry k(\n.param .u64 p\n)\n{\n.reg .f32 %f<2>;\n.reg .b64 %a<1>;\n"
	for line, want := range map[string]string{
		"sin.f32 %f0, %f1;":                            `line 7, "sin.f32 %f0, %f1;": there is no`,
		"add.f32 %f0, %f1, %f1;":                       "there is no instruction add.f32",
		"add.rn.f32 %f0, %f1, %f2;":                    "%f2 is not declared",
		"add.rn.f32 %f0, %f1, %a0;":                    "another type",
		"add.rn.f32 %f0, %f1;":                         "it needs 3",
		"add.rn.f32 0f00000000, %f1, %f1;":             "cannot be written to",
		head + "\tmov.b64 {%f0, %f1, %f0}, %a0;\n}\n":  "it needs 2",
		head + "\tmov.b64 %a0, {%f0, %f2};\n}\n":       "%f2 is not declared",
		head + "\tmov.b64 {%f0, %f1}, %f0;\n}\n":       "another type",
		"st.global.f32 [%a0+0], 0f00000000;":           "0f00000000 is no register",
		"st.global.v2.f32 [%a0+0], {%f0, 0f00000000};": "0f00000000 is no register",
		head + "\tmov.b64 %a0, {%f0, 7};\n}\n":         "7 is no register",
		"bra $L1;":                                     "no label $L1",
		"ld.param.u32 %f0, [p];":                       "no parameter",
		"ld.local.f32 %f0, [%a0+0];":                   "there is no instruction ld.local.f32",
		"ld.global %f0, [%a0+0];":                      "there is no instruction ld.global",
		"ld.shared.v3.f32 %f0, [%f0];":                 "there is no instruction ld.shared.v3",
		"ret":                                          "does not end in ;",
		".shared .align 16 .b8 m[-16];":                "shared memory is",
		"shfl.sync.up.b32 %f0, %f1, 1, 0, -1;":         "of shuffles there are",
		"shfl.sync.bfly.b32 %f0, %f1, 1, 7, -1;":       "of shuffles there are",
		"mov.u32 %f0, %laneid.x;":                      "there is no %laneid.x here",
	} {
		refuses(t, head+"\t"+line+"\n}\n", want)
	}
	refuses(t, head+"\tret;\n", "has no end")
	refuses(t, "\tret;\n", "outside of an entry")
	refuses(t, head+"}\n", "there is no kernel other")
	refuses(t, strings.Replace(head, "{", ".maxntid 64, many, 1\n{", 1)+"}\n", ".maxntid has")
}

// refuses checks that a text is not taken, and why.
func refuses(t *testing.T, text, want string) {
	t.Helper()
	_, err := emulator.New().Load(t.Context(), text, "other")
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%q: the error is %v, want %q", text, err, want)
	}
}
