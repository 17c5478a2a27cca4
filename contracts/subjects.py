"""NATS subjects, streams and consumers: the one place where their names are made (design §5).

Only opaque references and organisational ids stand in a subject, never personal data.
"""

from contracts.identifiers import AGENCY, REFERENCE

LEDGER = "LEDGER"
LEDGER_SUBJECTS = (
    "journey.>",
    "inbox.>",
    "receipt.>",
    "held.>",
    "check.>",
    "quarantine.>",
    "cursor.>",
    "tree.>",
)
TREE_GROUP = "tree.group"
"""Every signed group, once, in the order of the ledger: the leaves of the log."""
TREE_HEAD = "tree.head"
"""The signed tree heads of the log, each guarded by the one before."""
DIRECTORY = "directory"
INTAKE_KEY = "intake-key"


def token(agency: str) -> str:
    """Return an agency or service id as it stands in stream and consumer names."""
    return agency.replace(".", "_")


def submit(agency: str, child: str) -> str:
    """Return the subject on which `agency` submits a message about `child`."""
    return f"submit.{agency}.{child}"


def urgent(agency: str, child: str) -> str:
    """Return the child-protection lane's subject of `agency` for `child`."""
    return f"urgent.{agency}.{child}"


def submit_stream(agency: str) -> str:
    """Return the name of the stream that holds what `agency` submitted."""
    return f"SUBMIT_{token(agency)}"


def urgent_stream(agency: str) -> str:
    """Return the name of the stream that holds what `agency` submitted as child protection."""
    return f"URGENT_{token(agency)}"


def inbox_consumer(agency: str) -> str:
    """Return the durable consumer on the ledger that serves the inbox of `agency`."""
    return f"inbox_{token(agency)}"


def journey(child: str) -> str:
    """Return the ledger subject of the journey entries of `child`."""
    return f"journey.{child}"


def inbox(agency: str, message: str) -> str:
    """Return the ledger subject of one delivery."""
    return f"inbox.{agency}.{message}"


def receipt(agency: str, message: str) -> str:
    """Return the ledger subject of the receipt that answers `message` of `agency`."""
    return f"receipt.{agency}.{message}"


def receipt_bytes(agency: str, submission_digest: str) -> str:
    """Return the subject that answers bytes which could not be given to any message id."""
    return f"receipt.{agency}.bytes.{submission_digest}"


def receipt_held(agency: str, message: str) -> str:
    """Return the subject of the provisional notice that `message` of `agency` is held."""
    return f"receipt.{agency}.{message}.held"


def held(child: str, message: str) -> str:
    """Return the subject of the record of a held message about `child`."""
    return f"held.{child}.{message}"


def check(agency: str, message: str) -> str:
    """Return the subject of the record by which a refusal guards the journey it was decided on."""
    return f"check.{agency}.{message}"


def quarantine(agency: str, submission_digest: str) -> str:
    """Return the subject of a quarantine record; it never holds the bytes themselves."""
    return f"quarantine.{agency}.{submission_digest}"


def cursor(lane: str) -> str:
    """Return the subject of a lane's cursor; a lane is named as its stream is."""
    return f"cursor.{lane}"


def tree_witness(agency: str) -> str:
    """Return the ledger subject of the signatures by which `agency` witnessed tree heads."""
    return f"tree.witness.{agency}"


def log_request(agency: str, verb: str) -> str:
    """Return where the service of `agency` asks the log: `head`, `proof` or `witness`."""
    return f"log.{agency}.{verb}"


def parse_submission(subject: str) -> tuple[str, str] | None:
    """Return `(agency, child)` of a submission's subject, or None when it has another form."""
    lane, _, rest = subject.partition(".")
    agency, _, child = rest.rpartition(".")
    if lane not in ("submit", "urgent") or not AGENCY.fullmatch(agency):
        return None
    return (agency, child) if REFERENCE.fullmatch(child) else None
