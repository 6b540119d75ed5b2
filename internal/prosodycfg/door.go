package prosodycfg

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Ports that Prosody takes unless told otherwise.
const (
	defaultComponentPort = 5347
	defaultHTTPPort      = 5280
	defaultHTTPSPort     = 5281
)

const loopback = "127.0.0.1"

// ownHTTP are modules of Prosody that serve HTTP, apart from those whose names begin with http.
var ownHTTP = []string{"bosh", "websocket", "register_web", "invites_page", "invites_register_web", "conversejs", "admin_web", "muc_http_auth", "webpresence"}

// listen suggests where to listen: where Prosody's HTTP was, if nothing else of Prosody needs it.
func (t *translation) listen(door *table) {
	plain, secure := t.ports("http_ports", defaultHTTPPort), t.ports("https_ports", defaultHTTPSPort)
	keeps := t.keepsHTTP()
	host := loopback
	if o, ok := t.server.global.options["http_interfaces"]; ok {
		t.use(t.server.global, "http_interfaces")
		list, _ := texts(o.value)
		host = listenHost(list)
		t.take(o, "http_interfaces", keyListen)
	}
	port, comment := plain[0], []string{"Prosody's port for HTTP, which is free when mod_rest is gone: programs that call it keep their URL."}
	if len(keeps) > 0 {
		port = defaultHTTPSPort + 1
		for slices.Contains(plain, port) || slices.Contains(secure, port) {
			port++
		}
		comment = []string{
			"Prosody keeps its ports for HTTP, because it has other uses for them (" + strings.Join(keeps, ", ") + "): so another one.",
			"Programs need a new URL: the port changes, the path stays.",
		}
	}
	if host == "" {
		comment = append(comment, "All addresses, as Prosody's http_interfaces say: credentials go in the clear there, unless there is HTTPS or a proxy with it.")
	}
	door.add(setting{key: keyListen, value: quote(net.JoinHostPort(host, strconv.Itoa(port))), comment: comment})
	if o, ok := t.server.global.options["http_ports"]; ok && len(keeps) == 0 {
		t.take(o, "http_ports", keyListen)
	}
	for _, name := range []string{"http_ports", "https_ports", "https_interfaces"} {
		if o, ok := t.server.global.options[name]; ok && (name != "http_ports" || len(keeps) > 0) {
			t.leave(o.place, name, "Prosody's listeners stay Prosody's; there is one listener here, http.listen")
		}
		t.use(t.server.global, name)
	}
}

// listenHost makes of Prosody's interfaces an address to listen on.
func listenHost(list []string) string {
	for _, every := range []string{"*", "0.0.0.0", "::"} {
		if slices.Contains(list, every) {
			return ""
		}
	}
	if len(list) == 0 || slices.Contains(list, loopback) {
		return loopback
	}
	return list[0]
}

// keepsHTTP returns what in Prosody needs its HTTP server when mod_rest is gone.
func (t *translation) keepsHTTP() (names []string) {
	serves := func(module string) bool {
		return module == "http" || strings.HasPrefix(module, "http_") || slices.Contains(ownHTTP, module)
	}
	add := func(name string) {
		if name = oneLine(name); !slices.Contains(names, name) && len(names) < 10 {
			names = append(names, name)
		}
	}
	for _, s := range append([]*section{t.server.global}, t.server.sections...) {
		modules, _ := texts(s.options["modules_enabled"].value)
		for _, module := range modules {
			if serves(module) || module == restModule {
				add(module)
			}
		}
		if s.isComponent && (serves(s.module) || s.module == restModule && !slices.Contains(t.chosen, s)) {
			add(s.title())
		}
	}
	return names
}

// ports returns the port numbers of an option; never none.
func (t *translation) ports(name string, fallback int) (ports []int) {
	list, _ := texts(t.server.global.options[name].value)
	for _, entry := range list {
		if port, err := strconv.Atoi(entry); err == nil && port > 0 && port < 1<<16 {
			ports = append(ports, port)
		}
	}
	if len(ports) == 0 {
		return []int{fallback}
	}
	return ports
}

// certificates suggests the files that Prosody's HTTPS uses, where it names them. They stand there as
// a comment, since they may be Prosody's alone to read.
func (t *translation) certificates(door *table) {
	certificate, key, o := t.namedCertificate()
	if certificate == "" {
		return
	}
	if key == "" {
		key = strings.TrimSuffix(certificate, filepath.Ext(certificate)) + ".key"
	}
	door.add(setting{
		key: keyCertificate, value: quote(certificate), off: true,
		comment: []string{"HTTPS with Prosody's certificate, if Restanza may read it (" + o.place + "):"},
	}, setting{key: keyKey, value: quote(key), off: true})
	t.leave(o.place, "the certificate of HTTPS", "it stands in the TOML as a comment: see that Restanza may read both files, and take the # away")
}

// namedCertificate looks where a configuration may name them.
func (t *translation) namedCertificate() (certificate, key string, at option) {
	for _, s := range append(slices.Clone(t.chosen), t.server.global) {
		for _, name := range []string{"https_ssl", "ssl"} {
			o, ok := s.options[name]
			if !ok {
				continue
			}
			t.use(s, name)
			certificate, isText := text(member(o.value, "certificate"))
			if key, _ := text(member(o.value, "key")); isText {
				return certificate, key, o
			}
		}
		if o, ok := s.options["https_certificate"]; ok {
			t.use(s, "https_certificate")
			t.use(s, "https_key")
			certificate, _ := text(o.value)
			key, _ := text(s.options["https_key"].value)
			return certificate, key, o
		}
	}
	return "", "", option{}
}

// componentServer returns where Prosody takes components.
func (t *translation) componentServer() string {
	host := loopback
	for _, name := range []string{"component_interface", "component_interfaces"} {
		if o, ok := t.server.global.options[name]; ok {
			list, _ := texts(o.value)
			if host = listenHost(list); host == "" || host == "localhost" {
				host = loopback
			}
			t.use(t.server.global, name)
			t.take(o, name, keyServer)
		}
	}
	port := t.ports("component_ports", defaultComponentPort)[0]
	if o, ok := t.server.global.options["component_ports"]; ok {
		t.use(t.server.global, "component_ports")
		if list, _ := texts(o.value); len(list) == 0 {
			t.server.note(Note{
				Kind: ToDo, Place: o.place, Text: "component_ports is empty: Prosody takes no components. Write",
				Lines: fmt.Sprintf("component_ports = { %d }", defaultComponentPort),
			})
		} else {
			t.take(o, "component_ports", keyServer)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
