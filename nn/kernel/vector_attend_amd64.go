package kernel

// attendRows calls the assembly for e.
func (k assembly) attendRows(e int, y, z, x, p *float32, rows, stride int) {
	if k.wide {
		attendAVX512(e, y, z, x, p, rows, stride)
	} else {
		attendAVX2(e, y, z, x, p, rows, stride)
	}
}

// attendBackwardRow calls the assembly for e.
func (k assembly) attendBackwardRow(e int, q, d, z, v, x, p *float32, n int) {
	if k.wide {
		attendBackwardAVX512(e, q, d, z, v, x, p, n)
	} else {
		attendBackwardAVX2(e, q, d, z, v, x, p, n)
	}
}

// attendAVX2 calls the assembly for e.
func attendAVX2(e int, y, z, x, p *float32, rows, stride int) {
	switch e {
	case 2:
		attend2AVX2(y, z, x, p, rows, stride)
	case 3:
		attend3AVX2(y, z, x, p, rows, stride)
	case 4:
		attend4AVX2(y, z, x, p, rows, stride)
	case 5:
		attend5AVX2(y, z, x, p, rows, stride)
	case 6:
		attend6AVX2(y, z, x, p, rows, stride)
	}
}

// attendAVX512 calls the assembly for e.
func attendAVX512(e int, y, z, x, p *float32, rows, stride int) {
	switch e {
	case 2:
		attend2AVX512(y, z, x, p, rows, stride)
	case 3:
		attend3AVX512(y, z, x, p, rows, stride)
	case 4:
		attend4AVX512(y, z, x, p, rows, stride)
	case 5:
		attend5AVX512(y, z, x, p, rows, stride)
	case 6:
		attend6AVX512(y, z, x, p, rows, stride)
	}
}

// attendBackwardAVX2 calls the assembly for e.
func attendBackwardAVX2(e int, q, d, z, v, x, p *float32, n int) {
	switch e {
	case 2:
		attendBackward2AVX2(q, d, z, v, x, p, n)
	case 3:
		attendBackward3AVX2(q, d, z, v, x, p, n)
	case 4:
		attendBackward4AVX2(q, d, z, v, x, p, n)
	case 5:
		attendBackward5AVX2(q, d, z, v, x, p, n)
	case 6:
		attendBackward6AVX2(q, d, z, v, x, p, n)
	}
}

// attendBackwardAVX512 calls the assembly for e.
func attendBackwardAVX512(e int, q, d, z, v, x, p *float32, n int) {
	switch e {
	case 2:
		attendBackward2AVX512(q, d, z, v, x, p, n)
	case 3:
		attendBackward3AVX512(q, d, z, v, x, p, n)
	case 4:
		attendBackward4AVX512(q, d, z, v, x, p, n)
	case 5:
		attendBackward5AVX512(q, d, z, v, x, p, n)
	case 6:
		attendBackward6AVX512(q, d, z, v, x, p, n)
	}
}
