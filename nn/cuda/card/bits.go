package card

// The known answers, see all.
const (
	linearBits  = 0x45b1474e32e3248d
	softmaxBits = 0x25b61cfefa4e3310
	mlpBits     = 0x036f3ef07c4dbec7
)
