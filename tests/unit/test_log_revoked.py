"""Keys that were stolen: heads and witnesses of the log that they sign count for nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.directory import Directory, SigningKey
from contracts.log import Head, LogProof, open_cosignature, open_head
from contracts.log_proof import LogFault, verify_proof
from tests.area import SCHOOL, Area
from tests.logs import EXCHANGE, MemoryLog, with_witnesses

AREA = Area(datetime.now(UTC).replace(microsecond=0))
SCHOOLS = with_witnesses(AREA)["schools"]
LOG = MemoryLog(AREA)
LOG.add("group 0", "group 1")
SEEN = LOG.witnessed(SCHOOL, SCHOOLS)
SECOND = timedelta(seconds=1)


def _revoked(kid: str, at: datetime) -> Directory:
    """Return the directory in which one key is known to have been stolen at an instant."""

    def revoke(keys: tuple[SigningKey, ...]) -> tuple[SigningKey, ...]:
        changed = {"compromised_at": at}
        return tuple(one.model_copy(update=changed) if one.kid == kid else one for one in keys)

    area, whole = Area(AREA.now), AREA.document
    area.document = whole.model_copy(
        update={
            "services": tuple(
                one.model_copy(update={"keys": revoke(one.keys)}) for one in whole.services
            ),
            "gateways": tuple(
                one.model_copy(update={"witness": revoke(one.witness)}) for one in whole.gateways
            ),
        }
    )
    return area.directory


def _faults(proof: LogProof, directory: Directory) -> set[LogFault]:
    return {found.fault for found in verify_proof(proof, (), directory, EXCHANGE).faults}


@pytest.mark.parametrize("since", [timedelta(), -SECOND, timedelta(days=-30)])
def test_a_head_by_a_key_that_was_stolen_before_it_counts_for_nothing(since: timedelta) -> None:
    """From the instant of the theft on no head of that key is one, though it still verifies."""
    kid = AREA.services["exchange"].kid
    assert open_head(LOG.head(), AREA.directory, EXCHANGE) is not None
    stolen = _revoked(kid, AREA.now + since)
    assert open_head(LOG.head(), stolen, EXCHANGE) is None
    assert LogFault.HEAD_UNTRUSTED in _faults(LOG.proof(), stolen)
    head = open_head(LOG.head(), _revoked(kid, AREA.now + SECOND), EXCHANGE)
    assert isinstance(head, Head)


@pytest.mark.parametrize("since", [timedelta(), -SECOND, timedelta(days=-30)])
def test_a_witness_by_a_key_that_was_stolen_before_it_counts_for_nothing(since: timedelta) -> None:
    """Whoever stole a gateway's witness key witnesses nothing with it from then on."""
    assert open_cosignature(SEEN.cosignature, AREA.directory) is not None
    stolen = _revoked(SCHOOLS.kid, AREA.now + since)
    assert open_cosignature(SEEN.cosignature, stolen) is None
    assert _faults(LOG.proof(witnesses=(SEEN,)), stolen) == {LogFault.WITNESS_UNTRUSTED}
    assert open_cosignature(SEEN.cosignature, _revoked(SCHOOLS.kid, AREA.now + SECOND)) is not None
