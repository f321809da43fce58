"""The page in headless Chromium: it loads quietly, sorts, slides, zooms, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser
import numpy as np
import pytest
from PIL import Image
from toypkg.codec import Toy
from toypkg.pairs import Pairs

from bench.report.board import read_boards
from bench.report.page.write import write_page
from bench.report.ranking import judge

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A page over toys, pictures included."""
    browser.find()
    from toypkg import fixtures

    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("page")
        fixtures.toys.__wrapped__(patch)
        sweep = fixtures.sweep.__wrapped__(None, place)
        patch.setattr(Toy, "fail", "")
        sweep("Toy", controls=True, metrics=("psnr", "ssim"))
        sweep("Blind", metrics=("psnr", "ssim"))
        verdicts = [judge(board, 200) for board in read_boards([place / "runs"])]
        yield write_page(verdicts, [place / "runs"], place / "out", photographs=True)


CLICK = "const $ = (s) => document.querySelector(s); const all = (s) => [...document.querySelectorAll(s)];"


def test_it_loads_without_a_word_on_the_console(page: Path) -> None:
    seen = browser.run(
        page,
        CLICK
        + "return [document.documentElement.dataset.ready, all('.panel svg').length, all('#tables tbody tr').length]",
    )
    assert seen.console == [] and seen.result == ["yes", 1, 2]


def test_the_curves_can_be_switched(page: Path) -> None:
    script = CLICK + """
      const count = () => all('#panels .curve').length, out = [count()];
      all('#metrics button').find((b) => b.textContent === 'ssim').click(); out.push(all('.panel').length);
      all('#legend button')[0].click(); out.push(count());
      all('#legend button')[0].click();
      $('#switch-controls').click(); out.push(count());
      const path = () => all('#panels .curve path').map((p) => p.getAttribute('d')).join(), before = path();
      $('#switch-log').click(); out.push(before !== path());
      return out;
    """  # fmt: skip
    assert browser.run(page, script).result == [2, 2, 2, 10, True]


def test_a_plot_is_walked_by_keyboard_and_tells_its_point(page: Path) -> None:
    script = CLICK + """
      const plot = $('.panel svg'),
        press = (key) => plot.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
      plot.focus(); press('ArrowRight'); const first = $('#spoken').textContent;
      press('ArrowRight'); const second = $('#spoken').textContent;
      press('ArrowDown'); const other = $('#spoken').textContent;
      press('Enter');
      const open = $('#drawer').open, text = $('#drawer').textContent;
      return [first, second, other, open, text.includes('manifest'), text.includes('bench')];
    """  # fmt: skip
    first, second, other, *drawer = browser.run(page, script).result
    assert first.startswith("blind r1") and second.startswith("blind r2") and other.startswith("toy r2")
    assert "95 %" in first and drawer == [True, True, True]


def test_pointing_at_a_curve_shows_its_numbers(page: Path) -> None:
    script = CLICK + """
      const plot = $('.panel svg'), mark = $('#panels .curve path[transform]').getBoundingClientRect();
      plot.dispatchEvent(new PointerEvent('pointermove', {clientX: mark.x + 4, clientY: mark.y + 4, bubbles: true}));
      return [$('#tip').hidden, $('#tip').textContent, all('.curve.dim').length];
    """  # fmt: skip
    hidden, text, dimmed = browser.run(page, script).result
    assert hidden is False and "bpp" in text and "psnr" in text and dimmed == 1


def test_the_leaderboard_sorts_both_ways_with_gaps_last(page: Path) -> None:
    script = CLICK + """
      const button = all('#tables thead button').find((b) => b.textContent === 'codec');
      const names = () => all('#tables tbody th').map((t) => t.textContent),
        state = () => button.closest('th').getAttribute('aria-sort');
      button.click(); const up = [state(), ...names()]; button.click(); const down = [state(), ...names()];
      const gain = all('#tables thead button').find((b) => b.textContent.startsWith('SI gain'));
      gain.click(); const once = names(); gain.click(); return [up, down, once, names()];
    """  # fmt: skip
    up, down, once, twice = browser.run(page, script).result
    assert up == ["ascending", "blind", "toy"] and down == ["descending", "toy", "blind"]
    assert once == twice == ["toy", "blind"]  # only toy has that control


