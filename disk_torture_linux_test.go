package restanza_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"
)

// limitFiles sets how large the files may be that a process writes, in bytes, and returns how large they might be before.
func limitFiles(t *testing.T, pid int, limit uint64) (before uint64) {
	t.Helper()
	var old syscall.Rlimit
	set := func(limit, old *syscall.Rlimit) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
			uintptr(unsafe.Pointer(limit)), uintptr(unsafe.Pointer(old)), 0, 0)
		if errno != 0 {
			t.Fatal(errno)
		}
	}
	set(nil, &old)
	set(&syscall.Rlimit{Cur: limit, Max: old.Max}, nil)
	return old.Cur
}

// The files of the journal can't grow, or its file system is full: see inTrouble.
func TestDisk_full(t *testing.T) {
	t.Run("limit", func(t *testing.T) {
		dir := t.TempDir()
		var before uint64
		inTrouble(t, diskTrouble{
			dir: dir, words: "fails or is full",
			begin: func(g *process) { before = limitFiles(t, g.cmd.Process.Pid, largestFile(t, dir)+64<<10) },
			end:   func(g *process) { limitFiles(t, g.cmd.Process.Pid, before) },
		})
	})
	t.Run("file system", func(t *testing.T) {
		dir := t.TempDir()
		switch err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); {
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
			t.Skip("no right to mount a file system: there is only the limit")
		case err != nil:
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		ballast := filepath.Join(dir, "ballast")
		inTrouble(t, diskTrouble{
			dir: dir, words: "no room on the disk",
			begin: func(*process) {
				f, err := os.Create(ballast)
				if err != nil {
					t.Fatal(err)
				}
				for err == nil {
					_, err = f.Write(make([]byte, 64<<10))
				}
				if !errors.Is(err, syscall.ENOSPC) {
					t.Error(err)
				}
				_ = f.Close() // it is full
			},
			end: func(*process) {
				if err := os.Remove(ballast); err != nil {
					t.Error(err)
				}
			},
		})
	})
}

// largestFile returns the size of the largest file in a folder.
func largestFile(t *testing.T, dir string) (size uint64) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		size = max(size, uint64(info.Size()))
	}
	return size
}
