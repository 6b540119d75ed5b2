package prosodycfg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what Include reads.
const (
	maxFiles     = 100
	maxFile      = 1 << 20 // bytes of one file
	maxAllFiles  = 4 << 20
	maxInFolder  = 10_000 // names
	patternRunes = "*?"
)

// folder is the tree of files below the configuration: nothing else is read. Paths are
// relative to it.
type folder struct {
	given string  // as the caller wrote it
	real  string  // without symbolic links; empty: nothing is read
	used  *[2]int // files and bytes so far
}

// newFolder returns the tree around a configuration file.
func newFolder(path string) folder {
	dir := filepath.Dir(path)
	resolved, err := filepath.Abs(dir)
	if err == nil {
		resolved, err = filepath.EvalSymlinks(resolved)
	}
	if err != nil {
		resolved = ""
	}
	return folder{given: dir, real: resolved, used: new([2]int)}
}

// expand returns the files that Include names, in alphabetical order. from is the folder of the
// including file. As in Prosody, a pattern stands in the last part only.
func (d folder) expand(from, pattern string) ([]string, error) {
	path := pattern
	if filepath.IsAbs(path) {
		inside, err := d.inside(path)
		if err != nil {
			return nil, err
		}
		path = inside
	} else {
		path = filepath.Join(from, path)
	}
	dir, last := filepath.Split(path)
	if strings.ContainsAny(dir, patternRunes) {
		return nil, errors.New("a pattern in the name of a folder")
	}
	if !strings.ContainsAny(last, patternRunes) {
		return []string{path}, nil
	}
	names, err := d.names(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && matches(last, name) {
			found = append(found, filepath.Join(dir, name))
		}
	}
	return found, nil
}

// matches compares a name with a pattern of * and ?.
func matches(pattern, name string) bool {
	ok, err := filepath.Match(strings.NewReplacer("[", `\[`, `\`, `\\`).Replace(pattern), name)
	return err == nil && ok
}

// inside makes an absolute path one within the folder.
func (d folder) inside(path string) (string, error) {
	for _, root := range []string{d.given, d.real} {
		absolute, err := filepath.Abs(root)
		if err != nil || root == "" {
			continue
		}
		if inside, err := filepath.Rel(absolute, path); err == nil && filepath.IsLocal(inside) {
			return inside, nil
		}
	}
	return "", errOutside
}

var errOutside = errors.New("it is outside of the configuration's folder; import it by itself, or put its text into the configuration")

// resolve returns where a path in the folder really leads, which is in the folder too.
func (d folder) resolve(path string) (string, error) {
	if d.real == "" {
		return "", errors.New("the configuration has no folder")
	}
	if !filepath.IsLocal(path) {
		return "", errOutside
	}
	target, err := filepath.EvalSymlinks(filepath.Join(d.real, path))
	if err != nil {
		return "", plainPathError(err)
	}
	if inside, err := filepath.Rel(d.real, target); err != nil || !filepath.IsLocal(inside) {
		return "", errOutside
	}
	return target, nil
}

// names returns the names in a folder, sorted.
func (d folder) names(path string) ([]string, error) {
	target, err := d.resolve(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(target)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(maxInFolder)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plainPathError(err)
	}
	slices.Sort(names)
	return names, nil
}

// read reads a file of the folder.
func (d folder) read(path string) ([]byte, error) {
	target, err := d.resolve(path)
	if err != nil {
		return nil, err
	}
	if d.used[0]++; d.used[0] > maxFiles {
		return nil, fmt.Errorf("more than %d files", maxFiles)
	}
	data, err := readFile(target)
	if d.used[1] += len(data); err == nil && d.used[1] > maxAllFiles {
		return nil, fmt.Errorf("more than %d MiB in all files", maxAllFiles>>20)
	}
	return data, err
}

// readFile reads a regular file of bounded size.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return data, plainPathError(err)
}

// plainPathError leaves out the path, which is named elsewhere.
func plainPathError(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
