package kernel

import "math"

// The conversions of products that a sum follows keep them from being fused
// with it, also where they went through a variable.

// Norm implements Kernel.
func (plain) Norm(y, normal, rstd, x Matrix, gamma, beta []float32, epsilon float32) {
	scale := 1 / float32(x.Cols)
	for i := range x.Rows {
		x, y, normal, rstd := x.row(i), y.row(i), normal.row(i), rstd.row(i)
		for l := range Lanes {
			var mean, variance float32
			for k := l; k < len(x); k += Lanes {
				mean += x[k]
			}
			mean = float32(mean * scale)
			for k := l; k < len(x); k += Lanes {
				e := x[k] - mean
				variance += float32(e * e)
			}
			r := 1 / float32(math.Sqrt(float64(float32(variance*scale)+epsilon)))
			rstd[l] = r
			for j, g := range gamma {
				k := j*Lanes + l
				normal[k] = (x[k] - mean) * r
				y[k] = float32(normal[k]*g) + beta[j]
			}
		}
	}
}

// NormBackward implements Kernel.
func (plain) NormBackward(dy, normal, rstd Matrix, gamma, dgamma, dbeta []float32) {
	scale := 1 / float32(dy.Cols)
	for i := range dy.Rows {
		dy, normal, rstd := dy.row(i), normal.row(i), rstd.row(i)
		for l := range Lanes {
			var mean, along float32
			for j, g := range gamma {
				k := j*Lanes + l
				dgamma[k] += float32(dy[k] * normal[k])
				dbeta[k] += dy[k]
				dy[k] = float32(dy[k] * g)
				mean += dy[k]
				along += float32(dy[k] * normal[k])
			}
			mean, along = float32(mean*scale), float32(along*scale)
			for k := l; k < len(dy); k += Lanes {
				dy[k] = ((dy[k] - mean) - float32(normal[k]*along)) * rstd[l]
			}
		}
	}
}
