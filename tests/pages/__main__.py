"""Write the generated pages: `python -m tests.pages`, whose being up to date a test checks."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.pages import guidance, messages, permissions, questions, refusals

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "guidance.md": guidance.page,
    "messages.md": messages.page,
    "permissions.md": permissions.page,
    "questions.md": questions.page,
    "refusals.md": refusals.page,
}


def main() -> int:
    """Write every page; return 0."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
