"""Judges documents by libexpat, for differential_test.go.

Requests come in batches on standard input: their number, then for each its
length and its bytes. The answers follow in the same form on standard output:
nothing for a document that is refused, else its canonical form. Numbers have
four bytes, the highest first.

libexpat is set up as XMPP servers use it: with namespaces, and refusing what
RFC 6120 leaves out.
"""

import pyexpat
import struct
import sys

SEPARATOR = "\n"


class Refused(Exception):
    pass


def refuse(*_):
    raise Refused


def expanded(name):
    space, _, local = name.rpartition(SEPARATOR)
    return space, local


class Canonical:
    def __init__(self):
        self.top = []
        self.stack = [(None, [], self.top)]

    def start(self, name, attributes):
        attributes = sorted(expanded(k) + (v,) for k, v in attributes.items())
        self.stack.append(((expanded(name), attributes), [], []))

    def text(self, data):
        self.stack[-1][1].append(data)

    def end(self, _):
        (name, attributes), text, children = self.stack.pop()
        fields = ["E", *name]
        for attribute in attributes:
            fields += ["A", *attribute]
        fields += ["T", "".join(text)]
        self.stack[-1][2].append("\0".join(fields) + "\0" + "".join(children) + "/")


def judge(document):
    canonical = Canonical()
    parser = pyexpat.ParserCreate("UTF-8", SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = canonical.start
    parser.EndElementHandler = canonical.end
    parser.CharacterDataHandler = canonical.text
    parser.CommentHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except (pyexpat.ExpatError, Refused):
        return b""
    return "".join(canonical.top).encode()


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    number = struct.Struct(">I")
    sink.write(pyexpat.EXPAT_VERSION.encode() + b"\n")
    sink.flush()
    while head := source.read(number.size):
        documents = []
        for _ in range(number.unpack(head)[0]):
            (length,) = number.unpack(source.read(number.size))
            documents.append(source.read(length))
        for document in documents:
            answer = judge(document)
            sink.write(number.pack(len(answer)) + answer)
        sink.flush()


main()
