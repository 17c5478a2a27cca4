"""What is said on which subject, as an AsyncAPI 3.0.0 document from a gateway's point of view.

Subjects are made by `contracts.subjects`, payloads are the generated JSON Schemas. What AsyncAPI's
NATS binding cannot say (streams, consumers, acknowledgements) stands in `x-handrail`.
"""

from typing import Any, Final

from contracts import subjects

_AGENCY: Final = "{agency}"
_CHILD: Final = "{child}"
_MESSAGE: Final = "{message}"
_DIGEST: Final = "{digest}"

_PARAMETERS: Final = {
    "agency": "Full id of an agency or service, two tokens: `demo.hilltop-school`.",
    "child": "A child's opaque reference.",
    "message": "A message's id.",
    "digest": "SHA-256 over the bytes of a submission, in hex.",
    "lane": "Name of a submission stream: `SUBMIT_demo_hilltop-school`.",
}

_SCHEMAS: Final = {
    "submission": "A sealed message on its way, its statements encrypted to the intake key",
    "receipt": "The exchange's signed answer to a submission",
    "delivery": "A sealed message in an agency's inbox",
    "entry": "One entry of a child's journey",
    "cursor": "How far a lane is decided",
    "quarantined": "That a submission could not be opened",
    "released": "That something in quarantine was released, by whom, and what came of it",
    "intake-key": "The key of the month to which statements are encrypted (payload of a JWS)",
    "directory": "Who takes part (payload of a JWS signed by the partnership's root)",
}

READ_REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Payload of a JWS (typ handrail-read+jws) by the practitioner who reads; good "
    "for five minutes and one answer. `message` null asks for the whole story.",
    "additionalProperties": False,
    "required": ["child", "purpose", "at", "nonce"],
    "properties": {
        "v": {"const": 1, "default": 1},
        "child": {"type": "string", "pattern": "^[0-9A-Za-z-]{16,40}$"},
        "message": {
            "anyOf": [{"type": "string", "pattern": "^[0-9A-Za-z-]{16,40}$"}, {"type": "null"}],
            "default": None,
        },
        "purpose": {"type": "string", "minLength": 1, "maxLength": 200},
        "at": {"type": "string", "format": "date-time"},
        "nonce": {"type": "string", "pattern": "^[0-9A-Za-z_-]{16,64}$"},
    },
}

_STORY: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The statements that consent carries now; the others are only counted. "
    "`withheld` null: opened with the agency's own key, without the story service.",
    "required": ["statements", "withheld"],
    "properties": {
        "withheld": {"type": ["integer", "null"], "minimum": 0},
        "statements": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message", "sender", "digest", "disclosure", "statement"],
                "properties": {
                    "message": {"type": "string"},
                    "sender": {"type": "string"},
                    "digest": {"type": "string"},
                    "disclosure": {"type": "string"},
                    "statement": {"$ref": "./statement.schema.json"},
                },
            },
        },
    },
}

_FREE: Final[dict[str, Any]] = {"type": "object"}


