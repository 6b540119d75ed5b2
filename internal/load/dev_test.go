package main

import (
	"context"
	"testing"

	"github.com/restanza/restanza"
)

// Clients talk to the bot of a restanza dev in this process, and none is lost.
func TestTalk(t *testing.T) {
	d, err := restanza.NewDev(restanza.DevOptions{
		Accounts:    []restanza.DevAccount{{Name: "alice", Password: "secret"}, {Name: "bob", Password: "secret"}},
		Credentials: authorization, HTTPListen: "127.0.0.1:0", ClientListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if err := await(ctx, readyTimeout, readyTimeout/1000, func() error { return ready(ctx, d.HTTPAddr()) }); err != nil {
		t.Fatal(err)
	}
	users, err := logins(ctx, d.ClientAddr(), 0, 20)
	for _, u := range users {
		defer u.close()
	}
	if err != nil || len(users) != 20 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	if times, lost, others := talk(users, "x"); lost != nil || len(times) != 20 || others != 0 {
		t.Errorf("%d echoes, %d other messages, %v", len(times), others, lost)
	}
	if _, err := login(ctx, d.ClientAddr(), "alice", "wrong", "x"); err == nil {
		t.Error("logged in with a wrong password")
	}
}
