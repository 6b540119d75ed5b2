package main

import "errors"

var errNotLinux = errors.New("processor time, memory and child processes are looked at on Linux only")
