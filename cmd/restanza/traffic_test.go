package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/stanza"
)

func parse(t testing.TB, xml string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// shows returns what a screen shows of an exchange.
func shows(x restanza.Exchange, verbose, colour bool) string {
	var out bytes.Buffer
	s := newScreen(&out, io.Discard, nil, verbose)
	s.colour = colour
	s.traffic(x)
	s.close()
	return out.String()
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestTraffic_lines(t *testing.T) {
	chat := parse(t, `<message type="chat" from="alice@localhost/x" to="bot@bot.localhost"><body>are you there?</body></message>`)
	ping := parse(t, `<iq type="get" id="1" from="bot.localhost" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`)
	gone, _ := chat.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.Gone, Text: "moved"})
	for _, tt := range []struct {
		name string
		x    restanza.Exchange
		want string
	}{
		{
			"callback",
			restanza.Exchange{Direction: restanza.Inbound, Stanza: chat, Answer: parse(t, `<message type="chat"><body>yes</body></message>`), Status: 200, Took: 12340 * time.Microsecond},
			`12:00:00 ← message chat alice@localhost/x → bot@bot.localhost "are you there?" 200 12 ms answered: "yes"`,
		},
		{
			"several answers",
			restanza.Exchange{
				Direction: restanza.Inbound, Stanza: chat, Answer: parse(t, `<message type="chat"><body>yes</body></message>`),
				More: []stanza.Stanza{chat, chat}, Status: 200, Took: 12340 * time.Microsecond,
			},
			`12:00:00 ← message chat alice@localhost/x → bot@bot.localhost "are you there?" 200 12 ms answered: "yes" and 2 more`,
		},
		{
			"query",
			restanza.Exchange{Direction: restanza.Outbound, Stanza: ping, Answer: ping.Result(""), Status: 200, Took: 540 * time.Microsecond},
			`12:00:00 → iq get bot.localhost → localhost <ping urn:xmpp:ping> 200 0.5 ms answered: result`,
		},
		{
			"error",
			restanza.Exchange{Direction: restanza.Inbound, Stanza: chat, Answer: gone, Err: errors.New("timeout")},
			`12:00:00 ← message chat alice@localhost/x → bot@bot.localhost "are you there?" no answer answered: gone: "moved" timeout`,
		},
		{
			"refused",
			restanza.Exchange{Direction: restanza.Outbound, Status: 401, Took: time.Millisecond, Err: errors.New("who?")},
			`12:00:00 → request refused: 401 1.0 ms who?`,
		},
		{
			"chat state",
			restanza.Exchange{Direction: restanza.Inbound, Stanza: parse(t, `<message from="a@b" to="c@d"><x:paused xmlns:x="urn:x"/></message>`), Status: 202, Took: time.Second},
			`12:00:00 ← message a@b → c@d <paused urn:x> 202 1000 ms`,
		},
		{
			"presence",
			restanza.Exchange{Direction: restanza.Inbound, Stanza: parse(t, `<presence from="a@b" to="bot.localhost"/>`)},
			`12:00:00 ← presence a@b → bot.localhost`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.x.At = noon
			if diff := cmp.Diff(tt.want+"\n", shows(tt.x, false, false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTraffic_verbose(t *testing.T) {
	st := parse(t, `<message from="a@b" to="c@d"><body>x</body></message>`)
	lines := strings.Split(shows(restanza.Exchange{Stanza: st, Answer: st}, true, false), "\n")
	for _, line := range lines[1:3] {
		if strings.TrimSpace(line) != st.String() {
			t.Errorf("got %q, want the XML", line)
		}
	}
}

// Colours wrap words and say nothing else.
func TestTraffic_colours(t *testing.T) {
	x := restanza.Exchange{At: noon, Stanza: parse(t, `<message from="a@b" to="c@d"><body>x</body></message>`), Status: 503, Took: time.Second}
	coloured := shows(x, false, true)
	if !strings.Contains(coloured, "\x1b[31m503\x1b[0m") {
		t.Errorf("503 is not red: %q", coloured)
	}
}

// Whatever a stanza holds, a line of traffic or log can't drive the terminal.
func FuzzTraffic_drivesNoTerminal(f *testing.F) {
	f.Add("\x1b]0;owned\a\x1b[2J", "é\u202e\u2066\u0085\x9b31m\n\r\x7f")
	f.Add("a b", "\xff\xfe")
	f.Fuzz(func(t *testing.T, body, name string) {
		doc := `<message type="` + stanza.Escape(name) + `" from="a@b" to="c@d"><body>` + stanza.Escape(body) + `</body></message>`
		st, err := stanza.Parse([]byte(doc))
		if err != nil {
			st = stanza.Stanza{}
		}
		var out, log bytes.Buffer
		s := newScreen(&out, &log, nil, true)
		s.traffic(restanza.Exchange{At: noon, Stanza: st, Answer: st, Err: errors.New(body + name)})
		s.logger().Warn(body, slog.String("name", name)) //nolint:sloglint // the message is what is tested
		s.close()
		for _, text := range []string{out.String(), log.String()} {
			if text == "" {
				t.Fatal("nothing is shown")
			}
			for _, r := range text {
				if r != '\n' && visible(string(r), 1) != string(r) || r == '\x1b' || r == '\r' {
					t.Fatalf("%q has %q", text, r)
				}
			}
		}
		if st.IsZero() && strings.Count(out.String(), "\n") != 1 || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("more than a line: %q, %q", out.String(), log.String())
		}
	})
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"gr\u00fc\u00df \"d\"": "gr\u00fc\u00df \"d\"",
		"a\x1b[2Jb":            `a\x1b[2Jb`,
		"\u202eabc":            `\u202eabc`,
		"\xff":                 `\xff`,
		"1234567890x":          "1234567890…",
		"1234567890":           "1234567890",
	} {
		if got := visible(in, 10); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// stuck is a terminal that takes nothing until it is let go.
type stuck struct {
	mu       sync.Mutex
	released chan struct{}
	text     strings.Builder
}

func (w *stuck) Write(p []byte) (int, error) {
	<-w.released
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

// A terminal that takes nothing holds up nobody, and is told what it missed.
func TestLines_slowTerminal(t *testing.T) {
	w := &stuck{released: make(chan struct{})}
	l := newLines(w)
	for range lineQueue + 50 { // and one that the writer may have taken
		l.put("x\n")
	}
	if !l.full() {
		t.Error("the queue is not full")
	}
	close(w.released)
	l.close()
	text := w.text.String()
	lost := lineQueue + 50 - strings.Count(text, "x\n")
	if lost < 49 || lost > 50 || !strings.Contains(text, "lines left out: the terminal was too slow") {
		t.Errorf("%d lines lost; the end of the text: %q", lost, text[max(0, len(text)-100):])
	}
}

// The end does not wait for a terminal that takes nothing.
func TestLines_endsBesideAStuckTerminal(t *testing.T) {
	w := &stuck{released: make(chan struct{})}
	defer close(w.released)
	l := newLines(w)
	l.put("x\n")
	began := time.Now()
	l.close()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Warnings are shown, and what a callback has to tell.
func TestLogLines(t *testing.T) {
	var log bytes.Buffer
	s := newScreen(io.Discard, &log, nil, false)
	logger := s.logger()
	logger.Info("quiet")
	logger.Warn("loud", slog.Int("n", 1))
	logger.With("callback", "http://h").Info("it is up")
	s.close()
	text := log.String()
	if strings.Contains(text, "quiet") || !strings.Contains(text, "! loud n=1\n") || !strings.Contains(text, "  it is up callback=http://h\n") {
		t.Errorf("got %q", text)
	}
}
