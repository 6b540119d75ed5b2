package config

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
)

// serverPort is where XMPP servers take components by custom.
const serverPort = "5347"

// resolve fills in what follows from other settings: secrets from their files, the port
// of a server, the short word for a format, the address of a credential.
func (d *draft) resolve() {
	d.readSecret(&d.config.HTTP.AdminAuthorization, d.config.HTTP.AdminAuthorizationFile, "http.admin_authorization")
	for i := range d.config.Components {
		c := &d.config.Components[i]
		path := index("component", i)
		d.readSecret(&c.Secret, c.SecretFile, path+".secret")
		if server, ok := withPort(c.Server); ok {
			c.Server = server
		}
		d.readSecret(&c.Callback.Authorization, c.Callback.AuthorizationFile, path+".callback.authorization")
		d.readSigningSecrets(&c.Callback, path+".callback.signing_secret")
		c.Callback.ContentType = shortFormat(c.Callback.ContentType)
		for j := range c.Credentials {
			credential := &c.Credentials[j]
			d.readSecret(&credential.Authorization, credential.AuthorizationFile, index(path+".credential", j)+".authorization")
			d.readSecret(&credential.Password, credential.PasswordFile, index(path+".credential", j)+".password")
			d.basic(credential, index(path+".credential", j))
			if credential.Identity.IsZero() {
				credential.Identity = c.Domain
			}
		}
		if c.BasicSecret && c.Secret != "" && !c.Domain.IsZero() {
			c.Credentials = append(c.Credentials, Credential{
				Authorization: basicAuthorization(c.Domain.String(), c.Secret), Identity: c.Domain,
			})
		}
	}
}

// basic makes the Authorization value of a user name and a password (RFC 7617 §2).
func (d *draft) basic(c *Credential, path string) {
	switch {
	case c.User == "" && c.Password == "":
		return
	case c.User == "":
		d.fail(path+".password", "there is no user that it belongs to")
	case c.Password == "":
		d.fail(path+".user", "its password is missing; set password, or password_file")
	case c.Authorization != "":
		d.fail(path+".user", "authorization is set too; leave one of them out")
	case strings.ContainsFunc(c.User, func(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }):
		d.fail(path+".user", "a colon or a control character can't stand in a user name")
	default:
		c.Authorization = basicAuthorization(c.User, c.Password)
	}
}

func basicAuthorization(user string, password Secret) Secret {
	return Secret("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password.Reveal())))
}

// readSecret reads the secret whose key is path from the file that path_file names, if any.
func (d *draft) readSecret(s *Secret, file, path string) {
	if file == "" {
		return
	}
	path += "_file"
	if *s != "" {
		key := strings.TrimSuffix(path[strings.LastIndexByte(path, '.')+1:], "_file")
		d.fail(path, "%s is set too; leave one of them out", key)
		return
	}
	data, info, err := readBounded(file, maxSecretFile)
	if err != nil {
		d.fail(path, "%s", err)
		return
	}
	data = bytes.TrimRight(data, "\r\n")
	if len(data) == 0 {
		d.fail(path, "%s is empty", file)
		return
	}
	d.warnReadable(info, file, true)
	*s = Secret(data)
}

// readSigningSecrets reads the signing secrets from their file, if there is one: one in a line. The path is
// that of the file's key without its end.
func (d *draft) readSigningSecrets(c *Callback, path string) {
	if c.SigningSecretFile != "" && len(c.SigningSecrets) > 0 {
		d.fail(path+"_file", "signing_secrets is set too; leave one of them out")
		return
	}
	var text Secret
	d.readSecret(&text, c.SigningSecretFile, path)
	for line := range strings.Lines(text.Reveal()) {
		if line = strings.TrimSpace(line); line != "" {
			c.SigningSecrets = append(c.SigningSecrets, Secret(line))
		}
	}
}

// shortFormat returns the word for a format that is named by its media type, as in
// mod_rest's configuration; anything else as it is.
func shortFormat(name string) string {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "application/xmpp+xml":
		return "xml"
	case "application/json":
		return "json"
	case "application/x-www-form-urlencoded":
		return "form"
	case "text/plain":
		return "text"
	case "application/cbor":
		return "cbor"
	}
	return name
}

// withPort completes a server's address: a host alone gets the usual port.
func withPort(server string) (string, bool) {
	if host, port, err := net.SplitHostPort(server); err == nil {
		return net.JoinHostPort(host, port), true
	}
	host := server
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return "", false
		}
	}
	if strings.ContainsAny(host, "[]") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", false
	}
	return net.JoinHostPort(host, serverPort), true
}

// checkHostPort says what is wrong with host:port; empty: nothing. Without a host it stands for all addresses.
func checkHostPort(s string, needHost bool, lowest int) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Sprintf("%q is no host:port", s)
	}
	if host == "" && needHost || strings.ContainsAny(host, " /@") {
		return fmt.Sprintf("%q has no proper host", s)
	}
	n, ok := portNumber(port)
	if !ok || n < lowest {
		return fmt.Sprintf("%q has no proper port: a number from %d to 65535", s, lowest)
	}
	return ""
}

func portNumber(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 65535 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, s != "" && n <= 65535
}
