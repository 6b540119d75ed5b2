package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/restanza/restanza"
)

// screen is what dev shows: how to use it, and then each stanza. Its methods may
// be called concurrently.
type screen struct {
	*lines         // on standard output
	log     *lines // on standard error
	colour  bool   // of both
	verbose bool
}

func newScreen(stdout, stderr io.Writer, environ []string, verbose bool) *screen {
	return &screen{
		lines: newLines(stdout), log: newLines(stderr),
		colour: wantsColour(stdout, environ) && wantsColour(stderr, environ), verbose: verbose,
	}
}

// logger returns what the parts log to: their warnings, or with --verbose also what
// else an operator would read.
func (s *screen) logger() *slog.Logger {
	level := slog.LevelWarn
	if s.verbose {
		level = slog.LevelInfo
	}
	return slog.New(logLines{screen: s, out: s.log, level: level})
}

// note shows a line of dev's own.
func (s *screen) note(format string, args ...any) { s.put(fmt.Sprintf(format, args...) + "\n") }

// close waits until everything is shown, but not for ever.
func (s *screen) close() {
	s.lines.close()
	s.log.close()
}

// headline prints the first line.
func (s *screen) headline(o restanza.DevOptions) {
	s.note("%s", s.bold("restanza dev: for trying things out. It is NO SERVER: "+reach(o)+", no federation, nothing is kept."))
}

// welcome prints what runs where, and lines to paste.
func (s *screen) welcome(d *restanza.Dev, o restanza.DevOptions, f devFlags, program []string, portURL string) {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, notice := range d.Notices() {
		p("%s", s.bold("Note: "+notice))
	}
	p("")
	label := "XMPP accounts"
	for _, a := range o.Accounts {
		p("  %-14s %-18s password %s", label, a.Name+"@"+restanza.DevDomain, a.Password)
		label = ""
	}
	p("  %-14s %s (STARTTLS), %s (TLS)", "XMPP clients", d.ClientAddr(), d.TLSAddr())
	p("  %-14s %s %s", "the bot", restanza.DevBot, botDoes(f, program, portURL))
	p("  %-14s %s/rest", "HTTP", httpURL(d))
	p("  %-14s Authorization: %s", "", f.credentials)
	p("")
	to := o.Accounts[0].Name + "@" + restanza.DevDomain
	p("Send %s a message, who need not be online:", o.Accounts[0].Name)
	p("")
	authorization := "-H " + quoted("Authorization: "+f.credentials)
	p("    curl -d 'Hello!' %s/rest/message/chat/%s %s", httpURL(d), to, authorization)
	p("")
	p("Ask the host something; the response is its answer:")
	p("")
	p("    curl %s/rest/ping/%s %s", httpURL(d), restanza.DevDomain, authorization)
	p("")
	p("Send all of a stanza, in XML or, with --json, in JSON:")
	p("")
	p("    curl %s/rest %s \\\n        -H 'Content-Type: application/xmpp+xml' \\", httpURL(d), authorization)
	p("        -d %s", quoted(`<message to="`+to+`" type="chat"><subject>Hello</subject><body>And more.</body></message>`))
	p("")
	host, port, _ := net.SplitHostPort(d.ClientAddr()) // the host wrote it
	p("Talk to the bot from a client:")
	p("")
	p("    profanity   /connect %s server %s port %s tls trust", to, host, port)
	p("                /msg %s hello", restanza.DevBot)
	p("    Gajim       add the account %s, with %s port %s as custom host, and accept the certificate", to, host, port)
	switch {
	case f.noBot:
		p("")
		p("Your own bot, for example at port 5000:")
		p("")
		p("    restanza listen --url %s --credentials %s --forward-to 5000", httpURL(d), quoted(f.credentials))
	case f.callbackURL == "":
		p("")
		p("Your own bot: restanza dev --callback-url http://127.0.0.1:5000/, or if it listens on $PORT: restanza dev -- python3 app.py")
	}
	p("")
	s.put(b.String())
}

// reach says who can reach the host.
func reach(o restanza.DevOptions) string {
	if o.AllowPublic {
		return "for friends on the network"
	}
	return "this machine only"
}

// botDoes says what becomes of what the bot is told. portURL is where a program is
// that listens on $PORT.
func botDoes(f devFlags, program []string, portURL string) string {
	switch {
	case len(program) > 0 && f.callbackURL == portURL:
		return "is " + strings.Join(program, " ") + ", told by POST to " + f.callbackURL + ": it has to listen on $PORT"
	case len(program) > 0:
		return "is " + strings.Join(program, " ") + ", told by POST to " + withoutUser(f.callbackURL)
	case f.callbackURL != "":
		return "is your program, told by POST to " + withoutUser(f.callbackURL)
	case f.noBot:
		return "is nobody, unless a program reads events"
	}
	return "echoes what it is told"
}

// withoutUser removes credentials from a URL.
func withoutUser(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if at := strings.LastIndex(strings.SplitN(rest, "/", 2)[0], "@"); ok && at >= 0 {
		return scheme + "://" + rest[at+1:]
	}
	return url
}

// quoted returns a word for a POSIX shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func (s *screen) bold(text string) string { return s.paint(bold, text) }
