package element

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var (
	mutations    = flag.Int("mutations", 30_000, "documents that TestDifferential makes")
	mutationSeed = flag.Uint64("mutation-seed", 1, "seed of TestDifferential; the same seed makes the same documents")
)

// expat is a running testdata/expat.py.
type expat struct {
	in      io.Writer
	out     *bufio.Reader
	version string
}

// startExpat starts libexpat by way of Python, which is the nearest one can get
// to what Prosody and ejabberd do with a stanza. Without it the test is skipped,
// unless RESTANZA_TEST_PEERS asks for it.
func startExpat(t *testing.T) *expat {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("RESTANZA_TEST_PEERS") != "" {
		missing = t.Fatalf
	}
	python := "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		if python, err = exec.LookPath("python3"); err != nil {
			missing("no Python, so no libexpat to compare with: %v", err)
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), python, "testdata/expat.py")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		missing("%s does not start, so there is no libexpat to compare with: %v", python, err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil && !t.Failed() && !t.Skipped() {
			t.Errorf("%s: %v\n%s", python, err, stderr.Bytes())
		}
	})
	e := &expat{in: in, out: bufio.NewReader(out)}
	if e.version, err = e.out.ReadString('\n'); err != nil {
		missing("%s can't be asked for libexpat: %v\n%s", python, err, stderr.Bytes())
	}
	return e
}

// judge returns the canonical forms of documents, empty for those refused.
func (e *expat) judge(docs [][]byte) ([]string, error) {
	request := binary.BigEndian.AppendUint32(nil, uint32(len(docs)))
	for _, doc := range docs {
		request = append(binary.BigEndian.AppendUint32(request, uint32(len(doc))), doc...)
	}
	if _, err := e.in.Write(request); err != nil {
		return nil, err
	}
	answers := make([]string, len(docs))
	for i := range answers {
		var length [4]byte
		if _, err := io.ReadFull(e.out, length[:]); err != nil {
			return nil, err
		}
		answer := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(e.out, answer); err != nil {
			return nil, err
		}
		answers[i] = string(answer)
	}
	return answers, nil
}

// streamScope is the scope of elements in streamHeader.
var streamScope = Scope{Default: "jabber:client", Prefixes: map[string]string{
	"stream": "http://etherx.jabber.org/streams", "db": "jabber:server:dialback", "e": `a&"<b`,
}}

const (
	streamHeader = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'` +
		` xmlns:db='jabber:server:dialback' xmlns:e='a&amp;&quot;&lt;b'>`
	streamFooter = `</stream:stream>`
)

// trial is one document and what this package says about it.
type trial struct {
	doc      []byte // as others must judge it
	accepted bool
	form     string // canonical, if accepted
	err      error
}

// tryDocument scans a whole document.
func tryDocument(t testing.TB, doc []byte) trial {
	t.Helper()
	sc := NewScanner(Limits{}, Scope{})
	el, err := sc.Document(doc)
	if err != nil {
		if _, ok := errors.AsType[*SyntaxError](err); !ok {
			t.Fatalf("%q: %T %v", doc, err, err)
		}
		return trial{doc: doc, err: err}
	}
	var b strings.Builder
	canonical(t, &b, Limits{}, el, Scope{})
	return trial{doc, true, b.String(), nil}
}

// tryElement scans one element of a stream, cut at a random place. The document
// is the stream with what of the element was taken.
func tryElement(t testing.TB, rng *rand.Rand, buf []byte) trial {
	t.Helper()
	if i := bytes.IndexByte(buf, '<'); i >= 0 {
		buf = buf[i:]
	}
	sc := NewScanner(Limits{}, streamScope)
	n, err := sc.Scan(bytes.Clone(buf[:rng.IntN(len(buf)+1)]))
	if errors.Is(err, ErrIncomplete) {
		n, err = sc.Scan(buf)
	}
	if err != nil {
		return trial{doc: []byte(streamHeader + string(buf) + streamFooter), err: err}
	}
	var b strings.Builder
	writeCanonical(&b, "http://etherx.jabber.org/streams", "stream", nil, "", func() {
		canonical(t, &b, Limits{}, sc.Element(), streamScope)
	})
	return trial{[]byte(streamHeader + string(buf[:n]) + streamFooter), true, b.String(), nil}
}

// onPurpose are the only reasons to refuse what libexpat accepts.
var onPurpose = []string{
	"bad XML declaration: version",    // libexpat takes any
	"encoding ",                       // libexpat knows more than UTF-8
	"an element begins with '<', not", // between stanzas text is legal
	"CDATA section outside of an",     // the same
	ErrIncomplete.Error(),             // no element before the stream's end
}

// tally counts verdicts.
type tally struct {
	all, accepted          int
	refusedByAll, oursOnly int // those that libexpat refuses too, and those that it accepts
}

// compare holds trials against the verdicts of libexpat and encoding/xml.
func (c *tally) compare(t *testing.T, e *expat, trials []trial) {
	t.Helper()
	docs := make([][]byte, len(trials))
	for i := range trials {
		docs[i] = trials[i].doc
	}
	answers, err := e.judge(docs)
	if err != nil {
		t.Fatalf("asking libexpat: %v", err)
	}
	for i, tr := range trials {
		c.all++
		if tr.accepted {
			c.accepted++
			if answers[i] == "" {
				t.Fatalf("%q is accepted, but refused by libexpat", tr.doc)
			}
			if answers[i] != tr.form {
				t.Fatalf("%q\nreads as    %q\nby libexpat %q", tr.doc, tr.form, answers[i])
			}
			agrees(t, tr.doc, tr.form)
			continue
		}
		if answers[i] == "" {
			c.refusedByAll++
			continue
		}
		c.oursOnly++
		reason := tr.err.Error()
		if syntax, ok := errors.AsType[*SyntaxError](tr.err); ok {
			reason = syntax.Reason
		}
		if !slices.ContainsFunc(onPurpose, func(p string) bool { return strings.HasPrefix(reason, p) }) {
			t.Fatalf("%q is accepted by libexpat, but refused here: %v", tr.doc, tr.err)
		}
	}
}

// TestDifferential states what must hold for ever: nothing is accepted that
// libexpat or encoding/xml refuses, or reads in another way; and nothing is
// refused that servers pass on, but on purpose.
func TestDifferential(t *testing.T) {
	e := startExpat(t)
	rng := rand.New(rand.NewPCG(*mutationSeed, 0))
	var counts tally
	var trials []trial
	for _, seed := range seeds {
		trials = append(trials, tryDocument(t, []byte(seed)))
		trials = append(trials, tryElement(t, rng, []byte(seed)))
	}
	counts.compare(t, e, trials)
	for made := 0; made < *mutations; {
		trials = trials[:0]
		for ; len(trials) < 500 && made < *mutations; made++ {
			doc := mutate(rng)
			if made%2 == 0 {
				trials = append(trials, tryDocument(t, doc))
			} else {
				trials = append(trials, tryElement(t, rng, doc))
			}
		}
		counts.compare(t, e, trials)
	}
	if counts.accepted < counts.all/50 {
		t.Errorf("only %d of %d documents are accepted: the mutations are too wild to show anything", counts.accepted, counts.all)
	}
	t.Logf("%s: %d documents: %d accepted by all three, %d refused here and by libexpat, %d refused only here, on purpose",
		strings.TrimSpace(e.version), counts.all, counts.accepted, counts.refusedByAll, counts.oursOnly)
}
