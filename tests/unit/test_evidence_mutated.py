"""Whoever changes an evidence file without anybody's key proves nothing by it that is not so."""

import copy
import re
from functools import cache
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.evidence import Report, dump, read
from contracts.evidence.report import Answered
from contracts.evidence.words import _answer, words_of
from contracts.kinds import iso
from tests.evidence.base import Base

_LED = re.compile(r"^(?P<so_far>\S+ led .*\)) (until .*|to the end of this file)\.$")
_LOGGED = re.compile(r"^(?P<count>\d+) attestations stand in the log of (?P<rest>.*)$")
_SEEN = re.compile(
    r"^(?P<count>\d+) of (?P<of>\d+) witnesses signed .* all (?P<all>\d+) of these:"
    r" (?P<names>.*)\.$"
)
_SAW_FIRST = re.compile(
    r"^(?P<name>\S+) signed that it saw the first (?P<size>\d+) attestations of the log,"
    r" (?P<all>\d+) of these among them, at (?P<at>.*)\.$"
)
_JOINED = re.compile(r"^Signed messages join the references (?P<names>.*) as one child's\.$")
Where = tuple[Any, Any]


@cache
def honest() -> tuple[Base, Report]:
    """An honest file, and what it proves."""
    base = Base()
    return base, read(dump(base.evidence), base.area.root.x)


@cache
def true_lines() -> frozenset[str]:
    """Everything that is so: what the honest file proves, and every answer by itself."""
    _, report = honest()
    answers = (_answer(Answered(one, ""), iso) for one in report.decisions)
    return frozenset((*words_of(report, iso).proved, *answers))


@cache
def witnesses() -> dict[str, tuple[int, int]]:
    """By each witness and its instant, how large a log it saw, and how much of the honest file."""
    logged = honest()[1].logged
    assert logged is not None
    return {
        f"{one.agency} at {iso(one.at)}": (one.size, logged.seen_by(one)) for one in logged.sure
    }


def is_so(line: str) -> bool:
    """Tell whether a proved line is one of the honest file's, or says less than one of these."""
    known = line in true_lines() or any(_says_less(line, other) for other in true_lines())
    return known or _was_seen(line)


def _was_seen(line: str) -> bool:
    """Tell whether each witness saw as much of the honest file as a line says, or more."""
    whole, part = _SEEN.match(line), _SAW_FIRST.match(line)
    if whole is not None:
        names = set(whole["names"].split(", "))
        saw = all(int(whole["all"]) <= witnesses().get(name, (0, -1))[1] for name in names)
        return saw and int(whole["count"]) <= len(names) and whole["of"] == "3"
    if part is None:
        return False
    size, count = witnesses().get(f"{part['name']} at {part['at']}", (0, -1))
    return int(part["size"]) == size and int(part["all"]) <= count


def _says_less(line: str, other: str) -> bool:
    for form in (_LED, _LOGGED, _JOINED):
        ours, theirs = form.match(line), form.match(other)
        if ours is None or theirs is None:
            continue
        said, known = ours.groupdict(), theirs.groupdict()
        if form is _LED:
            return line.endswith(" to the end of this file.") and said == known
        if form is _LOGGED:
            return int(said["count"]) <= int(known["count"]) and said["rest"] == known["rest"]
        return set(said["names"].split(", ")) <= set(known["names"].split(", "))
    return False


def places(made: Any) -> list[Where]:
    """Every member and element of the file, as the holder and the key or index in it."""
    found: list[Where] = []
    waiting = [made]
    while waiting:
        one = waiting.pop()
        inside = one.items() if isinstance(one, dict) else enumerate(one)
        for key, value in inside:
            found.append((one, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    return found


def change(made: Any, data: st.DataObject) -> None:
    """Change one thing, as somebody would who has an editor and other parts of the same file."""
    found = places(made)
    whole = [(holder, key) for holder, key in found if isinstance(holder[key], dict | list)]
    holder, key = data.draw(st.sampled_from(found) | st.sampled_from(whole or found))
    how = data.draw(st.sampled_from(("remove", "copy", "repeat", "edit", "cut", "empty")))
    value = holder[key]
    if how == "remove":
        del holder[key]
    elif how == "copy":
        alike = [h[k] for h, k in found if (type(h[k]) is type(value) and k == key) or h is holder]
        holder[key] = copy.deepcopy(data.draw(st.sampled_from(alike)))
    elif how == "repeat" and isinstance(holder, list):
        holder.insert(data.draw(st.integers(0, len(holder))), copy.deepcopy(value))
    elif how == "cut" and isinstance(value, list | str):
        holder[key] = value[: data.draw(st.integers(0, len(value)))]
    elif how == "edit" and isinstance(value, str) and value:
        at = data.draw(st.integers(0, len(value) - 1))
        holder[key] = value[:at] + data.draw(st.sampled_from("A0z-9")) + value[at + 1 :]
    elif how == "edit" and isinstance(value, int):
        holder[key] = value + data.draw(st.integers(-2, 2))
    else:
        holder[key] = type(value)()


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=250,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_changed_file_proves_nothing_that_the_honest_one_does_not(data: st.DataObject) -> None:
    """Whatever parts are taken out, copied, repeated or edited: each proved line is so."""
    base, report = honest()
    made = orjson.loads(dump(base.evidence))
    for _ in range(data.draw(st.integers(1, 4))):
        change(made, data)
    said = words_of(read(orjson.dumps(made), base.area.root.x), iso)
    clocks = {line for line in said.claimed if line.startswith("By the tracker's word")}

    assert [line for line in said.proved if not is_so(line)] == []
    assert clocks <= {*words_of(report, iso).claimed}


def test_what_is_less_is_so_and_what_is_more_is_not() -> None:
    """The test above can fail: a longer lead, another witness or more attestations are not so."""
    lines = sorted(true_lines())
    led = next(line for line in lines if _LED.match(line) and "until" in line)
    logged = next(line for line in lines if _LOGGED.match(line))
    seen = next(line for line in lines if _SEEN.match(line))

    assert all(map(is_so, lines))
    assert is_so(f"{led.split(' until ')[0]} to the end of this file.")
    assert not is_so(led.replace(" led ", " led another "))
    assert not is_so(f"9{logged}")
    assert not is_so(f"9{seen}")
    assert not is_so(seen.replace(": ", ": demo.housing at some time, ", 1))
    part = next(line for line in lines if _SAW_FIRST.match(line))
    other = next(name for name in witnesses() if f" {name}." not in seen)
    assert is_so(seen.replace(" all 7 ", " all 6 "))
    assert is_so(part.replace(", 6 of", ", 5 of"))
    assert not is_so(part.replace(", 6 of", ", 7 of"))
    assert not is_so(part.replace("first 6", "first 7"))
    assert not is_so(f"{seen[:-1]}, {other}.")
    assert is_so(f"{seen[:-1]}, {other}.".replace(" all 7 ", " all 6 "))
