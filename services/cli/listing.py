"""Showing what a directory holds."""

from contracts.directory import Directory
from contracts.identifiers import agency_of
from services.cli.output import print_json, table


def show_agencies(directory: Directory, *, as_json: bool) -> None:
    """Print the agencies that take part, each with its practitioners' ids."""
    staff: dict[str, list[str]] = {}
    for person in directory.document.practitioners:
        if person.left_at is None:
            staff.setdefault(agency_of(person.id), []).append(person.id)
    agencies = [a for a in directory.document.agencies if a.left_at is None]
    if as_json:
        print_json(
            {
                "agencies": [
                    {
                        "id": a.id,
                        "name": a.name,
                        "role": a.role.value,
                        "gateway": a.gateway,
                        "source_code": a.source_code,
                        "duty_desk": a.duty_desk,
                        "safeguarding_lead": a.safeguarding_lead,
                        "always_open": a.always_open,
                        "closures": [c.model_dump(mode="json") for c in a.closures],
                        "practitioners": staff.get(a.id, []),
                    }
                    for a in agencies
                ]
            }
        )
        return
    table(
        ("agency", "role", "gateway", "source", "people"),
        (
            (a.id, a.role.value, a.gateway, a.source_code, _handles(staff.get(a.id, [])))
            for a in agencies
        ),
    )


def _handles(people: list[str]) -> str:
    return ", ".join(person.rpartition(".")[2] for person in people)
