package devicetest

// Hold is hold.
var Hold = hold
