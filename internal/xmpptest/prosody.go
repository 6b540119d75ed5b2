package xmpptest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const prosodyBinary = "/usr/bin/prosody"

// prosodyModule is a Prosody module that ends the server when standard input
// ends, that is with the test process.
const prosodyModule = `module:set_global();
require "net.server".watchfd(0, function ()
	if io.stdin:read(1) == nil then os.exit(3); end
end);
`

// prosody launches Prosody (0.12 was tried). Limits are those of a default installation: 256 KiB a
// stanza for clients, 512 KiB for components. It may run as root.
type prosody struct {
	directory  string
	components string // the configuration of the components, instead of the package's own
	tls        string // the configuration of STARTTLS, empty for no TLS
}

func newProsody(tb TB) *prosody {
	tb.Helper()
	requireBinary(tb, prosodyBinary, "apt-get install prosody")
	return &prosody{directory: tb.TempDir()}
}

func (p *prosody) name() string { return "prosody" }
func (p *prosody) dir() string  { return p.directory }

func (p *prosody) configure(clientPort, componentPort int) error {
	var c strings.Builder
	disabled := `"s2s", "s2s_auth_certs", "tls"`
	if p.tls != "" {
		disabled = `"s2s", "s2s_auth_certs"`
	}
	c.WriteString(p.tls)
	fmt.Fprintf(&c, `run_as_root = true
pidfile = "%[1]s/prosody.pid"
data_path = "%[1]s/data"
certificates = "%[1]s/certs"
plugin_paths = { "%[1]s/modules" }
log = { info = "*stdout" }
interfaces = { "127.0.0.1" }
component_interfaces = { "127.0.0.1" }
c2s_ports = { %[2]d }
component_ports = { %[3]d }
modules_enabled = { "posix", "roster", "saslauth", "disco", "ping", "offline", "tls", "xmpptest" }
modules_disabled = { %[6]s }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"

VirtualHost "%[4]s"
Component "%[5]s" "muc"
	modules_enabled = { "muc_mam" }
`, p.directory, clientPort, componentPort, Domain, RoomsDomain, disabled)
	c.WriteString(atPort(p.components, componentPort))
	for i, domain := range componentDomains {
		if p.components != "" {
			break
		}
		fmt.Fprintf(&c, "Component %q\n\tcomponent_secret = %q\n", domain, ComponentSecret)
		if i == ReplacingDomain {
			c.WriteString("\tcomponent_conflict_resolve = \"kick_old\"\n")
		}
	}

	for _, dir := range []string{"data", "certs", "modules"} {
		if err := os.MkdirAll(filepath.Join(p.directory, dir), 0o700); err != nil {
			return err
		}
	}
	module := filepath.Join(p.directory, "modules", "mod_xmpptest.lua")
	if err := os.WriteFile(module, []byte(prosodyModule), 0o600); err != nil {
		return err
	}
	return os.WriteFile(p.config(), []byte(c.String()), 0o600)
}

func (p *prosody) config() string { return filepath.Join(p.directory, "prosody.cfg.lua") }

func (p *prosody) command() *exec.Cmd {
	return exec.CommandContext(context.Background(), prosodyBinary, "-F", "--config", p.config())
}

// addUser writes the account where Prosody's internal storage looks for it at each login.
func (p *prosody) addUser(_ *process, name string) error {
	host := strings.ReplaceAll(Domain, ".", "%2e")
	dir := filepath.Join(p.directory, "data", host, "accounts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	account := fmt.Sprintf("return {\n\t[\"password\"] = %q;\n};\n", Password)
	return os.WriteFile(filepath.Join(dir, name+".dat"), []byte(account), 0o600)
}
