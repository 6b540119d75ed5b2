package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/journal"
)

// journal looks whether what must not be lost could be kept.
func (p *patient) journal(context.Context) finding {
	path, trouble := p.o.Config.Journal.Path, failed
	switch {
	case path == config.NoJournal:
		return skipped("none is wanted: what comes while a callback or the XMPP server is down is not kept")
	case path != "":
	case p.o.NoDefaultJournal != nil:
		return warning(p.o.NoDefaultJournal.Error(), `set journal.path, to "none" if nothing is to be kept`)
	case p.o.DefaultJournal == "":
		return skipped("none is configured")
	default: // the gateway goes on without
		path, trouble = p.o.DefaultJournal, warning
	}
	folder, missing, err := existing(filepath.Dir(path))
	if err != nil {
		return trouble(fmt.Sprintf("its folder can't be used: %s", err), "make the folder, or set journal.path")
	}
	if err := tryWriting(folder); err != nil {
		return trouble(fmt.Sprintf("no file can be made in %s: %s", folder, reason(err)),
			"let the gateway's user write there, or set journal.path; in a service of systemd StateDirectory= makes such a folder")
	}
	if missing {
		return p.room(path, folder, "will be made, with its folder,")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return p.room(path, folder, "will be made,")
	}
	if err := journal.Examine(path); err != nil {
		return p.unusable(path, err, trouble)
	}
	if err := tryOpening(path); err != nil {
		return trouble(fmt.Sprintf("%s can't be written: %s", path, reason(err)), "let the gateway's user write it, and the files beside it")
	}
	return p.room(path, folder, "opens,")
}

// existing returns the folder, or the one above it that exists: then it is missing.
func existing(folder string) (found string, missing bool, err error) {
	for {
		info, err := os.Stat(folder)
		switch {
		case err == nil && !info.IsDir():
			return "", false, fmt.Errorf("%s is no folder", folder)
		case err == nil:
			return folder, missing, nil
		case !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder):
			return "", false, err
		}
		folder, missing = filepath.Dir(folder), true
	}
}

// tryWriting makes a file in a folder, for a moment.
func tryWriting(folder string) error {
	f, err := os.CreateTemp(folder, ".restanza-doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("Restanza's doctor looks whether this folder can be written.\n")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// tryOpening opens a file for writing.
func tryOpening(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// unusable says why a journal that is there does not open.
func (p *patient) unusable(path string, err error, trouble func(string, ...string) finding) finding {
	switch {
	case errors.Is(err, journal.ErrInUse) && p.gateway != nil:
		return ok(fmt.Sprintf("%s is in use by a gateway, as it should be beside the one that runs", path))
	case errors.Is(err, journal.ErrInUse):
		return trouble(fmt.Sprintf("%s is in use by another process", path),
			"if that is a gateway with another HTTP listener, give each its own file by journal.path; else find out who has it open: fuser "+path)
	case errors.Is(err, journal.ErrNewer):
		return trouble(fmt.Sprintf("%s was written by a newer Restanza", path),
			"run that version or a later one, or set journal.path to another file: what waits in this one is not sent then")
	case errors.Is(err, journal.ErrDamaged):
		return trouble(fmt.Sprintf("%s is damaged", path), err.Error())
	}
	return trouble(fmt.Sprintf("%s can't be opened: %v", path, err), "set journal.path to another file, or look at the permissions of this one and those beside it")
}

// room says how much room there is for a journal that can be used.
func (p *patient) room(path, folder, what string) finding {
	free, known := freeBytes(folder)
	if !known {
		return ok(path + " " + what + " as far as can be told here")
	}
	detail := fmt.Sprintf("%s %s with %s free", path, what, gigabytes(free))
	var used int64
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(path + suffix); err == nil {
			used += info.Size()
		}
	}
	if most := int64(p.o.Config.Journal.MaxBytes); free+used < most {
		return warning(detail, fmt.Sprintf("it may have %s (journal.max_bytes): make room, or set that lower; when the disk is full, nothing is kept any more", gigabytes(most)))
	}
	return ok(detail)
}

func gigabytes(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%d MB", n/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
