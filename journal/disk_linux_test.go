package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file system that is full does not lose anything. It needs the right to mount
// one; what SQLite itself says of a full disk is tested without.
func TestDisk_full(t *testing.T) {
	dir := t.TempDir()
	switch err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); {
	case errors.Is(err, syscall.EPERM):
		t.Skip("no right to mount a file system")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	fillsUp(t, filepath.Join(dir, "journal.db"), func(*Journal) {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}