def document() -> dict[str, Any]:
    """Return the AsyncAPI document as a JSON value."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Handrail",
            "version": "1",
            "description": "What a gateway says and hears over NATS. Requests are answered under "
            "the gateway's own reply prefix; an answer with the header `Handrail-Error` is an "
            "error with code, message and remedy.",
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages()},
    }


def _channels() -> dict[str, Any]:
    receipt = subjects.receipt(_AGENCY, _MESSAGE)
    return {
        "submit": _channel(
            subjects.submit(_AGENCY, _CHILD),
            "Submissions of an agency about a child. Publish with a JetStream acknowledgement and, "
            "over an outage, again with the same bytes.",
            ("submission",),
            stream="SUBMIT_<agency>",
        ),
        "urgent": _channel(
            subjects.urgent(_AGENCY, _CHILD),
            "The child-protection lane: streams and a worker of its own.",
            ("submission",),
            stream="URGENT_<agency>",
        ),
        "receipt": _channel(
            receipt, "The final answer to a message.", ("receipt",), read="direct get"
        ),
        "receiptOfBytes": _channel(
            subjects.receipt_bytes(_AGENCY, _DIGEST),
            "The answer to what could not be opened or repeats an id with other bytes.",
            ("receipt",),
            read="direct get",
        ),
        "inbox": _channel(
            subjects.inbox(_AGENCY, _MESSAGE),
            "Deliveries to an agency, pulled and acknowledged by its own service alone.",
            ("delivery",),
            consumer="inbox_<agency>",
        ),
        "journey": _channel(
            subjects.journey(_CHILD),
            "Journey entries; read by the story service and the tracker only.",
            ("entry",),
            read="within the hub",
        ),
        "cursor": _channel(
            subjects.cursor("{lane}"),
            "How far a lane is decided: lease, fence and acknowledgement of the exchange.",
            ("cursor",),
            read="within the hub",
        ),
        "check": _channel(
            subjects.check(_AGENCY, _MESSAGE),
            "That a refusal was decided on a certain state of the journey.",
            ("free",),
            read="within the hub",
        ),
        "quarantine": _channel(
            subjects.quarantine(_AGENCY, _DIGEST),
            "What could not be opened: place and digest, never the bytes; and its releases.",
            ("quarantined", "released"),
            read="within the hub",
        ),
        **_questions(),
    }


def _questions() -> dict[str, Any]:
    return {
        "directory": _channel(
            subjects.DIRECTORY, "The newest signed directory.", ("nothing", "directory")
        ),
        "intakeKey": _channel(
            subjects.INTAKE_KEY, "The intake key of the month.", ("nothing", "intake-key")
        ),
        "storyRead": _channel(
            f"story.{_AGENCY}.read",
            "Reading statements; asked by the agency's service for one of its practitioners.",
            ("read-request", "story"),
        ),
        "agencyOpen": _channel(
            f"agency.{_AGENCY}.open",
            "The desk's way to read: the agency's service asks the story service.",
            ("read-request", "story"),
        ),
        "agencyInbox": _channel(f"agency.{_AGENCY}.inbox", "What the agency received.", ("free",)),
        "agencyDelivery": _channel(
            f"agency.{_AGENCY}.delivery", "What the inbox holds about one message.", ("free",)
        ),
        "track": _channel(
            "tracker.track", "A child's journey, clocks and custody of the lead.", ("free",)
        ),
    }


def _operations() -> dict[str, Any]:
    return {
        "sendSubmission": _sends("submit", "submission"),
        "sendUrgentSubmission": _sends("urgent", "submission"),
        "takeDelivery": _receives("inbox", "delivery"),
        "readReceipt": _receives("receipt", "receipt"),
        "readReceiptOfBytes": _receives("receiptOfBytes", "receipt"),
        "askDirectory": _asks("directory", "nothing", "directory"),
        "askIntakeKey": _asks("intakeKey", "nothing", "intake-key"),
        "askStory": _asks("storyRead", "read-request", "story"),
        "openDelivery": _asks("agencyOpen", "read-request", "story"),
        "askInbox": _asks("agencyInbox", "free", "free"),
        "askDelivery": _asks("agencyDelivery", "free", "free"),
    }


def _messages() -> dict[str, Any]:
    generated = {
        name: {
            "name": name,
            "title": title,
            "payload": {"$ref": f"./{name}.schema.json"},
        }
        for name, title in _SCHEMAS.items()
    }
    written = {
        "nothing": {"name": "nothing", "title": "An empty body", "payload": {"maxLength": 0}},
        "free": {"name": "free", "title": "A JSON object", "payload": _FREE},
        "read-request": {
            "name": "read-request",
            "title": "A signed request to read",
            "payload": READ_REQUEST,
        },
        "story": {"name": "story", "title": "Statements", "payload": _STORY},
    }
    return generated | written


def _channel(
    address: str, description: str, messages: tuple[str, ...], **how: str
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    named = {
        name: {"description": text}
        for name, text in _PARAMETERS.items()
        if f"{{{name}}}" in address
    }
    if named:
        made["parameters"] = named
    return made | ({"x-handrail": how} if how else {})


def _operation(action: str, channel: str, message: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _sends(channel: str, message: str) -> dict[str, Any]:
    return _operation("send", channel, message)


def _receives(channel: str, message: str) -> dict[str, Any]:
    return _operation("receive", channel, message)


def _asks(channel: str, question: str, answer: str) -> dict[str, Any]:
    reply = {
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{answer}"}],
    }
    return _operation("send", channel, question) | {"reply": reply}
