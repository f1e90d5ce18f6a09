package ptx

// Of two float32.

// Fma is a·b + c, rounded once.
func (k *Kernel) Fma(a, b, c F32) F32 { return into(k, k.f32(), "fma.rn.f32", a, b, c) }

// FmaTo adds a·b to sum, rounded once.
func (k *Kernel) FmaTo(sum, a, b F32) { k.put("fma.rn.f32 %s, %s, %s, %s", sum, a, b, sum) }

// Plus is a + b.
func (k *Kernel) Plus(a, b F32) F32 { return k.binary("add.rn.f32", a, b) }

// PlusTo adds a to sum.
func (k *Kernel) PlusTo(sum, a F32) { k.put("add.rn.f32 %s, %s, %s", sum, sum, a) }

// Minus is a - b.
func (k *Kernel) Minus(a, b F32) F32 { return k.binary("sub.rn.f32", a, b) }

// Times is a·b.
func (k *Kernel) Times(a, b F32) F32 { return k.binary("mul.rn.f32", a, b) }

// Over is a/b.
func (k *Kernel) Over(a, b F32) F32 { return k.binary("div.rn.f32", a, b) }

// Max is the larger of a and b, that which is a number if one is not.
func (k *Kernel) Max(a, b F32) F32 { return k.binary("max.f32", a, b) }

func (k *Kernel) binary(op string, a, b F32) F32 { return into(k, k.f32(), op, a, b) }

// Negative is -a.
func (k *Kernel) Negative(a F32) F32 { return k.unary("neg.f32", a) }

// Root is √a.
func (k *Kernel) Root(a F32) F32 { return k.unary("sqrt.rn.f32", a) }

func (k *Kernel) unary(op string, a F32) F32 { return into(k, k.f32(), op, a) }

// Copy is a in a register of its own, to be written to.
func (k *Kernel) Copy(a F32) F32 { return k.unary("mov.f32", a) }

// CopyTo sets r to a.
func (k *Kernel) CopyTo(r, a F32) { k.put("mov.f32 %s, %s", r, a) }

// Choose is a where p holds, else b.
func (k *Kernel) Choose(p Pred, a, b F32) F32 { return into(k, k.f32(), "selp.f32", a, b, p) }

// Bits is the representation of a.
func (k *Kernel) Bits(a F32) U32 { return into(k, k.u32(), "mov.b32", a) }

// OfBits is the float32 of that representation.
func (k *Kernel) OfBits(a U32) F32 { return into(k, k.f32(), "mov.b32", a) }

// OfInt is a as a float32.
func (k *Kernel) OfInt(a U32) F32 { return into(k, k.f32(), "cvt.rn.f32.u32", a) }

// FLess is whether a < b; false if one is no number.
func (k *Kernel) FLess(a, b F32) Pred { return into(k, k.pred(), "setp.lt.f32", a, b) }

// Of float64.

// Wide is a as a float64.
func (k *Kernel) Wide(a F32) F64 { return into(k, k.f64(), "cvt.f64.f32", a) }

// Narrow is a rounded to a float32.
func (k *Kernel) Narrow(a F64) F32 { return into(k, k.f32(), "cvt.rn.f32.f64", a) }

// CopyWide is a in a register of its own.
func (k *Kernel) CopyWide(a F64) F64 { return into(k, k.f64(), "mov.f64", a) }

// PlusWideTo adds a to sum.
func (k *Kernel) PlusWideTo(sum, a F64) { k.put("add.rn.f64 %s, %s, %s", sum, sum, a) }

// CopyWideTo sets r to a.
func (k *Kernel) CopyWideTo(r, a F64) { k.put("mov.f64 %s, %s", r, a) }

// PlusWide is a + b.
func (k *Kernel) PlusWide(a, b F64) F64 { return into(k, k.f64(), "add.rn.f64", a, b) }

// MinusWide is a - b.
func (k *Kernel) MinusWide(a, b F64) F64 { return into(k, k.f64(), "sub.rn.f64", a, b) }

// FmaWide is a·b + c, rounded once.
func (k *Kernel) FmaWide(a, b, c F64) F64 { return into(k, k.f64(), "fma.rn.f64", a, b, c) }

// FmaWideTo adds a·b to sum, rounded once.
func (k *Kernel) FmaWideTo(sum, a, b F64) { k.put("fma.rn.f64 %s, %s, %s, %s", sum, a, b, sum) }

// TimesWide is a·b.
func (k *Kernel) TimesWide(a, b F64) F64 { return into(k, k.f64(), "mul.rn.f64", a, b) }

// OverWide is a/b.
func (k *Kernel) OverWide(a, b F64) F64 { return into(k, k.f64(), "div.rn.f64", a, b) }

