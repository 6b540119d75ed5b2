package restanza_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// process is a gateway in a process of its own, which a test may kill and start again.
type process struct {
	*gatewayUnderTest
	command   string
	arguments []string
	cmd       *exec.Cmd
	ended     chan struct{} // closed when cmd has ended
	status    int           // of its exit, -1 if it was killed; read after ended
}

// newProcess returns a gateway that is the first component of a server, and has a journal and whatever the further
// arguments say. It is not started.
func newProcess(t *testing.T, server xmpptest.Server, command, journal string, arguments ...string) *process {
	t.Helper()
	listen := xmpptest.FreeAddr(t)
	p := &process{command: command, gatewayUnderTest: &gatewayUnderTest{
		t: t, server: server, domain: server.ComponentDomain(0), url: "http://" + listen, log: &lockedBuffer{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}}
	p.arguments = append([]string{
		"serve", "--listen", listen, "--credentials", credential, "--component", p.domain, "--server", server.ComponentAddr(),
		"--secret", server.Secret(), "--journal-path", journal,
	}, arguments...) // of two settings of one name the later counts
	t.Cleanup(func() {
		p.kill()
		p.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the end of the gateway's log:\n%s", tail(p.log.String(), 40))
		}
	})
	return p
}

// start starts it and returns when it answers.
func (p *process) start() {
	p.t.Helper()
	p.launch(exec.Command(p.command, p.arguments...))
	p.waitUntil("the gateway answers", func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("the gateway has ended with status %d:\n%s", p.status, tail(p.log.String(), 10))
		default:
		}
		resp, err := p.client.Get(p.url + "/livez")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}

// launch starts a command that becomes the gateway.
func (p *process) launch(cmd *exec.Cmd) {
	p.t.Helper()
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // the status says it
		p.status = cmd.ProcessState.ExitCode()
		close(ended)
	}(p.ended)
}

// kill ends it by SIGKILL, if it runs.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	<-p.ended
}

// end asks it to end, and returns its status.
func (p *process) end() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.waitUntil("the gateway has ended", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
	return p.status
}

// logged returns the lines of the gateway's log that contain one of some texts.
func (p *process) logged(texts ...string) (lines []string) {
	for line := range strings.Lines(p.log.String()) {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// tortured returns how often a test is to do its worst: as often as RESTANZA_TORTURE says, or else a few times.
func tortured(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("RESTANZA_TORTURE")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("RESTANZA_TORTURE=%s is no number of times", text)
	}
	return n
}

// buckets are the counts of a histogram in /metrics: how many values were at most so much.
type buckets []struct {
	limit float64
	count float64
}

// histogram reads one by its name and labels.
func (g *gatewayUnderTest) histogram(name, labels string) (b buckets) {
	g.t.Helper()
	pattern := `(?m)^` + name + `_bucket\{` + labels + `le="([^"]+)"\} (\S+)$`
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(g.get("/metrics").body, -1) {
		limit, err := strconv.ParseFloat(m[1], 64)
		count, err2 := strconv.ParseFloat(m[2], 64)
		if err := errors.Join(err, err2); err != nil {
			g.t.Fatal(err)
		}
		b = append(b, struct{ limit, count float64 }{limit, count})
	}
	if b == nil {
		g.t.Fatalf("/metrics has no histogram %s{%s}", name, labels)
	}
	return b
}

// since returns what has come to a histogram since an earlier look at it.
func (b buckets) since(before buckets) buckets {
	b = slices.Clone(b)
	for i := range b {
		b[i].count -= before[i].count
	}
	return b
}

func (b buckets) total() float64 { return b[len(b)-1].count }

// upTo returns a limit that a part of the values does not exceed.
func (b buckets) upTo(part float64) float64 {
	i := slices.IndexFunc(b, func(bucket struct{ limit, count float64 }) bool { return bucket.count >= part*b.total() })
	return b[i].limit
}

// String says in milliseconds what half of the values, 99 of 100, and all do not exceed.
func (b buckets) String() string {
	if b.total() == 0 {
		return "none"
	}
	return fmt.Sprintf("%.0f: half within %g ms, 99 of 100 within %g ms, all within %g ms",
		b.total(), 1000*b.upTo(.5), 1000*b.upTo(.99), 1000*b.upTo(1))
}

// inOrder is a list that one goroutine fills and others read.
type inOrder struct {
	mu    sync.Mutex
	texts []string
}

func (l *inOrder) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, text)
}

func (l *inOrder) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.texts)
}
