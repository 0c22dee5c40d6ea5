"""Standard files are read, damaged ones are refused, no code in a pickle runs, and questions take other data."""

import contextlib
import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import struct
import urllib.error
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

from experiments.command_line import main
from experiments.core import data, files
from experiments.core.data import Split, load, mnist1d
from experiments.core.files import DataError, read
from experiments.core.result import load as load_answer
from experiments.core.training import Grid, Recipe, score, train
from experiments.questions.fixed_point import measure as fixed_point
from experiments.questions.zero_centring import measure as zero_centring

NOT_PUBLISHED = "ignore:.* is not a published file:UserWarning"
FEWER = "ignore:1 of the 5 training batches:UserWarning"
Part = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def _images(pixels: int, each: int, seed: int) -> Part:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(10), each)).astype(np.uint8)
    return rng.integers(0, 256, (len(labels), pixels), np.uint8), labels


TRAIN, TEST = _images(784, 6, 0), _images(784, 2, 1)
BATCH, TEST_BATCH = _images(3072, 6, 0), _images(3072, 2, 1)


PICKLES = {
    name: pickle.dumps({b"data": x, b"labels": y.tolist(), b"filenames": [b"1.png"]}, protocol=2)
    for name, (x, y) in (("data_batch_1", BATCH), ("test_batch", TEST_BATCH))
}


@pytest.fixture(autouse=True)
def _published_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our pickles count as published, as others are refused."""
    for content in PICKLES.values():
        monkeypatch.setitem(files.STANDARD["cifar10"], len(content), hashlib.md5(content).hexdigest())


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def _write_idx(folder: Path, pack: Callable[[bytes], bytes] = bytes, ending: str = "") -> None:
    for part, (x, y) in (("train", TRAIN), ("t10k", TEST)):
        (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(_idx(x.reshape(-1, 28, 28))))
        (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(_idx(y)))


def _write_npz(folder: Path) -> None:
    (x, y), (x_test, y_test) = TRAIN, TEST
    x, x_test = (images.reshape(-1, 28, 28) for images in (x, x_test))
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)


def _write_binary(folder: Path) -> None:
    for name, (x, y) in (("data_batch_1", BATCH), ("test_batch", TEST_BATCH)):
        (folder / f"{name}.bin").write_bytes(np.concatenate([y[:, None], x], 1).tobytes())


def _write_pickles(folder: Path) -> None:
    (folder / "cifar-10-batches-py").mkdir()
    for name, content in PICKLES.items():
        (folder / "cifar-10-batches-py" / name).write_bytes(content)


LAYOUTS: dict[str, tuple[str, Callable[[Path], None], Part, Part]] = {
    "idx": ("mnist", _write_idx, TRAIN, TEST),
    "gzip": ("fashion", lambda folder: _write_idx(folder, gzip.compress, ".gz"), TRAIN, TEST),
    "npz": ("mnist", _write_npz, TRAIN, TEST),
    "binary": ("cifar10", _write_binary, BATCH, TEST_BATCH),
    "pickle": ("cifar10", _write_pickles, BATCH, TEST_BATCH),
}


@pytest.mark.filterwarnings(NOT_PUBLISHED, FEWER)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_standard_layouts_are_read(layout: str, tmp_path: Path) -> None:
    name, lay, *parts = LAYOUTS[layout]
    lay(tmp_path)
    for (x, y), (x_read, y_read) in zip(parts, read(name, tmp_path), strict=True):
        assert np.array_equal(x, x_read)
        assert np.array_equal(y, y_read)
    found = load(name, str(tmp_path))
    assert [len(part.y) for part in found] == [48, 12, 20]
    assert np.allclose(found.train.x.mean(0), 0, atol=1e-5)
    assert all(part.x.dtype == np.float32 and part.y.dtype == np.int32 for part in found)


@pytest.mark.filterwarnings(NOT_PUBLISHED, FEWER)
def test_colours_of_a_pixel_are_neighbours(tmp_path: Path) -> None:
    """CIFAR-10's files have all red first, then all green, then all blue; here only one pixel is green."""
    green = np.zeros((60, 3, 32, 32), np.uint8)
    green[:30, 1, 4, 7] = 255
    labels = np.tile(np.arange(10, dtype=np.uint8), 6)
    for name in ("data_batch_1", "test_batch"):
        content = np.concatenate([labels[:, None], green.reshape(60, -1)], 1)
        (tmp_path / f"{name}.bin").write_bytes(content.tobytes())
    images = load("cifar10", str(tmp_path)).test.x.reshape(-1, *data.SHAPES["cifar10"])
    assert np.argwhere(images.std(0)).tolist() == [[4, 7, 1]]