// RootWide is √a.
func (k *Kernel) RootWide(a F64) F64 { return into(k, k.f64(), "sqrt.rn.f64", a) }

// LessWide is whether a < b; false if one is no number.
func (k *Kernel) LessWide(a, b F64) Pred { return into(k, k.pred(), "setp.lt.f64", a, b) }

// NegativeWide is -a.
func (k *Kernel) NegativeWide(a F64) F64 { return into(k, k.f64(), "neg.f64", a) }

// ChooseWide is a where p holds, else b.
func (k *Kernel) ChooseWide(p Pred, a, b F64) F64 {
	return into(k, k.f64(), "selp.f64", a, b, p)
}

// WideOf is the number a as a float64.
func (k *Kernel) WideOf(a U32) F64 { return into(k, k.f64(), "cvt.rn.f64.u32", a) }

// WideOfSigned is a as a float64, from -2³¹ to 2³¹-1.
func (k *Kernel) WideOfSigned(a U32) F64 { return into(k, k.f64(), "cvt.rn.f64.s32", a) }

// WideBits is the representation of a, its lower and its upper half.
func (k *Kernel) WideBits(a F64) (low, high U32) {
	low, high = k.u32(), k.u32()
	k.put("mov.b64 {%s, %s}, %s", low, high, k.CopyWide(a))
	return low, high
}

// OfWideBits is the float64 of that representation.
func (k *Kernel) OfWideBits(low, high U32) F64 {
	r := k.f64()
	k.put("mov.b64 %s, {%s, %s}", r, k.CopyInt(low), k.CopyInt(high))
	return r
}

// Of whole numbers.

// Add is a + b.
func (k *Kernel) Add(a, b U32) U32 { return k.whole("add.u32", a, b) }

// CopyInt is a in a register of its own, to be written to.
func (k *Kernel) CopyInt(a U32) U32 { return into(k, k.u32(), "mov.u32", a) }

// AddTo adds a to sum.
func (k *Kernel) AddTo(sum, a U32) { k.put("add.u32 %s, %s, %s", sum, sum, a) }

// SetTo sets r to a.
func (k *Kernel) SetTo(r, a U32) { k.put("mov.u32 %s, %s", r, a) }

// Sub is a - b.
func (k *Kernel) Sub(a, b U32) U32 { return k.whole("sub.u32", a, b) }

// Mul is a·b.
func (k *Kernel) Mul(a, b U32) U32 { return k.whole("mul.lo.u32", a, b) }

// Div is a/b, rounded down.
func (k *Kernel) Div(a, b U32) U32 { return k.whole("div.u32", a, b) }

// Rem is the remainder of a/b.
func (k *Kernel) Rem(a, b U32) U32 { return k.whole("rem.u32", a, b) }

// And is a & b.
func (k *Kernel) And(a, b U32) U32 { return k.whole("and.b32", a, b) }

// Or is a | b.
func (k *Kernel) Or(a, b U32) U32 { return k.whole("or.b32", a, b) }

// Xor is a ^ b.
func (k *Kernel) Xor(a, b U32) U32 { return k.whole("xor.b32", a, b) }

// Rotate is a with its bits moved up by n places, 0 to 31, and those that fall out put below.
func (k *Kernel) Rotate(a U32, n int) U32 {
	return into(k, k.u32(), "shf.l.wrap.b32", a, a, Int(n))
}

// Shl is a·2ⁿ.
func (k *Kernel) Shl(a U32, n int) U32 { return k.whole("shl.b32", a, Int(n)) }

// Shr is a/2ⁿ, rounded down.
func (k *Kernel) Shr(a U32, n int) U32 { return k.whole("shr.u32", a, Int(n)) }

// Min is the smaller of a and b.
func (k *Kernel) Min(a, b U32) U32 { return k.whole("min.u32", a, b) }

func (k *Kernel) whole(op string, a, b U32) U32 { return into(k, k.u32(), op, a, b) }

// Less is whether a < b.
func (k *Kernel) Less(a, b U32) Pred { return k.compare("lt", a, b) }

// AtLeast is whether a ≥ b.
func (k *Kernel) AtLeast(a, b U32) Pred { return k.compare("ge", a, b) }

// Equal is whether a = b.
func (k *Kernel) Equal(a, b U32) Pred { return k.compare("eq", a, b) }

func (k *Kernel) compare(how string, a, b U32) Pred {
	return into(k, k.pred(), "setp."+how+".u32", a, b)
}

// Both is whether p and q hold.
func (k *Kernel) Both(p, q Pred) Pred { return into(k, k.pred(), "and.pred", p, q) }

// Pick is a where p holds, else b.
func (k *Kernel) Pick(p Pred, a, b U32) U32 { return into(k, k.u32(), "selp.b32", a, b, p) }
