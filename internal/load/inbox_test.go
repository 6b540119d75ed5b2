package main

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Elements survive the buffer's end, white space between them, and any pieces.
func TestInbox_elements(t *testing.T) {
	long := "<message><body>" + strings.Repeat("x", inboxSize) + "</body></message>"
	want := []string{"<iq><a/></iq>", long, "<iq/>", long, "</stream:stream>"}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		text := "<?xml version='1.0'?><stream:stream id='7'>\n " + strings.Join(want, "\n \n")
		for len(text) > 0 {
			n := min(1009, len(text))
			if _, err := io.WriteString(there, text[:n]); err != nil {
				return
			}
			text = text[n:]
		}
	}()
	in := newInbox(here)
	header, err := in.header()
	if err != nil || string(header) != "<stream:stream id='7'>" {
		t.Fatalf("header %q, error %v", header, err)
	}
	var got []string
	for range want {
		element, err := in.element()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(element))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if element, err := in.element(); err == nil {
		t.Errorf("after the end there is %q", element)
	}
}

func TestInbox_limit(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		for range 2 * inboxLimit / 1024 {
			if _, err := io.WriteString(there, "<a>"+strings.Repeat("x", 1021)); err != nil {
				return
			}
		}
	}()
	if _, err := newInbox(here).element(); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("an endless element gave the error %v", err)
	}
}
