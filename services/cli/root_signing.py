"""The partnership's root key, and signing the directory with it."""

from typing import Final

from contracts.directory import DirectoryDocument, sign_directory
from contracts.errors import HandrailError
from contracts.jws import Signer
from contracts.roots import follow
from services.runtime.partnership import Partnership
from services.runtime.whole_files import write_whole

FIRST: Final = "root"
_LARGEST: Final = 1_000_000


def root_name(changes: int) -> str:
    """Return under which name the root key lies after so many changes of the root."""
    return f"roots/{changes}" if changes else FIRST


def root_key(partnership: Partnership, document: DirectoryDocument) -> Signer:
    """Return the root key that signs `document`.

    Raises HandrailError `key.missing`, or `key.not-root` for a key under which nobody would
    believe it.
    """
    name = root_name(len(document.root_changes))
    root = partnership.signers.load(name)
    roots = follow(partnership.root_x, document.root_changes)
    if roots is None or root.x != roots.newest:
        raise HandrailError(
            "key.not-root",
            "the root key in this folder is not the one that the partnership has made known",
            f"put the partnership's own root key back as keys/{name}.key",
        )
    return root


def destroy_old_roots(partnership: Partnership, document: DirectoryDocument) -> None:
    """Destroy the private key of every root that was in force before the one of `document`.

    A change that was broken off may have left one here.
    """
    for number in range(len(document.root_changes)):
        if partnership.keys.holds(root_name(number)):
            partnership.keys.destroy(root_name(number))


def write_directory(partnership: Partnership, document: DirectoryDocument) -> None:
    """Sign `document` with the partnership's root key and put it in place of the one before.

    Raises as `root_key` does, and `directory.too-large` for one that no server would hand out.
    """
    signed = sign_directory(document, root_key(partnership, document))
    if len(signed) > _LARGEST:
        raise HandrailError(
            "directory.too-large",
            "the signed directory would be larger than one message may be",
            "leave out what is over: `handrail partnership renew` drops delivery keys of the past, "
            "and a partnership that is trusted offers only the agencies that take part",
        )
    write_whole(partnership.directory_path, signed)
