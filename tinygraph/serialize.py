"""Tensors in files: NumPy's .npz without pickle, so that loading a file can run no code.

It is read and written member by member, because `numpy.savez` takes names as keyword arguments and
could not store every name.
"""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from ._tensor import Array, Tensor, TensorLike, to_array


def save(state: Mapping[str, TensorLike], path: str | os.PathLike[str]) -> None:
    """Write Tensors or arrays with their names to a file, whole or not at all.

    The file is an .npz archive, which `numpy.load` opens too.  It is complete on disk before it
    takes the place of an older one, and equal states give equal files.

    Parameters
    ----------
    state : mapping from names to Tensors or arrays
        Such as ``net.state_dict()`` or ``optimizer.state_dict()``.
    path : path
        Taken as it is: no suffix is added.

    Raises
    ------
    TypeError
        If the state is no such mapping.
    ValueError
        If no archive can store a name: it holds a null character, or is longer than 64 KB.

    Examples
    --------
    >>> import tempfile, tinygraph as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"weight": tg.ones(2)}, f"{folder}/model.npz")
    ...     tg.load(f"{folder}/model.npz")
    {'weight': tensor([1., 1.], dtype=float32)}
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            "save: expected a mapping from names to Tensors or arrays, such as "
            f"net.state_dict(), not {type(state).__name__}"
        )
    arrays = {_member(name): _array(name, value) for name, value in state.items()}
    target = Path(path).resolve()  # a link stays a link, and its target is replaced
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            _write(file, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the Tensors and their names from a file that `save` or `numpy.savez` wrote.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is damaged or something else, or holds something else than arrays of numbers.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return {
                    info.filename.removesuffix(".npy"): _read(archive, info)
                    for info in _members(archive, file)
                }
        except Exception as error:  # what a parser makes of a foreign file may be anything
            raise ValueError(
                f"load: {os.fspath(path)} is no intact .npz file of plain arrays: {error}"
            ) from error


def _member(name: str) -> str:
    """Return the file name in the archive, refusing one that an archive would change."""
    if not isinstance(name, str):
        raise TypeError(f"save: names must be strings, not {name!r}")
    member = f"{name}.npy"
    size = len(member.encode(errors="replace"))
    if zipfile.ZipInfo(member).filename != member or size >= 1 << 16:
        raise ValueError(f"save: an .npz file cannot store the name {name[:80]!r}")
    return member


def _array(name: str, value: TensorLike) -> Array:
    if isinstance(value, Mapping):
        raise TypeError(f"save: {name!r} is a dict in a dict; save it in a file of its own")
    try:
        return to_array(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"save: {name!r}: {error}") from None


def _write(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for member, array in arrays.items():
            # ZipInfo has a fixed date; an array may have more than 4 GB
            with archive.open(zipfile.ZipInfo(member), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def _members(archive: zipfile.ZipFile, file: IO[bytes]) -> list[zipfile.ZipInfo]:
    """Return the members, as many as the archive says: zipfile does not count those it found."""
    members = archive.infolist()
    file.seek(-12 - len(archive.comment), os.SEEK_END)
    count = int.from_bytes(file.read(2), "little")
    if count != min(len(members), 0xFFFF):  # which stands for any larger number
        raise ValueError(f"it lists {len(members)} of its {count} members")
    return members


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Tensor:
    with archive.open(info) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):  # also makes zipfile compare the checksum
            raise ValueError(f"{info.filename!r} holds more than its array")
    return Tensor(array)
