package ptx

import "fmt"

// Global memory is addressed in bytes by U64, shared memory by U32.

// At is base + n·bytes.
func (k *Kernel) At(base U64, n U32, bytes int) U64 {
	return into(k, k.u64(), "mad.wide.u32", n, Int(bytes), base)
}

// Stride is base + n·bytes.
func (k *Kernel) Stride(base U64, n U32, bytes U64) U64 {
	wide := into(k, k.u64(), "cvt.u64.u32", n)
	return into(k, k.u64(), "mad.lo.u64", wide, bytes, base)
}

// Product is a·b in 64 bits.
func (k *Kernel) Product(a, b U32) U64 { return into(k, k.u64(), "mul.wide.u32", a, b) }

// Move is a + b.
func (k *Kernel) Move(a, b U64) U64 { return into(k, k.u64(), "add.u64", a, b) }

// MoveTo adds b to a.
func (k *Kernel) MoveTo(a, b U64) { k.put("add.u64 %s, %s, %s", a, a, b) }

// CopyAddress is a in a register of its own.
func (k *Kernel) CopyAddress(a U64) U64 { return into(k, k.u64(), "mov.u64", a) }

// bracket is the operand that stands for what is at an address plus offset bytes.
func bracket[A ~string](at A, offset int) string { return fmt.Sprintf("[%s+%d]", at, offset) }

// Load is the float32 at an address of global memory plus offset bytes.
func (k *Kernel) Load(at U64, offset int) F32 {
	return into(k, k.f32(), "ld.global.f32", bracket(at, offset))
}

// Store writes v there.
func (k *Kernel) Store(at U64, offset int, v F32) {
	k.put("st.global.f32 %s, %s", bracket(at, offset), k.held(v))
}

// held is v in a register, which is what memory and shuffles take.
func (k *Kernel) held(v F32) F32 {
	if v[0] == '%' {
		return v
	}
	return k.Copy(v)
}

// LoadInt is the number there.
func (k *Kernel) LoadInt(at U64, offset int) U32 {
	return into(k, k.u32(), "ld.global.u32", bracket(at, offset))
}

// LoadAddress is the address in global memory that stands there.
func (k *Kernel) LoadAddress(at U64, offset int) U64 {
	r := into(k, k.u64(), "ld.global.u64", bracket(at, offset))
	k.put("cvta.to.global.u64 %s, %s", r, r)
	return r
}

// StoreInt writes v there.
func (k *Kernel) StoreInt(at U64, offset int, v U32) {
	k.put("st.global.u32 %s, %s", bracket(at, offset), k.CopyInt(v))
}

// LoadWide is the float64 there.
func (k *Kernel) LoadWide(at U64, offset int) F64 {
	return into(k, k.f64(), "ld.global.f64", bracket(at, offset))
}

// StoreWide writes v there.
func (k *Kernel) StoreWide(at U64, offset int, v F64) {
	k.put("st.global.f64 %s, %s", bracket(at, offset), k.CopyWide(v))
}

// LoadShared is the float32 at an address of shared memory plus offset bytes.
func (k *Kernel) LoadShared(at U32, offset int) F32 {
	return into(k, k.f32(), "ld.shared.f32", bracket(at, offset))
}

// StoreShared writes v there.
func (k *Kernel) StoreShared(at U32, offset int, v F32) {
	k.put("st.shared.f32 %s, %s", bracket(at, offset), k.held(v))
}

// LoadSharedInt is the number at an address of shared memory plus offset bytes.
func (k *Kernel) LoadSharedInt(at U32, offset int) U32 {
	return into(k, k.u32(), "ld.shared.u32", bracket(at, offset))
}

// StoreSharedInt writes v there.
func (k *Kernel) StoreSharedInt(at U32, offset int, v U32) {
	k.put("st.shared.u32 %s, %s", bracket(at, offset), k.CopyInt(v))
}

// Load4 reads four float32 in one access: the address plus offset is a multiple of 16.
func (k *Kernel) Load4(at U64, offset int) [4]F32 { return k.load4("global", string(at), offset) }

// Store4 writes four there.
func (k *Kernel) Store4(at U64, offset int, v [4]F32) { k.store4("global", string(at), offset, v) }

// LoadShared4 reads four float32 of shared memory in one access: the address plus offset is
// a multiple of 16.
func (k *Kernel) LoadShared4(at U32, offset int) [4]F32 {
	return k.load4("shared", string(at), offset)
}

// StoreShared4 writes four there.
func (k *Kernel) StoreShared4(at U32, offset int, v [4]F32) {
	k.store4("shared", string(at), offset, v)
}

func (k *Kernel) load4(space, at string, offset int) (v [4]F32) {
	for i := range v {
		v[i] = k.f32()
	}
	k.put("ld.%s.v4.f32 {%s, %s, %s, %s}, [%s+%d]", space, v[0], v[1], v[2], v[3], at, offset)
	return v
}

func (k *Kernel) store4(space, at string, offset int, v [4]F32) {
	for i := range v {
		v[i] = k.held(v[i])
	}
	k.put("st.%s.v4.f32 [%s+%d], {%s, %s, %s, %s}", space, at, offset, v[0], v[1], v[2], v[3])
}

// LoadSharedWide is the float64 there.
func (k *Kernel) LoadSharedWide(at U32, offset int) F64 {
	return into(k, k.f64(), "ld.shared.f64", bracket(at, offset))
}

// StoreSharedWide writes v there.
func (k *Kernel) StoreSharedWide(at U32, offset int, v F64) {
	k.put("st.shared.f64 %s, %s", bracket(at, offset), k.CopyWide(v))
}
