"""Files that are replaced as a whole: whoever looks finds the old one or the new one, never a part."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BufferedWriter]:
    """A file to write to, which takes the place of the one at the path if the block ends without an exception.

    Until then it stands beside that one, as ``.name.<random>.tmp``. Killed at any instant, a process leaves the
    previous file as it was, and perhaps such a stranger, which nothing reads.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
    with open(temporary, "xb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a machine that loses power may have the name without the contents
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
