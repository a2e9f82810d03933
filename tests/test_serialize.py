import contextlib
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import nn

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f4"]
SHAPES = [(), (0,), (3, 0), (4,), (2, 3), (1, 2, 3)]
NAMES = [
    "conv1.weight",
    "a/b",
    "../up",
    "/root",
    "",
    ".",
    "file",
    "allow_pickle",
    "arr_0",
    "a.npy",
    "가중치",
    "with space\n\t",
    "back\\slash",
    "名.🙂",
    "x" * 5000,
]


def check_round_trip(state, path):
    tg.save(state, path)
    loaded = tg.load(path)
    assert list(loaded) == list(state)
    for name, value in state.items():
        assert type(loaded[name]) is tg.Tensor
        np.testing.assert_array_equal(loaded[name].data, np.asarray(value), strict=True)
    return loaded


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_and_shapes(dtype, tmp_path):
    rng = np.random.default_rng(0)
    state = {str(s): np.asarray(100 * rng.random(s)).astype(dtype) for s in SHAPES}
    check_round_trip(state, tmp_path / "state.npz")


def test_special_values_and_layouts(tmp_path):
    a = np.arange(12.0).reshape(3, 4)
    state = {
        "special": np.array([np.nan, np.inf, -np.inf, -0.0]),
        "transposed": a.T,
        "strided": a[::2, ::-1],
        "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
        "fortran": np.asfortranarray(a),
    }
    loaded = check_round_trip(state, tmp_path / "state")
    for value in loaded.values():
        assert value.data.flags.writeable
    assert np.signbit(loaded["special"].data[3])


@pytest.mark.skipif(os.sep != "/", reason="Windows archives change backslashes: they are refused")
def test_names(tmp_path):
    check_round_trip({name: np.array(i) for i, name in enumerate(NAMES)}, tmp_path / "state.npz")


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9)))
def test_any_names(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("names") / "state.npz"
    state = {name: np.array(value) for name, value in values.items()}
    if any("\0" in name or (os.sep != "/" and os.sep in name) for name in state):
        with pytest.raises(ValueError, match="cannot store the name"):
            tg.save(state, path)
    else:
        check_round_trip(state, path)


def test_a_model(tmp_path):
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    path = tmp_path / "net.npz"
    tg.save(net.state_dict(), str(path))
    other.load_state_dict(tg.load(str(path)))
    np.testing.assert_array_equal(other.weight.data, net.weight.data)
    assert not any(value.requires_grad for value in tg.load(path).values())


def test_numpy_reads_it_and_is_read(tmp_path):
    path = tmp_path / "state.npz"
    tg.save({"a.b": tg.ones(2)}, path)
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["a.b"], [1, 1])
    for save in (np.savez, np.savez_compressed):
        save(path, x=np.arange(3))
        assert tg.load(path)["x"].tolist() == [0, 1, 2]


