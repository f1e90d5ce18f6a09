package ptx

// LoadSharedWide is the float64 at an address of shared memory plus offset bytes.
func (k *Kernel) LoadSharedWide(at U32, offset int) F64 {
	r := k.f64()
	k.put("ld.shared.f64 %s, [%s+%d]", r, at, offset)
	return r
}

// StoreSharedWide writes v there.
func (k *Kernel) StoreSharedWide(at U32, offset int, v F64) {
	k.put("st.shared.f64 [%s+%d], %s", at, offset, k.CopyWide(v))
}
