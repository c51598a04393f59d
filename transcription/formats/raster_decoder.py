"""Images as Pillow reads them; runs in the decoder process only.

Messages of BadInput raised here are predicates ("is damaged: …"): the caller puts the file's name before them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageFile, UnidentifiedImageError

from transcription.errors import BadInput
from transcription.formats.kinds import Kind
from transcription.formats.limits import Limits

if TYPE_CHECKING:
    import pyvips

_PILLOW_FORMAT = {
    Kind.JPEG: "JPEG",
    Kind.PNG: "PNG",
    Kind.TIFF: "TIFF",
    Kind.WEBP: "WEBP",
    Kind.JP2: "JPEG2000",
    Kind.HEIC: "HEIF",
}
_ORIENTATION = 0x0112
_SUBFILE_TYPE, _PHOTOMETRIC = 254, 262
_STORED_AT = ((273, 279), (324, 325))  # offsets and byte counts of a TIFF's strips, of its tiles
_PLAIN_ROWS = 16
_REDUCED = 1  # bit of the subfile type: a smaller copy of another frame
# What EXIF's orientation asks for: a transposition, and the same in words (degrees clockwise, mirrored before it).
_UPRIGHT = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, 0, True),
    3: (Image.Transpose.ROTATE_180, 180, False),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, 180, True),
    5: (Image.Transpose.TRANSPOSE, 270, True),
    6: (Image.Transpose.ROTATE_270, 90, False),
    7: (Image.Transpose.TRANSVERSE, 90, True),
    8: (Image.Transpose.ROTATE_90, 270, False),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame's pixels, upright, 8-bit, grey or sRGB; ``transform`` says how they came from the original; ``text`` is
    the text layer of a PDF's page."""

    image: pyvips.Image
    transform: dict[str, int | float | bool]
    text: str = ""


def frames(path: Path, kind: Kind, limits: Limits) -> list[tuple[int, int, int]]:
    """Return (index, width, height) of every frame, upright, from headers alone.

    Copies that a TIFF keeps at lower resolution are left out; of animations and multi-picture JPEGs only the first
    picture counts.
    """
    if (rare := _rare_sizes(path, kind, limits)) is not None:
        return [(index, width, height) for index, (width, height) in enumerate(rare)]
    with _open(path, kind) as image:
        if kind is not Kind.TIFF:
            check_size(*image.size, limits)
            swapped = _orientation(image, kind) >= 5
            return [(0, *(reversed(image.size) if swapped else image.size))]
        found = []
        for index in range(limits.max_frames + 1):
            try:
                image.seek(index)
            except EOFError:
                break
            if index == limits.max_frames:
                raise too_many_frames(limits, more=True)
            if index and _tag(image, _SUBFILE_TYPE, 0) & _REDUCED:
                continue
            check_size(*image.size, limits)
            _check_stored(image, path)
            found.append((index, *image.size))  # Pillow gives the size of a TIFF's frame upright
        return found


def load(path: Path, kind: Kind, frame: int, limits: Limits) -> Decoded:
    """Decode every pixel of one frame and bring it to upright 8-bit grey or sRGB."""
    if (rare := _rare_sizes(path, kind, limits)) is not None:
        return _load_rare(path, frame, rare)
    with _open(path, kind) as image:
        if kind is Kind.TIFF or frame:
            try:
                image.seek(frame)
            except EOFError:
                raise BadInput(f"has no frame {frame + 1}", code="no-such-frame") from None
        check_size(*image.size, limits)
        if kind is Kind.TIFF:
            _check_stored(image, path)
        inverted = kind is Kind.TIFF and _tag(image, _PHOTOMETRIC, 1) == 0 and image.mode.startswith("I;16")
        orientation = _orientation(image, kind)
        try:
            image.load()
        except UnidentifiedImageError:
            raise
        except (OSError, SyntaxError, EOFError) as error:
            raise damaged(str(error), _shown_share(path, kind, frame)) from error
        if _ends_plain(image) and _is_short(path, kind):
            raise damaged("truncated", _shown_share(path, kind, frame))
        if kind is not Kind.TIFF:
            orientation = _orientation(image, kind)  # a PNG may keep it behind its pixels
        source = image.size
        upright: Image.Image = image
        if orientation in _UPRIGHT:
            transposition, rotation, mirrored = _UPRIGHT[orientation]
            if kind is Kind.TIFF:  # Pillow has turned it already
                source = (source[1], source[0]) if orientation >= 5 else source
            else:
                upright = image.transpose(transposition)
        else:
            rotation, mirrored = 0, False
        transform: dict[str, int | float | bool] = {
            "source_width": source[0],
            "source_height": source[1],
            "rotation": rotation,
            "mirrored": mirrored,
            "scale": 1.0,
        }
        return Decoded(_to_vips(upright, inverted), transform)


