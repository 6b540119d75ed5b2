package journal

import (
	"database/sql"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOpen_twice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	_, err := Open(Options{Path: path})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("in the same process: %v", err)
	}
	if out := child(t, "open", path); !strings.Contains(out, ErrInUse.Error()) || !strings.Contains(out, path) {
		t.Errorf("in another process: %s", out)
	}
	_ = j.Close()
	if out := child(t, "open", path); out != "opened\n" {
		t.Errorf("after Close: %s", out)
	}
	open(t, Options{Path: path})
}

func TestOpen_paths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"with space.db", "50%.db", "what?.db", "a#b&c=d.db", "ü.db", "a+b;c.db"} {
		path := filepath.Join(dir, name)
		_ = open(t, Options{Path: path}).Close()
		if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	t.Chdir(dir)
	_ = open(t, Options{Path: "relative.db"}).Close()
	if _, err := os.Stat(filepath.Join(dir, "relative.db")); err != nil {
		t.Error(err)
	}
}

// Beside the journal there are the files that Options.Path tells of, and no others.
func TestOpen_files(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Path: filepath.Join(dir, "journal.db")})
	add(t, j, "romeo@example.org", "waits")
	flush(t, j)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if want := []string{"journal.db", "journal.db-lock", "journal.db-shm", "journal.db-wal"}; !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
}

// A link and what it leads to are one journal.
func TestOpen_link(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "journal.db"), filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for range 2 { // at first it leads nowhere
		j := open(t, Options{Path: link})
		if _, err := Open(Options{Path: path}); !errors.Is(err, ErrInUse) {
			t.Errorf("open by its link, and opened by its name: %v", err)
		}
		_ = j.Close()
		j = open(t, Options{Path: path})
		if _, err := Open(Options{Path: link}); !errors.Is(err, ErrInUse) {
			t.Errorf("open by its name, and opened by its link: %v", err)
		}
		_ = j.Close()
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// sqlite runs statements on a file.
func runSQL(t *testing.T, path string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen_refuses(t *testing.T) {
	// overwrite replaces bytes of a journal, and cuts it off at a size if that is not 0.
	overwrite := func(at int64, text string, size int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			_ = dead(t, Options{Path: path}).Close()
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
			if size > 0 {
				if err := f.Truncate(size); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
		text string
	}{
		{"a newer schema", func(t *testing.T, path string) {
			t.Helper()
			_ = open(t, Options{Path: path}).Close()
			runSQL(t, path, "PRAGMA user_version = 999")
		}, ErrNewer, "has version 999, this program knows 4"},
		{"another program's database", func(t *testing.T, path string) {
			t.Helper()
			runSQL(t, path, "CREATE TABLE contacts (name TEXT)")
		}, nil, "no journal"},
		{"garbage", func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(strings.Repeat("This is no database. ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged, ".recover"},
		{"a damaged header", overwrite(0, "XXXXXXXX", 0), ErrDamaged, ".recover"},
		{"a damaged page", overwrite(5*4096, strings.Repeat("X", 4096), 0), ErrDamaged, ".recover"},
		{"a last page that is cut off", overwrite(0, "", 9*4096+17), ErrDamaged, ".recover"},
		{"a folder", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, "must be a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := Open(Options{Path: path})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), path) {
				t.Errorf("error: %v", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if _, err := Open(Options{Path: path}); errors.Is(err, ErrInUse) {
				t.Error("the lock is kept")
			}
		})
	}
	if _, err := Open(Options{Path: filepath.Join(t.TempDir(), "missing", "journal.db")}); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("no path is taken")
	}
}

var update = flag.Bool("update", false, "write testdata/v1.db anew; only before version 1 is released")

// A file of each released version can be opened, with all that is in it.
func TestOpen_v1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if *update {
		makeV1(t, path)
		copyFile(t, path, "testdata/v1.db")
	}
	copyFile(t, "testdata/v1.db", path)
	j := open(t, Options{Path: path, KeyAge: 200 * 365 * 24 * time.Hour})
	if got := j.Stats(); got.Waiting != 1 || got.Dead != 1 || got.Queued != 1 || got.WaitingBytes == 0 || got.DeadBytes == 0 {
		t.Errorf("%+v", got)
	}
	found, err := j.List(t.Context(), Filter{}, 0, 10)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	for i, want := range []string{"waits", "died"} {
		d, err := j.Show(t.Context(), found[i].ID)
		if err != nil || d.Stanza.Body() != want || len(d.Trials) != 1 || d.LastStatus != 503 {
			t.Errorf("%+v, %v", d, err)
		}
	}
	queued, err := j.Outbox(t.Context(), component, Queued, 0, 10)
	if err != nil || len(queued) != 1 || queued[0].Credential != "alerts" {
		t.Errorf("%+v, %v", queued, err)
	}
	if got := begin(t, j, "k", "f", Stored).Answer; got.Status != 202 || got.Header["Location"][0] != "/rest/outbox/1" || string(got.Body) != "body" {
		t.Errorf("%+v", got)
	}
}

// makeV1 makes what testdata/v1.db is.
func makeV1(t *testing.T, path string) {
	t.Helper()
	j := open(t, Options{Path: path, KeyAge: 200 * 365 * 24 * time.Hour})
	at := time.UnixMilli(1_700_000_000_000)
	for _, body := range []string{"waits", "died"} {
		e := add(t, j, "romeo@example.org", body)
		e.Attempted(Attempt{At: at, Took: time.Millisecond, Status: 503, Answer: []byte("later"), Error: "503 Service Unavailable"}, at)
		if body == "died" {
			e.Bury("too old")
		}
	}
	if _, err := j.Enqueue(t.Context(), component, "alerts", message(t, "bot@bot.example.net", "x"), at.AddDate(100, 0, 0)); err != nil {
		t.Fatal(err)
	}
	answer := Answer{Status: 202, Header: map[string][]string{"Location": {"/rest/outbox/1"}}, Body: []byte("body")}
	if err := begin(t, j, "k", "f", Started).Finish(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// What waits is neither read nor counted at the start.
func TestOpen_withManyDeliveries(t *testing.T) {
	const rows = 20_000 // BenchmarkOpen has a million
	path := filepath.Join(t.TempDir(), "journal.db")
	fill(t, path, rows)
	debug.FreeOSMemory()
	before, began := resident(t), time.Now()
	j := open(t, Options{Path: path})
	found, err := j.Due(t.Context(), component, 64)
	took, grown := time.Since(began), resident(t)-before
	if err != nil || len(found) != 64 || j.Stats().Waiting != rows {
		t.Fatalf("%d due, %v; %+v", len(found), err, j.Stats())
	}
	t.Logf("%v, %d KiB more", took, grown>>10)
	if took > time.Second || grown > 60<<20 {
		t.Errorf("opening took %v and %d bytes", took, grown)
	}
	entries := load(t, j, found[63])
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	entries[0].Settle()
	flush(t, j)
	if got := j.Stats().Waiting; got != rows-1 {
		t.Errorf("%d wait", got)
	}
}
