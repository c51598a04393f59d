from __future__ import annotations

import hashlib
import inspect
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.errors import PermanentError
from transcription.htr.enhance import MOST_STEPS, RECIPES, BadRecipe, Enhancement, Parameter, enhance
from transcription.htr.records import Gray

# SHA-256 over what each recipe makes of ``plain_lines`` with its default parameters. The recogniser was trained with
# these, and passes are stored by what they do: whoever changes one must give it another name.
AS_TRAINED = {
    "plain": "91351c3752a4988423a3d3b949f9d445fe34696da4c0de0a90b4f27bbc6007a0",
    "clahe": "2e1d1d309175ffe17314bc2473e27560f638179825e4244d48e1271876a93313",
    "adaptive": "c98d5dd715d6706a2e105f4a3f14eb222802ae2c98171d781dd7d4e46633feca",
    "background": "4e158b155ebdbb16eabd29457614f92a408a9a8dd1e44ef5f11d2ee0ffea26d7",
}
SIZES = [(64, 400), (64, 8), (12, 300), (1, 1), (1, 70), (70, 1), (3, 3), (300, 200), (64, 8192)]
NEGATIVE = {"invert"}  # what it makes of ink on paper is light on dark


def line(paper: int = 220, stroke: int = 40, size: tuple[int, int] = (64, 400)) -> Gray:
    """A noisy line of dark text."""
    noise = np.random.default_rng(1).normal(0, 4, size)
    image = np.clip(paper + noise, 0, 255).astype(np.uint8)
    cv2.putText(image, "longhand", (10, 44), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, stroke, 2)
    return image


