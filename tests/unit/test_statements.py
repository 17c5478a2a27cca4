"""Statements: each sealed, withheld and erased on its own, and none stripped unnoticed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import base64url
from contracts.reasons import Refusal
from contracts.statements import (
    Answer,
    Disclosed,
    SealedStatements,
    Standing,
    Statement,
    binding,
    digest_of,
    digests_of,
    open_disclosures,
    pack_disclosures,
    seal_statements,
    unpack_disclosures,
)
from tests.area import PACK, Area

AREA = Area()
STATEMENTS = tuple(AREA.statement(part, f"the words of {part}") for part in PACK)
MADE = seal_statements(STATEMENTS)

VALUES = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.lists(st.text("abc", min_size=1, max_size=9), max_size=3).map(tuple)
)


def _open(made: SealedStatements, **changes: object) -> tuple[Disclosed, ...] | Refusal:
    made = replace(made, **changes)  # type: ignore[arg-type]
    elements = [element["..."] for element in made.elements]
    return open_disclosures(elements, made.bound, made.salt, made.disclosures)


def _refused(made: SealedStatements, **changes: object) -> str:
    found = _open(made, **changes)
    assert isinstance(found, Refusal)
    return found.code


@given(st.lists(VALUES, max_size=20))
def test_what_is_sealed_comes_back_value_for_value(values: list[object]) -> None:
    """Every statement opens to itself, in the order in which the disclosures travelled."""
    statements = tuple(AREA.statement("needs.support_required", value) for value in values)
    found = _open(seal_statements(statements)) if statements else ()
    assert not isinstance(found, Refusal)
    assert tuple(d.statement for d in found) == statements


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_digests_are_padded_to_sixteen_and_mixed(count: int) -> None:
    """How many statements there are shows only in steps of sixteen (RFC 9901 §4.2.5)."""
    made = seal_statements([AREA.statement("needs.support_required")] * count)
    assert len(made.elements) == -(-count // 16) * 16
    assert len({e["..."] for e in made.elements}) == len(made.elements)
    real = [digest_of(d) for d in made.disclosures]
    assert set(real) <= {e["..."] for e in made.elements}
    assert len(made.disclosures) == count


@given(st.lists(st.binary(max_size=99)))
def test_digests_of_many_are_the_digest_of_each(disclosures: list[bytes]) -> None:
    """Reckoned together or one by one, the digests are the same."""
    texts = [base64url.encode(one) for one in disclosures]
    assert digests_of(t.encode() for t in texts) == [digest_of(t) for t in texts]


def test_equal_statements_have_unlike_digests() -> None:
    """A salt of its own hides that two families said the same."""
    made = seal_statements([STATEMENTS[0]] * 16)
    assert len({digest_of(d) for d in made.disclosures}) == 16


def test_an_undisclosed_element_says_nothing() -> None:
    """Neither the words nor the question stand in what is sealed."""
    inside = f"{MADE.elements}{MADE.bound}"
    assert not any(part in inside for part in ("pack", "words", "caf", "parent"))


def test_a_stripped_disclosure_is_noticed() -> None:
    """Whichever statement was taken away, or all, the set is no longer the one that was sealed."""
    for left_out in range(len(STATEMENTS)):
        kept = tuple(d for i, d in enumerate(MADE.disclosures) if i != left_out)
        assert _refused(MADE, disclosures=kept) == "statements.missing"
    assert _refused(MADE, disclosures=()) == "statements.missing"
    assert _refused(MADE, disclosures=(), salt=None) == "statements.missing"


def test_a_doubled_disclosure_is_noticed() -> None:
    """One digest opens once (RFC 9901 §7.1)."""
    twice = (*MADE.disclosures, MADE.disclosures[0])
    assert _refused(MADE, disclosures=twice) == "statements.mismatch"


def test_a_digest_that_stands_twice_is_noticed() -> None:
    """A digest found more than once in the payload refuses the whole (RFC 9901 §7.1)."""
    elements = (*MADE.elements, MADE.elements[0])
    assert _refused(MADE, elements=elements) == "statements.mismatch"


def test_a_foreign_disclosure_is_noticed() -> None:
    """A disclosure of another message opens nothing here, nor does one made up for a decoy."""
    other = seal_statements(STATEMENTS)
    assert _refused(MADE, disclosures=other.disclosures) == "statements.mismatch"
    mixed = (*MADE.disclosures[:-1], other.disclosures[-1])
    assert _refused(MADE, disclosures=mixed) == "statements.mismatch"


@pytest.mark.parametrize("salt", ["A" * 22, "", "é" * 22, "\ud800"])
def test_another_salt_does_not_bind(salt: str) -> None:
    """The set is bound by its own salt, whatever else stands in its place."""
    assert _refused(MADE, salt=salt) == "statements.missing"


@pytest.mark.parametrize("bound", [None, "", "A" * 43])
def test_without_its_binding_nothing_opens(bound: str | None) -> None:
    """Statements whose set nobody bound are refused."""
    assert _refused(MADE, bound=bound) == "statements.missing"


def test_a_binding_without_statements_is_refused() -> None:
    """A message without statements binds none, and opens none."""
    assert open_disclosures([], None, None, []) == ()
    assert open_disclosures([], None, "A" * 22, []) == ()
    assert open_disclosures([], "A" * 43, "A" * 22, []) == Refusal("statements.missing")
    found = open_disclosures([], None, MADE.salt, MADE.disclosures)
    assert found == Refusal("statements.mismatch")


def test_the_binding_does_not_depend_on_the_order() -> None:
    """Disclosures may travel in any order."""
    assert not isinstance(_open(MADE, disclosures=MADE.disclosures[::-1]), Refusal)
    digests = [digest_of(d) for d in MADE.disclosures]
    assert binding(MADE.salt, digests) == binding(MADE.salt, digests[::-1]) == MADE.bound


@given(st.text(max_size=60) | st.binary(max_size=60).map(base64url.encode))
def test_no_disclosure_makes_opening_raise(text: str) -> None:
    """Any text beside a seal is refused by a code of the contract."""
    assert _refused(MADE, disclosures=(text,)) in {"statements.unreadable", "statements.mismatch"}


@given(st.binary(max_size=200))
def test_no_decrypted_bytes_make_unpacking_raise(data: bytes) -> None:
    """Whatever a box held, it is a salt and disclosures or nothing."""
    assert unpack_disclosures(data) is None


def test_packed_disclosures_come_back() -> None:
    """What is encrypted for the exchange is the salt and the disclosures, unchanged."""
    packed = pack_disclosures(MADE.salt, MADE.disclosures)
    assert unpack_disclosures(packed) == (MADE.salt, MADE.disclosures)


@pytest.mark.parametrize(
    ("answer", "value"),
    [(Answer.GIVEN, None), (Answer.DECLINED, "yes"), (Answer.NOT_ASKED, ""), (Answer.GIVEN, "")],
)
def test_a_given_answer_has_a_value_and_no_other_has(answer: Answer, value: str | None) -> None:
    """An empty field never stands for not known, not asked or declined."""
    made = STATEMENTS[0].model_dump() | {"answer": answer, "value": value}
    with pytest.raises(ValueError, match="value"):
        Statement.model_validate(made)


def test_a_sender_cannot_file_an_answer_under_another_category() -> None:
    """The category comes from the question; a statement cannot name one."""
    made = STATEMENTS[0].model_dump() | {"category": "identity"}
    with pytest.raises(ValueError, match="category"):
        Statement.model_validate(made)
    assert STATEMENTS[0].standing is Standing.FACT


def test_no_cut_through_a_text_makes_another_statement() -> None:
    """Disclosures that mean something only side by side are refused, each and together."""
    whole = b'["0123456789012345678901",{"question":"views.child","value":"x],[y"}]'
    cut = whole.index(b"],[y") + 1
    parts = (whole[:cut], whole[cut + 1 :], b'["0123456789012345678901",{}],["s",{}]')
    texts = [base64url.encode(part) for part in parts]
    digests = [digest_of(text) for text in texts]
    salt = "0123456789012345678901"
    opened = open_disclosures(digests, binding(salt, digests), salt, texts)
    assert opened == Refusal("statements.unreadable")
