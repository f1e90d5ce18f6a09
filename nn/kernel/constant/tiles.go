// Package constant holds what the Go of package kernel and the two generators of its
// assembly have to agree on: how tiles are described, and the numbers of the
// exponential and of the GELU, which every kernel computes to the same bits.
package constant

// The numbers of a description of tiles, in order; strides are in bytes.
const (
	TilesK = iota
	TilesCount
	TilesAdd   // 1 to add to c
	TilesShape // MostCols (rows-1) + cols-1
	TilesCRow
	TilesCCol
	TilesARow
	TilesACol
	TilesBRow
	TilesBCol
	Tiles // how many these are
)

// Most rows and columns of a tile. In AVX2 4·3 sums, 3 entries of b and one of a fill
// the 16 registers; in NEON, for half a block, 4·3 pairs of sums, 3 pairs of entries of
// b and one of a are the 32. A processor that starts four multiply-adds in a cycle,
// each of which takes four, needs 16 sums at work.
const MostRows, MostCols = 4, 3

// MostEntries is the largest E that attention has assembly of its own for: two rows of
// E sums leave two registers of AVX2. Larger ones go by panels, in NEON too: to other
// bits.
const MostEntries = 6
