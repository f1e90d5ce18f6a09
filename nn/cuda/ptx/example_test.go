package ptx_test

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// A kernel that adds a·x to y, a number a thread.
func Example() {
	k := ptx.New("axpy")
	x, y, a, n := k.Pointer(), k.Pointer(), k.Real(), k.Number()
	i := k.Add(k.Mul(k.Block(ptx.X), k.Threads(ptx.X)), k.Thread(ptx.X))
	k.ExitUnless(k.Less(i, n))
	at := k.At(y, i, 4)
	k.Store(at, 0, k.Fma(a, k.Load(k.At(x, i, 4), 0), k.Load(at, 0)))
	fmt.Print(ptx.Text(k))
	// Output:
	// .version 6.4
	// .target sm_70
	// .address_size 64
	//
	// .visible .entry axpy(
	//	.param .u64 axpy_0,
	//	.param .u64 axpy_1,
	//	.param .f32 axpy_2,
	//	.param .u32 axpy_3
	// )
	// {
	//	.reg .f32 %f<4>;
	//	.reg .b32 %r<6>;
	//	.reg .b64 %a<4>;
	//	.reg .pred %p<1>;
	//	ld.param.u64 %a0, [axpy_0];
	//	cvta.to.global.u64 %a0, %a0;
	//	ld.param.u64 %a1, [axpy_1];
	//	cvta.to.global.u64 %a1, %a1;
	//	ld.param.f32 %f0, [axpy_2];
	//	ld.param.u32 %r0, [axpy_3];
	//	mov.u32 %r1, %ctaid.x;
	//	mov.u32 %r2, %ntid.x;
	//	mul.lo.u32 %r3, %r1, %r2;
	//	mov.u32 %r4, %tid.x;
	//	add.u32 %r5, %r3, %r4;
	//	setp.lt.u32 %p0, %r5, %r0;
	//	@%p0 bra $L0;
	//	ret;
	// $L0:
	//	mad.wide.u32 %a2, %r5, 4, %a1;
	//	mad.wide.u32 %a3, %r5, 4, %a0;
	//	ld.global.f32 %f1, [%a3+0];
	//	ld.global.f32 %f2, [%a2+0];
	//	fma.rn.f32 %f3, %f0, %f1, %f2;
	//	st.global.f32 [%a2+0], %f3;
	//	ret;
	// }
}
