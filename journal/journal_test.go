package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

var component = mustJID("bot.example.net")

func mustJID(s string) jid.JID {
	j, err := jid.Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

// message returns a chat message to the component's bot.
func message(t testing.TB, from, body string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse(fmt.Appendf(nil, `<message type="chat" id="f3a1" from="%s/orchard" to="bot@bot.example.net"><body>%s</body></message>`,
		from, stanza.Escape(body)))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// open opens a journal, in a folder of its own unless the options say where, and
// closes it at the end of the test.
func open(t testing.TB, o Options) *Journal {
	t.Helper()
	o.Path = cmp.Or(o.Path, filepath.Join(t.TempDir(), "journal.db"))
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// add adds a message that does not expire.
func add(t testing.TB, j *Journal, from, body string) *Entry {
	t.Helper()
	e, err := j.Add(component, message(t, from, body), j.o.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// flush waits until everything is on disk.
func flush(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// fill makes a journal of n deliveries, each in a conversation of its own.
func fill(t testing.TB, path string, n int) {
	t.Helper()
	s, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	st := message(t, "user@example.org", "Art thou not Romeo, and a Montague?").XML()
	for _, q := range []string{
		"BEGIN",
		"DROP TRIGGER delivery_added",
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d)
			INSERT INTO conversation SELECT i, '%s', 'user' || i || '@example.org', 'bot@bot.example.net', i, 1, 0 FROM n`, n, component),
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d)
			INSERT INTO delivery (seq, id, conversation, kind, received, expires, stanza)
			SELECT i, printf('0123456789abcdef-%%08x', i), i, 'message', i, 1 << 50, CAST('%s' AS BLOB) FROM n`, n, st),
		fmt.Sprintf("UPDATE journal SET waiting = %d, waiting_bytes = %d", n, n*len(st)),
		`CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
			UPDATE journal SET waiting = waiting + 1, waiting_bytes = waiting_bytes + length(new.stanza);
			UPDATE conversation SET waiting = waiting + 1 WHERE id = new.conversation;
		END`,
		"COMMIT",
	} {
		if _, err := s.conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// resident returns the memory of the process in bytes, 0 where the system does not
// tell.
func resident(t testing.TB) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	pages, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// textLogger writes a line for each entry.
func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// gathered returns the sum of a metric's values.
func gathered(t testing.TB, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
