"""Debian's python3-thrift as a peer; arguments and output as in npm-peer.ts."""

import argparse
import json
import os
import socketserver
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gen", "python"))

from thrift.protocol import TBinaryProtocol, TCompactProtocol, THeaderProtocol  # noqa: E402
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol  # noqa: E402
from thrift.Thrift import TApplicationException  # noqa: E402
from thrift.TMultiplexedProcessor import TMultiplexedProcessor  # noqa: E402
from thrift.transport import TSocket, TTransport  # noqa: E402
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID  # noqa: E402

from talk import Echo, LaterEcho  # noqa: E402
from talk.ttypes import Color, Item, NotFound  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("role")
parser.add_argument("--transport", default="framed")
parser.add_argument("--protocol", default="binary")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--calls", default="text")
parser.add_argument("--multiplexed", action="store_true")
options = parser.parse_args()


def wrap(socket):
    """The protocol object over a connected socket."""
    if options.transport == "header":
        ids = {"binary": THeaderSubprotocolID.BINARY, "compact": THeaderSubprotocolID.COMPACT}
        factory = THeaderProtocol.THeaderProtocolFactory([THeaderClientType.HEADERS], ids[options.protocol])
        return factory.getProtocol(socket)
    framed = options.transport == "framed"
    transport = TTransport.TFramedTransport(socket) if framed else TTransport.TBufferedTransport(socket)
    if options.protocol == "compact":
        return TCompactProtocol.TCompactProtocol(transport)
    return TBinaryProtocol.TBinaryProtocol(transport)


class Handler:
    def __init__(self):
        self.count = 0

    def text(self, value):
        return value

    def number(self, value):
        return value

    def item(self, value):
        return value

    def lists(self, value):
        return value

    def fail(self, name):
        raise NotFound(name=name, code=404)

    def note(self, value):
        self.count += 1

    def notes(self):
        return self.count


def serve():
    processor = Echo.Processor(Handler())
    if options.multiplexed:
        multiplexed = TMultiplexedProcessor()
        multiplexed.registerProcessor("echo", processor)
        processor = multiplexed

    class Connection(socketserver.BaseRequestHandler):
        def handle(self):
            accepted = TSocket.TSocket()
            accepted.setHandle(self.request)
            protocol = wrap(accepted)
            try:
                while True:
                    processor.process(protocol, protocol)
            except (TTransport.TTransportException, EOFError, ConnectionError):
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", options.port), Connection)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


def item(has_children):
    return Item(
        name="lamp",
        id=-5,
        weight=1.5,
        fresh=True,
        stale=False,
        tags=["a", ""],
        counts={"a": 1, "b": -70000},
        sizes={300},
        color=Color.BLUE,
        level=7,
        flags=[False, False],
        nested={9: {"z": [0.25]}},
        children=[item(False) for _ in range(20)] if has_children else [],
    )


def note(client):
    before = client.notes()
    client.note("hello")
    for _ in range(100):
        after = client.notes()
        if after != before:
            return {"result": after - before}
    return {"result": 0}


def big(client):
    text = "x" * 1024 * 1024
    return {"same": client.text(text) == text}


CALLS = {
    "text": lambda client: {"result": client.text("καλημέρα")},
    "big": big,
    "number": lambda client: {"result": str(client.number(9007199254740993))},
    "item": lambda client: {"same": client.item(item(True)) == item(True)},
    "lists": lambda client: {"result": client.lists({"odd": [1, 3, 5], "none": []})},
    "fail": lambda client: client.fail("nobody"),
    "note": note,
    "pause": lambda client: time.sleep(0.6),
    "added": lambda client: client.added("x"),
}


def call():
    socket = TSocket.TSocket("127.0.0.1", options.port)
    socket.setTimeout(10000)
    protocol = wrap(socket)
    protocol.trans.open()
    if options.transport == "header":
        protocol.trans.set_header(b"color", b"blue")
    client = LaterEcho.Client(TMultiplexedProtocol(protocol, "echo") if options.multiplexed else protocol)
    for name in options.calls.split(","):
        started = time.monotonic()
        try:
            outcome = CALLS[name](client)
        except NotFound as error:
            outcome = {"exception": "NotFound", "name": error.name, "code": error.code}
        except TApplicationException as error:
            outcome = {"exception": "TApplicationException", "type": error.type, "message": error.message}
        except Exception as error:
            outcome = {"exception": "other", "message": repr(error)}
        elapsed = (time.monotonic() - started) * 1000
        print(json.dumps({"call": name, "ms": elapsed, **(outcome or {})}), flush=True)


serve() if options.role == "server" else call()
