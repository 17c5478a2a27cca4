"""The files of nats-servers that run elsewhere: configuration and certificates, one folder each."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from contracts.errors import HandrailError
from services.runtime.nats_config import render
from services.runtime.nats_plan import Cluster, ServerPlan, Tls, is_loopback
from services.runtime.partnership import Partnership
from services.runtime.tls import Authority, authority_in, issue, write

CLIENT_PORT: Final = 4222
ROUTE_PORT: Final = 6222
CONFIG: Final = "server.conf"
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - a server of several machines listens to all of them
_RENEWED_BEFORE: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Node:
    """One server: its name, the names and addresses that it is reached under, and its ports."""

    name: str
    hosts: tuple[str, ...]
    port: int
    route_port: int

    @property
    def url(self) -> str:
        """The address that clients connect to."""
        return f"tls://{_bracketed(self.hosts[0])}:{self.port}"

    @property
    def route(self) -> str:
        """The address that the other servers of the cluster connect to."""
        return f"{_bracketed(self.hosts[0])}:{self.route_port}"


def nodes_of(
    hosts: list[str], count: int, port: int = CLIENT_PORT, route_port: int = ROUTE_PORT
) -> tuple[Node, ...]:
    """Return the servers of an installation: one `handrail`, or `handrail-1` and so on.

    An element of `hosts` is a host and, after commas, other names and addresses of the same server;
    a host that stands there twice has two servers, on following ports. Raises HandrailError
    `server.bad-nodes`.
    """
    given = hosts * count if len(hosts) == 1 and is_loopback(hosts[0]) else hosts
    if count not in (1, 3, 5) or len(given) != count:
        raise HandrailError(
            "server.bad-nodes",
            "a cluster has one, three or five servers, each with its host",
            "give --host once for each server",
        )
    made: list[Node] = []
    for number, text in enumerate(given, 1):
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        if not names:
            raise HandrailError("server.bad-nodes", "a host has no name", "give --host a name")
        further = sum(one.hosts[0] == names[0] for one in made)
        name = "handrail" if count == 1 else f"handrail-{number}"
        made.append(Node(name, names, port + further, route_port + further))
    return tuple(made)


def plan_of(
    plan: ServerPlan, nodes: tuple[Node, ...], node: Node, folder: Path, store: Path | None = None
) -> ServerPlan:
    """Return `plan` for `node`, whose files lie in `folder` on its machine.

    `store` is where it keeps its streams, `folder / "store"` where it is left out. Its process id
    is written where it may write: there, or in `folder`.
    """
    listen = node.hosts[0] if is_loopback(node.hosts[0]) else _EVERYWHERE
    name = plan.services[0].name.partition(".")[0]
    routes = tuple(one.route for one in nodes)
    cluster = Cluster(f"handrail-{name}", listen, node.route_port, routes)
    return replace(
        plan,
        name=node.name,
        listen_host=listen,
        port=node.port,
        store_dir=store or folder / "store",
        tls=Tls(folder / "server.pem", folder / "server.key", folder / "ca.pem"),
        cluster=cluster if len(nodes) > 1 else None,
        pid_file=(store or folder) / "server.pid",
    )


def write_certificates(
    partnership: Partnership, nodes: tuple[Node, ...], out: Path, now: datetime
) -> None:
    """Write each server's certificate, key and authority into its folder below `out`.

    A certificate that is right and has more than 90 days to go is kept. The authority is made at
    the first time. Raises HandrailError `tls.*`, and `key.no-passphrase` where its key would be the
    only one in the clear.
    """
    secret, keys = partnership.settings.key_passphrase, partnership.keys
    passphrase = secret.get_secret_value() if secret else None
    if passphrase is None and any(map(keys.is_encrypted, keys.names())):
        raise HandrailError(
            "key.no-passphrase",
            "the keys in the folder of state are encrypted, and the passphrase is not given",
            "set HANDRAIL_KEY_PASSPHRASE, or HANDRAIL_KEY_PASSPHRASE_FILE to a file that holds it",
        )
    authority = authority_in(partnership.folder, partnership.id, passphrase, now)
    for node in nodes:
        folder = out / node.name
        if not _holds(folder, authority, node, now):
            made = issue(authority, node.name, node.hosts, now)
            write(folder / "server.key", made.key)
            write(folder / "server.pem", made.certificate)
        write(folder / "ca.pem", authority.pem)


def write_config(plan: ServerPlan, folder: Path) -> None:
    """Write the configuration of one server into `folder`."""
    write(folder / CONFIG, render(plan).encode())


def _holds(folder: Path, authority: Authority, node: Node, now: datetime) -> bool:
    """Tell whether a server's certificate is there, ours, for its hosts, and has time to go."""
    try:
        found = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        found.verify_directly_issued_by(authority.certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - whatever is wrong with it, another one is issued
        return False
    hosts = {str(name.value) for name in names}
    lasts = found.not_valid_after_utc - now > _RENEWED_BEFORE
    return hosts == set(node.hosts) and lasts and (folder / "server.key").exists()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
