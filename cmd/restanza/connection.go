package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

const (
	defaultURL = "http://127.0.0.1:5281"

	urlFlag             = "url"
	credentialsFlag     = "credentials"
	credentialsFileFlag = "credentials-file"

	urlVariable         = "RESTANZA_URL"
	credentialsVariable = "RESTANZA_CREDENTIALS"       //nolint:gosec // a name, not a credential
	adminVariable       = "RESTANZA_ADMIN_CREDENTIALS" //nolint:gosec // a name, not a credential

	// maxClientFile bounds client.toml and files of credentials, in bytes.
	maxClientFile = 64 << 10
)

// connectionHelp is the part of the help that says how a gateway is found.
const connectionHelp = `The gateway is any Restanza, or Prosody's mod_rest. Its address and the credentials come from
flags, from the variables RESTANZA_URL and RESTANZA_CREDENTIALS, and from client.toml in the
folder restanza of your configuration folder (~/.config on Linux), in this order:

  url = "http://127.0.0.1:5281"
  credentials = "Bearer xyz"

Everyone on the machine can read a program's flags, so give secrets in files or variables.`

// operatorHelp is connectionHelp for the commands of operators.
const operatorHelp = `The gateway needs a journal, and a credential for operating it: http.admin_authorization in its
configuration. Its address and that credential come from flags, from the variables RESTANZA_URL and
RESTANZA_ADMIN_CREDENTIALS, and from client.toml in the folder restanza of your configuration folder
(~/.config on Linux), in this order:

  url = "http://127.0.0.1:5281"
  admin_credentials = "Bearer xyz"

Everyone on the machine can read a program's flags, so give secrets in files or variables.`

// caller is as whom a command speaks with a gateway, by the variable that has the credentials.
type caller string

const (
	sender   caller = credentialsVariable
	operator caller = adminVariable
)

// clientFile is what client.toml says.
type clientFile struct {
	url         string
	credentials map[caller]string
}

