package card

// The known answers, see all.
const (
	linearBits  = 0x82057b3234fdd2c4
	softmaxBits = 0x25b61cfefa4e3310
	mlpBits     = 0xdae840af22f07353
)
