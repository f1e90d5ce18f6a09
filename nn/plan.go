package nn

type record struct{}

func (r *record) job(m *member, n int, do func(m *member, task int)) {
	for i := range n {
		do(m, i)
	}
}
