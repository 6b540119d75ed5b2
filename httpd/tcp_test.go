package httpd

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serveTCP runs s on a loopback port until the test ends, and returns its
// address.
func serveTCP(t *testing.T, s *Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// What a bubble shows with pipes holds for sockets too.
func TestServe_heldRequestOutlivesReadTimeoutOnTCP(t *testing.T) {
	const readTimeout = 30 * time.Millisecond
	c := newFake()
	c.hold(5 * readTimeout)
	addr := serveTCP(t, newTestServer(t, c, func(o *Options) { o.ReadTimeout = readTimeout }))
	r := newClientPost(t, strings.NewReader(ping))
	r.URL.Host = addr
	if res, body := send(t, http.DefaultClient, r); res.StatusCode != http.StatusAccepted {
		t.Errorf("got %s %s", res.Status, body)
	}
}

// The answer to a request that is refused before its body is read arrives,
// although the connection may end with most of the body unread.
func TestServe_refusalsArriveOnTCP(t *testing.T) {
	addr := serveTCP(t, newTestServer(t, newFake(), nil))
	for _, closing := range []bool{false, true} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: closing}}
		defer client.CloseIdleConnections()
		for size := 10_000; size < 10_000_000; size *= 2 {
			for _, chunked := range []bool{false, true} {
				r := newClientPost(t, bytes.NewReader(make([]byte, size)))
				r.URL.Host = addr
				if chunked {
					r.ContentLength = -1
				}
				r.Header.Set("Authorization", "Bearer x")
				if res, body := send(t, client, r); res.StatusCode != http.StatusForbidden {
					t.Errorf("%d bytes: got %s %s", size, res.Status, body)
				}
				if size <= DefaultBodyLimit {
					continue
				}
				r = newClientPost(t, bytes.NewReader(make([]byte, size)))
				r.URL.Host = addr
				if res, body := send(t, client, r); res.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%d bytes: got %s %s", size, res.Status, body)
				}
			}
		}
	}
}

// What net/http refuses by itself, before there is a request, is refused with a 400 too.
func TestServe_badTargetsOnTCP(t *testing.T) {
	c := newFake()
	addr := serveTCP(t, newTestServer(t, c, nil))
	for _, target := range []string{"/rest/message/chat/a%4", "/rest/message/chat/%zz@b", "/rest/message/chat/%ff@b", "/rest/message/chat/a b", "rest", "/rest?to=%"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		request := "POST " + target + " HTTP/1.1\r\nHost: gateway\r\nAuthorization: " + testSecret + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
		if _, err := conn.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) {
			t.Errorf("%s: got %q, %v", target, answer, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := len(c.calls()); n != 0 {
		t.Errorf("%d stanzas were sent", n)
	}
}
