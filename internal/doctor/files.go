package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// secretFiles looks who can read the files that hold secrets. That they can be
// read at all was found out with the configuration.
func (p *patient) secretFiles(context.Context) finding {
	files := p.filesWithSecrets()
	if len(files) == 0 {
		return skipped("the configuration names none")
	}
	if runtime.GOOS == "windows" {
		return skipped("who can read a file can't be told on this system")
	}
	var try []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return failed(fmt.Sprintf("can't look at %s: %s", file, reason(err)))
		}
		if line := whoReads(info, file); line != "" {
			try = append(try, line)
		}
	}
	if len(try) > 0 {
		return warning(fmt.Sprintf("%d of %s can be read by others than the owner", len(try), count(len(files), "file")), try...)
	}
	return ok(count(len(files), "file") + ", for the owner only")
}

func (p *patient) filesWithSecrets() []string {
	var files []string
	add := func(file string) {
		if file != "" {
			files = append(files, file)
		}
	}
	for i := range p.o.Config.Components {
		c := &p.o.Config.Components[i]
		add(c.SecretFile)
		add(c.Callback.SigningSecretFile)
		add(c.Callback.AuthorizationFile)
		for j := range c.Credentials {
			add(c.Credentials[j].AuthorizationFile)
			add(c.Credentials[j].PasswordFile)
		}
	}
	add(p.o.Config.HTTP.TLSKey)
	add(p.o.Config.HTTP.AdminAuthorizationFile)
	return files
}

// whoReads says who can read a file beside its owner, and what to do; empty:
// nobody.
func whoReads(info fs.FileInfo, file string) string {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return ""
	case mode.Perm()&0o007 != 0:
		return fmt.Sprintf("every user of this machine can read or change %s: try chmod 600", file)
	case mode.Perm()&0o070 != 0:
		return fmt.Sprintf("the group of %s can read or change it: try chmod 600, unless only the gateway is in that group", file)
	}
	return ""
}
