from __future__ import annotations

import contextlib
import io
import random
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageDraw

from transcription.errors import BadInput, ServiceUnavailable
from transcription.formats import decode
from transcription.formats.decode import Extracted, FrameInfo, Limits, extract, probe, probe_many
from transcription.formats.kinds import Kind
from transcription.formats.pyramid import read_gray, read_rgb_region, size

Save = Callable[[str, bytes], Path]
TEST_LIMITS = Limits(probe_seconds=10, extract_seconds=20)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def picture(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """A page with a red corner top left and noise, so that damage and turning show."""
    noise = np.random.default_rng(7).integers(150, 255, (height, width, 3), np.uint8)
    image = Image.fromarray(noise)
    ImageDraw.Draw(image).rectangle((0, 0, width // 4, height // 4), fill=(220, 10, 10))
    return image.convert(mode)


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def png_chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first its catalogue, with a correct cross-reference table."""
    out = bytearray(b"%PDF-1.6\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def store(path: Path, name: str | None = None, frame: int = 0, limits: Limits = TEST_LIMITS) -> tuple[Extracted, Path]:
    pyramid = path.with_name("page.tif.pyramid")
    return extract(path, name or path.name, frame, pyramid, path.with_name("thumb"), limits), pyramid


def refusal(path: Path, name: str | None = None, *, whole: bool = False) -> BadInput:
    def take_in() -> None:
        probe(path, name or path.name, TEST_LIMITS)
        if whole:
            store(path, name)

    with pytest.raises(BadInput) as raised:
        take_in()
    assert raised.value.message.startswith(f"“{name or path.name}” ")
    assert raised.value.message.endswith(".")
    return raised.value


@pytest.mark.parametrize(
    ("format_", "kind"),
    [
        ("JPEG", Kind.JPEG),
        ("PNG", Kind.PNG),
        ("TIFF", Kind.TIFF),
        ("PDF", Kind.PDF),
        ("WEBP", Kind.WEBP),
        ("JPEG2000", Kind.JP2),
    ],
)
def test_each_accepted_kind_is_probed_and_stored(save: Save, format_: str, kind: Kind) -> None:
    path = save("whatever.bin", encoded(picture(), format_))
    found = probe(path, path.name, TEST_LIMITS)
    assert found.kind is kind
    assert found.frames == (FrameInfo(0, 320, 240),)
    stored, pyramid = store(path)
    assert (stored.width, stored.height) == size(pyramid) == (320, 240)
    red, green, blue = read_rgb_region(pyramid, 10, 10, 40, 40).mean(axis=(0, 1))
    assert red > 200
    assert green < 30
    assert blue < 30
    with Image.open(path.with_name("thumb")) as thumbnail:
        assert thumbnail.format == "JPEG"
        assert thumbnail.size == (320, 240)
    assert not list(path.parent.glob("*.part"))


def test_each_frame_of_a_tiff_is_a_page_and_its_small_copies_are_not(save: Save) -> None:
    pages = [picture(200, 100), picture(50, 25), picture(120, 180, "L")]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}
    path = save("volume.tif", encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert probe(path, path.name).frames == (FrameInfo(0, 200, 100), FrameInfo(2, 120, 180))
    stored, _ = store(path, frame=2)
    assert (stored.width, stored.height) == (120, 180)


def test_each_page_of_a_pdf_comes_at_the_resolution_of_its_scan(save: Save) -> None:
    scans = [picture(640, 480), picture(333, 777)]
    path = save("volume.pdf", encoded(scans[0], "PDF", save_all=True, append_images=scans[1:], resolution=200))
    assert probe(path, path.name).frames == (FrameInfo(0, 640, 480), FrameInfo(1, 333, 777))
    stored, _ = store(path, frame=1)
    assert (stored.width, stored.height) == (333, 777)


def test_a_pdf_page_without_a_scan_is_rendered_at_300_dpi(save: Save) -> None:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]>>"
    path = save("a.pdf", pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page]))
    assert probe(path, path.name).frames == (FrameInfo(0, 600, 300),)


@pytest.mark.parametrize(
    ("format_", "orientation"),
    [*((format_, number) for format_ in ("JPEG", "TIFF") for number in range(1, 9)), ("PNG", 6), ("WEBP", 5)],
)
def test_pictures_are_stored_upright(save: Save, format_: str, orientation: int) -> None:
    upright = picture()
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    lying = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save("lying", encoded(lying, format_, exif=exif))
    assert probe(path, path.name).frames == (FrameInfo(0, 320, 240),)
    stored, pyramid = store(path)
    assert size(pyramid) == (320, 240)
    assert read_rgb_region(pyramid, 10, 10, 40, 40)[..., 1].mean() < 30
    assert (stored.transform["source_width"], stored.transform["source_height"]) == lying.size
    # The transform says in words what was done: mirror first, then turn clockwise.
    replayed = lying.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if stored.transform["mirrored"] else lying
    replayed = replayed.rotate(-int(stored.transform["rotation"]), expand=True)
    assert replayed.tobytes() == upright.tobytes()


@pytest.mark.parametrize("depth", [255, 4095, 65535])
def test_deep_grey_keeps_its_range(save: Save, depth: int) -> None:
    ramp = np.tile(np.linspace(0, depth, 256).astype(np.uint16), (64, 1))
    path = save("deep.tif", encoded(Image.fromarray(ramp), "TIFF"))
    _, pyramid = store(path)
    gray, _ = read_gray(pyramid)
    assert gray[:, 0].mean() < 3
    assert gray[:, -1].mean() > 252
    assert abs(float(gray[:, 128].mean()) - 128) < 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("format_", ["TIFF", "PNG"])
def test_any_mode_becomes_grey_or_srgb(save: Save, mode: str, format_: str) -> None:
    if format_ == "PNG" and mode in ("CMYK", "F"):
        pytest.skip("PNG has no such mode")
    image = picture(mode="L").convert("I").convert("I;16") if mode == "I;16" else picture().convert(mode)
    path = save("mode", encoded(image, format_))
    stored, pyramid = store(path)
    assert (stored.width, stored.height) == size(pyramid)


def test_cielab_tiffs_come_out_in_their_colours(save: Save) -> None:
    pixels = pyvips.Image.new_from_array(np.asarray(picture())).copy(interpretation="srgb").colourspace("lab")
    path = save("museum.tif", pixels.tiffsave_buffer())
    assert probe(path, path.name).frames == (FrameInfo(0, 320, 240),)
    _, pyramid = store(path)
    red, green, _ = read_rgb_region(pyramid, 10, 10, 40, 40).mean(axis=(0, 1))
    assert red > 200
    assert green < 30
    cut = save("cut.tif", path.read_bytes()[:-5000])
    assert refusal(cut, whole=True).code == "damaged"


def test_fax_compressed_pages_are_read(save: Save) -> None:
    path = save("fax.tif", encoded(picture().convert("1"), "TIFF", compression="group4"))
    _, pyramid = store(path)
    assert read_gray(pyramid)[0].max() > 250


def test_cmyk_jpegs_come_out_in_their_colours(save: Save) -> None:
    path = save("press.jpg", encoded(picture().convert("CMYK"), "JPEG", quality=95))
    _, pyramid = store(path)
    red, green, _ = read_rgb_region(pyramid, 10, 10, 40, 40).mean(axis=(0, 1))
    assert red > 190
    assert green < 60


def test_transparent_parts_become_white_paper(save: Save) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    path = save("cut.png", encoded(image, "PNG"))
    _, pyramid = store(path)
    assert read_gray(pyramid)[0].min() == 255


def test_a_broken_colour_profile_is_ignored_and_a_sound_one_applied(save: Save) -> None:
    _, pyramid = store(save("a.jpg", encoded(picture(), "JPEG", icc_profile=b"nonsense" * 40)))
    assert size(pyramid) == (320, 240)
    sound = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, pyramid = store(save("b.jpg", encoded(picture(), "JPEG", icc_profile=sound)))
    assert read_rgb_region(pyramid, 10, 10, 40, 40)[..., 0].mean() > 200


def test_nothing_but_pixels_is_stored(save: Save) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 24.0)
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("SECRETPAYLOAD.txt", "SECRETPAYLOAD")
    data = encoded(picture(), "JPEG", exif=exif, comment=b"SECRETCOMMENT") + hidden.getvalue()
    path = save("polyglot.jpg", data)
    _, pyramid = store(path)
    for derived in (pyramid, path.with_name("thumb")):
        stored = derived.read_bytes()
        assert b"SECRET" not in stored
        assert b"PK\x03\x04" not in stored
        assert b"Exif" not in stored
        with Image.open(derived) as image:
            assert not image.getexif().get_ifd(0x8825)


def test_empty_files_are_refused(save: Save) -> None:
    error = refusal(save("f12.tif", b""))
    assert error.code == "empty"
    assert error.message == "“f12.tif” is empty (0 bytes). Upload it again."


def test_a_text_named_like_an_image_is_refused_as_a_text(save: Save) -> None:
    error = refusal(save("f12.jpg", b"Dear Sir, I have the honour"))
    assert error.code == "not-an-image"
    assert "a text file though its name ends in .jpg" in error.message


def test_known_kinds_that_are_not_read_are_refused_by_name(save: Save) -> None:
    hidden = io.BytesIO()
    zipfile.ZipFile(hidden, "w").close()
    error = refusal(save("box.zip", hidden.getvalue()))
    assert error.code == "unsupported-kind"
    assert "ZIP archive" in error.message
    error = refusal(save("a.gif", encoded(picture(mode="P"), "GIF")))
    assert error.code == "unsupported-kind"
    assert "GIF" in error.message


def test_a_file_of_zero_bytes_throughout_is_told_apart(save: Save) -> None:
    error = refusal(save("hole.tif", bytes(5000)))
    assert error.code == "not-an-image"
    assert "only zero bytes" in error.message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {}),
        ("a.png", {}),
        ("a.tif", {}),
        ("b.tif", {"compression": "tiff_lzw"}),
        ("c.tif", {"compression": "jpeg"}),
        ("a.webp", {}),
        ("a.jp2", {}),
        ("a.pdf", {}),
    ],
)
@pytest.mark.parametrize("kept", [0.02, 0.41, 0.9])
def test_truncated_files_are_found_at_the_latest_when_stored(
    save: Save, name: str, options: dict[str, str], kept: float
) -> None:
    formats = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}
    suffix = name.split(".")[1]
    data = encoded(picture(600, 800), formats.get(suffix, suffix.upper()), **options)
    path = save(name, data[: int(len(data) * kept)])
    assert refusal(path, whole=True).code == "damaged"
    assert not path.with_name("thumb").exists()


@pytest.mark.parametrize(("format_", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("TIFF", "a.tif")])
def test_a_truncated_picture_is_said_to_end_where_it_ends(save: Save, format_: str, name: str) -> None:
    data = encoded(picture(600, 800), format_)
    error = refusal(save(name, data[: int(len(data) * 0.5)]), whole=True)
    share = int(error.message.split("ends after ")[1].split(" %")[0])
    assert 40 <= share <= 60


def test_a_png_that_claims_60_000_pixels_a_side_is_refused_unread(save: Save) -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(10_000))) + png_chunk(b"IEND", b"")
    error = refusal(save("bomb.png", data))
    assert error.code == "too-many-pixels"
    assert "60,000 × 60,000" in error.message


def test_a_pdf_page_of_two_billion_points_is_refused_unrendered(save: Save) -> None:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 2147483600]>>"
    error = refusal(
        save("a.pdf", pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page]))
    )
    assert error.code == "too-many-pixels"
    assert "page size" in error.message


def test_a_pdf_without_pages_is_refused(save: Save) -> None:
    error = refusal(save("a.pdf", pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"])))
    assert error.code == "no-pages"


def test_an_encrypted_pdf_is_refused_with_the_remedy(save: Save) -> None:
    secret = b"<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (b"41" * 32, b"42" * 32)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]>>"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, secret]
    data = pdf(objects, b"/Encrypt 4 0 R/ID[<%s><%s>]" % (b"43" * 16, b"43" * 16))
    error = refusal(save("a.pdf", data))
    assert error.code == "encrypted"
    assert "password" in error.message


def test_too_many_frames_are_refused(save: Save) -> None:
    tiny = [Image.new("1", (8, 8)) for _ in range(6)]
    path = save("thick.tif", encoded(tiny[0], "TIFF", save_all=True, append_images=tiny[1:]))
    with pytest.raises(BadInput) as raised:
        probe(path, path.name, Limits(max_frames=5))
    assert raised.value.code == "too-many-frames"
    assert len(probe(path, path.name, Limits(max_frames=6)).frames) == 6


def test_memory_running_out_is_the_files_failure_and_nobody_elses(save: Save) -> None:
    path = save("wide.png", encoded(Image.new("RGB", (9000, 9000), "white"), "PNG"))
    with pytest.raises(BadInput) as raised:
        store(path, limits=Limits(memory_bytes=400 << 20))
    assert raised.value.code == "out-of-memory"
    assert not list(path.parent.glob("*.part"))


def test_a_decoder_that_takes_too_long_is_ended_and_the_other_files_are_read(save: Save) -> None:
    drawing = zlib.compress(b"0 0 m 9 9 l S\n" * 9_000_000, 1)
    content = b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(drawing), drawing)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]/Contents 4 0 R>>"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, content]
    good, slow = save("good.png", encoded(picture(), "PNG")), save("slow.pdf", pdf(objects))
    first, second, third = probe_many([(good, "1"), (slow, "slow.pdf"), (good, "3")], Limits(probe_seconds=2))
    assert not isinstance(first, BadInput)
    assert not isinstance(third, BadInput)
    assert isinstance(second, BadInput)
    assert second.code == "decoder-too-slow"
    assert "longer than 2 seconds" in second.message


def test_a_decoder_that_crashes_takes_one_file_with_it(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    save(
        "sitecustomize.py",
        b"import os, sys\nsys.addaudithook(lambda e, a: e == 'open' and str(a[0]).endswith('poison') and os.abort())\n",
    )
    environment = {**decode._environment(), "PYTHONPATH": str(save("poison", encoded(picture(), "PNG")).parent)}
    monkeypatch.setattr(decode, "_environment", lambda: environment)
    good, poison = save("good", encoded(picture(), "PNG")), save("poison", encoded(picture(), "PNG"))
    first, second, third = probe_many([(good, "1"), (poison, "poison"), (good, "3")])
    assert not isinstance(first, BadInput)
    assert not isinstance(third, BadInput)
    assert isinstance(second, BadInput)
    assert second.code == "decoder-crashed"
    with pytest.raises(BadInput) as raised:
        store(poison)
    assert raised.value.code == "decoder-crashed"


def test_a_decoder_that_cannot_start_is_nobodys_fault_and_tried_again(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_ROOT", save("nowhere", b"").parent)
    monkeypatch.setattr(decode, "_environment", lambda: {"PYTHONHOME": "/nowhere"})
    good = save("good", encoded(picture(), "PNG"))
    with pytest.raises(ServiceUnavailable):
        probe(good, "good")


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable):
        probe(tmp_path / "gone", "gone.jpg")


def test_the_decoder_has_neither_network_nor_memory_to_waste() -> None:
    code = """
import socket
from transcription.formats.decoder_process import _confine
from transcription.formats.limits import Limits
_confine(Limits(memory_bytes=300 << 20))
try:
    bytearray(400 << 20)
except MemoryError:
    print("no memory")
print(open("/proc/net/dev").read().count(":"), end=" interfaces")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=decode._ROOT, capture_output=True, text=True, check=True)
    assert "no memory" in done.stdout
    if not done.stdout.endswith("\n1 interfaces"):
        pytest.skip("this kernel gives nobody a network of their own")


def test_a_disk_that_takes_nothing_is_not_the_files_fault(save: Save) -> None:
    good = save("good", encoded(picture(), "PNG"))
    with pytest.raises(ServiceUnavailable):
        extract(good, "good", 0, good.parent / "missing" / "p.tif", good.parent / "t.jpg")


def test_many_files_are_probed_together_and_fail_alone(save: Save) -> None:
    good = save("good.jpg", encoded(picture(), "JPEG"))
    results = probe_many([(good, "1"), (save("e", b""), "2"), (save("t", b"\xff\xd8\xff\xe0"), "3"), (good, "4")])
    assert [getattr(result, "code", "ok") for result in results] == ["ok", "empty", "damaged", "ok"]


def test_the_decoder_has_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    assert "postgres://secret" not in decode._environment().values()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP", "JPEG2000", "PDF"])
def test_files_with_flipped_bits_are_read_or_refused(save: Save, format_: str) -> None:
    whole = encoded(picture(96, 64), format_)
    dice = random.Random(format_)
    files = []
    for number in range(100):
        data = bytearray(whole)
        for _ in range(1 + number % 5):
            # Half of the flips where headers are.
            place = dice.randrange(min(len(data), 400)) if number % 2 else dice.randrange(len(data))
            data[place] ^= 1 << dice.randrange(8)
        files.append((save(f"flip{number}", bytes(data)), f"flip{number}"))
    results = probe_many(files, TEST_LIMITS)
    assert len(results) == 100
    for (path, name), result in list(zip(files, results, strict=True))[:12]:
        if not isinstance(result, BadInput):
            with contextlib.suppress(BadInput):
                store(path, name)
