package callback

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// instant answers every request with the same reply, as a network would: the
// request's body is read, and the answer's is new.
type instant struct{ contentType, body string }

// yes is the reply of the echo bot.
var yes = instant{xmlType, `<message><body>Yes this is bot</body></message>`}

func (i instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return respond(http.StatusOK, i.contentType, i.body), nil
}

// BenchmarkDeliver is one stanza through the queue, without the network.
func BenchmarkDeliver(b *testing.B) {
	done := make(chan struct{})
	c := build(b, newServer(), over(yes), func(o *Options) {
		o.Reply = func(stanza.Stanza) error { done <- struct{}{}; return nil }
	})
	runs(b, c)
	st := chat(b, "user@example.com/phone", "bot@rest.example.net", "m1")
	b.ReportAllocs()
	for b.Loop() {
		c.Deliver(st)
		<-done
	}
}

// BenchmarkExchange_signed is what signatures cost: without one, with one, and with two while keys are
// being exchanged.
func BenchmarkExchange_signed(b *testing.B) {
	for n := range 3 {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := build(b, newServer(), over(yes), func(o *Options) {
				o.Reply = func(stanza.Stanza) error { return nil }
				o.SigningSecrets = []string{aSecret(1), aSecret(2)}[:n]
			})
			st := chat(b, "user@example.com/phone", "bot@rest.example.net", "m1")
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				c.deliver(ctx, nil, delivery{id: c.newID(), stanza: st})
			}
		})
	}
}

// BenchmarkExchange is the request and the reading of its answer alone, in each format.
func BenchmarkExchange(b *testing.B) {
	for _, answer := range []struct {
		format *format.Format
		body   string
	}{
		{format.XML, `<message><body>Yes this is bot</body></message>`},
		{format.JSON, `{"body":"Yes this is bot"}`},
		{format.StrictJSON, `{"body":"Yes this is bot"}`},
		{format.Form, "body=Yes+this+is+bot"},
		{format.Text, "Yes this is bot"},
		{format.CBOR, "\xa1\x64body\x6fYes this is bot"},
	} {
		b.Run(answer.format.ContentType[0], func(b *testing.B) {
			c := build(b, newServer(), over(instant{answer.format.MediaType, answer.body}), func(o *Options) {
				o.Format, o.Reply = answer.format, func(stanza.Stanza) error { return nil }
			})
			st := chat(b, "user@example.com/phone", "bot@rest.example.net", "m1")
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				c.deliver(ctx, nil, delivery{id: c.newID(), stanza: st})
			}
		})
	}
}

// echo answers as the echo bot does.
func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", xmlType)
	say(w, `<message><body>Yes this is bot</body></message>`)
}

// BenchmarkBare is the limit for BenchmarkServer: the same requests by package
// net/http alone.
func BenchmarkBare(b *testing.B) {
	srv := listen(b, echo)
	client := &http.Client{Transport: newTransport(64, &dialer{})}
	body := chat(b, "user@example.com/phone", "bot@rest.example.net", "m1").XML()
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := client.Post(srv.URL, xmlType, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				b.Error(err)
			}
			resp.Body.Close()
		}
	})
	client.CloseIdleConnections()
}

// BenchmarkServer is the whole way over loopback, from 64 conversations.
func BenchmarkServer(b *testing.B) {
	srv := listen(b, echo)
	room := make(chan struct{}, 64)
	c := build(b, newServer(), to(srv.URL), func(o *Options) {
		o.Reply = func(stanza.Stanza) error { <-room; return nil }
	})
	runs(b, c)
	var stanzas []stanza.Stanza
	for i := range 64 {
		stanzas = append(stanzas, chat(b, string(rune('a'+i%26))+string(rune('a'+i/26))+"@example.com/phone", "bot@rest.example.net", "m1"))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		room <- struct{}{}
		c.Deliver(stanzas[i%len(stanzas)])
	}
}

// BenchmarkServer_kept is BenchmarkServer without and with a journal, at a callback that accepts at once: what it costs that
// nothing is lost. Of the time of the processor, which is what cpu-ns/op tells.
func BenchmarkServer_kept(b *testing.B) {
	for _, name := range []string{"off", "on"} {
		b.Run(name, func(b *testing.B) {
			srv := listen(b, echo)
			room := make(chan struct{}, 64)
			change := []func(*Options){to(srv.URL), func(o *Options) {
				o.Reply = func(stanza.Stanza) error { <-room; return nil }
			}}
			if name == "on" {
				change = append(change, kept(openLedger(b, journal.Options{Linger: 16 * time.Millisecond})))
			}
			c := build(b, newServer(), change...)
			runs(b, c)
			var stanzas []stanza.Stanza
			for i := range 64 {
				stanzas = append(stanzas, chat(b, strconv.Itoa(i)+"@example.com/phone", "bot@rest.example.net", "m1"))
			}
			b.ReportAllocs()
			before := processorTime(b)
			for i := 0; b.Loop(); i++ {
				room <- struct{}{}
				c.Deliver(stanzas[i%len(stanzas)])
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime returns what the process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
