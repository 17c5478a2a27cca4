"""Everything that can be wrong with an evidence file: a closed list, each with what it means."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Why an evidence file does not hold."""

    TOO_LARGE = "evidence.too-large"
    UNREADABLE = "evidence.unreadable"
    UNKNOWN_VERSION = "evidence.unknown-version"
    WRONG_FORM = "evidence.wrong-form"
    OTHER_ROOT = "evidence.other-root"
    DIRECTORY_UNTRUSTED = "evidence.directory-untrusted"
    DIRECTORY_EXPIRED = "evidence.directory-expired"
    OTHER_PARTNERSHIP = "evidence.other-partnership"
    NOTHING = "evidence.nothing"
    OTHER_SUBJECT = "evidence.other-subject"
    GROUP_NOT_SIGNED = "evidence.group-not-signed"
    GROUP_TWICE = "evidence.group-twice"
    GROUP_ABSENT = "evidence.group-absent"
    NO_ATTESTATION = "evidence.no-attestation"
    NOT_ATTESTED = "evidence.not-attested"
    LANE_NOT_ATTESTED = "evidence.lane-not-attested"
    OTHER_DECISION = "evidence.other-decision"
    TWO_ANSWERS = "evidence.two-answers"
    SEAL = "evidence.seal"
    OTHER_CHILD = "evidence.other-child"
    ENTRY_MISSING = "evidence.entry-missing"
    ENTRY_TWICE = "evidence.entry-twice"
    ENTRY_ORDER = "evidence.entry-order"
    RECORD_CHAIN = "evidence.record-chain"
    NOT_JOINED = "evidence.not-joined"
    CUSTODY = "evidence.custody"
    CLOCKS_NOT_SIGNED = "evidence.clocks-not-signed"
    CLOCK_TWICE = "evidence.clock-twice"
    CLOCK_AGENCY = "evidence.clock-agency"
    CLOCK_MESSAGE = "evidence.clock-message"
    CLOCK_TIME = "evidence.clock-time"
    CLOCK_DUE = "evidence.clock-due"
    CLOCK_NOTICE = "evidence.clock-notice"
    HEAD_NOT_SIGNED = "evidence.head-not-signed"
    NOT_IN_LOG = "evidence.not-in-log"
    BEYOND_HEAD = "evidence.beyond-head"
    LOG_TWICE = "evidence.log-twice"
    LOG_ORDER = "evidence.log-order"
    SIGNED_BEFORE = "evidence.signed-before"
    NOT_LOGGED = "evidence.not-logged"
    WITNESS_NOT_SIGNED = "evidence.witness-not-signed"
    WITNESS_OTHER_HEAD = "evidence.witness-other-head"
    LOG_FORKED = "evidence.log-forked"
    KEPT_NOT_ATTESTED = "evidence.kept-not-attested"
    KEPT_ABSENT = "evidence.kept-absent"
    KEPT_DIFFERS = "evidence.kept-differs"
    KEPT_ELSEWHERE = "evidence.kept-elsewhere"


WORDS: Final[dict[Code, str]] = {
    Code.TOO_LARGE: "the file is larger than any evidence file may be",
    Code.UNREADABLE: "the file is not JSON that every reader understands alike",
    Code.UNKNOWN_VERSION: "the file is of a version that this Handrail does not know",
    Code.WRONG_FORM: "a part of the file does not have the form of evidence",
    Code.OTHER_ROOT: "the file belongs to another root key than the one that was given",
    Code.DIRECTORY_UNTRUSTED: "the directory in the file is not signed by the root key",
    Code.DIRECTORY_EXPIRED: "the directory in the file had expired when something here was decided",
    Code.OTHER_PARTNERSHIP: "the file is not of the directory's partnership and its exchange",
    Code.NOTHING: "the file holds no message and no answer, so it proves nothing",
    Code.OTHER_SUBJECT: "what the file holds is not what it says that it is about",
    Code.GROUP_NOT_SIGNED: "an attestation is not signed by the exchange of this partnership",
    Code.GROUP_TWICE: "the same attestation stands in the file twice",
    Code.GROUP_ABSENT: "a decision names an attestation that is not in the file",
    Code.NO_ATTESTATION: "the exchange's attestation of a decision is no longer kept",
    Code.NOT_ATTESTED: "a decision is not the text that the exchange attested",
    Code.LANE_NOT_ATTESTED: "what a receipt says of its lane is not what the exchange attested",
    Code.OTHER_DECISION: "a decision is about another message than the one it stands with",
    Code.TWO_ANSWERS: "the exchange has attested two different answers to the same sealed message",
    Code.SEAL: "the signatures of a message do not hold",
    Code.OTHER_CHILD: "a message is about another child",
    Code.ENTRY_MISSING: "a message of the journey is missing",
    Code.ENTRY_TWICE: "a message of the journey stands in the file twice",
    Code.ENTRY_ORDER: "the messages of the journey are not in the order of their decisions",
    Code.RECORD_CHAIN: "a record of the journey does not follow the one before it",
    Code.NOT_JOINED: "nothing signed here joins this reference, or joins it still, to the child's",
    Code.CUSTODY: "who led the child does not follow from the signed messages",
    Code.CLOCKS_NOT_SIGNED: "what is said of clocks is not signed by the partnership's tracker",
    Code.CLOCK_TWICE: "a clock, or all clocks of a reference, stand in the file twice",
    Code.CLOCK_AGENCY: "a clock is held against an agency that does not owe what it waits for",
    Code.CLOCK_MESSAGE: "a clock names a message of the journey that is not there",
    Code.CLOCK_TIME: "a clock started or stopped at another time than its message was decided",
    Code.CLOCK_DUE: "a clock was due at another time than the signed rules give",
    Code.CLOCK_NOTICE: "the notice that a clock was missed is not the tracker's about this clock",
    Code.HEAD_NOT_SIGNED: "the head of the log is not signed by the exchange",
    Code.NOT_IN_LOG: "the proof that an attestation stands in the log does not hold",
    Code.BEYOND_HEAD: "an attestation is placed beyond the size of the log's head",
    Code.LOG_TWICE: "the proof of the log names an attestation or a witness twice",
    Code.LOG_ORDER: "a decision stands in the log before one that must have been made earlier",
    Code.SIGNED_BEFORE: "what was signed is dated before what it was signed over",
    Code.NOT_LOGGED: "the log does not hold an attestation that is older than its head",
    Code.WITNESS_NOT_SIGNED: "what stands as a witness's signature is none of a known witness",
    Code.WITNESS_OTHER_HEAD: "a witness signed another head than the one that stands beside it",
    Code.LOG_FORKED: "the log that a witness saw is not the log of this file",
    Code.KEPT_NOT_ATTESTED: "the kept receipt is not attested by the exchange",
    Code.KEPT_ABSENT: "the file leaves out a decision of which a receipt was kept",
    Code.KEPT_DIFFERS: "the file holds another decision than the receipt that was kept",
    Code.KEPT_ELSEWHERE: "the kept file is about something else than this file",
}
"""What each code means, in words for somebody who was not there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `where` names the part or message, `detail` a code of the contract.

    Neither holds anything but references, numbers and names of the contract.
    """

    code: Code
    where: str = ""
    detail: str = ""

    @property
    def words(self) -> str:
        """Return what is wrong, in words."""
        return WORDS[self.code]