class _Attack:
    def __reduce__(self) -> Any:
        return os.mkdir, ("attacked",)


class _ForgedType:
    """A pickled dtype that hides that its entries are pointers to objects."""

    def __reduce__(self) -> Any:
        return np.dtype, ("V8", False, True), (3, "|", (np.dtype("O"), (1,)), None, None, 8, 1)


class _Pointers:
    """Labels of that type, which are pointers to nowhere: a batch of allowed names only that crashed Python."""

    def __reduce__(self) -> Any:
        from numpy._core.numeric import _frombuffer  # pyright: ignore[reportAttributeAccessIssue]

        return _frombuffer, (b"A" * 8 * len(TEST[1]), _ForgedType(), (len(TEST[1]),), "C")


def _npy(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def _zipped(x_train: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in (("y_train", TRAIN[1]), ("x_test", TEST[0]), ("y_test", TEST[1])):
            with archive.open(f"{name}.npy", "w") as entry:
                np.save(entry, array)
        archive.writestr("x_train.npy", x_train)
    return file.getvalue()


ZEROS = bytes(2**20 + 1)
HUGE = _npy("{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000000, 784), }\n")
OBJECTS = _npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", pickle.dumps(_Attack()))
POINTERS = pickle.dumps({b"data": TEST_BATCH[0], b"labels": _Pointers()})
NO_SHAPE = _npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -784), }\n", bytes(784))


