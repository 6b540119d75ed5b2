package doctor

import "syscall"

// freeBytes returns how many bytes a user may write to the disk of a folder, and whether that
// can be told.
func freeBytes(folder string) (free int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // on some systems it is shorter
}
