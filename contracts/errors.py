"""The one root of every error that Handrail raises on purpose.

An error tells whoever must act: a stable `code`, a message without personal data, and a `remedy`.
"""


class HandrailError(Exception):
    """Carry a stable code and what to do now.

    `code` is a dotted lower-case name that never changes its meaning, `message` says what is wrong
    without any child's data, `remedy` says what the reader should do next.
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.remedy = remedy