def test_equal_states_give_equal_files(tmp_path):
    for name in "ab":
        tg.save({"w": np.arange(3)}, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# -- all or nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["write_array", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_save_leaves_the_old_file(where, error, tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    tg.save({"w": tg.ones(3)}, path)
    before = path.read_bytes()

    def fail(stream, *args, **kwargs):
        if where == "write_array":
            stream.write(b"some of it")
        raise error

    monkeypatch.setattr(np.lib.format if where == "write_array" else os, where, fail)
    with pytest.raises(type(error)):
        tg.save({"w": tg.zeros(3)}, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.npz"]


def test_saving_leaves_nothing_else_behind(tmp_path):
    for _ in range(2):
        tg.save({"w": tg.ones(3)}, tmp_path / "state")
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.skipif(os.name == "nt", reason="links and permissions as POSIX has them")
def test_links_and_permissions(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    tg.save({"w": tg.ones(1)}, link)
    assert link.is_symlink()
    assert target.is_file()
    (tmp_path / "plain").touch()
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        tg.save({"w": tg.ones(1)}, tmp_path / "none" / "state")
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (nn.Linear(1, 1), TypeError, r"such as net.state_dict\(\), not Linear"),
        (
            {"model": nn.Linear(1, 1).state_dict()},
            TypeError,
            r"'model' is a dict in a dict; save it in a file of its own",
        ),
        ([tg.ones(1)], TypeError, "not list"),
        ({1: tg.ones(1)}, TypeError, "names must be strings, not 1"),
        ({"w": np.array([object()])}, TypeError, "'w': a Tensor holds .* dtype object"),
        ({"w": "text"}, TypeError, "'w': a Tensor holds"),
        ({"w": np.ones(1, complex)}, TypeError, "'w': .* complex numbers are not supported"),
        ({"w": [[1], [1, 2]]}, TypeError, "'w': cannot make a Tensor of list"),
        ({"a\0b": tg.ones(1)}, ValueError, r"cannot store the name 'a\\x00b'"),
        ({"x" * 70_000: tg.ones(1)}, ValueError, "cannot store the name 'xxx"),
        ({"\udc80": tg.ones(1)}, ValueError, "surrogates not allowed"),
    ],
)
def test_states_that_cannot_be_saved(state, error, message, tmp_path):
    with pytest.raises(error, match=message):
        tg.save(state, tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


# -- hostile files -------------------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("loading ran code",)


def archive_of(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array, **kwargs):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **kwargs)
    return file.getvalue()


def npy_header(shape):
    file = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def saved(tmp_path):
    path = tmp_path / "good"
    tg.save({"w": np.arange(20.0), "b": np.arange(4)}, path)
    return path.read_bytes()


HOSTILE = {
    "empty": b"",
    "text": b"not an archive",
    "pickle": pickle.dumps(Bomb()),
    "pickle member": archive_of({"w.npy": pickle.dumps(Bomb())}),
    "object array": archive_of({"w.npy": npy(np.array([Bomb()]), allow_pickle=True)}),
    "bare npy": npy(np.arange(3)),
    "other archive": archive_of({"[Content_Types].xml": "<xml/>"}),
    "text array": archive_of({"w.npy": npy(np.array(["a"]))}),
    "complex array": archive_of({"w.npy": npy(np.ones(2, complex))}),
    "record array": archive_of({"w.npy": npy(np.zeros(2, [("a", "f4")]))}),
    "short array": archive_of({"w.npy": npy(np.arange(9))[:-8]}),
    "long array": archive_of({"w.npy": npy(np.arange(9)) + b"more"}),
    "huge array": archive_of({"w.npy": npy_header((1 << 40, 1 << 10))}),
    "overflowing array": archive_of({"w.npy": npy_header((1 << 62, 1 << 62))}),
    "negative array": archive_of({"w.npy": npy_header((-3,))}),
    "code in the header": archive_of({"w.npy": b"\x93NUMPY\x01\x00\x10\x00__import__('os') "}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files(kind, tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(HOSTILE[kind])
    with pytest.raises(ValueError, match=r"load: .*bad.npz is no intact .npz file of plain arrays"):
        tg.load(path)


def test_truncated_files(tmp_path):
    content = saved(tmp_path)
    path = tmp_path / "cut"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"no intact \.npz file"):
            tg.load(path)


@given(st.integers(0, 1 << 16), st.integers(1, 255))
@example(-92, 51)  # in the directory: the comment of the first member holds the second
@example(-10, 4)  # the directory is shorter by one member
def test_damaged_files_give_a_clear_error_or_the_data(tmp_path_factory, place, flip):
    """No other error comes out, and no changed values get through the checksum."""
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(saved(folder))
    content[place % len(content)] ^= flip
    path = folder / "damaged"
    path.write_bytes(content)
    values = [np.arange(20.0).tolist(), np.arange(4).tolist()]
    with contextlib.suppress(ValueError):
        assert [value.tolist() for value in tg.load(path).values()] == values
