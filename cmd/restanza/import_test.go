package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

const prosodyExample = `
VirtualHost "example.net"
Component "rest.example.net" "rest"
	component_secret = ENV_COMPONENT_SECRET
	rest_callback_url = "http://user:hush@127.0.0.1:9999/stanzas"
	rest_callback_content_type = "json"
	rest_demo_resources = "/srv/demo"
Component "other.example.net"
	component_secret = "others"
`

// What is imported passes the check, and serve's own reading.
func TestImport_checked(t *testing.T) {
	got := call(t, prosodyExample, nil, "config", "import", "-")
	got.expect(t, exitOK, "domain = \"rest.example.net\"\n", "standard input:7: not taken: rest_demo_resources: ")
	if strings.Contains(got.stderr, "hush") || strings.Contains(got.stderr, "others") {
		t.Errorf("a secret: %s", got.stderr)
	}
	call(t, got.stdout, nil, "config", "check").expect(t, exitOK, "rest.example.net: server 127.0.0.1:5347, 1 credential, callback to http://127.0.0.1:9999\n", "")
}

func TestImport_flags(t *testing.T) {
	environ := []string{"COMPONENT_SECRET=from outside"}
	got := call(t, prosodyExample, environ, "config", "import", "-")
	if strings.Contains(got.stdout, "from outside") {
		t.Error("the environment was read without --env")
	}
	got.expect(t, exitOK, "# Fresh.", "ENV_COMPONENT_SECRET: the environment is not read")
	call(t, prosodyExample, environ, "config", "import", "--env", "-").expect(t, exitOK, "secret = \"from outside\"\n", "taken: component_secret")
	call(t, prosodyExample, nil, "config", "import", "-", "--component", "other.example.net").expect(t, exitOK, "secret = \"others\"\n", "taken")
	call(t, prosodyExample, nil, "config", "import", "-", "--component", "x.example.net").expect(t, exitUsage, "", "x.example.net")
}

func TestImport_output(t *testing.T) {
	dir := t.TempDir()
	source, target := filepath.Join(dir, "prosody.cfg.lua"), filepath.Join(dir, "restanza.toml")
	if err := os.WriteFile(source, []byte(prosodyExample), 0o600); err != nil {
		t.Fatal(err)
	}
	expectFile := func(text string) {
		t.Helper()
		info, err := os.Stat(target)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			t.Errorf("permissions %v", info.Mode().Perm())
		}
		if data, err := os.ReadFile(target); err != nil || !strings.Contains(string(data), text) {
			t.Errorf("%v: %s", err, data)
		}
	}
	call(t, "", nil, "config", "import", source, "--output", target).expect(t, exitOK, "", "to do: ")
	expectFile("domain = \"rest.example.net\"")
	call(t, "", nil, "config", "check", target).expect(t, exitOK, "ok: ", "")

	if err := os.WriteFile(target, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(target, 0o644); err != nil {
		t.Fatal(err)
	}
	call(t, "", nil, "config", "import", source, "--output", target).expect(t, exitFailure, "", "restanza.toml is there already; to replace it, use --force")
	if data, _ := os.ReadFile(target); string(data) != "mine" {
		t.Errorf("it was overwritten: %s", data)
	}
	call(t, "", nil, "config", "import", source, "--output", target, "--force").expect(t, exitOK, "", "to do: ")
	expectFile("domain = \"rest.example.net\"")
	if names, _ := filepath.Glob(filepath.Join(dir, ".restanza-*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}

	call(t, "", nil, "config", "import", source, "--output", dir, "--force").expect(t, exitFailure, "", "no regular file")
	call(t, "", nil, "config", "import", source, "--output", filepath.Join(dir, "no/where")).expect(t, exitFailure, "", "no such file")
}

func TestImport_wrong(t *testing.T) {
	for input, want := range map[string]string{
		`x = = 1`:                   "restanza: standard input:1: this is not Lua",
		`while true do end`:         "more than 200000 instructions",
		`VirtualHost "example.net"`: "nothing to import: there is no Component",
		`VirtualHost "x" modules_enabled={"rest"}`: "a component can't",
		`os.execute("x")`:                          "standard input:1: os.execute is not there",
		strings.Repeat("-", 1<<20+1):               "more than 1048576 bytes",
	} {
		call(t, input, nil, "config", "import", "-").expect(t, exitUsage, "", want)
	}
	call(t, "", nil, "config", "import", "/nowhere/prosody.cfg.lua").expect(t, exitUsage, "", "/nowhere/prosody.cfg.lua: no such file or directory")
	call(t, "", nil, "config", "import").expect(t, exitUsage, "", "accepts 1 arg(s)")
}

// The way that docs/mod_rest.md describes ends at a gateway that works: what is imported of a configuration
// with mod_rest is attached to the server whose component has lost the module.
func TestImport_attached(t *testing.T) {
	name := "fake"
	if peers := os.Getenv(xmpptest.PeersVariable); strings.Contains(peers, "prosody") {
		name = "prosody"
	}
	server := xmpptest.Start(t, name)
	_, port, err := net.SplitHostPort(server.ComponentAddr())
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
component_ports = { %s }
http_ports = { 0x%x }
Component %q "rest"
	component_secret = %q
	rest_callback_url = %q
	rest_callback_content_type = "application/json"
`, port, freePort(t), server.ComponentDomain(0), server.Secret(), xmpptest.NewReceiver(t).URL()+"/")
	target := filepath.Join(t.TempDir(), "restanza.toml")
	call(t, text, nil, "config", "import", "-", "--output", target).expect(t, exitOK, "", "taken: component_secret")
	call(t, "", nil, "doctor", "--config", target).expect(t, exitOK, "no step failed", "")
}

func freePort(t *testing.T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(xmpptest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
