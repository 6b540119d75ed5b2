package journal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary is the child too, if this is set to what it is to do.
const childEnv = "RESTANZA_JOURNAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		beChild(what, os.Args[len(os.Args)-1])
		return
	}
	os.Exit(m.Run()) //nolint:forbidigo // as TestMain must
}

// beChild opens a journal, and appends to it until it is killed if that is asked
// for. What happens goes to the standard output.
func beChild(what, path string) {
	j, err := Open(Options{Path: path})
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return
	}
	_, _ = fmt.Fprintln(os.Stdout, "opened")
	if what == "open" {
		_ = j.Close()
		return
	}
	var mu sync.Mutex // of the output
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				id, body, err := childAppends(j, w, i)
				if err != nil {
					return
				}
				mu.Lock()
				_, _ = fmt.Fprintln(os.Stdout, id, body)
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// childAppends adds an entry, every third of which is settled at once, and
// returns when it is on disk.
func childAppends(j *Journal, w, i int) (id, body string, err error) {
	body = fmt.Sprintf("%d.%d", w, i)
	st := message(childT{}, fmt.Sprintf("user%d@example.org", w), body)
	for range 2 {
		extra, err := j.Add(component, st, time.Now(), time.Time{})
		if err != nil {
			return "", "", err
		}
		extra.Settle()
	}
	e, err := j.Add(component, st, time.Now(), time.Time{})
	if err != nil {
		return "", "", err
	}
	return e.ID(), body, <-e.Written()
}

// childT is a testing.TB for a process without a test. Only what message calls is
// there.
type childT struct{ testing.TB }

func (childT) Helper()           {}
func (childT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// childCommand returns the command that runs the child.
func childCommand(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], path)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// child runs a child to its end and returns its output.
func child(t *testing.T, what, path string) string {
	t.Helper()
	out, err := childCommand(t, what, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// What was said to be on disk is there after SIGKILL, once and in order.
func TestCrash_sigkill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var promised []string // id and body
	for round := range 5 {
		promised = append(promised, killed(t, path, 200+50*round)...)
	}

	j := open(t, Options{Path: path})
	seen := map[string]bool{}
	ordered := map[string][]string{}
	for after := int64(0); ; {
		page, err := j.List(t.Context(), Filter{}, after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			after = d.Seq
			raw, err := j.store.stanza(t.Context(), d.Seq)
			if err != nil {
				t.Fatal(err)
			}
			body := string(bytes.Split(bytes.Split(raw, []byte("<body>"))[1], []byte("<"))[0])
			key := d.ID + " " + body
			if seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
			worker, _, _ := strings.Cut(body, ".")
			ordered[worker] = append(ordered[worker], key)
		}
	}
	next := map[string]int{}
	for _, key := range promised {
		if !seen[key] {
			t.Errorf("%s is lost", key)
			continue
		}
		_, body, _ := strings.Cut(key, " ")
		worker, _, _ := strings.Cut(body, ".")
		for ordered[worker][next[worker]] != key {
			next[worker]++ // written, but not printed any more
			if next[worker] == len(ordered[worker]) {
				t.Fatalf("%s is out of order", key)
			}
		}
	}
	t.Logf("%d promised, %d there", len(promised), len(seen))
	if int64(len(seen)) != j.Stats().Waiting {
		t.Errorf("%d there, %+v", len(seen), j.Stats())
	}
}

// killed runs a child, kills it when it has appended n entries, and returns what it
// said is on disk.
func killed(t *testing.T, path string, n int) (promised []string) {
	t.Helper()
	cmd := childCommand(t, "append", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "-") {
			promised = append(promised, strings.TrimSpace(line))
		}
		if len(promised) == n {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if len(promised) < n {
		t.Fatalf("the child appended %d entries", len(promised))
	}
	return promised
}
