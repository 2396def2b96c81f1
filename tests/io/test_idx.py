"""The IDX reader: correct arrays, and clear errors for invalid files."""

import gzip
import os
import tracemalloc
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fnn.io.idx import _check_length, _open, _read_elements, _read_shape, read_idx, read_images_and_labels

TERABYTES = (4096, 2**20, 2**10)


def idx(shape: tuple[int, ...], elements: bytes, magic: bytes = b"\0\0\x08") -> bytes:
    return magic + bytes([len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape) + elements


def file_with(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def pack(content: bytes, compressed: bool) -> bytes:
    return gzip.compress(content, mtime=0) if compressed else content


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3), (3, 2, 4), (1, 1, 1, 5)])
def test_shape_and_elements(tmp_path: Path, shape: tuple[int, ...], compressed: bool) -> None:
    elements = bytes((k * 37 + 250) % 256 for k in range(prod(shape)))
    # A misleading name: only the first bytes count.
    path = file_with(tmp_path, pack(idx(shape, elements), compressed), "file" if compressed else "file.gz")

    array = read_idx(path)

    assert array.dtype == np.uint8
    assert array.shape == shape
    assert array.tobytes() == elements
    assert array.flags.owndata
    assert array.flags.c_contiguous
    assert read_idx(str(path)).tobytes() == elements


@pytest.mark.parametrize("compressed", [False, True])
def test_file_longer_than_a_step_of_the_reader(tmp_path: Path, compressed: bool) -> None:
    elements = np.random.default_rng(0).integers(0, 256, (3, 1100, 1201), np.uint8)
    path = file_with(tmp_path, pack(idx(elements.shape, elements.tobytes()), compressed))

    np.testing.assert_array_equal(read_idx(path), elements)


def test_several_gzip_members(tmp_path: Path) -> None:
    whole = idx((2, 2), b"abcd")
    path = file_with(tmp_path, gzip.compress(whole[:9]) + gzip.compress(whole[9:]))

    assert read_idx(path).tobytes() == b"abcd"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "truncated: the type takes 4 bytes, the file ends after 0"),
        (b"\0\0\x08", "truncated: the type takes 4 bytes, the file ends after 3"),
        (b"PK\x03\x04" + bytes(9), "not an IDX file: it must start with 00 00, it starts with 50 4b"),
        (idx((1,), b"a", b"\0\x01\x08"), "not an IDX file: .* it starts with 00 01"),
        (idx((1,), bytes(4), b"\0\0\x0d"), r"element type must be 0x08 \(uint8\), got 0x0d \(float32\)"),
        (idx((1,), b"a", b"\0\0\x09"), r"element type must be 0x08 \(uint8\), got 0x09 \(int8\)"),
        (idx((1,), b"a", b"\0\0\x07"), r"element type must be 0x08 \(uint8\), got 0x07 \(unknown\)"),
        (idx((), b"a"), "number of dimensions must be 1 to 32, got 0"),
        (idx((1,) * 33, b"a"), "number of dimensions must be 1 to 32, got 33"),
        (idx((2, 3), b"")[:-1], "truncated: the header of 2 dimensions ends after 11 bytes"),
        (idx((0,), b""), r"every size must be at least 1, got \(0,\)"),
        (idx((2, 0, 3), b""), r"every size must be at least 1, got \(2, 0, 3\)"),
        (idx((2, 3), b"abcde"), r"truncated: sizes \(2, 3\) need"),
        (idx((2, 3), b""), r"truncated: sizes \(2, 3\) need"),
        (idx((2, 3), b"abcdefg"), r"trailing bytes: sizes \(2, 3\) need"),
        (
            idx(TERABYTES, b"abcdefg"),
            r"truncated: sizes \(4096, 1048576, 1024\) need 4398046511104 .* holds 7",
        ),
        (idx((2**32 - 1,) * 32, b"a"), r"truncated: sizes \(4294967295, .* need"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str, compressed: bool) -> None:
    path = file_with(tmp_path, pack(content, compressed), "digits")

    with pytest.raises(ValueError, match=f"digits: {message}"):
        read_idx(path)


@pytest.mark.parametrize("keep", [2, 5, 12, 20, -9, -1])
def test_truncated_gzip(tmp_path: Path, keep: int) -> None:
    path = file_with(tmp_path, gzip.compress(idx((100,), os.urandom(100)))[:keep])

    with pytest.raises(ValueError, match="damaged gzip data: Compressed file ended"):
        read_idx(path)


