"""`fnn.plots.film`, and the package itself."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.animation import FFMpegWriter
from matplotlib.axes import Axes
from PIL import Image

import fnn

STARTS = [fnn.init((2, 2, 1), seed=seed) for seed in range(7)]
X, LABELS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0]


class Watched:
    """A draw that keeps what it was called with."""

    def __init__(self) -> None:
        self.networks: list[object] = []

    def __call__(self, params: object, *, ax: Axes) -> None:
        assert not ax.lines
        ax.plot([0, len(self.networks)], [0, 1])
        self.networks.append(params)


def fails_second(params: object, *, ax: Axes) -> None:
    if params != STARTS[0]:
        raise KeyError("mine")


def red(path: Path, frame: int) -> int:
    """How many pixels of a frame are nearly pure red."""
    with Image.open(path) as film:
        film.seek(frame)
        r, g, b = np.moveaxis(np.asarray(film.convert("RGB"), np.int64), -1, 0)
    return int(((r > 200) & (g < 60) & (b < 60)).sum())


class TestFilm:
    def test_a_frame_for_each_network_in_order(self, tmp_path: Path) -> None:
        draw = Watched()

        path = fnn.plots.film({30: STARTS[2], 10: STARTS[0], 20: STARTS[1]}, draw, tmp_path / "a.gif", fps=5)

        assert draw.networks == STARTS[:3]
        with Image.open(path) as film:
            assert (film.n_frames, film.size, film.info["duration"]) == (3, (640, 480), 200)  # type: ignore[attr-defined]
        assert path == tmp_path / "a.gif"

    def test_what_is_drawn_is_in_its_frame(self, tmp_path: Path) -> None:
        def draw(params: fnn.Params[np.float64], *, ax: Axes) -> None:
            if params == STARTS[1]:
                ax.set_facecolor("red")

        path = fnn.plots.film(STARTS[:3], draw, tmp_path / "a.gif", width=2, height=1)

        assert [red(path, frame) > 500 for frame in range(3)] == [False, True, False]

    def test_some_of_many_the_last_among_them(self, tmp_path: Path) -> None:
        for frames, chosen in ((3, [0, 3, 6]), (1, [6]), (100, range(7))):
            draw = Watched()
            fnn.plots.film(STARTS, draw, str(tmp_path / "a.gif"), frames=frames, width=1, height=1)
            assert draw.networks == [STARTS[i] for i in chosen]

    def test_webp(self, tmp_path: Path) -> None:
        path = fnn.plots.film(STARTS[:3], fnn.plots.network, tmp_path / "a.webp", fps=4, width=2, height=1)

        with Image.open(path) as film:
            film.seek(1)
            assert (film.format, film.n_frames, film.size) == ("WEBP", 3, (200, 100))  # type: ignore[attr-defined]
            film.load()
            assert film.info["duration"] == 250

    @pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="no ffmpeg")
    def test_mp4(self, tmp_path: Path) -> None:
        path = fnn.plots.film(STARTS[:3], fnn.plots.network, tmp_path / "a.mp4", width=2.01, height=1)

        assert path.read_bytes()[4:8] == b"ftyp"
        with pytest.raises(KeyError, match="mine"):
            fnn.plots.film(STARTS, fails_second, tmp_path / "b.mp4")
        assert list(tmp_path.iterdir()) == [path]

    def test_mp4_without_ffmpeg(self, tmp_path: Path) -> None:
        with (
            rc_context({"animation.ffmpeg_path": "no such program"}),
            pytest.raises(ValueError, match=r"path: \.mp4 needs the program ffmpeg, which isn't there"),
        ):
            fnn.plots.film(STARTS, fnn.plots.network, tmp_path / "a.mp4")

    def test_plots_of_this_package(self, tmp_path: Path) -> None:
        draw = partial(fnn.plots.decision, x=X, labels=LABELS, resolution=20)

        for each in (draw, fnn.plots.network):
            with Image.open(fnn.plots.film(STARTS[:2], each, tmp_path / "a.gif", width=4, height=3)) as film:
                assert film.n_frames == 2  # type: ignore[attr-defined]

    def test_bad_values(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gif"
        with pytest.raises(ValueError, match="params_by_epoch: needs one network at least, got none"):
            fnn.plots.film({}, Watched(), path)
        for wrong in (STARTS[0], 3, "abc"):
            with pytest.raises(TypeError, match="params_by_epoch: needs networks by their epochs, got"):
                fnn.plots.film(wrong, Watched(), path)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"params_by_epoch\[2\]: needs fnn\.Params, got int"):
            fnn.plots.film([STARTS[0], 3], Watched(), path)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"path: must end in \.gif, \.webp or \.mp4, got 'a\.mov'"):
            fnn.plots.film(STARTS, Watched(), "a.mov")
        with pytest.raises(TypeError, match="draw: needs a function such as"):
            fnn.plots.film(STARTS, 3, path)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="frames: must be at least 1, got 0"):
            fnn.plots.film(STARTS, Watched(), path, frames=0)
        with pytest.raises(ValueError, match="fps: must be at most 50, got 51"):
            fnn.plots.film(STARTS, Watched(), path, fps=51)
        for size in (0.5, 50):
            with pytest.raises(ValueError, match=f"width: must be at least 1 and below 50, got {size}"):
                fnn.plots.film(STARTS, Watched(), path, width=size)
            with pytest.raises(ValueError, match=f"height: must be at least 1 and below 50, got {size}"):
                fnn.plots.film(STARTS, Watched(), path, height=size)
        with pytest.raises(FileNotFoundError):
            fnn.plots.film(STARTS, Watched(), tmp_path / "no" / "a.gif")
        assert not list(tmp_path.iterdir())

    def test_an_error_of_draw_is_the_callers(self, tmp_path: Path) -> None:
        def draw(params: object, *, ax: Axes) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            fnn.plots.film(STARTS, draw, tmp_path / "a.gif")
        assert not list(tmp_path.iterdir())

    def test_after_an_error_the_film_that_was_there_is_as_it_was(self, tmp_path: Path) -> None:
        path = fnn.plots.film(STARTS[:2], fnn.plots.network, tmp_path / "a.gif", width=1, height=1)
        before = path.read_bytes()

        with pytest.raises(KeyError, match="mine"):
            fnn.plots.film(STARTS, fails_second, path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


class TestPackage:
    def test_every_function_is_public_and_described(self) -> None:
        assert set(fnn.plots.__all__) == {
            "activations", "calibration", "confusion", "curve", "decision", "deltas", "film", "history", "network",
            "residuals", "weights",
        }  # fmt: skip
        for name in fnn.plots.__all__:
            assert len(getattr(fnn.plots, name).__doc__) > 200

    def test_settings_of_matplotlib_stay_as_they_are(self) -> None:
        before = dict(rcParams)
        fnn.plots.network(STARTS[0])
        fnn.plots.decision(STARTS[0], X, LABELS)

        assert dict(rcParams) == before

    def test_without_matplotlib(self) -> None:
        code = "import sys; sys.modules['matplotlib'] = None; import fnn; fnn.plots"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)

        last = done.stderr.strip().splitlines()[-1]
        assert last == "ModuleNotFoundError: fnn.plots needs the package matplotlib: pip install 'fnn[plots]'"

    def test_a_newcomers_three_pictures(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lines = [line.strip() for line in (fnn.plots.__doc__ or "").splitlines() if line.startswith("    ")]
        program = lines[lines.index("import fnn") :]
        assert len(program) <= 12
        monkeypatch.chdir(tmp_path)

        named: dict[str, Any] = {}
        exec("\n".join(program).replace("frames=20", "frames=2"), named)

        assert {path.name for path in tmp_path.iterdir()} == {"network.png", "unit.png", "moons.gif"}
        assert fnn.accuracy(named["run"].params, named["x"], named["y"]) > 0.95
