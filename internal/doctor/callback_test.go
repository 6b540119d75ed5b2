package doctor

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

func TestCallback_statuses(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	receiver := xmpptest.NewReceiver(t)
	c.Components[0].Callback.URL = config.Secret(receiver.URL() + "/{kind}")
	for status, want := range map[int]struct {
		status Status
		says   string
	}{
		200: {OK, "status 200"},
		204: {OK, "status 204"},
		405: {OK, "status 405"},
		501: {OK, "status 501"},
		302: {Warning, "redirects are not followed"},
		401: {Warning, "user and password"},
		403: {Warning, "user and password"},
		404: {Warning, "POST only"},
		500: {Warning, "look into its log"},
		502: {Warning, "look into its log"},
	} {
		receiver.HandleProbe(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/meta" {
				t.Errorf("probed %s", r.URL.Path)
			}
			w.WriteHeader(status)
		})
		examine(t, c).want(t, Callback, want.status, receiver.URL(), want.says)
	}
}

// The step tells in which format the callback gets its stanzas: the configured one, or
// the one that it asks for.
func TestCallback_format(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	receiver := xmpptest.NewReceiver(t)
	c.Components[0].Callback.URL = config.Secret(receiver.URL())
	c.Components[0].Callback.ContentType = "form"
	for accept, want := range map[string]string{"": "application/x-www-form-urlencoded", "application/json": "application/json"} {
		receiver.HandleProbe(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Accept", accept) })
		examine(t, c).want(t, Callback, OK, "stanzas are posted as "+want)
	}
}

func TestCallback_refused(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	address := xmpptest.FreeAddr(t)
	c.Components[0].Callback.URL = config.Secret("http://user:hunter2@" + address + "/hunter2")
	examine(t, c).want(t, Callback, Failed, "http://"+address+": nothing listens there", "recipient-unavailable")
}

// The probe shows what stanzas will: the callback's own credentials and header fields.
func TestCallback_authorization(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	receiver := xmpptest.NewReceiver(t)
	callback := &c.Components[0].Callback
	callback.URL = config.Secret(receiver.URL())
	receiver.HandleProbe(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" || r.Header.Get("X-Token") != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	examine(t, c).want(t, Callback, Warning, "status 401", "or authorization")
	callback.Authorization, callback.Headers = "Bearer hunter2", []config.Secret{"X-Token: hunter2"}
	examine(t, c).want(t, Callback, OK, "status 200")
}

// A host that leads where no callback is.
func TestCallback_guarded(t *testing.T) {
	names := xmpptest.Names{"callback.example": {"169.254.169.254"}}
	c := healthy(t, xmpptest.StartFake(t))
	c.Components[0].Callback.URL = "http://hunter2:hunter2@callback.example/hunter2"
	examine(t, c, func(o *Options) { o.Resolver = names.Resolver(t) }).want(t, Callback, Failed, "http://callback.example: ", "169.254.169.254, a cloud metadata address", "write the address itself in the URL")
}

// A callback that is slower than the step's time limit, or than its own.
func TestCallback_slow(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	c.Components[0].Callback.URL = config.Secret("http://" + silent(t))
	examine(t, c, within(shortly)).want(t, Callback, Failed, "no answer in time")
	c.Components[0].Callback.Timeout = config.Duration(50 * time.Millisecond)
	began := time.Now()
	examine(t, c).want(t, Callback, Failed, "no answer in time")
	if took := time.Since(began); took > patience {
		t.Errorf("it took %s", took)
	}
}

func TestCallback_tls(t *testing.T) {
	selfSigned := httptest.NewTLSServer(http.NotFoundHandler())
	defer selfSigned.Close()
	template := valid()
	template.NotAfter = time.Now().Add(-time.Minute)
	pair, err := tls.LoadX509KeyPair(writeCertificate(t, template))
	if err != nil {
		t.Fatal(err)
	}
	expired := httptest.NewUnstartedServer(http.NotFoundHandler())
	expired.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	expired.StartTLS()
	defer expired.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()

	c := healthy(t, xmpptest.StartFake(t))
	for url, says := range map[string]string{
		selfSigned.URL: "signed by nobody whom this machine trusts",
		expired.URL:    "renew it, and check this machine's clock",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not speak TLS",
	} {
		c.Components[0].Callback.URL = config.Secret(url)
		examine(t, c).want(t, Callback, Failed, says)
	}
}

// A callback's clock is judged by its Date header where the server's is not known.
func TestClock_callback(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	receiver := xmpptest.NewReceiver(t)
	c.Components[0].Callback.URL = config.Secret(receiver.URL())
	for date, want := range map[string]struct {
		status Status
		says   string
	}{
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): {Warning, "ahead of the callback's"},
		"noon": {Skipped, "can't be judged"},
	} {
		receiver.HandleProbe(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", date) })
		examine(t, c).want(t, Clock, want.status, want.says)
	}
}
