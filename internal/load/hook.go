package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// hook is the HTTP callback: it answers each message with a reply that bears the
// message's number. Like poster it does as little as it can.
type hook struct {
	listener net.Listener
	conns    sync.WaitGroup
	current  atomic.Pointer[tracker] // counts the messages posted; nil: nobody does
}

func listenHook(ctx context.Context) (*hook, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &hook{listener: l}, nil
}

func (h *hook) url() string { return "http://" + h.listener.Addr().String() + "/stanzas" }

// serve answers callbacks until ctx ends.
func (h *hook) serve(ctx context.Context) error {
	defer h.conns.Wait()
	stop := context.AfterFunc(ctx, func() { h.listener.Close() })
	defer stop()
	for {
		conn, err := h.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("callback: %w", err)
		}
		h.conns.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			h.serveConn(conn)
		})
	}
}

// serveConn answers the requests of a connection until it fails or ends.
func (h *hook) serveConn(conn net.Conn) {
	in := bufio.NewReader(conn)
	var body, response []byte
	for {
		request, err := readHead(in)
		if err != nil {
			return
		}
		if body, err = request.readBody(in, body); err != nil {
			return
		}
		if strings.HasPrefix(request.first, "POST ") {
			response = h.answer(response[:0], body)
		} else { // the probe
			response = append(response[:0], "HTTP/1.1 200 OK\r\nAccept: application/xmpp+xml\r\nContent-Length: 0\r\n\r\n"...)
		}
		if _, err := conn.Write(response); err != nil {
			return
		}
	}
}

// answer appends the response to a posted message.
func (h *hook) answer(dst, message []byte) []byte {
	if t := h.current.Load(); t != nil {
		if u, ok := parseNumber(message); ok {
			t.arrived(u, time.Since(t.start))
		}
	}
	reply := make([]byte, 0, 512)
	reply = append(reply, `<message from="`...)
	reply = append(reply, attribute(message, " to=")...)
	reply = append(reply, `" to="`...)
	reply = append(reply, attribute(message, " from=")...)
	reply = append(reply, `" type="chat" id="`...)
	reply = append(reply, attribute(message, " id=")...)
	reply = append(reply, `"><body>`+replyText+`</body></message>`...)

	dst = append(dst, "HTTP/1.1 200 OK\r\nContent-Type: application/xmpp+xml\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(reply)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, reply...)
}