def plain_lines() -> list[Gray]:
    """Lines whose pixels are whole-number arithmetic, the same on every machine."""
    texts = ((400, "longhand"), (1111, "baptised Mary, daughter of John"), (8, ""), (8192, "the Rector"), (64, "&c"))
    lines = []
    for width, text in texts:
        y, x = np.mgrid[0:64, 0:width]
        image = (215 - np.abs(x // 7 % 60 - 30) - y // 4 + (x * 7919 + y * 104729) % 17 - 8).astype(np.uint8)
        cv2.putText(image, text, (6, 44), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, 45, 2, cv2.LINE_8)
        lines.append(image)
    return lines


def as_high(out: Gray, recipe: str, size: tuple[int, int]) -> bool:
    if recipe == "stretch":
        return out.shape == (size[0], max(1, round(size[1] * 1.25)))
    return out.shape == size or (recipe == "pad" and out.shape[0] == size[0] and 1 <= out.shape[1] <= size[1])


@pytest.mark.parametrize("recipe", sorted(AS_TRAINED))
def test_the_recipes_that_the_recogniser_knows_are_as_they_were_byte_for_byte(recipe: str) -> None:
    digest = hashlib.sha256()
    for each in plain_lines():
        digest.update(enhance(each, recipe).tobytes())
    assert digest.hexdigest() == AS_TRAINED[recipe]


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("size", SIZES)
def test_every_recipe_keeps_height_and_type(recipe: str, size: tuple[int, int]) -> None:
    out = enhance(line(size=size), recipe)
    assert as_high(out, recipe, size)
    assert out.dtype == np.uint8


@pytest.mark.parametrize("recipe", sorted(set(RECIPES) - NEGATIVE - {"pad", "stretch"}))
def test_ink_stays_darker_than_paper_and_the_input_is_not_changed(recipe: str) -> None:
    image = line()
    before = image.copy()
    out = enhance(image, recipe)
    assert (image == before).all()
    text = before < 100
    assert out[text].mean() + 40 < out[~text].mean()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_image_stays_flat(recipe: str, value: int) -> None:
    out = enhance(np.full((64, 100), value, np.uint8), recipe)
    assert out.std() < 1


@pytest.mark.parametrize("recipe", sorted(name for name, recipe in RECIPES.items() if recipe.parameters))
def test_the_ends_of_every_range_work_and_every_parameter_does_something(recipe: str) -> None:
    faint = line(paper=200, stroke=150)
    cv2.putText(faint, "verso", (180, 30), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.0, 180, 2)
    cv2.putText(faint, "ink", (300, 44), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, 60, 2)
    for parameter in RECIPES[recipe].parameters:
        ends = [enhance(faint, recipe, {parameter.name: v}) for v in (parameter.minimum, parameter.maximum)]
        assert ends[0].shape != ends[1].shape or (ends[0] != ends[1]).any(), parameter.name


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_declared_defaults_are_those_of_the_function(recipe: str) -> None:
    declared = RECIPES[recipe]
    signature = inspect.signature(declared.function).parameters
    keywords = {name: each.default for name, each in signature.items() if each.kind is each.KEYWORD_ONLY}
    assert keywords == {each.name: each.default for each in declared.parameters}
    assert all(type(keywords[each.name]) is (int if each.whole else float) for each in declared.parameters)
    assert all(each.minimum <= each.default <= each.maximum for each in declared.parameters)
    assert all(text.endswith(".") for text in (declared.help, *(each.help for each in declared.parameters)))


@st.composite
def enhancements(draw: st.DrawFn) -> Enhancement:
    names = draw(st.lists(st.sampled_from(sorted(RECIPES)), min_size=1, max_size=MOST_STEPS, unique=True))
    parts = []
    for name in names:
        chosen = [each for each in RECIPES[name].parameters if draw(st.booleans())]
        numbers = [
            draw(
                st.integers(int(each.minimum), int(each.maximum))
                if each.whole
                else st.floats(each.minimum, each.maximum)
            )
            for each in chosen
        ]
        pairs = ",".join(f"{each.name}={number}" for each, number in zip(chosen, numbers, strict=True))
        parts.append(f"{name}:{pairs}" if pairs else name)
    return Enhancement.parse("/".join(parts))


@st.composite
def images(draw: st.DrawFn) -> Gray:
    size = draw(st.tuples(st.integers(1, 70), st.integers(1, 130)))
    kind = draw(st.sampled_from(["black", "white", "noise", "text", "ramp"]))
    if kind == "text":
        return line(size=size)
    if kind == "noise":
        return np.random.default_rng(draw(st.integers(0, 9))).integers(0, 256, size).astype(np.uint8)
    if kind == "ramp":
        return np.linspace(0, 255, size[0] * size[1]).reshape(size).astype(np.uint8)
    return np.full(size, 0 if kind == "black" else 255, np.uint8)


@given(images(), enhancements())
@settings(max_examples=150, deadline=None)
def test_any_enhancement_takes_any_image(image: Gray, enhancement: Enhancement) -> None:
    before = image.copy()
    out = enhancement.apply(image)
    assert out.dtype == np.uint8
    assert (out.ndim, out.shape[0]) == (2, image.shape[0])
    assert 1 <= out.shape[1] <= 2 * image.shape[1]
    assert (image == before).all()
    assert (enhancement.apply(image) == out).all()


@given(enhancements())
@settings(max_examples=150, deadline=None)
def test_what_is_written_and_what_is_stored_say_the_same(enhancement: Enhancement) -> None:
    assert Enhancement.parse(str(enhancement)) == enhancement
    assert Enhancement.stored(enhancement.recipe, enhancement.options) == enhancement


class TestWhatRecipesDo:
    def test_clahe_lifts_faint_ink(self) -> None:
        faint = line(paper=200, stroke=170)
        assert float(enhance(faint, "clahe").std()) > float(faint.std())

    def test_background_evens_out_a_shadow(self) -> None:
        shadow = np.linspace(90, 240, 400)[None, :].repeat(64, axis=0).astype(np.uint8)
        evened = enhance(shadow, "background")
        assert int(evened.max()) - int(evened.min()) < 40

    def test_sauvola_tells_ink_from_a_stain(self) -> None:
        image = line(paper=210)
        image[:, 200:] = (image[:, 200:] * 0.7).astype(np.uint8)  # darker paper, darker ink
        out = enhance(image, "sauvola")
        ink = line(paper=210) < 100
        assert (out[ink] < 128).mean() > 0.9
        assert (out[~ink] < 128).mean() < 0.05

    def test_sauvolas_box_filters_follow_its_formula(self) -> None:
        image = line(size=(120, 900))
        image[:, 300:] = np.random.default_rng(5).integers(0, 256, (120, 600))
        half, k = 25, 0.3  # 0.42 of a height of 120, odd: 51 pixels
        binary = enhance(image, "sauvola", {"window": 0.42, "k": k}) > 127
        agreed = [
            (image[y, x] >= around.mean() * (1 + k * (around.std() / 128 - 1))) == binary[y, x]
            for y in range(half, 120 - half, 7)
            for x in range(half, 900 - half, 13)
            for around in [image[y - half : y + half + 1, x - half : x + half + 1].astype(float)]
        ]
        assert len(agreed) > 500
        assert sum(agreed) / len(agreed) > 0.7, "but where the soft edge turned a single pixel"
        assert all(agreed[:15])

    def test_denoise_quiets_the_paper_and_keeps_the_ink(self) -> None:
        image = line()
        out = enhance(image, "denoise", {"strength": 10})
        paper = cv2.erode((image > 180).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        assert out[paper].std() < image[paper].std() / 2
        assert abs(float(out[image < 60].mean()) - float(image[image < 60].mean())) < 12

    def test_show_through_goes_and_pale_ends_of_dark_strokes_stay(self) -> None:
        image = line(size=(64, 600))
        clean = image.copy()
        cv2.putText(image, "verso", (350, 44), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, 165, 2)
        cv2.line(image, (20, 40), (20, 60), 165, 2)  # a pale tail of the dark l
        out = enhance(image, "show_through")
        assert np.abs(out[:, 340:].astype(int) - clean[:, 340:]).max() < 40, "the other side is gone"
        assert (image[:, 340:].astype(int) - clean[:, 340:]).min() < -40
        assert (out[image < 100] == image[image < 100]).all(), "ink is as it was"
        assert out[58, 20] < 180, "and so is its pale tail"

    def test_show_through_leaves_a_line_alone_where_nothing_shows(self) -> None:
        assert (enhance(line(), "show_through") == line()).mean() > 0.99
        blank = np.full((64, 300), 200, np.uint8)
        assert (enhance(blank, "show_through") == blank).all()

    def test_strokes_grow_and_shrink_by_fractions_of_a_pixel(self) -> None:
        image = line()
        darkness = [255 - float(enhance(image, "thicken", {"amount": a}).mean()) for a in (0.3, 0.7, 1.0, 1.6, 2.0)]
        assert all(less < more for less, more in pairwise([255 - float(image.mean()), *darkness]))
        lightness = [float(enhance(image, "thin", {"amount": a}).mean()) for a in (0.3, 0.7, 1.0, 1.6)]
        assert all(less < more for less, more in pairwise([float(image.mean()), *lightness]))

    @pytest.mark.parametrize("width", [37, 400, 1111])
    def test_padding_moves_nothing_along_the_line(self, width: int) -> None:
        image = np.full((64, width), 230, np.uint8)
        marks = [width // 5, width // 2, 4 * width // 5]
        for x in marks:
            image[20:44, x : x + 2] = 20
        out = enhance(image, "pad", {"above": 0.4, "below": 0.1})
        assert out.shape == (64, round(width * 64 / (64 + 26 + 6)))
        for x in marks:
            expected = (x + 1) / width
            columns = np.arange(out.shape[1])
            near = np.abs(columns - expected * out.shape[1]) < 4
            ink = (230.0 - out.min(axis=0)) * near
            found = float((ink * (columns + 0.5)).sum() / ink.sum()) / out.shape[1]
            assert abs(found - expected) * out.shape[1] < 0.75, "as a share of the width"

    @pytest.mark.parametrize(
        "options", [{"width": 1.37}, {"width": 0.8}, {"width": 1.25, "slant": -0.3, "height": 1.1}]
    )
    @pytest.mark.parametrize("width", [37, 400, 1111])
    def test_stretching_moves_nothing_along_the_middle_of_the_line(self, width: int, options: dict[str, float]) -> None:
        image = np.full((64, width), 230, np.uint8)
        marks = [width // 5, width // 2, 4 * width // 5]
        for x in marks:
            image[30:34, x : x + 2] = 20
        out = enhance(image, "stretch", options)
        assert out.shape == (64, round(width * options["width"]))
        columns = np.arange(out.shape[1])
        for x in marks:
            expected = (x + 1) / width
            near = np.abs(columns - expected * out.shape[1]) < 4
            ink = (230.0 - out[31:33].mean(axis=0)) * near
            found = float((ink * (columns + 0.5)).sum() / ink.sum()) / out.shape[1]
            assert abs(found - expected) * out.shape[1] < 0.75, "as a share of the width"

    def test_slant_moves_the_top_to_its_side_and_the_foot_to_the_other(self) -> None:
        image = np.full((64, 200), 230, np.uint8)
        image[:, 99:101] = 20
        out = enhance(image, "stretch", {"width": 1, "slant": 0.5})
        assert int(out[4].argmin()) == pytest.approx(100 + 0.5 * 28, abs=1.5)
        assert int(out[60].argmin()) == pytest.approx(100 - 0.5 * 28, abs=1.5)
        higher = enhance(line(), "stretch", {"width": 1, "height": 1.3})
        assert (higher < 100).sum() > (line() < 100).sum()

    def test_a_line_too_wide_to_be_warped_is_only_stretched(self) -> None:
        out = enhance(np.full((8, 40_000), 200, np.uint8), "stretch", {"slant": 0.2})
        assert out.shape == (8, 32_000)

    def test_a_negative_becomes_a_positive(self) -> None:
        assert (enhance(255 - line(), "invert") == line()).all()

    def test_gamma_darkens_above_one_and_keeps_black_and_white(self) -> None:
        levels = np.arange(256, dtype=np.uint8)[None]
        darker, lighter = enhance(levels, "gamma", {"exponent": 2.0}), enhance(levels, "gamma", {"exponent": 0.5})
        assert (darker <= levels).all()
        assert (lighter >= levels).all()
        assert [darker[0, 0], darker[0, 255], lighter[0, 0], lighter[0, 255]] == [0, 255, 0, 255]

    def test_sharpening_steepens_what_blurring_softened(self) -> None:
        def slope(image: Gray) -> int:
            return int(np.abs(np.diff(image.astype(int), axis=1)).max())

        soft = enhance(line(), "blur", {"sigma": 1.5})
        assert slope(soft) < slope(enhance(soft, "sharpen"))

    def test_options_reach_the_recipe(self) -> None:
        weak, strong = (enhance(line(), "clahe", {"clip_limit": limit}) for limit in (1.0, 20.0))
        assert (weak != strong).any()

    def test_a_chain_is_its_recipes_one_after_the_other(self) -> None:
        chain = Enhancement.parse("background/thicken:amount=1/blur")
        by_hand = enhance(enhance(enhance(line(), "background"), "thicken", {"amount": 1}), "blur")
        assert (enhance(line(), chain.recipe, chain.options) == by_hand).all()
        assert chain.recipe == "chain"


class TestHowEnhancementsAreWritten:
    @pytest.mark.parametrize(
        ("given", "written"),
        [
            ("clahe", "clahe"),
            ("clahe:clip_limit=2.0,tiles=8", "clahe"),
            (" clahe:tiles=4 , clip_limit=3 ", "clahe:clip_limit=3,tiles=4"),
            ("plain/background", "background"),
            ("plain", "plain"),
            ("blur:sigma=1.23456789", "blur:sigma=1.23457"),
            ("background/thicken:amount=0.80", "background/thicken:amount=0.8"),
        ],
    )
    def test_alike_where_they_are_alike(self, given: str, written: str) -> None:
        assert str(Enhancement.parse(given)) == written

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("sharpen-all", "No recipe is called “sharpen-all”"),
            ("", "No recipe is called “”"),
            ("plain/", "No recipe is called “”"),
            ("chain", "No recipe is called|holds|one to"),
            ("clahe:clip=2", "has no parameter “clip”; it takes clip_limit, tiles"),
            ("plain:amount=1", "it takes none"),
            ("blur:sigma=nan", "takes a number from 0.2 to 4"),
            ("blur:sigma=inf", "takes a number from 0.2 to 4"),
            ("blur:sigma=1e9", "takes a number from 0.2 to 4"),
            ("blur:sigma=", "takes a number"),
            ("blur:sigma", "is no parameter; write name=value"),
            ("blur:sigma=1,sigma=2", "each once"),
            ("clahe:tiles=2.5", "takes a whole number from 1 to 16"),
            ("clahe:tiles=" + "9" * 300, "takes a whole number"),
            ("blur/blur:sigma=2", "stands twice"),
            ("blur/sharpen/gamma/clahe/thin", "one to 4"),
            ("blur" * 200, "characters long"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_sentence(self, text: str, said: str) -> None:
        with pytest.raises(BadRecipe, match=said) as caught:
            Enhancement.parse(text)
        assert isinstance(caught.value, PermanentError)
        assert caught.value.message.endswith(".")
        assert len(caught.value.message) < 300

    @pytest.mark.parametrize("options", [{"amount": True}, {"amount": None}, {"amount": [1]}, {"amount": float("nan")}])
    def test_stored_options_are_checked_too(self, options: dict[str, object]) -> None:
        with pytest.raises(BadRecipe):
            enhance(line(), "thicken", options)

    @pytest.mark.parametrize("steps", [[], [["blur"]], [["blur", 1]], "blur", [["blur", {}], ["nothing", {}]]])
    def test_a_stored_chain_is_checked_too(self, steps: object) -> None:
        with pytest.raises(BadRecipe):
            enhance(line(), "chain", {"steps": steps})

    def test_an_unknown_recipe_is_refused(self) -> None:
        with pytest.raises(BadRecipe, match="sharpen-all"):
            enhance(line(), "sharpen-all")

    def test_a_parameter_is_a_number_within_its_range(self) -> None:
        parameter = Parameter("amount", "Amount", 0.5, 0.1, 3.0, 0.1, "Pixels.")
        assert parameter.checked("thicken", "0.25") == 0.25
        with pytest.raises(BadRecipe, match=r"from 0\.1 to 3"):
            parameter.checked("thicken", 3.01)
