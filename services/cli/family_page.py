"""The family's page as text and as one HTML file that needs nothing beside itself.

No script, no picture, no font and no address is loaded, so that opening the page tells nobody of
it. It reads in order, has one heading of each section, and prints on paper (WCAG 2.2, 1.3.1,
1.4.3, 1.4.10).
"""

from collections.abc import Iterable, Iterator
from html import escape
from textwrap import fill

from services.cli.family_words import Section
from services.cli.output import plain

_WIDTH = 78
_STYLE = (
    "body{font-family:arial,sans-serif;font-size:1.1875rem;line-height:1.5;color:#0b0c0c;"
    "background:#fff;margin:0 auto;max-width:44rem;padding:1rem}"
    "h1{font-size:2rem}h2{font-size:1.5rem;margin-top:2rem}li{margin-bottom:.5rem}"
    "@media print{body{font-size:12pt}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def as_text(title: str, intro: Iterable[str], parts: Iterable[Section]) -> str:
    """Return the page as text of at most 78 columns."""
    lines = [title, "=" * len(title), "", *(_filled(one) for one in intro)]
    for part in parts:
        lines += ["", part.heading, "-" * len(part.heading)]
        lines += [_filled(one) for one in part.said]
        lines += [_filled(one, "- ", "  ") for one in part.items]
    return "\n".join(lines) + "\n"


def as_html(title: str, intro: Iterable[str], parts: Iterable[Section]) -> str:
    """Return the page as one HTML document; whatever others wrote is shown as text."""
    body = "\n".join(_body(title, intro, parts))
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{_shown(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(title: str, intro: Iterable[str], parts: Iterable[Section]) -> Iterator[str]:
    yield f"<h1>{_shown(title)}</h1>"
    for one in intro:
        yield f"<p>{_shown(one)}</p>"
    for part in parts:
        yield f'<section aria-labelledby="{part.id}">'
        yield f'<h2 id="{part.id}">{_shown(part.heading)}</h2>'
        for one in part.said:
            yield f"<p>{_shown(one)}</p>"
        if part.items:
            rows = "".join(f"\n<li>{_shown(one)}</li>" for one in part.items)
            yield f"<ul>{rows}\n</ul>"
        yield "</section>"


def _shown(text: str) -> str:
    return escape(plain(text))


def _filled(text: str, first: str = "", others: str = "") -> str:
    return fill(plain(text), _WIDTH, initial_indent=first, subsequent_indent=others)
