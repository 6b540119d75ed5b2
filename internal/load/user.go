package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"time"
)

// user is somebody who is logged in to the host of restanza dev, over plain TCP.
// It checks nothing.
type user struct {
	conn net.Conn
	in   *inbox
	out  *outbox
}

// login logs an account in with a resource, without presence.
func login(ctx context.Context, host, account, password, resource string) (*user, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	u := &user{conn: conn, in: newInbox(conn), out: newOutbox(conn)}
	conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := u.negotiate(account, password, resource); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s at %s: %w", account, host, err)
	}
	conn.SetDeadline(time.Time{})
	return u, nil
}

func (u *user) negotiate(account, password, resource string) error {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + account + "\x00" + password)) // RFC 4616
	for _, step := range []struct {
		opens      bool // the stream begins (again)
		send, want string
	}{
		{opens: true, want: "<stream:features"},
		{send: `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">` + plain + `</auth>`, want: "<success"},
		{opens: true, want: "<stream:features"},
		{send: `<iq type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>` + resource + `</resource></bind></iq>`, want: "<iq"},
	} {
		if step.opens {
			step.send = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"
		}
		if err := u.out.write([]byte(step.send)); err != nil {
			return err
		}
		if step.opens {
			if _, err := u.in.header(); err != nil {
				return fmt.Errorf("no stream header: %w", err)
			}
		}
		got, err := u.in.element()
		if err != nil {
			return fmt.Errorf("nothing that begins with %s: %w", step.want, err)
		}
		if !bytes.HasPrefix(got, []byte(step.want)) || bytes.Contains(got, []byte("error")) {
			return fmt.Errorf("got %s, want %s", got, step.want)
		}
	}
	return nil
}

// echo sends the bot a message and waits for its echo. It returns how long that
// took, and the number of further messages that came before it.
func (u *user) echo(text string, limit time.Duration) (took time.Duration, others int, err error) {
	u.conn.SetDeadline(time.Now().Add(limit))
	defer u.conn.SetDeadline(time.Time{})
	began := time.Now()
	if err := u.out.write([]byte(`<message type="chat" to="bot@bot.localhost"><body>` + text + `</body></message>`)); err != nil {
		return 0, 0, err
	}
	for {
		got, err := u.in.element()
		if err != nil {
			return 0, others, fmt.Errorf("no echo of %q: %w", text, err)
		}
		if bytes.HasPrefix(got, []byte("<message")) && bytes.Contains(got, []byte("<body>"+text+"</body>")) && !bytes.Contains(got, []byte("error")) {
			return time.Since(began), others, nil
		}
		others++
	}
}

func (u *user) close() { u.conn.Close() }
