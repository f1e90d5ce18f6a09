package kernel

// attendRows calls the assembly for e.
func (assembly) attendRows(e int, y, z, x, p *float32, rows, stride int) {
	switch e {
	case 2:
		attend2NEON(y, z, x, p, rows, stride)
	case 3:
		attend3NEON(y, z, x, p, rows, stride)
	case 4:
		attend4NEON(y, z, x, p, rows, stride)
	case 5:
		attend5NEON(y, z, x, p, rows, stride)
	case 6:
		attend6NEON(y, z, x, p, rows, stride)
	}
}

// attendBackwardRow calls the assembly for e.
func (assembly) attendBackwardRow(e int, q, d, z, v, x, p *float32, n int) {
	switch e {
	case 2:
		attendBackward2NEON(q, d, z, v, x, p, n)
	case 3:
		attendBackward3NEON(q, d, z, v, x, p, n)
	case 4:
		attendBackward4NEON(q, d, z, v, x, p, n)
	case 5:
		attendBackward5NEON(q, d, z, v, x, p, n)
	case 6:
		attendBackward6NEON(q, d, z, v, x, p, n)
	}
}
