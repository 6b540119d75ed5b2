package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/journal"
)

const operatingDocument = "../../docs/operating.md"

var shownBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// shownID and shownTime are what is different each time. They are as long as they really
// are, so that tables stay as they are shown.
var (
	shownID   = "9f2c51b7d07e4a13-"
	shownTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// What docs/operating.md shows is what the commands print, one after the other, and the
// requests in it work.
func TestOperatingDocument(t *testing.T) {
	var ago atomic.Int64 // how far the journal's clock is behind
	now := func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) }
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: path, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	down := journal.Attempt{Took: 31700 * time.Microsecond, Status: http.StatusServiceUnavailable, Answer: []byte("down for maintenance"), Error: "HTTP 503"}
	id := keep(t, j, "alice@example.org/phone", "Where is my parcel?", 5*time.Hour, down, false)
	keep(t, j, "alice@example.org/phone", "Hello?", 4*time.Hour, down, false)
	keep(t, j, "bob@example.com/desk", "help", 3*time.Hour, down, false)
	ago.Store(int64(6*time.Hour + time.Minute))
	keep(t, j, "carol@example.org/web", "Cancel my order", 30*time.Hour, journal.Attempt{Took: time.Second, Error: "nothing listens at 127.0.0.1:8080"}, true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	own := id[:len(id)-1] // what all ids begin with
	environ := serveJournal(t, path)
	raw, err := os.ReadFile(operatingDocument)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	text := shownBlock.ReplaceAllStringFunc(string(raw), func(block string) string {
		var b strings.Builder
		for session := range strings.SplitSeq(strings.TrimPrefix(shownBlock.FindStringSubmatch(block)[1], "$ "), "\n$ ") {
			n++
			command, _, _ := strings.Cut(session, "\n")
			printed := strings.ReplaceAll(runShown(t, environ, strings.ReplaceAll(command, shownID, own)), own, shownID)
			b.WriteString(strings.TrimRight("$ "+command+"\n"+printed, "\n") + "\n")
		}
		return "```console\n" + b.String() + "```"
	})
	if n < 8 {
		t.Errorf("%d commands", n)
	}
	diff := cmp.Diff(shownTime.ReplaceAllString(string(raw), "…"), shownTime.ReplaceAllString(text, "…"))
	switch {
	case diff == "":
	case *update:
		if err := os.WriteFile(operatingDocument, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("go test ./cmd/restanza -update would change what is shown (-) to what is printed (+):\n%s", diff)
	}
}

var (
	word    = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
	request = regexp.MustCompile(`http://127.0.0.1:5281(/\S*)`)
)

// runShown runs a line of the document: restanza, or curl with -X and a URL.
func runShown(t *testing.T, environ []string, line string) string {
	t.Helper()
	words := word.FindAllString(line, -1)
	for i := range words {
		words[i] = strings.Trim(words[i], `"'`)
	}
	if words[0] == "restanza" {
		r := call(t, "", environ, words[1:]...)
		return r.stdout + r.stderr
	}
	method := http.MethodGet
	for i := range words {
		if words[i] == "-X" {
			method = words[i+1]
		}
	}
	var target string
	for _, w := range words {
		if found := request.FindStringSubmatch(w); found != nil {
			target = strings.TrimPrefix(environ[0], "RESTANZA_URL=") + found[1]
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", operatorBearer)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
