"""A QMP client for tests, and the check of replies and events against query-qmp-schema.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import array
import json
import select
import socket
import time

TIME_LIMIT = 120


class QmpError(Exception):
    """An error reply: its class and text."""

    def __init__(self, error):
        super().__init__(f"{error['class']}: {error['desc']}")
        self.kind, self.text = error["class"], error["desc"]


def connect(path):
    """A connection to a Unix socket that may not listen yet."""
    end = time.monotonic() + TIME_LIMIT
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except (ConnectionRefusedError, FileNotFoundError):
            connection.close()
            assert time.monotonic() < end, f"{path} does not listen"
            time.sleep(0.01)


class Client:
    """One connection. Events that come on the way are kept in self.events."""

    def __init__(self, path=None, connection=None, negotiate=True, oob=False):
        self.events, self.counter, self.buffer = [], 0, b""
        if connection is None:
            connection = connect(path)
        self.socket = connection
        self.greeting = self.receive()
        if negotiate:
            self.execute("qmp_capabilities", **({"enable": ["oob"]} if oob else {}))

    def close(self):
        """The client goes."""
        self.socket.close()

    def send(self, data, fds=()):
        """Raw bytes, or something to be sent as JSON."""
        if not isinstance(data, bytes):
            data = json.dumps(data).encode() + b"\r\n"
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        if rights:
            sent = self.socket.sendmsg([data], rights)
            data = data[sent:]
        self.socket.settimeout(TIME_LIMIT)
        self.socket.sendall(data)

    def receive_line(self, limit=TIME_LIMIT):
        """The next line without its end; None when nothing comes in LIMIT seconds; b"" at the end."""
        end = time.monotonic() + limit
        while b"\n" not in self.buffer:
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                return None
            data = self.socket.recv(1 << 16)
            if not data:
                return b""
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a line without CR LF: {line!r}"
        return line[:-1]

    def receive(self, limit=TIME_LIMIT):
        """The next object."""
        line = self.receive_line(limit)
        assert line, f"no answer: {line!r}"
        return json.loads(line)

    def reply(self):
        """The next reply; events before it are kept."""
        while True:
            message = self.receive()
            if "event" not in message:
                return message
            assert set(message["timestamp"]) == {"seconds", "microseconds"}, message
            assert 0 <= message["timestamp"]["microseconds"] < 1000000, message
            self.events.append(message)

    def command(self, name, arguments=None, fds=(), key="execute"):
        """Run a command; the whole reply, whose id has been checked."""
        self.counter += 1
        request = {key: name, "id": f"test-{self.counter}"}
        if arguments is not None:
            request["arguments"] = arguments
        self.send(request, fds)
        reply = self.reply()
        assert reply.pop("id", None) == request["id"], reply
        return reply

    def execute(self, name, fds=(), **arguments):
        """Run a command; its result. Underscores in names of arguments stand for dashes."""
        return self.run(name, {key.rstrip("_").replace("_", "-"): value for key, value in arguments.items()}, fds)

    def run(self, name, arguments=None, fds=()):
        """The same with the arguments as they are."""
        reply = self.command(name, arguments, fds)
        if "error" in reply:
            raise QmpError(reply["error"])
        return reply["return"]

    def human(self, line):
        """human-monitor-command, with plain line ends."""
        return self.run("human-monitor-command", {"command-line": line}).replace("\r\n", "\n")

    def take_events(self):
        """The names of the events so far, which are forgotten."""
        names = [event["event"] for event in self.events]
        self.events = []
        return names

    def wait_event(self, name, limit=TIME_LIMIT):
        """The next event called NAME."""
        end = time.monotonic() + limit
        while True:
            for number, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(number)
            message = self.receive(max(0, end - time.monotonic()))
            assert "event" in message, message
            self.events.append(message)


JSON_TYPES = {"string": str, "number": (int, float), "int": int, "boolean": bool, "null": type(None), "object": dict,
              "array": list}


class Schema:
    """What query-qmp-schema says."""

    def __init__(self, entries):
        self.entries = {(entry["meta-type"] in ("command", "event"), entry["name"]): entry for entry in entries}
        assert len(self.entries) == len(entries), "a name occurs twice"

    def of_kind(self, kind):
        """All entries of a meta-type, by name."""
        return {name: entry for (_, name), entry in self.entries.items() if entry["meta-type"] == kind}

    def type(self, name):
        """A type's entry."""
        return self.entries[(False, name)]

    def members(self, entry, value):
        """The members of an object type, those of its variant for VALUE included."""
        members = {member["name"]: member for member in entry["members"]}
        for variant in entry.get("variants", []):
            if value.get(entry["tag"]) == variant["case"]:
                members.update(self.members(self.type(variant["type"]), value))
        return members

    def check(self, type_name, value, where):
        """VALUE is what the type says, no more and no less."""
        entry = self.type(type_name)
        kind = entry["meta-type"]
        if kind == "builtin":
            wanted = entry["json-type"]
            right = wanted == "value" or (isinstance(value, JSON_TYPES[wanted])
                                          and (wanted == "boolean" or not isinstance(value, bool)))
            assert right, f"{where}: {value!r} is no {wanted}"
        elif kind == "enum":
            assert value in [member["name"] for member in entry["members"]], f"{where}: {value!r}"
        elif kind == "array":
            assert isinstance(value, list), f"{where}: {value!r} is no list"
            for number, element in enumerate(value):
                self.check(entry["element-type"], element, f"{where}[{number}]")
        elif kind == "alternate":
            self.check_alternate(entry, value, where)
        else:
            self.check_object(entry, value, where)

    def check_alternate(self, entry, value, where):
        """One of the branches fits."""
        failures = []
        for member in entry["members"]:
            try:
                self.check(member["type"], value, where)
                return
            except AssertionError as failure:
                failures.append(str(failure))
        raise AssertionError("; ".join(failures))

    def check_object(self, entry, value, where):
        """Members are known, and there when they must be."""
        assert isinstance(value, dict), f"{where}: {value!r} is no object"
        members = self.members(entry, value)
        assert set(value) <= set(members), f"{where}: unknown {sorted(set(value) - set(members))}"
        for name, member in members.items():
            if name in value:
                self.check(member["type"], value[name], f"{where}.{name}")
            else:
                assert "default" in member, f"{where}: {name} is missing"

    def wrong_value(self, type_name):
        """A value that is not of the type, or None if there is none."""
        entry = self.type(type_name)
        if entry["meta-type"] == "builtin":
            return {"value": None, "string": 7}.get(entry["json-type"], "text")
        return 7

    def right_value(self, type_name):
        """Some value of the type."""
        entry = self.type(type_name)
        kind = entry["meta-type"]
        if kind == "builtin":
            return {"string": "no-such-thing", "int": 1, "number": 1, "boolean": False, "null": None,
                    "value": "x"}[entry["json-type"]]
        if kind == "enum":
            return entry["members"][0]["name"]
        if kind == "array":
            return []
        if kind == "alternate":
            return self.right_value(entry["members"][-1]["type"])
        value = {}
        if "tag" in entry:
            tag = next(member for member in entry["members"] if member["name"] == entry["tag"])
            value[entry["tag"]] = self.right_value(tag["type"])
        for name, member in self.members(entry, value).items():
            if "default" not in member and name not in value:
                value[name] = self.right_value(member["type"])
        return value
