"""An XMPP user for tests: slixmpp.

Arguments: host, port, address, password; none, starttls or direct for TLS; the file with the
server's certificate, "" without TLS. Commands come as JSON lines on standard input:
{"to": ..., "body": ..., "type": ...}, {"join": ..., "nick": ...} or {"raw": ...}. What happens
goes out as JSON lines on standard output: {"event": "ready", "jid": ...},
{"event": "stanza", "xml": ...} or {"event": "failed", "reason": ...}. The program ends when its input does.
"""

import asyncio
import json
import os
import sys
import threading

import slixmpp


def say(**event):
    print(json.dumps(event), flush=True)


class User(slixmpp.ClientXMPP):
    def __init__(self, jid, password, security):
        super().__init__(
            jid, password, plugin_config={"feature_mechanisms": {"unencrypted_plain": True}}
        )
        self.register_plugin("xep_0045")
        self.security = security
        self.add_event_handler("session_start", self.started)
        for event in ("failed_auth", "connection_failed", "disconnected"):
            self.add_event_handler(event, lambda reason, event=event: self.failed(event, reason))
        self.add_filter("in", self.received)

    def started(self, _):
        # slixmpp goes on without TLS where none is offered, whatever it was told.
        if self.security != "none" and self.transport.get_extra_info("ssl_object") is None:
            self.failed("tls", "the stream is not encrypted")
        self.send_presence()
        say(event="ready", jid=str(self.boundjid))

    def failed(self, event, reason):
        say(event="failed", reason=f"{event}: {reason}")
        os._exit(1)

    def received(self, stanza):
        if stanza.name in ("message", "presence", "iq"):
            say(event="stanza", xml=str(stanza))
        return stanza

    def obey(self, command):
        if "raw" in command:
            self.send_raw(command["raw"])
        elif "join" in command:
            self.plugin["xep_0045"].join_muc(command["join"], command["nick"])
        else:
            self.send_message(
                mto=command["to"], mbody=command["body"], mtype=command.get("type", "chat")
            )


def read_commands(user, loop):
    for line in sys.stdin:
        loop.call_soon_threadsafe(user.obey, json.loads(line))
    os._exit(0)


def main():
    host, port, jid, password, security, certificate = sys.argv[1:]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    user = User(jid, password, security)
    if security != "none":
        user.ca_certs = certificate
    user.connect(
        (host, int(port)),
        use_ssl=security == "direct",
        force_starttls=security == "starttls",
        disable_starttls=security == "none",
    )
    threading.Thread(target=read_commands, args=(user, loop), daemon=True).start()
    loop.run_forever()


main()
