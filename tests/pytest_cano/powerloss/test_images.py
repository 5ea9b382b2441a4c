"""The images of a moment: which there are, each once, in one order."""

from itertools import chain, combinations

from hypothesis import given

from disk_histories import as_seen, histories
from pytest_cano.powerloss.disk import Disk, Loss
from pytest_cano.powerloss.images import (
    FEW,
    RECENT,
    Image,
    all_images,
    torn,
    unsynced,
)
from pytest_cano.powerloss.operations import (
    Create,
    Delete,
    Sync,
    SyncNames,
    Truncate,
    Write,
)


def disk_with(*data: bytes) -> Disk:
    """A durable file, with one pending write behind the other."""
    disk, offset = Disk({"a": b""}), 0
    for each in data:
        disk.apply(Write("a", offset, each))
        offset += len(each)
    return disk


def contents(images) -> list[bytes]:
    return [image.files["a"] for image in images]


def test_of_few_writes_every_combination_is_an_image():
    images = all_images(disk_with(b"1", b"2", b"3"))

    assert contents(images) == [
        b"",
        b"\0\0003",
        b"\0002",
        b"1",
        b"\00023",
        b"1\0003",
        b"12",
        b"123",
    ]
    assert (images.pending, images.bounded) == (3, False)


def test_of_many_writes_there_are_the_prefixes_and_each_one_lost():
    many = [bytes([number]) for number in range(1, FEW + 2)]
    whole = b"".join(many)

    images = all_images(disk_with(*many))

    prefixes = [whole[:size] for size in range(len(whole))]
    holes = [whole[:at] + b"\0" + whole[at + 1 :] for at in range(len(whole) - 1)]
    assert contents(images) == [*prefixes, *holes, whole]
    assert (images.pending, images.bounded) == (FEW + 1, True)


def test_of_very_many_writes_only_the_last_ones_are_lost_one_by_one():
    images = all_images(disk_with(*[b"x"] * 500))

    assert images.bounded
    assert len(images) < 2 * RECENT + 3
    assert images[0].files == {"a": b""}
    assert images[len(images) - 1].files == {"a": b"x" * 500}


def test_the_last_write_is_cut_at_sectors_and_at_odd_bytes():
    images = all_images(disk_with(bytes(10), b"x" * 1200))

    sizes = {len(each) - 10 for each in contents(images) if len(each) > 10}
    assert sizes == {1, 511, 512, 513, 1024, 1199, 1200}


def test_alike_images_are_told_once():
    disk = Disk({"a": b"1"}).apply(Write("a", 0, b"1"), Truncate("a", 1))

    images = all_images(disk)

    assert contents(images) == [b"1"]
    assert images.pending == 2


def test_where_nothing_is_pending_there_is_one_image():
    (image,) = all_images(Disk({"a": b"1"}))

    assert image == Image({"a": b"1"}, "nothing was unsynced, nothing was lost")


def test_names_are_lost_like_content():
    disk = Disk({"a": b"old"}).apply(Delete("a"), Create("b"))

    assert [image.files for image in all_images(disk)] == [
        {"a": b"old"},
        {"a": b"old", "b": b""},
        {},
        {"b": b""},
    ]


def test_the_last_changes_are_lost_by_number():
    disk = disk_with(b"1", b"2", b"3")

    assert contents(unsynced(disk, number) for number in range(5)) == [
        b"123",
        b"12",
        b"1",
        b"",
        b"",
    ]


def test_the_last_write_is_cut_by_number():
    disk = disk_with(b"1", b"234").apply(Create("b"))

    assert contents(torn(disk, size) for size in (0, 2, 3, 512)) == [
        b"1",
        b"123",
        b"1234",
        b"1234",
    ]
    assert torn(Disk({"a": b"1"}), 1).files == {"a": b"1"}


def test_an_image_says_what_is_lost():
    disk = Disk({"a": b""}).apply(
        Write("a", 0, b"12"), Truncate("a", 1), Create("b"), Delete("b"), Create("c")
    )

    three = "the making of b, the removal of b, the making of c"
    assert [unsynced(disk, number).lost for number in range(6)] == [
        "all 5 unsynced changes arrived",
        "1 of 5 unsynced changes were lost: the making of c",
        "2 of 5 unsynced changes were lost: the removal of b, the making of c",
        f"3 of 5 unsynced changes were lost: {three}",
        "4 of 5 unsynced changes were lost",
        "all 5 unsynced changes were lost",
    ]
    assert torn(disk, 1).lost == "only 1 bytes arrived of 2 bytes at 0 of a"
    assert torn(disk, 2).lost == "all 5 unsynced changes arrived"


def test_images_that_hold_the_same_have_one_digest():
    images = [
        Image({"a": b"1", "b": b""}, "one"),
        Image({"b": b"", "a": b"1"}, "other"),
        Image({"a": b"", "b": b"1"}, "one"),
        Image({"a": b"1"}, "one"),
        Image({"a": b"1b\0"}, "one"),
    ]

    assert images[0].digest == images[1].digest
    assert len({image.digest for image in images}) == 4


@given(histories())
def test_all_that_is_synced_is_in_every_image(history):
    disk = Disk().apply(*history)
    disk.apply(*(Sync(name) for name in disk.files), SyncNames())

    for image in all_images(disk):
        for name, content in as_seen(history).items():
            assert image.files[name] == content


@given(histories())
def test_the_images_range_from_what_is_durable_to_what_is_seen(history):
    disk = Disk().apply(*history)

    images = all_images(disk)

    digests = {image.digest for image in images}
    assert images[0].files == disk.after(Loss(range(len(disk.pending))))
    assert Image(as_seen(history), "").digest in digests
    assert len(digests) == len(images)


@given(histories())
def test_the_disk_as_it_was_after_any_pending_change_is_an_image(history):
    """A disk that writes in order stops anywhere."""
    disk = Disk().apply(*history)

    digests = {image.digest for image in all_images(disk)}

    for count in range(len(disk.pending) + 1):
        assert unsynced(disk, count).digest in digests


@given(histories(8))
def test_of_few_changes_no_combination_is_missing(history):
    disk = Disk().apply(*history)
    everything = range(len(disk.pending))

    images = all_images(disk)

    if not images.bounded:
        digests = {image.digest for image in images}
        lost = chain.from_iterable(
            combinations(everything, size) for size in range(len(everything) + 1)
        )
        assert all(Image(disk.after(Loss(each)), "").digest in digests for each in lost)