def _rare_sizes(path: Path, kind: Kind, limits: Limits) -> list[tuple[int, int]] | None:
    """Sizes of the frames of a TIFF that Pillow cannot open, None for all other files."""
    if kind is not Kind.TIFF:
        return None
    try:
        _open(path, kind).close()
    except UnidentifiedImageError:
        pass
    else:
        return None
    from transcription.formats import rare_tiff

    sizes = rare_tiff.sizes(path, limits.max_frames)
    if len(sizes) > limits.max_frames:
        raise too_many_frames(limits, more=True)
    for width, height in sizes:
        check_size(width, height, limits)
    return sizes


def _load_rare(path: Path, frame: int, sizes: list[tuple[int, int]]) -> Decoded:
    from transcription.formats import rare_tiff

    if not 0 <= frame < len(sizes):
        raise BadInput(f"has no frame {frame + 1}", code="no-such-frame")
    image = rare_tiff.load(path, frame)
    transform = {"source_width": image.width, "source_height": image.height, "rotation": 0, "mirrored": False}
    return Decoded(image, {**transform, "scale": 1.0})


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise BadInput unless a frame of this size may be decoded."""
    if width < 1 or height < 1:
        raise BadInput("is damaged: its header gives it no width or height. Scan or export it again", code="damaged")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise BadInput(
            f"is too large: {width:,} × {height:,} pixels, where {limits.max_side:,} a side and "
            f"{limits.max_pixels // 1_000_000} million in all are allowed. Export it at a lower resolution",
            code="too-many-pixels",
        )


def too_many_frames(limits: Limits, *, more: bool = False, found: int = 0) -> BadInput:
    number = f"more than {limits.max_frames:,}" if more else f"{found:,}"
    return BadInput(
        f"has {number} pages, where {limits.max_frames:,} are allowed. Split it into several files",
        code="too-many-frames",
    )


def damaged(reason: str, share: float | None = None) -> BadInput:
    if share is not None:
        where = f"it ends after {share:.0%} of the picture".replace("%", " %")
        return BadInput(f"is damaged: {where}. Copy or scan it again", code="damaged")
    if "trunc" in reason.lower() or "eof" in reason.lower():
        return BadInput("is damaged: it ends too early. Copy or scan it again", code="damaged")
    return BadInput("is damaged: its picture cannot be decoded. Copy or scan it again", code="damaged")


def _open(path: Path, kind: Kind) -> ImageFile.ImageFile:
    # The checks of our own are stricter and name the size.
    Image.MAX_IMAGE_PIXELS = None
    if kind is Kind.HEIC:  # Pillow learns it from another library, in no other process than this
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False, decode_threads=2)
    return Image.open(path, formats=[_PILLOW_FORMAT[kind]])


def _tag(image: Image.Image, tag: int, default: int) -> int:
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return value if isinstance(value, int) else default


def _orientation(image: Image.Image, kind: Kind) -> int:
    """EXIF's orientation, 1 where there is none that makes sense. Never decodes pixels."""
    if kind is Kind.TIFF:
        found: object = _tag(image, _ORIENTATION, 1)
    elif kind is Kind.PNG and "exif" not in image.info:
        found = 1
    else:
        try:
            found = image.getexif().get(_ORIENTATION, 1)
        except (OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError, AttributeError):
            found = 1  # unreadable EXIF is no reason to refuse a readable picture
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _check_stored(image: Image.Image, path: Path) -> None:
    """Raise BadInput where a TIFF's header places pixels behind the end of the file."""
    tags = getattr(image, "tag_v2", {})
    size = path.stat().st_size
    for at, counts in _STORED_AT:
        offsets, lengths = tags.get(at), tags.get(counts)
        if not isinstance(offsets, tuple) or not isinstance(lengths, tuple) or not offsets:
            continue
        inside = sum(max(0, min(length, size - offset)) for offset, length in zip(offsets, lengths, strict=False))
        if inside < (whole := sum(lengths)):
            raise damaged("truncated", inside / whole)


