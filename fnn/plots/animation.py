"""`film`: a plot of one network after another, as an animation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol, SupportsFloat, SupportsIndex

import numpy as np
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fnn.boundary.checks import path_of, real, whole
from fnn.network.params import DT, Params, require_params
from fnn.plots.canvas import plot

_DPI: Final = 100
_WRITERS: Final[dict[str, type[PillowWriter | FFMpegWriter]]] = {
    ".gif": PillowWriter, ".webp": PillowWriter, ".mp4": FFMpegWriter,
}  # fmt: skip


class Draw(Protocol[DT]):
    """A function that draws a network into axes, such as `fnn.plots.network`."""

    def __call__(self, params: Params[DT], /, *, ax: Axes) -> object:
        """Draw into ``ax``."""


@plot
def film(
    params_by_epoch: Mapping[int, Params[DT]] | Sequence[Params[DT]], draw: Draw[DT], path: str | PathLike[str], *,
    frames: SupportsIndex = 60, fps: SupportsIndex = 10, width: SupportsFloat = 6.4, height: SupportsFloat = 4.8,
) -> Path:  # fmt: skip
    """A film of how a plot changes from epoch to epoch, as GIF, WebP or MP4.

    Parameters
    ----------
    params_by_epoch
        What a callback kept: networks by their epochs, such as
        ``fnn.each_epoch(lambda epoch, params, record: kept.update({epoch: params}))``, or in a row from epoch 1 on.
    draw
        Called as ``draw(params, ax=ax)`` for each frame, with empty axes of an empty figure: a plot of this package,
        with other arguments by `functools.partial`, such as the ``limit`` of `network`, so that a colour is the same
        weight in all frames.
    path
        Where to write it, with the ending .gif, .webp, which has all colours, or .mp4, which needs the program ffmpeg.
        A file that is there is replaced once the film is whole.
    frames
        How many there are at most, from 1 on: of more epochs some are left out, evenly, but never the last one.
    fps
        Frames a second, 1 to 50.
    width, height
        Of a frame, in inches of 100 pixels, at least 1 and below 50.

    Returns
    -------
    The path.

    Raises
    ------
    ValueError, TypeError
        No network; another ending, or .mp4 without ffmpeg; a number out of range; arguments of another type.
    OSError
        The file can't be written.

    Examples
    --------
    >>> import fnn, tempfile
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> kept = {}
    >>> keep = fnn.each_epoch(lambda epoch, params, record: kept.update({epoch: params}))
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=100, callbacks=[keep])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fnn.plots.film(kept, fnn.plots.network, f"{folder}/xor.gif", frames=3).suffix
    '.gif'
    """
    networks = _networks_of(params_by_epoch)
    if not callable(draw):
        raise TypeError(f"draw: needs a function such as fnn.plots.network, got {draw!r:.60}")
    target = Path(path_of("path", path))
    count = min(whole("frames", frames, at_least=1), len(networks))
    chosen = [networks[i] for i in np.unique(np.linspace(len(networks) - 1, 0, count).round().astype(np.int64))]
    size = real("width", width, at_least=1, below=50), real("height", height, at_least=1, below=50)
    writer = _writer_for(target)(whole("fps", fps, at_least=1, at_most=50))
    with TemporaryDirectory(dir=target.parent) as folder:
        part = Path(folder, target.name)
        _write(writer, part, Figure(size, dpi=_DPI, layout="compressed"), chosen, draw)
        part.replace(target)

    return target


def _writer_for(target: Path) -> type[PillowWriter | FFMpegWriter]:
    """Matplotlib's writer for the ending of a path."""
    writer = _WRITERS.get(target.suffix.lower())
    if writer is None:
        raise ValueError(f"path: must end in .gif, .webp or .mp4, got {str(target)!r}")
    if not writer.isAvailable():
        raise ValueError(f"path: {target.suffix} needs the program ffmpeg, which isn't there; .gif and .webp don't")

    return writer


def _write(
    writer: PillowWriter | FFMpegWriter, path: Path, figure: Figure, networks: Sequence[tuple[int, Params[Any]]],
    draw: Draw[Any],
) -> None:  # fmt: skip
    """A frame for each network; after an error the writer is ended, too."""
    writer.setup(figure, str(path), _DPI)
    try:
        for epoch, params in networks:
            figure.clear()
            ax = figure.subplots()
            draw(params, ax=ax)
            ax.set_title(f"epoch {epoch}", loc="right")
            writer.grab_frame()
    except BaseException:
        with suppress(Exception):  # with no frame it can't
            writer.finish()
        raise
    writer.finish()


def _networks_of(params_by_epoch: Any) -> list[tuple[int, Params[Any]]]:
    """The epochs and their networks, in order."""
    if isinstance(params_by_epoch, Mapping) and not isinstance(params_by_epoch, Params):
        networks = sorted((whole("params_by_epoch", e, at_least=0), params) for e, params in params_by_epoch.items())
    elif isinstance(params_by_epoch, Sequence) and not isinstance(params_by_epoch, str):
        networks = list(enumerate(params_by_epoch, start=1))
    else:
        raise TypeError(f"params_by_epoch: needs networks by their epochs, got {type(params_by_epoch).__name__}")
    if not networks:
        raise ValueError("params_by_epoch: needs one network at least, got none")
    for epoch, params in networks:
        require_params(f"params_by_epoch[{epoch}]", params)

    return networks