@pytest.mark.parametrize("at", [2, 10, -8, -4])
def test_corrupt_gzip(tmp_path: Path, at: int) -> None:
    content = bytearray(gzip.compress(idx((100,), bytes(range(100)))))
    content[at] ^= 0xFF
    path = file_with(tmp_path, bytes(content))

    with pytest.raises(ValueError, match="file: damaged gzip data: "):
        read_idx(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


def test_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = file_with(tmp_path, idx((1_000_000,), bytes(1_000_000)))

    with _open(path) as source:
        shape = _read_shape(source)
        _check_length(source, shape)
        os.truncate(path, 500_000)
        with pytest.raises(ValueError, match="file: changed while it was read"):
            _read_elements(source, shape)


def test_gzip_that_changes_before_it_is_unpacked_again(tmp_path: Path) -> None:
    path = file_with(tmp_path, gzip.compress(idx((1_000_000,), os.urandom(1_000_000)), 1))

    with _open(path) as source:
        source.skip(1_000_008)
        path.write_bytes(bytes(1_000_000))
        with pytest.raises(ValueError, match="file: damaged gzip data: Not a gzipped file"):
            source.seek(8)


@pytest.mark.parametrize("path", [None, np.zeros(3), [b"x"], ""])
def test_what_is_no_path(path: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^path: needs a path, got "):
        read_idx(path)
    with pytest.raises(TypeError, match=r"^images: needs a path, got "):
        read_images_and_labels(path, "labels")
    with pytest.raises(TypeError, match=r"^labels: needs a path, got "):
        read_images_and_labels(file_with(tmp_path, b"images"), path)


def peak_of_refusal(path: Path) -> int:
    """Bytes that reading a wrong file takes at its worst."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"truncated|trailing"):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "shape, count", [(TERABYTES, 1000), (TERABYTES, 30_000_000), ((30_000_000,), 29_999_999), ((1000,), 30_000_000)]
)
def test_refusal_allocates_little(tmp_path: Path, shape: tuple[int, ...], count: int, compressed: bool) -> None:
    path = file_with(tmp_path, pack(idx(shape, bytes(count)), compressed))

    assert peak_of_refusal(path) < 4_000_000


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_of_a_large_file(tmp_path: Path, compressed: bool) -> None:
    path = file_with(tmp_path, pack(idx((30_000_000,), bytes(30_000_000)), compressed))
    tracemalloc.start()
    try:
        read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 34_000_000


def same_or_refused(path: Path, original: NDArray[np.uint8]) -> None:
    """A mutated file gives an array as its header states it, or a ValueError that names the file."""
    try:
        array = read_idx(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert array.dtype == np.uint8
        assert array.size == original.size


@given(data=st.data(), compressed=st.booleans())
def test_mutated_bytes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, compressed: bool) -> None:
    original = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    content = bytearray(pack(idx(original.shape, original.tobytes()), compressed))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = file_with(tmp_path_factory.getbasetemp(), bytes(content), "mutated")

    tracemalloc.start()
    try:
        same_or_refused(path, original)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@given(
    content=st.binary(max_size=80), magic=st.sampled_from([b"", b"\0\0\x08", b"\0\0\x08\x01\0\0\0", b"\x1f\x8b\x08"])
)
def test_random_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes, magic: bytes) -> None:
    path = file_with(tmp_path_factory.getbasetemp(), magic + content, "random")
    try:
        array = read_idx(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        header = 4 + 4 * array.ndim
        assert (magic + content)[header:] == array.tobytes()


def test_images_and_labels(tmp_path: Path) -> None:
    images = file_with(tmp_path, idx((2, 2, 3), b"abcdefghijkl"), "images")
    labels = file_with(tmp_path, gzip.compress(idx((2,), b"\x07\x02")), "labels")

    x, y = read_images_and_labels(images, labels)

    assert x.shape == (2, 2, 3)
    assert x.tobytes() == b"abcdefghijkl"
    assert y.tolist() == [7, 2]


def test_numbers_of_images_and_labels_must_agree(tmp_path: Path) -> None:
    images = file_with(tmp_path, idx((2, 2, 3), b"abcdefghijkl"), "images")
    labels = file_with(tmp_path, idx((3,), b"abc"), "labels")

    with pytest.raises(ValueError, match=r"images has 2 images, but .*labels has 3 labels"):
        read_images_and_labels(images, labels)


def test_counts_are_compared_before_reading(tmp_path: Path) -> None:
    images = file_with(tmp_path, idx((20_000, 40, 50), bytes(40_000_000)), "images")
    labels = file_with(tmp_path, idx((3,), b"abc"), "labels")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="has 20000 images"):
            read_images_and_labels(images, labels)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_images_and_labels_swapped(tmp_path: Path) -> None:
    images = file_with(tmp_path, idx((2, 2, 3), b"abcdefghijkl"), "images")
    labels = file_with(tmp_path, idx((2,), b"ab"), "labels")

    with pytest.raises(ValueError, match="labels: number of dimensions must be 3, got 1"):
        read_images_and_labels(labels, images)
    with pytest.raises(ValueError, match="images: number of dimensions must be 1, got 3"):
        read_images_and_labels(images, images)


@pytest.mark.skipif("FNN_MNIST" not in os.environ, reason="FNN_MNIST names no folder of MNIST's IDX files")
@pytest.mark.parametrize("part, count", [("train", 60_000), ("t10k", 10_000)])
def test_mnist(part: str, count: int) -> None:
    folder = Path(os.environ["FNN_MNIST"])
    image_path = next(folder.glob(f"{part}-images*"))
    label_path = next(folder.glob(f"{part}-labels*"))

    images, labels = read_images_and_labels(image_path, label_path)

    assert images.shape == (count, 28, 28)
    assert labels.shape == (count,)
    for path, array, header in ((image_path, images, 16), (label_path, labels, 8)):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        np.testing.assert_array_equal(np.frombuffer(content, np.uint8, offset=header), array.ravel())
    histogram = {
        "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "t10k": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }
    assert np.bincount(labels).tolist() == histogram[part]
