"""Gathering evidence from what runs: the tracker hands out records, the exchange its log."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.evidence import Evidence
from contracts.log import LogProof, digest_of, read_proof
from contracts.log_proof import LogFault, verify_proof
from services.cli.desk import read_object
from services.cli.evidence_assembling import Gathered, assemble
from services.runtime import log
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from services.runtime.subscribing import ask

Answer = dict[str, Any]
Ask = Callable[..., Awaitable[Answer]]

_QUESTION_S: Final = 20.0
_AT_ONCE: Final = 400
"""Groups in one question to the log."""
_HEADS_MAY_TAKE: Final = 20
_BETWEEN_S: Final = 0.5
_MAY_COME: Final = frozenset({"service.unreachable", "log.behind"})
_NO_ANSWER: Final = "service.no-answer"


async def gather(
    partnership: Partnership, directory: Directory, about: str, at: datetime
) -> Evidence:
    """Return the evidence about the child or the message `about`, put together at `at`.

    A message may be named as `AGENCY/MESSAGE`. Where the exchange does not answer for its log the
    file has no proof of it. Raises HandrailError `evidence.unknown` where nothing is known of it,
    and what the services answer: `track.several-agencies` where several have used the message's id.
    """
    log.configure("cli", sys.stderr, "ERROR")
    identity = partnership.nkey("operator")
    url, ca = partnership.nats_url(), partnership.nats_ca
    client = await connect(url, identity, name="handrail-operator", ca=ca)

    async def question(subject: str, **body: object) -> Answer:
        data = await ask(client, subject, orjson.dumps(body), timeout_s=_QUESTION_S)
        return read_object(data)

    try:
        gathered = await _gathered(question, about)
        proof = await _proof(question, gathered.groups)
        if proof is not None:
            first = await _first_group(question, proof)
            proof = await _complete(question, proof, first, directory)
            if digest_of(first) in {one.group for one in proof.included}:
                gathered.first = first
    finally:
        await client.close()
    signed = await asyncio.to_thread(partnership.directory_path.read_bytes)
    try:
        return assemble(gathered, proof, directory, signed.decode("ascii", "replace"), at)
    except ValidationError:
        raise HandrailError(
            "evidence.too-much",
            "what is kept about this does not fit into one evidence file",
            "make a file for each message, or run the version that the services run",
        ) from None


async def _gathered(question: Ask, about: str) -> Gathered:
    agency, _, message = about.rpartition("/")
    references = [] if agency else await _references(question, about)
    if references:
        return await _of_child(question, about, references)
    told = await question("tracker.proof.message", message=message, agency=agency or None)
    if told["answers"] or told["entry"]:
        return await _of_message(question, message, told)
    refused = [] if agency else await _refusals(question, about)
    if refused:
        return Gathered(child=about, answers=refused)
    raise HandrailError(
        "evidence.unknown",
        "neither a child nor a message of this reference is known",
        "compare the reference with the receipt",
    )


async def _references(question: Ask, child: str) -> list[str]:
    """Return all references of a child, the one asked for first; none where it is not known."""
    known: list[str] = []
    waiting = [child]
    while waiting:
        one = waiting.pop(0)
        if one in known:
            continue
        try:
            journey = (await question("tracker.track", child=one))["journey"]
        except HandrailError as error:
            if error.code != "track.unknown-child":
                raise
            continue
        known.append(one)
        waiting += [*journey["linked"], *filter(None, [journey["linked_into"]])]
    return known


async def _of_child(question: Ask, child: str, references: list[str]) -> Gathered:
    """Return what is known of a child; clocks first, for later messages explain what they say."""
    gathered = Gathered(child=child)
    for one in references:
        gathered.clocks.append(await _clocks(question, child=one))
        entries, answers = await _entries(question, one)
        gathered.journeys[one] = entries
        gathered.answers += [*answers, *await _refusals(question, one)]
    return gathered


async def _of_message(question: Ask, message: str, told: Answer) -> Gathered:
    gathered = Gathered(message=message, answers=told["answers"])
    entry = told["entry"]
    if entry is not None:
        child = str(orjson.loads(entry["decision"])["child"])
        gathered.journeys[child] = [entry]
        gathered.clocks.append(await _clocks(question, child=child, message=message))
    return gathered


async def _clocks(question: Ask, **about: str) -> str:
    """Return what the tracker signs of clocks."""
    return str((await question("tracker.proof.clocks", **about))["signed"])


async def _entries(question: Ask, child: str) -> tuple[list[Answer], list[Answer]]:
    entries: list[Answer] = []
    answers: list[Answer] = []
    first: int | None = 1
    while first is not None:
        told = await question("tracker.proof.entries", child=child, first=first)
        entries += told["entries"]
        answers += told["answers"]
        first = told["next"]
    return entries, answers


async def _refusals(question: Ask, child: str) -> list[Answer]:
    found: list[Answer] = []
    after: list[str] | None = None
    while True:
        told = await question("tracker.proof.refusals", child=child, after=after)
        found += told["answers"]
        after = told["next"]
        if after is None:
            return found


async def _proof(question: Ask, groups: Iterable[str]) -> LogProof | None:
    """Return the log's proof of all groups under one head, waiting for a head that holds them."""
    digests = tuple(dict.fromkeys(map(digest_of, groups)))
    found: LogProof | None = None
    for _ in range(_HEADS_MAY_TAKE):
        try:
            found = await _under_one_head(question, digests)
        except HandrailError as error:
            if error.code == _NO_ANSWER:
                return found
            if error.code not in _MAY_COME:
                raise
        if found is not None and not found.missing:
            return found
        await asyncio.sleep(_BETWEEN_S)
    return found


async def _first_group(question: Ask, proof: LogProof) -> str:
    """Return the first group of the log where it lacks any, for older ones never were in it."""
    if not proof.missing:
        return ""
    try:
        told = await question("exchange.admin.log.page", what="groups")
    except HandrailError as error:
        if error.code not in {*_MAY_COME, _NO_ANSWER}:
            raise
        return ""
    return str(told["records"][0][1]) if told["records"] else ""


async def _complete(question: Ask, proof: LogProof, first: str, directory: Directory) -> LogProof:
    """Return the proof with the place of the first group, without witnesses whose clock is wrong.

    A signature dated before its head vouches for nothing, and is no fault of the log.
    """
    exchange = f"{directory.document.partnership}.exchange"
    faults = verify_proof(proof, (), directory, exchange).faults
    early = {one.about for one in faults if one.fault is LogFault.WITNESS_TOO_EARLY}
    kept = tuple(one for n, one in enumerate(proof.witnesses) if str(n) not in early)
    included = proof.included
    name = digest_of(first)
    if first and name not in {one.group for one in included}:
        more = await _prove(question, groups=[name], head=proof.head, witnesses=False)
        included = (*included, *(more.included if more else ()))
    return proof.model_copy(update={"included": included, "witnesses": kept})


async def _under_one_head(question: Ask, digests: tuple[str, ...]) -> LogProof | None:
    whole = await _prove(question, groups=digests[:_AT_ONCE])
    if whole is None:
        return None
    included, missing = whole.included, whole.missing
    for start in range(_AT_ONCE, len(digests), _AT_ONCE):
        asked = digests[start : start + _AT_ONCE]
        more = await _prove(question, groups=asked, head=whole.head, witnesses=False)
        if more is None:
            return None
        included, missing = (*included, *more.included), (*missing, *more.missing)
    return whole.model_copy(update={"included": included, "missing": missing})


async def _prove(question: Ask, **body: object) -> LogProof | None:
    return read_proof(await question("exchange.admin.log.prove", **body))
