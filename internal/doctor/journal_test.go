package doctor

import (
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// newJournal makes a journal with something in it, and returns its path.
func newJournal(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	st, err := stanza.Parse([]byte(`<message from="a@b" to="c@d"><body>` + strings.Repeat("x", 100_000) + `</body></message>`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Enqueue(t.Context(), jid.MustParse("d"), "d", st, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// overwrite changes bytes of a file.
func overwrite(t *testing.T, path string, at int64, b ...byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// look tries the step alone, for a journal that the configuration names.
func look(t *testing.T, path string) steps {
	t.Helper()
	return lookWith(t, Options{Config: config.Config{Journal: config.Journal{Path: path, MaxBytes: 1 << 20}}})
}

func lookWith(t *testing.T, o Options) steps {
	t.Helper()
	p := &patient{o: o}
	p.o.Timeout = patience
	p.step(t.Context(), Journal, "", p.journal)
	return steps{Journal: p.report.Steps[0]}
}

func TestJournal_good(t *testing.T) {
	look(t, config.NoJournal).want(t, Journal, Skipped, "not kept")
	lookWith(t, Options{}).want(t, Journal, Skipped, "none is configured")

	folder := t.TempDir()
	path := filepath.Join(folder, "journal.db")
	look(t, path).want(t, Journal, OK, path+" will be made, with ", " free")
	deep := filepath.Join(folder, "a", "b", "journal.db")
	lookWith(t, Options{DefaultJournal: deep}).want(t, Journal, OK, deep+" will be made, with its folder, with ")
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	path = newJournal(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	look(t, path).want(t, Journal, OK, path+" opens, with ")
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("it was changed, %v", err)
	}
}

func TestJournal_room(t *testing.T) {
	if _, known := freeBytes(t.TempDir()); !known {
		t.Skip("the room can't be told on this system")
	}
	c := config.Config{Journal: config.Journal{Path: filepath.Join(t.TempDir(), "journal.db"), MaxBytes: math.MaxInt}}
	lookWith(t, Options{Config: c}).want(t, Journal, Warning, " free", " GB (journal.max_bytes): make room")
}

// What is wrong is a failure if the configuration names the file; else the gateway does
// without.
func TestJournal_trouble(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no journal\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := newJournal(t)
	overwrite(t, newer, 60, 0, 0, 0, 99) // user_version
	cut := newJournal(t)
	if err := os.Truncate(cut, 8192); err != nil {
		t.Fatal(err)
	}
	used := newJournal(t)
	j, err := journal.Open(journal.Options{Path: used})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for name, test := range map[string]struct {
		path  string
		words []string
	}{
		"folder is a file": {filepath.Join(file, "journal.db"), []string{"its folder can't be used", "set journal.path"}},
		"newer":            {newer, []string{"was written by a newer Restanza", "run that version"}},
		"cut off":          {cut, []string{cut + " is damaged", "save a copy"}},
		"not a journal":    {file, []string{file + " is damaged", "move it away"}},
		"in use":           {used, []string{"is in use by another process", "fuser " + used}},
	} {
		t.Run(name, func(t *testing.T) {
			look(t, test.path).want(t, Journal, Failed, test.words...)
			lookWith(t, Options{DefaultJournal: test.path}).want(t, Journal, Warning, test.words...)
		})
	}
	lookWith(t, Options{NoDefaultJournal: errors.New("nowhere")}).want(t, Journal, Warning, "nowhere", "set journal.path")
}

// Not even the superuser can make files in /proc.
func TestJournal_folderNotWritable(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("there is no /proc")
	}
	look(t, "/proc/self/journal.db").want(t, Journal, Failed, "no file can be made in /proc/self", "StateDirectory=")
	lookWith(t, Options{DefaultJournal: "/proc/self/a/journal.db"}).want(t, Journal, Warning, "no file can be made in /proc/self")
}

func TestJournal_fileNotWritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write everything")
	}
	path := newJournal(t)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	look(t, path).want(t, Journal, Failed, path+" can't be written")
}

// Beside a running gateway the journal is in use, as it should be.
func TestJournal_besideAGateway(t *testing.T) {
	server := xmpptest.StartFake(t)
	c := healthy(t, server)
	c.Journal.Path = newJournal(t)
	j, err := journal.Open(journal.Options{Path: c.Journal.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "alive\n")
	}))
	defer gateway.Close()
	c.HTTP.Listen = gateway.Listener.Addr().String()
	examine(t, c).want(t, Journal, OK, "is in use by a gateway")
}