def test_the_slider_moves_the_pictures_zoom_and_the_map_follows(page: Path) -> None:
    script = CLICK + """
      const wait = () => new Promise((r) => setTimeout(r, 300));
      await wait();
      const clip = () => $('.clip').style.clipPath, out = {before: clip()};
      const slider = $('#v-split'); slider.value = 20; slider.dispatchEvent(new Event('input')); out.after = clip();
      const stage = $('.stage'), box = stage.getBoundingClientRect();
      const point = (type, x) => stage.dispatchEvent(new PointerEvent(type,
        {clientX: box.x + x * box.width, clientY: box.y + 20, pointerId: 1, bubbles: true}));
      stage.setPointerCapture = () => {};
      point('pointerdown', 0.2); point('pointermove', 0.7); point('pointerup', 0.7); out.dragged = clip();
      stage.dispatchEvent(new KeyboardEvent('keydown', {key: '+', bubbles: true}));
      out.zoom = $('.stage img').style.transform;
      out.map = $('.map').style.transform === out.zoom;
      const sum = () => Number($('.map').dataset.sum); out.first = sum();
      $('#v-gain').value = '16'; $('#v-gain').dispatchEvent(new Event('change')); await wait(); out.louder = sum();
      $('#v-b').value = 'x'; $('#v-b').dispatchEvent(new Event('change')); await wait(); out.nothing = sum();
      out.items = all('.thumbs button').length;
      all('.thumbs button')[1].click(); out.pressed = all('.thumbs button').map((b) => b.getAttribute('aria-pressed'));
      return out;
    """  # fmt: skip
    out = browser.run(page, script).result
    assert "50%" in out["before"] and "20%" in out["after"] and "70%" in out["dragged"]
    assert "scale(1.5)" in out["zoom"] and out["map"]
    black = 32 * 64 * (0 + 0 + 4 + 255)
    assert out["louder"] > out["first"] > out["nothing"] == black
    assert out["items"] == 8 and out["pressed"][:2] == ["false", "true"]


def test_an_extreme_item_opens_in_the_viewer(page: Path) -> None:
    script = CLICK + """
      const cells = all('#extreme-tables tbody th').map((t) => t.textContent);
      const worst = cells[0]; all('#extreme-tables button')[0].click();
      return [worst, $('.thumbs button[aria-pressed=true]').title, $('#v-b').value, cells.length];
    """  # fmt: skip
    worst, shown, right, count = browser.run(page, script).result
    assert worst == shown and right.startswith("blind") and count == 8 and worst in Pairs().ids


@pytest.mark.parametrize(("theme", "dark"), [("light", False), ("dark", True)])
def test_the_theme_can_be_chosen(page: Path, theme: str, dark: bool) -> None:
    script = CLICK + f"""
      $('#theme').value = '{theme}'; $('#theme').dispatchEvent(new Event('change'));
      return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
    """  # fmt: skip
    assert (max(browser.run(page, script).result) < 80) is dark


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_runs_over_the_edge(page: Path, width: int) -> None:
    # Headless Chromium makes no window narrower than 500 pixels; a frame can be.
    script = CLICK + f"""
      const frame = document.createElement('iframe'); frame.style.cssText = 'width:{width}px;height:900px;border:0';
      frame.srcdoc = document.documentElement.outerHTML.replace(/<script>\\(async[^]*?<\\/script>/, '');
      document.body.append(frame); await new Promise((r) => {{ frame.onload = r; }});
      await new Promise((r) => setTimeout(r, 300));
      const inner = frame.contentDocument;
      return [inner.documentElement.scrollWidth, inner.querySelectorAll('.panel svg').length];
    """  # fmt: skip
    wide, panels = browser.run(page, script).result
    assert wide <= width and panels >= 1


@pytest.mark.parametrize("view", ["curves", "ranking", "pictures", "extremes"])
@pytest.mark.parametrize("size", [(1280, 900), (500, 900)])
def test_every_view_draws_something(page: Path, tmp_path: Path, view: str, size: tuple[int, int]) -> None:
    shot = tmp_path / f"{view}.png"
    # A headless screenshot shows the top of the page: the other views make room.
    browser.run(
        page, f"for (const s of document.querySelectorAll('section')) if (s.id !== '{view}') s.remove()", size, shot
    )
    picture = np.asarray(Image.open(shot).convert("L"))
    assert picture.shape == (size[1], size[0]) and picture.std() > 5 and len(np.unique(picture)) > 20
