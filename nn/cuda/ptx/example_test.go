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

// A kernel of blocks of 64 threads, each of which moves four numbers through shared memory
// that the launch asks for.
func ExampleKernel_Ask() {
	k := ptx.New("fours")
	k.Bounds(64, 1)
	p, i := k.Pointer(), k.Thread(ptx.X)
	at := k.Add(k.Ask(64*16), k.Mul(i, ptx.Int(16)))
	k.StoreShared4(at, 0, k.Load4(k.At(p, i, 16), 0))
	fmt.Println(k.Asked(), "bytes")
	fmt.Print(ptx.Text(k))
	// Output:
	// 1024 bytes
	// .version 6.4
	// .target sm_70
	// .address_size 64
	//
	// .extern .shared .align 16 .b8 asked[];
	//
	// .visible .entry fours(
	//	.param .u64 fours_0
	// )
	// .maxntid 64, 1, 1
	// .minnctapersm 1
	// {
	//	.reg .f32 %f<4>;
	//	.reg .b32 %r<5>;
	//	.reg .b64 %a<2>;
	//	ld.param.u64 %a0, [fours_0];
	//	cvta.to.global.u64 %a0, %a0;
	//	mov.u32 %r0, %tid.x;
	//	mov.u32 %r1, asked;
	//	add.u32 %r2, %r1, 0;
	//	mul.lo.u32 %r3, %r0, 16;
	//	add.u32 %r4, %r2, %r3;
	//	mad.wide.u32 %a1, %r0, 16, %a0;
	//	ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%a1+0];
	//	st.shared.v4.f32 [%r4+0], {%f0, %f1, %f2, %f3};
	//	ret;
	// }
}

// A kernel that writes to where an address in memory says: what the host has left there
// becomes an address of global memory, as that of a parameter does.
func ExampleKernel_LoadAddress() {
	k := ptx.New("there")
	k.StoreInt(k.LoadAddress(k.Pointer(), 8), 0, ptx.Int(1))
	fmt.Print(ptx.Text(k))
	// Output:
	// .version 6.4
	// .target sm_70
	// .address_size 64
	//
	// .visible .entry there(
	//	.param .u64 there_0
	// )
	// {
	//	.reg .b32 %r<1>;
	//	.reg .b64 %a<2>;
	//	ld.param.u64 %a0, [there_0];
	//	cvta.to.global.u64 %a0, %a0;
	//	ld.global.u64 %a1, [%a0+8];
	//	cvta.to.global.u64 %a1, %a1;
	//	mov.u32 %r0, 1;
	//	st.global.u32 [%a1+0], %r0;
	//	ret;
	// }
}
