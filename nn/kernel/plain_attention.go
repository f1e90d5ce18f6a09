package kernel

// Weigh implements Kernel.
func (plain) Weigh(s, p Matrix) {
	for i := range s.Rows {
		row := s.row(i)
		for j, weight := range p.numbers(i) {
			for l := range Lanes {
				row[j*Lanes+l] *= weight
			}
		}
	}
}

// WeighBackward implements Kernel.
func (plain) WeighBackward(q, s, t, p Matrix) {
	for i := range s.Rows {
		q, s, t := q.row(i), s.row(i), t.row(i)
		for j, weight := range p.numbers(i) {
			for l := j * Lanes; l < (j+1)*Lanes; l++ {
				q[l] = s[l] * t[l]
				s[l] *= weight
				t[l] *= weight
			}
		}
	}
}

// Softmax implements Kernel.
func (plain) Softmax(s Matrix, first int) {
	for i := range s.Rows {
		row := s.row(i)
		n := first + i + 1
		clear(row[n*Lanes:])
		for l := range Lanes {
			top := row[l]
			for j := l; j < n*Lanes; j += Lanes {
				top = max(top, row[j])
			}
			var sum float32
			for j := l; j < n*Lanes; j += Lanes {
				row[j] = exp(row[j] - top)
				sum += row[j]
			}
			scale := 1 / sum
			for j := l; j < n*Lanes; j += Lanes {
				row[j] *= scale
			}
		}
	}
}

// SoftmaxBackward implements Kernel.
func (plain) SoftmaxBackward(q, s, t, p Matrix, first int) {
	for i := range s.Rows {
		q, s, t, p := q.row(i), s.row(i), t.row(i), p.numbers(i)
		n := first + i + 1
		for _, r := range [][]float32{q, s, t} {
			clear(r[n*Lanes:])
		}
		var mean [Lanes]float32
		for j, weight := range p[:n] {
			for l := range Lanes {
				k := j*Lanes + l
				q[k] = s[k] * t[k]
				mean[l] += float32(weight * q[k])
			}
		}
		for j, weight := range p[:n] {
			for l := range Lanes {
				k := j*Lanes + l
				t[k] = float32(weight*q[k]) - float32(mean[l]*s[k])
				s[k] *= weight
			}
		}
	}
}

// Attend implements Kernel.
func (k plain) Attend(y, z, x, p Matrix, scratch Panel) { attend(k, y, z, x, p, scratch) }

// AttendBackward implements Kernel.
func (k plain) AttendBackward(a, dp, z, v, x, p Matrix, scratch Panel) {
	attendBackward(k, a, dp, z, v, x, p, scratch)
}