def _ends_plain(image: Image.Image) -> bool:
    """Whether the lowest rows are all of one colour, as those are that a decoder made up."""
    low = image.crop((0, max(0, image.height - _PLAIN_ROWS), *image.size))
    extrema = low.getextrema() if image.mode not in ("P", "PA") else ((0, 1),)
    each = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(least == most for least, most in each)


def _is_short(path: Path, kind: Kind) -> bool:
    """Whether a JPEG or PNG says that it is higher than the rows it holds. Pillow fills the rest and says nothing."""
    import pyvips

    if kind not in (Kind.JPEG, Kind.PNG):
        return False
    try:
        if kind is Kind.PNG:
            pyvips.Image.pngload(str(path), fail_on="truncated", access="sequential").avg()
        else:  # that rows are missing is a mere warning there, as harmless things are
            pyvips.Image.jpegload(str(path), fail_on="warning", access="sequential").avg()
    except pyvips.Error as error:
        return kind is Kind.PNG or "premature" in str(error).lower()
    return False


def _shown_share(path: Path, kind: Kind, frame: int) -> float | None:
    """Share of the rows that can be decoded from a damaged file, None where that cannot be told."""
    if kind not in (Kind.JPEG, Kind.PNG):
        return None
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with _open(path, kind) as image:
            image._ended = True  # type: ignore[attr-defined]  # else Pillow ends a JPEG for us and its rest turns grey
            image.load()
            box = image.getbbox(alpha_only=False)  # rows that were never reached stay zero
            height = image.height
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError):
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    return box[3] / height if box and box[3] < height else None


def _to_vips(image: Image.Image, inverted: bool) -> pyvips.Image:
    import pyvips

    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _deep_to_vips(image, inverted)
    plain = _to_plain(image)
    bands = len(plain.getbands())
    raster = pyvips.Image.new_from_memory(plain.tobytes(), plain.width, plain.height, bands, "uchar")
    return raster.copy(interpretation="srgb" if bands == 3 else "b-w")


def _deep_to_vips(image: Image.Image, inverted: bool) -> pyvips.Image:
    """Grey of more than 8 bits to 8. The range is told by the brightest pixel: scanners store 12 bits in 16."""
    import pyvips

    if image.mode != "F":
        image = image.convert("I")
    raster = pyvips.Image.new_from_memory(
        image.tobytes(), image.width, image.height, 1, "float" if image.mode == "F" else "int"
    )
    brightest, darkest = raster.max(), raster.min()
    tops = (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 4_095.0, 65_535.0)
    top = next((top for top in tops if brightest <= top), brightest)
    floor = min(0.0, darkest)
    gray = ((raster - floor) * (255.0 / max(top - floor, 1e-9))).rint().cast("uchar")
    gray = gray.invert() if inverted else gray
    return gray.copy(interpretation="b-w").copy_memory()


def _to_plain(image: Image.Image) -> Image.Image:
    """Bring any 8-bit or 1-bit mode to L or RGB: alpha over white, colours to sRGB by the file's own profile."""
    profile = image.info.get("icc_profile")
    if image.mode in ("RGBa", "La"):
        image = image.convert(image.mode.upper())
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    elif "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA"):
        paper = Image.new("RGB" if image.mode == "RGBA" else "L", image.size, "white")
        alpha = image.getchannel("A")
        paper.paste(image if image.mode == "RGBA" else image.getchannel("L"), mask=alpha)
        image = paper
    if image.mode in ("1", "L"):
        return image.convert("L")
    if isinstance(profile, bytes) or image.mode == "LAB":
        managed = _to_srgb(image, profile if isinstance(profile, bytes) else None)
        if managed is not None:
            return managed
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Return the image in sRGB, None where its profile is of no use or sRGB already."""
    from PIL import ImageCms

    try:
        source = (
            ImageCms.createProfile("LAB")
            if profile is None or image.mode == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        )
        if profile is not None and image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
