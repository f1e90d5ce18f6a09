package run

// SyncFolder does nothing: Windows has no fsync of a folder, and makes a rename
// durable by itself.
func SyncFolder(string) error { return nil }