// addConnection gives the command the flags that say which gateway to speak with.
func addConnection(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.String(urlFlag, "", "base address of the gateway, or of its /rest (default "+defaultURL+")")
	flags.String(credentialsFlag, "", "complete Authorization header, such as 'Bearer xyz'")
	flags.String(credentialsFileFlag, "", "file that holds the Authorization header")
	_ = cmd.RegisterFlagCompletionFunc(urlFlag, cobra.NoFileCompletions) // these fail for unknown flags only
	_ = cmd.RegisterFlagCompletionFunc(credentialsFlag, cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc(credentialsFileFlag, anyFile)
	cmd.MarkFlagsMutuallyExclusive(credentialsFlag, credentialsFileFlag)
}

// connect returns a client as flags, variables and the file say. Errors are about usage.
func connect(cmd *cobra.Command, p process, who caller) (*client.Client, error) {
	o, err := clientOptions(cmd, p, who)
	if err != nil {
		return nil, err
	}
	c, err := client.New(o)
	if err == nil {
		warnExposed(cmd, c)
	}
	return c, err
}

// warnExposed tells that credentials cross a network unencrypted, if they do.
func warnExposed(cmd *cobra.Command, c *client.Client) {
	if c.Exposed() {
		tell(cmd.ErrOrStderr(), "warning: the credentials go unencrypted to %s; use https", client.Printable(c.URL()))
	}
}

func clientOptions(cmd *cobra.Command, p process, who caller) (client.Options, error) {
	file, err := readClientFile(p.configDir, cmd.ErrOrStderr())
	o := client.Options{URL: file.url, UserAgent: "restanza/" + version()}
	if err != nil {
		return o, err
	}
	for variable, value := range map[string]*string{urlVariable: &o.URL, string(who): &o.Credentials} {
		if given := lookup(p.environ, variable); given != "" {
			*value = given
		}
	}
	flags := cmd.Flags()
	if flags.Changed(urlFlag) {
		o.URL, _ = flags.GetString(urlFlag) // these fail for unknown flags only
	}
	if flags.Changed(credentialsFlag) {
		o.Credentials, _ = flags.GetString(credentialsFlag)
	}
	if flags.Changed(credentialsFileFlag) {
		path, _ := flags.GetString(credentialsFileFlag)
		text, _, err := readSmall(path)
		if err != nil {
			return o, fmt.Errorf("--%s: %w", credentialsFileFlag, err)
		}
		o.Credentials = strings.TrimRight(string(text), "\r\n")
	}
	if o.URL == "" {
		o.URL = defaultURL
	}
	if kept := file.credentials[who]; o.Credentials == "" && kept != "" {
		if file.url != "" && !sameOrigin(file.url, o.URL) {
			tell(cmd.ErrOrStderr(), "warning: the credentials in client.toml are for %s and are not sent to %s", client.Printable(file.url), client.Printable(o.URL))
		} else {
			o.Credentials = kept
		}
	}
	return o, nil
}

// sameOrigin reports whether two addresses are of one program: scheme, host and port are
// the same. An address that can't be read is like no other.
func sameOrigin(a, b string) bool {
	one, err := url.Parse(a)
	other, otherErr := url.Parse(b)
	return err == nil && otherErr == nil && one.Scheme == other.Scheme && strings.EqualFold(one.Host, other.Host)
}

// lookup returns the value of a variable; empty if it is not set.
func lookup(environ []string, name string) string {
	value := ""
	for _, line := range environ {
		if after, ok := strings.CutPrefix(line, name+"="); ok {
			value = after
		}
	}
	return value
}

// readClientFile reads client.toml, if there is one. It warns if other users can read
// a credential.
func readClientFile(configDir string, stderr io.Writer) (clientFile, error) {
	file := clientFile{credentials: map[caller]string{}}
	if configDir == "" {
		return file, nil
	}
	path := filepath.Join(configDir, "restanza", "client.toml")
	data, info, err := readSmall(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file, nil
	case err != nil:
		return file, err
	}
	if err := decodeClientFile(path, data, &file); err != nil {
		return file, err
	}
	if len(file.credentials) > 0 && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		tell(stderr, "warning: %s: holds credentials, and other users can read or write it; try chmod go-rwx", path)
	}
	return file, nil
}

// decodeClientFile reads the three keys. Values are decoded as they come and looked at
// here: the library's own words about a wrong type are about Go.
func decodeClientFile(path string, data []byte, file *clientFile) error {
	var keys struct {
		URL         any `toml:"url"`
		Credentials any `toml:"credentials"`
		Admin       any `toml:"admin_credentials"`
	}
	err := toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields().Decode(&keys)
	if missing, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		line, column := missing.Errors[0].Position()
		return fmt.Errorf("%s:%d:%d: %s: unknown key; there are url, credentials and admin_credentials",
			path, line, column, client.Printable(strings.Join(missing.Errors[0].Key(), ".")))
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := wrong.Position()
		return fmt.Errorf("%s:%d:%d: %s", path, line, column, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	if err != nil {
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "toml: "))
	}
	for _, key := range []struct {
		name string
		from any
		take func(text string)
	}{
		{"url", keys.URL, func(text string) { file.url = text }},
		{"credentials", keys.Credentials, func(text string) { file.credentials[sender] = text }},
		{"admin_credentials", keys.Admin, func(text string) { file.credentials[operator] = text }},
	} {
		text, ok := key.from.(string)
		if !ok && key.from != nil {
			return fmt.Errorf("%s: %s: this is no text; write it in quotes", path, key.name)
		}
		if text != "" {
			key.take(text)
		}
	}
	return nil
}

// readSmall reads a file whole, up to maxClientFile.
func readSmall(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	data, err := readBounded(f, maxClientFile, path)
	return data, info, err
}

// readBounded reads all of r, which is at most limit bytes long.
func readBounded(r io.Reader, limit int, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return data, err
}
