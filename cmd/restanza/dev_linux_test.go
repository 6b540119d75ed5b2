package main

import (
	"fmt"
	"testing"
	"time"
)

// Even a dev that is killed leaves no program behind.
func TestDev_killed(t *testing.T) {
	d := startDev(t, "--", "sh", "-c", `echo "child $$"; exec sleep 60`)
	var pid int
	if _, err := fmt.Sscan(d.wait(`child (\d+)\n`), &pid); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !zombie(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}
