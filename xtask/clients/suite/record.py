"""A pytest plugin that records the outcome of each test and the commands that it sent.

`RECORD_FILE` gets one JSON object a line. The commands are those that the server counted during
the test (`INFO commandstats`), so `RECORD_PORT` is that of a Redis; without it none are noted.
"""

import json
import os
import socket

import pytest

PORT = os.environ.get("RECORD_PORT")
OWN = {"config|resetstat", "info"}

outcomes = {}


def ask(*words):
    """Reads the counters on a separate connection, because tests kill connections."""
    with socket.create_connection(("127.0.0.1", int(PORT))) as connection:
        stream = connection.makefile("rwb")
        stream.write(b"*%d\r\n" % len(words))
        for word in words:
            stream.write(b"$%d\r\n%s\r\n" % (len(word), word.encode()))
        stream.flush()
        line = stream.readline()
        return stream.read(int(line[1:]) + 2).decode() if line[:1] == b"$" else line.decode()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    if PORT:
        ask("CONFIG", "RESETSTAT")
    result = yield
    commands = []
    if PORT:
        lines = ask("INFO", "commandstats").split("\r\n")
        names = (line.split(":")[0] for line in lines if line.startswith("cmdstat_"))
        commands = [name.removeprefix("cmdstat_") for name in names]
    record = {
        "id": item.nodeid,
        "outcome": outcomes.get(item.nodeid, "failed"),
        "commands": sorted(set(commands) - OWN),
    }
    with open(os.environ["RECORD_FILE"], "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return result


def pytest_runtest_logreport(report):
    """Records a test as passed if each of its phases has passed."""
    if report.outcome != "passed":
        outcomes[report.nodeid] = report.outcome
    elif report.when == "call":
        outcomes.setdefault(report.nodeid, "passed")
