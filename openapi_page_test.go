package restanza_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/restanza/restanza/internal/xmpptest"
)

const chromiumBinary = "/usr/bin/chromium"

// sendTo is the part of the page about an operation that sends messages.
const sendTo = chromedp.CSS("#operations-send-sendTo")

// The page at /docs/ shows every operation in Chromium, with no way to any other host,
// asks for nothing from elsewhere, breaks no rule of its Content-Security-Policy, and
// sends a message.
func TestDocsPage(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("needs Chromium, and nothing asks for real programs")
	}
	server, g := startDev(t)
	alice := xmpptest.Login(t, server, "alice")
	b := openBrowser(t, g.url)

	b.do(chromedp.Navigate(g.url+"/docs"), // redirects
		chromedp.WaitVisible(sendTo))
	b.screenshot("docs.png")
	title := b.evaluate(`document.title`)
	operations := b.evaluate(`document.querySelectorAll(".opblock").length`)
	webhooks := b.evaluate(`document.querySelectorAll(".webhooks .opblock").length`)
	doc, err := openapi3.NewLoader().LoadFromFile("apidoc/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wantWebhooks := len(doc.Webhooks)
	want := wantWebhooks
	for _, item := range doc.Paths.Map() {
		want += len(item.Operations())
	}
	if !strings.HasPrefix(title, "Restanza") || operations != strconv.Itoa(want) || webhooks != strconv.Itoa(wantWebhooks) {
		t.Errorf("the title is %q; %s operations are shown, %s of them webhooks; want %d and %d", title, operations, webhooks, want, wantWebhooks)
	}

	b.authorize(strings.TrimPrefix(credential, "Bearer "))
	began := time.Now()
	b.do(chromedp.Click(sendTo+" .opblock-summary-control"), chromedp.WaitVisible(sendTo+" textarea"))
	if took := time.Since(began); took > patience/3 { // half a minute with the schemas of stanzas, else half a second
		t.Errorf("an operation opens after %v", took)
	}
	b.screenshot("operation.png")
	status := sendTo + " .live-responses-table tbody .response-col_status"
	b.do(chromedp.Click(sendTo+" .execute"), chromedp.WaitVisible(status))
	b.screenshot("sent.png")
	if got := b.evaluate("document.querySelector(" + strconv.Quote(string(status)) + ").textContent"); !strings.HasPrefix(got, "202") {
		t.Errorf("the page got the status %q", got)
	}
	alice.WaitBody(patience, "Hello!")
	if got := b.evaluate(`window.violations.join("; ")`); got != "" {
		t.Errorf("against the Content-Security-Policy: %s", got)
	}
	b.check()
}

// browser is Chromium with one page, of which is noted what should not happen.
type browser struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // it is what chromedp knows the browser by
	origin string

	mu    sync.Mutex
	wrong []string
	asked int // requests for something of the origin
}

// openBrowser starts Chromium, which can reach this machine's addresses and no name.
func openBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	if _, err := os.Stat(chromiumBinary); err != nil {
		t.Fatalf("%v: apt-get install chromium", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromiumBinary),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 1600),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("no-sandbox", os.Getuid() == 0), // it does not run as root otherwise
	)
	b := &browser{t: t, origin: origin}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.watch))
	t.Cleanup(cancel)
	if err := chromedp.Do(b.ctx, chromedp.Func(prepare)); err != nil {
		t.Fatal(err)
	}
	b.ctx, cancel = context.WithTimeout(b.ctx, 2*patience)
	t.Cleanup(cancel)
	return b
}

// prepare makes Chromium tell what it does, and the page what its policy forbids.
func prepare(ctx context.Context, target *chromedp.Target) error {
	const script = `window.violations = [];
		addEventListener("securitypolicyviolation", e => window.violations.push(e.violatedDirective + " " + e.blockedURI));`
	if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	if _, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	return err
}

// watch notes what should not happen. It is called by one goroutine, one event after the
// other.
func (b *browser) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		switch url := e.Request.URL; {
		case strings.HasPrefix(url, b.origin+"/"):
			b.asked++
		case !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "about:"):
			b.wrong = append(b.wrong, "request for "+url)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			b.wrong = append(b.wrong, "failed: "+e.ErrorText)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.wrong = append(b.wrong, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, arg := range e.Args {
				b.wrong = append(b.wrong, "console: "+string(arg.Value)+arg.Description)
			}
		}
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "exception: "+e.ExceptionDetails.Text)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.fatal(err)
	}
}

// evaluate returns the value of an expression, as text.
func (b *browser) evaluate(expression string) string {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.fatal(err)
	}
	return value
}

func (b *browser) fatal(err error) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("%v; what went wrong before: %q", err, b.wrong)
}

// authorize gives Swagger UI a bearer token.
func (b *browser) authorize(token string) {
	b.t.Helper()
	const field = chromedp.CSS("#auth-bearer-value")
	b.do(
		chromedp.Click(chromedp.CSS(".btn.authorize")),
		chromedp.WaitVisible(field),
		chromedp.SendKeys(field, token),
	)
	b.screenshot("authorize.png")
	b.do(
		chromedp.Click(chromedp.CSS(".auth-container .auth-btn-wrapper .authorize")),
		chromedp.Click(chromedp.CSS(".modal-ux .close-modal")),
	)
}

// screenshot keeps what the page looks like, with `go test -artifacts`.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name), png, 0o600); err != nil {
		b.t.Error(err)
	}
}

// check fails the test if something happened that should not.
func (b *browser) check() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		b.t.Error(w)
	}
	if b.asked < 5 {
		b.t.Errorf("%d requests only for what the page is made of", b.asked)
	}
}
