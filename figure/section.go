package figure

// Section is a part of a page in words: a table with what its numbers mean, a
// figure, or both. What is empty is left out.
type Section struct {
	Title  string
	Text   string
	Header []string
	Rows   [][]string // (rows, len(Header))
	Figure *Figure
}
