//go:build !linux

package main

import (
	"time"
)

func processorTime(int) (time.Duration, error) { return 0, errNotLinux }

func residentMemory(int) (int64, error) { return 0, errNotLinux }

func children() ([]int, error) { return nil, errNotLinux }
