package card

// The known answers, see all.
const (
	linearBits  = 0x018a43170a305f63
	softmaxBits = 0x25b61cfefa4e3310
	mlpBits     = 0x490baa4e58f0b971
)
