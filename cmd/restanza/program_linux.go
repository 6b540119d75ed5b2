package main

import "syscall"

// endWithParent has the kernel ask a program to end when the thread that starts it
// ends, which is how even SIGKILL of dev leaves no program behind (prctl(2),
// PR_SET_PDEATHSIG). What the program itself has started is not asked.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
