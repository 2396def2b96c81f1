"""How the work of a step is divided into parts that several threads take."""

from fnn.compiler.inline import inline
from fnn.compiler.target import line_width
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry


@inline
def partition(total: int, part: int, parts: int) -> tuple[int, int]:
    """The range of a part: [0, total) in `parts` ranges of nearly equal size."""
    if parts == 1:  # two divisions take as long as a small layer
        return 0, total
    return total * part // parts, total * (part + 1) // parts


@inline
def rows_of_part(net: Net, layer: int, part: int, parts: int) -> tuple[int, int, bool]:
    """The part's rows of Wˡ, and whether it has bˡ, which counts as one row more.

    Layers of one shape that follow each other are divided as one, so that a part has whole ones. For any rows of Wˡ a
    thread reads all of Δˡ, half of which another has written: for half of each of twelve layers of 32 units and 64
    cases, half as much again as for six of them, and two threads took 18.9 µs a step rather than 17.5.

    In the end a thread writes its rows of Wˡ as columns of (Wˡ)ᵀ, whose cache lines are therefore not divided, or two
    threads would write to each: with layers of 20, 100, 200, 50 and 1 units and 64 cases 38.7 µs rather than 37.1.
    """
    units, inputs = entry(net, layer, plan.UNITS), entry(net, layer - 1, plan.UNITS)
    if parts == 1:
        return 0, inputs, True
    first = last = layer
    if units == inputs:
        while first > 1 and entry(net, first - 2, plan.UNITS) == units:
            first -= 1
        while last < net.layers and entry(net, last + 1, plan.UNITS) == units:
            last += 1
    rows, above = inputs + 1, (layer - first) * (inputs + 1)
    line = line_width(net.weights) if layer > 1 and 2 * inputs > line_width(net.weights) * parts else 1
    top, bottom = partition((last - first + 1) * rows, part, parts)
    top, bottom = whole_lines(top - above, rows, line), whole_lines(bottom - above, rows, line)
    return min(top, inputs), min(bottom, inputs), top < rows == bottom


@inline
def whole_lines(row: int, rows: int, line: int) -> int:
    """The row of 0 .. rows, which is a multiple of `line`, a power of two, or the last one, nearest to `row`."""
    return min((max(row, 0) + line // 2) & -line, rows) if row < rows else rows
