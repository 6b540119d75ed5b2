"""Runs a Flask program as it is on a loopback port. Arguments: the program, the port.

A program that ends in app.run() would listen on port 5000; here the default
is another. The program ends when its standard input does.
"""

import functools
import os
import runpy
import sys
import threading

import flask


def end_with_input():
    sys.stdin.read()
    os._exit(0)


program, port = sys.argv[1:]
threading.Thread(target=end_with_input, daemon=True).start()
flask.Flask.run = functools.partialmethod(flask.Flask.run, host="127.0.0.1", port=int(port))
runpy.run_path(program, run_name="__main__")