DAMAGES: dict[str, tuple[str, str, Callable[[bytes], bytes], str]] = {
    "no images": ("idx", "t10k-images-idx3-ubyte", lambda _: b"", "begins with , but 00 00 08"),
    "another type": ("idx", "train-labels-idx1-ubyte", lambda b: b[:2] + b"\x0d" + b[3:], "begins with 00 00 0d 01"),
    "half a header": ("idx", "train-labels-idx1-ubyte", lambda b: b[:6], "ends within its header"),
    "half a file": ("idx", "train-images-idx3-ubyte", lambda b: b[:-100], "46940 bytes of numbers, but 47040"),
    "a label of ten": ("idx", "t10k-labels-idx1-ubyte", lambda b: b[:-1] + b"\x0a", "labels of uint8 from 0 to 10"),
    "one label less": ("idx", "t10k-labels-idx1-ubyte", lambda b: _idx(TEST[1][:-1]), r"labels of shape \(19,\)"),
    "one class only": ("idx", "t10k-labels-idx1-ubyte", lambda b: _idx(0 * TEST[1]), "2 of each are expected"),
    "other pixels": (
        "idx",
        "t10k-images-idx3-ubyte",
        lambda b: _idx(TEST[0].reshape(-1, 28, 28)[:, :3]),
        r"shape \(20, 84\)",
    ),
    "half a gzip": ("gzip", "train-images-idx3-ubyte.gz", lambda b: b[:-9], "no whole gzip file"),
    "half an npz": ("npz", "mnist.npz", lambda b: b[: len(b) // 2], "no npz file with x_train"),
    "no image": ("idx", "t10k-images-idx3-ubyte", lambda b: _idx(TEST[0][:0].reshape(0, 28, 28)), r"shape \(0, 784\)"),
    "nothing": ("idx", "t10k-images-idx3-ubyte", lambda b: _idx(TEST[0][:0, :0].reshape(0, 0, 0)), r"shape \(0, 0\)"),
    "0 axes": ("idx", "t10k-labels-idx1-ubyte", lambda b: b"\0\0\x08\0\x07", "0 axes, but 1 are expected"),
    "255 axes": ("idx", "t10k-images-idx3-ubyte", lambda b: b"\0\0\x08\xff" + 1020 * b"\1", "255 axes, but 3"),
    "a gzip that grows": (
        "idx",
        "t10k-images-idx3-ubyte",
        lambda b: gzip.compress(ZEROS),
        "more than 1,048,576 b",
    ),
    "a large file": ("idx", "t10k-images-idx3-ubyte", lambda b: ZEROS, "more than 1,048,576 bytes"),
    "an npz that grows": ("npz", "mnist.npz", lambda b: _zipped(ZEROS), "more than 1,048,576 bytes"),
    "an npy": ("npz", "mnist.npz", lambda b: HUGE, "no npz file with x_train"),
    "a huge shape": ("npz", "mnist.npz", lambda b: _zipped(HUGE), "no npz file with x_train"),
    "a negative shape": ("npz", "mnist.npz", lambda b: _zipped(NO_SHAPE), "no npz file with x_train"),
    "objects": ("npz", "mnist.npz", lambda b: _zipped(OBJECTS), "object in x_train, but integers"),
    "half a row": ("binary", "test_batch.bin", lambda b: b[:-1], "a multiple of 3073"),
    "half a pickle": ("pickle", "cifar-10-batches-py/test_batch", lambda b: b[:-9], "unknown pickle"),
    "a damaged pickle": ("pickle", "cifar-10-batches-py/test_batch", lambda b: b[:-9] + b[:9], "it is damaged"),
    "an attack": ("pickle", "cifar-10-batches-py/test_batch", lambda _: pickle.dumps(_Attack()), "unknown pickle"),
    "a forged dtype": ("pickle", "cifar-10-batches-py/test_batch", lambda _: POINTERS, "unknown pickle"),
}


@pytest.mark.filterwarnings(NOT_PUBLISHED, FEWER)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_in_a_sentence(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, file, harm, message = DAMAGES[damage]
    name, lay, *_ = LAYOUTS[layout]
    lay(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "MOST_BYTES", 2**20)
    (tmp_path / file).write_bytes(harm((tmp_path / file).read_bytes()))
    with pytest.raises(DataError, match=message) as problem:
        read(name, tmp_path)
    assert str(tmp_path) in str(problem.value)
    assert str(problem.value).endswith(".")
    assert not (tmp_path / "attacked").exists()


@pytest.mark.filterwarnings(NOT_PUBLISHED, FEWER)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_is_damaged_is_read_or_refused(layout: str, tmp_path: Path) -> None:
    name, lay, *_ = LAYOUTS[layout]
    lay(tmp_path)
    rng = np.random.default_rng(0)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        for _ in range(20):
            damaged = bytearray(whole[: rng.integers(len(whole) + 1)] if rng.random() < 0.3 else whole)
            for place in rng.integers(0, min(len(damaged), rng.choice([16, 200, len(whole)])) or 1, 3):
                damaged[place : place + 1] = rng.bytes(1)
            path.write_bytes(damaged)
            with contextlib.suppress(DataError):
                read(name, tmp_path)
        path.write_bytes(whole)


@pytest.mark.filterwarnings(NOT_PUBLISHED)
def test_files_that_cannot_be_opened_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_idx(tmp_path)

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", denied)
        with pytest.raises(DataError, match=r"ubyte cannot be read \(Permission denied\)"):
            read("mnist", tmp_path)
    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(DataError, match="which cannot be read"):
        read("mnist", tmp_path)


@pytest.mark.filterwarnings(NOT_PUBLISHED)
def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere, but an existing folder"):
        read("mnist", tmp_path / "nowhere")
    _write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte or .* is not in"):
        read("mnist", tmp_path)
    with pytest.raises(DataError, match=r"data_batch_1 or data_batch_1\.bin is not in"):
        read("cifar10", tmp_path)
    with pytest.raises(DataError, match="digits needs no files"):
        load("digits", str(tmp_path))


def test_a_published_file_must_have_its_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_npz(tmp_path)
    file = tmp_path / "mnist.npz"
    content = file.read_bytes()
    with pytest.warns(UserWarning, match="not a published file"):
        read("mnist", tmp_path)
    monkeypatch.setitem(files.STANDARD, "mnist", {len(content): hashlib.md5(content).hexdigest()})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read("mnist", tmp_path)
    (tmp_path / "fashion.npz").write_bytes(content)
    with pytest.raises(DataError, match="is a file of mnist, but one of fashion"):
        read("fashion", tmp_path)
    file.write_bytes(content[:-1] + b"\xff")
    with pytest.raises(DataError, match=r"checksum .* damaged"):
        read("mnist", tmp_path)


def test_every_published_checksum_is_md5_or_sha256() -> None:
    for sums in files.STANDARD.values():
        assert all(len(checksum) in (32, 64) and int(checksum, 16) for checksum in sums.values())
        assert len({*sums.values()}) == len(sums)


def test_without_a_folder_openml_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = (np.concatenate(both) for both in zip(TRAIN, TEST, strict=True))
    fetched = []
    monkeypatch.setitem(data.OPENML, "mnist", ("mnist_784", len(TRAIN[1])))
    monkeypatch.setattr(
        data, "fetch_openml", lambda name, **_: fetched.append(name) or (x.astype(float), y.astype(str))
    )
    found = load("mnist")
    assert fetched == ["mnist_784"]
    assert np.array_equal(found.test.y, TEST[1])

    def offline(name: str, **_: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(data, "fetch_openml", offline)
    with pytest.raises(DataError, match=r"Fashion-MNIST cannot be fetched .*no network.* folder .* expected"):
        load("fashion")


@pytest.mark.slow
@pytest.mark.filterwarnings(NOT_PUBLISHED)
def test_a_question_can_be_asked_of_other_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write_idx(tmp_path)
    tiny = "collapse --depths 2 --width 8 --seeds 2 --tuning-seeds 1 --epochs 1 --rates 3 --windows 1 --stacks 1"
    tiny += f" --xor-seeds 2 --xor-steps 10 --data mnist --out {tmp_path / 'out'} --folder "
    assert main([*tiny.split(), str(tmp_path)]) == 0
    answer = load_answer("collapse", tmp_path / "out")
    assert answer is not None
    assert {claim.scope.split(",")[0] for claim in answer[0].claims[2:]} == {"MNIST"}
    capsys.readouterr()
    assert main([*tiny.split(), "nowhere"]) == 2
    assert "nowhere, but an existing folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings(NOT_PUBLISHED, FEWER)
def test_a_convolutional_net_learns_cifar10(tmp_path: Path) -> None:
    _write_binary(tmp_path)
    tiny = "convergence --nets convnet --channels 3 --convnet-steps 64 --convnet-tuning-seeds 1 --seeds 2 --rates 3"
    tiny += f" --gains 1 --windows 1 --data cifar10 --folder {tmp_path} --out {tmp_path / 'out'}"
    assert main(tiny.split()) == 0
    answer = load_answer("convergence", tmp_path / "out")
    assert answer is not None
    assert {run["activation"] for run in answer[0].runs if run["init"] == "tuned"} == {"relu", "tanh"}
    assert {run["activation"] for run in answer[0].runs if run["init"] == "glorot"} == {"relu", "tanh", "sigmoid"}
    for claim in answer[0].claims:
        assert claim.scope.startswith("CIFAR-10, 3 convolutions of 3 channels and a linear layer")
        assert "25% training error" in claim.measure


@pytest.mark.slow
@pytest.mark.filterwarnings(NOT_PUBLISHED)
def test_all_questions_can_be_asked_of_other_data(tmp_path: Path) -> None:
    _write_idx(tmp_path)
    out = tmp_path / "out"
    command = f"run born_dead init_scale vanishing --smallest --seeds 2 --data mnist --folder {tmp_path} --out {out}"
    assert main(command.split()) == 0
    for name in ("born_dead", "init_scale", "vanishing"):
        answer = load_answer(name, out)
        assert answer is not None
        assert answer[0].config["seeds"] == 2
        on_data = [claim.scope for claim in answer[0].claims if claim.scope.split(",")[0] == "MNIST"]
        assert on_data
        assert name == "born_dead" or len(on_data) == len(answer[0].claims)


@pytest.mark.parametrize("question", [fixed_point, zero_centring], ids=lambda question: question.__name__)
def test_other_data_are_learnt_from_standardised_pixels_only(
    question: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs: dict[str, int] = {}

    def rows(config: Any, kind: Any, *rest: Any) -> list[Any]:
        pixels, examples = (kind, rest[-1].train) if question is fixed_point else (kind.pixels, rest[-1])
        inputs[pixels] = examples.x.shape[1]
        return []

    monkeypatch.setattr(question, "_reported", rows)
    several = question is fixed_point
    chosen = dataclasses.replace(question.smallest(), data=("mnist1d",) if several else "mnist1d")
    question.run(chosen, lambda fraction, doing: None)
    assert inputs.pop("mnist1d" if several else "standardised") == 40
    assert set(inputs.values()) == {64}


@pytest.fixture(scope="module")
def signals() -> data.Data:
    return mnist1d()


def test_mnist1d_is_generated_without_touching_numpys_generator(signals: data.Data) -> None:
    np.random.seed(7)
    first = np.random.rand()
    np.random.seed(7)
    again = mnist1d()
    assert np.random.rand() == first
    assert [part.x.shape for part in again] == [(3200, 40), (800, 40), (1000, 40)]
    assert all(np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y) for a, b in zip(again, signals, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "steps", "published"), [((), 2000, 32), ((256, 256), 4000, 68)])
def test_training_reaches_the_published_accuracies_on_mnist1d(
    hidden: tuple[int, ...], steps: int, published: float, signals: data.Data
) -> None:
    """Those of https://github.com/greydanus/mnist1d, with its batch, rate and width, and half its 8,000 steps.

    Three points are two standard deviations of an accuracy on 1,000 examples.
    """
    whole = Split(*(np.concatenate(both) for both in zip(signals.train, signals.validation, strict=True)))
    recipe = Recipe((40, *hidden, 10), "relu", "adam", 100)
    *_, (_, state) = train(recipe, Grid.of([0], [1e-2]), whole, steps, 1000)
    error, _ = score(recipe, state, *signals.test)
    assert abs(100 * (1 - float(error[0])) - published) < 3
