package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Bounds of the files that are read.
const (
	maxFile       = mebibyte
	maxSecretFile = 64 * kibibyte
)

// Sources says where settings come from. A flag is stronger than a variable, a variable
// stronger than the file, the file stronger than the default.
type Sources struct {
	Path    string            // the TOML file; empty: what the variable RESTANZA_CONFIG names, and no file if that is empty too
	Data    []byte            // not nil: the file's content; Path then serves for the errors and as the place that relative paths start at
	Environ []string          // as os.Environ gives it; an empty variable counts as not set
	Flags   map[string]string // those that were given, by Setting.Flag, as they were written
}

// Load reads the file at path, without variables and flags. Warnings are dropped.
func Load(path string) (Config, error) {
	c, _, err := Sources{Path: path}.Load()
	return c, err
}

// Parse reads the text of a configuration file, called name in errors. It fills in the defaults, and
// neither reads the files that hold secrets nor checks the whole: Sources.Load does.
// Errors are Errors; each has a line.
func Parse(name string, data []byte) (Config, error) {
	d := newDraft(name)
	d.decode(data)
	return d.config, d.errors.orNil()
}

// Load merges all sources, reads the files that hold secrets and checks the whole as
// Validate does. The warnings, each one line, are about what works but may not be meant so. Errors
// are Errors, except that a configuration file that can't be read is an error of package os.
func (s Sources) Load() (Config, []string, error) {
	env := s.environment()
	if s.Path == "" && s.Data == nil {
		s.Path = env[ConfigEnv]
	}
	d := newDraft(s.Path)
	if err := s.readFile(d); err != nil {
		return Config{}, nil, err
	}
	d.overlay("variable", Setting.Env, env)
	d.overlay("flag", func(s Setting) string { return "--" + s.Flag }, dashed(s.Flags))
	d.warnUnknown(env)
	if len(d.errors) == 0 {
		d.resolve()
	}
	if len(d.errors) == 0 {
		d.check()
	}
	return d.config, d.warnings, d.errors.orNil()
}

// readFile decodes the configuration file, if there is one.
func (s Sources) readFile(d *draft) error {
	if s.Data == nil && s.Path == "" {
		return nil
	}
	if s.Data == nil {
		data, info, err := readBounded(s.Path, maxFile)
		if err != nil {
			return fmt.Errorf("configuration file: %w", err)
		}
		s.Data = data
		defer func() { d.warnReadable(info, s.Path, d.holdsSecret()) }()
	}
	d.decode(s.Data)
	d.rebase(filepath.Dir(s.Path))
	return nil
}

// rebase lets the relative paths that a file holds start at its folder.
func (d *draft) rebase(dir string) {
	for _, s := range Settings() {
		if s.Type != File {
			continue
		}
		eachField(&d.config, s.Key, func(_ string, v value) {
			path := v.field.(*string)
			word := s.Key == "journal.path" && *path == NoJournal
			if *path != "" && !word && !filepath.IsAbs(*path) {
				*path = filepath.Join(dir, *path)
			}
		})
	}
}

// holdsSecret reports whether a secret stands in what was read so far.
func (d *draft) holdsSecret() bool {
	held := false
	for _, s := range Settings() {
		if s.Secret && s.Key != "component.callback.url" { // which seldom holds a password
			eachField(&d.config, s.Key, func(_ string, v value) { held = held || v.text() != "" })
		}
	}
	return held
}

// warnReadable warns of a file with a secret that every user of the machine can read.
func (d *draft) warnReadable(info fs.FileInfo, path string, secret bool) {
	if secret && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 && runtime.GOOS != "windows" {
		d.warn("%s: holds a secret, and every user of this machine can read it; try chmod o-rwx", path)
	}
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) (data []byte, info fs.FileInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return data, info, err
}

// environment returns the variables that are meant for this program and not empty.
func (s Sources) environment() map[string]string {
	env := map[string]string{}
	for _, line := range s.Environ {
		name, text, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, envPrefix) && text != "" {
			env[name] = text
		}
	}
	return env
}

func dashed(flags map[string]string) map[string]string {
	all := make(map[string]string, len(flags))
	for name, text := range flags {
		all["--"+name] = text
	}
	return all
}
