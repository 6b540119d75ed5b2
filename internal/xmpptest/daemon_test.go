package xmpptest

import (
	"errors"
	"net"
	"slices"
	"testing"
)

// TestDaemon_portTaken: somebody else takes the components' port at the last moment.
func TestDaemon_portTaken(t *testing.T) {
	launchers := map[string]func(TB) launcher{
		"prosody":  func(tb TB) launcher { return newProsody(tb) },
		"ejabberd": func(tb TB) launcher { return newEjabberd(tb) },
	}
	for name, launcher := range launchers {
		if !slices.Contains(Peers(t), name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			taken, err := net.Listen("tcp", FreeAddr(t))
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			d := &daemon{common: common{name: name, domains: componentDomains}, launcher: launcher(t)}
			d.clientPort, d.componentPort = freePorts(t, 1)[0], taken.Addr().(*net.TCPAddr).Port
			if err := d.launcher.configure(d.clientPort, d.componentPort); err != nil {
				t.Fatal(err)
			}
			if err := d.run(); !errors.Is(err, errPortTaken) {
				t.Errorf("got %v, want %v; the log:\n%s", err, errPortTaken, d.Log())
			}
			if !d.process.ended() {
				t.Error("the process is still there")
			}
		})
	}
}
