package xmpptest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func post(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestReceiver(t *testing.T) {
	r := NewReceiver(t)
	if status, _ := post(t, "OPTIONS", r.URL()+"/x", ""); status != 200 || r.WaitProbe(soon).Path != "/x" {
		t.Errorf("OPTIONS was answered %d", status)
	}
	if status, _ := post(t, "POST", r.URL()+"/a?b=%20", "one"); status != 202 {
		t.Errorf("a request was answered %d, want 202", status)
	}
	r.Answer(200, "text/x", "fine")
	if status, text := post(t, "POST", r.URL(), "two"); status != 200 || text != "fine" {
		t.Errorf("answered %d %s", status, text)
	}
	if c := r.Wait(soon, func(c Callback) bool { return c.Body == "two" }); c.Method != http.MethodPost {
		t.Errorf("recorded %+v", c)
	}
	if c := r.Next(soon); c.Body != "one" || c.Path != "/a?b=%20" {
		t.Errorf("recorded %+v", c)
	}
	if n := len(r.All()); n != 2 {
		t.Errorf("%d requests are recorded, want 2", n)
	}

	r.Down()
	http.DefaultClient.CloseIdleConnections()
	if status, text := post(t, "POST", r.URL(), "three"); status != 0 || !strings.Contains(text, "refused") {
		t.Errorf("a closed receiver answered %d %s", status, text)
	}
	r.Up()
	if status, _ := post(t, "POST", r.URL(), "four"); status != 200 {
		t.Errorf("the receiver opened again answered %d", status)
	}
}

func TestReceiver_downCutsOff(t *testing.T) {
	r := NewReceiver(t)
	entered := make(chan struct{})
	r.Handle(func(_ http.ResponseWriter, req *http.Request, _ Callback) {
		close(entered)
		<-req.Context().Done()
	})
	done := make(chan int)
	go func() {
		resp, err := http.Post(r.URL(), "text/plain", strings.NewReader("x"))
		if err == nil {
			resp.Body.Close()
			done <- resp.StatusCode
		}
		close(done)
	}()
	<-entered
	if n := r.InFlight(); n != 1 {
		t.Errorf("%d requests in flight, want 1", n)
	}
	r.Down()
	if status, ok := <-done; ok {
		t.Errorf("the request was answered %d", status)
	}
}
