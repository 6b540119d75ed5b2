package xmpptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const erlBinary = "/usr/bin/erl"

// ejabberdConsole is what ejabberd's process does beside being ejabberd: it
// makes an account for each line of standard input, and halts when that ends.
// The log of the database is written out after each account, or a
// SIGKILL could lose it.
const ejabberdConsole = `spawn(fun() ->
  io:setopts([binary]),
  {ok, _} = application:ensure_all_started(ejabberd),
  Loop = fun Again() ->
    case io:get_line("") of
      eof -> halt(3);
      Line ->
        Name = string:trim(Line),
        R = (catch ejabberd_auth:try_register(Name, <<%q>>, <<%q>>)),
        mnesia:sync_log(),
        io:format("xmpptest: user ~s: ~p~n", [Name, R]),
        Again()
    end
  end,
  Loop()
end).`

// ejabberd launches ejabberd (23.01 was tried), in the Erlang machine itself rather than by
// ejabberdctl: without a node name there is no need for epmd, so any number of them
// can run at once, and it may run as root. Limits are those of a default
// installation: 256 KiB a stanza for clients, none for components; no shaper.
type ejabberd struct {
	directory  string
	components string // the listener for components, instead of the package's own
}

func newEjabberd(tb TB) *ejabberd {
	tb.Helper()
	requireBinary(tb, erlBinary, "apt-get install ejabberd")
	if ejabberdLibs() == "" {
		tb.Fatalf("ejabberd is needed and missing; on Debian: apt-get install ejabberd")
	}
	return &ejabberd{directory: tb.TempDir()}
}

// ejabberdLibs finds the directory that holds ejabberd and the Erlang libraries it uses, "" if
// there is none.
func ejabberdLibs() string {
	for _, pattern := range []string{"/usr/lib/*-linux-gnu/ejabberd-*", "/usr/lib/ejabberd-*"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return filepath.Dir(found[0])
		}
	}
	return ""
}

func (e *ejabberd) name() string { return "ejabberd" }
func (e *ejabberd) dir() string  { return e.directory }

// configure: with global_routes off a connection stands for the one domain
// that its stream header names, not for all of the listener's domains.
func (e *ejabberd) configure(clientPort, componentPort int) error {
	var c strings.Builder
	fmt.Fprintf(&c, `loglevel: info
log_rotate_count: 0
hosts: [%[1]s]
auth_method: internal
auth_password_format: plain
shaper_rules:
  max_user_offline_messages: 100000
  max_user_sessions: 100
listen:
  - port: %[2]d
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
`, Domain, clientPort)
	c.WriteString(e.listener(componentPort))
	fmt.Fprintf(&c, `modules:
  mod_disco: {}
  mod_roster: {}
  mod_ping: {}
  mod_offline: {access_max_user_messages: max_user_offline_messages}
  mod_mam: {}
  mod_muc: {host: %s, default_room_options: {mam: true}}
`, RoomsDomain)
	// Names are looked up nowhere: what is for an unknown domain, or a component
	// that is not connected, fails as it does with a default configuration, and at once.
	resolver := filepath.Join(e.directory, "resolv.conf")
	inetrc := fmt.Sprintf("{lookup, [file]}.\n{resolv_conf, %q}.\n", resolver)
	return errors.Join(
		os.WriteFile(e.config(), []byte(c.String()), 0o600),
		os.WriteFile(resolver, nil, 0o600),
		os.WriteFile(e.inetrc(), []byte(inetrc), 0o600))
}

// listener is the configuration of the port for components.
func (e *ejabberd) listener(port int) string {
	if e.components != "" {
		return atPort(e.components, port)
	}
	var c strings.Builder
	fmt.Fprintf(&c, `  - port: %d
    ip: "127.0.0.1"
    module: ejabberd_service
    global_routes: false
    hosts:
`, port)
	for _, domain := range componentDomains {
		fmt.Fprintf(&c, "      %s: {password: %q}\n", domain, ComponentSecret)
	}
	return c.String()
}

func (e *ejabberd) config() string { return filepath.Join(e.directory, "ejabberd.yml") }
func (e *ejabberd) inetrc() string { return filepath.Join(e.directory, "inetrc") }

func (e *ejabberd) command() *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), erlBinary, "-noshell",
		"-mnesia", "dir", fmt.Sprintf("%q", filepath.Join(e.directory, "database")),
		"-s", "ejabberd",
		"-eval", fmt.Sprintf(ejabberdConsole, Domain, Password))
	cmd.Env = append(os.Environ(),
		"HOME="+e.directory,
		"ERL_INETRC="+e.inetrc(),
		"ERL_LIBS="+ejabberdLibs(),
		"ERL_CRASH_DUMP_BYTES=0",
		"EJABBERD_CONFIG_PATH="+e.config(),
		"EJABBERD_LOG_PATH="+filepath.Join(e.directory, "main.log"))
	return cmd
}

// addUser asks the console and waits for its answer in the log.
func (e *ejabberd) addUser(p *process, name string) error {
	seen := len(p.log())
	if _, err := io.WriteString(p.stdin, name+"\n"); err != nil {
		return err
	}
	answer := ""
	if !poll(10*time.Second, func() bool {
		_, rest, ok := strings.Cut(p.log()[seen:], "xmpptest: user "+name+": ")
		line, _, whole := strings.Cut(rest, "\n")
		answer = line
		return ok && whole
	}) {
		return fmt.Errorf("no answer from its console within 10 s")
	}
	if answer != "ok" && answer != "{error,exists}" {
		return fmt.Errorf("its console says %s", answer)
	}
	return nil
}
