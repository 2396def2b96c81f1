"""The progress bar: on a terminal and in a notebook, by tqdm or plain; what stands for standard error never fails."""

import io
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

import fnn
from fnn.training import progress
from fnn.training.progress import NetworkProgress, PlainBar, PoolProgress, Progress
from tests.terminals import ROOT, Terminal, on_a_terminal

TRAIN = """
import sys
{before}
import fnn, time
params = fnn.init((1, 1), seed=0)
run = fnn.train(params, [[1.0]] * 4, [[0.5]] * 4, eta=0.1, epochs={epochs}, batch_size=1,
                callbacks=[fnn.progress({progress}), {call}], validation=([[1.0]], [[3.0]]))
print("error", run.history.error[-1])
"""
WITHOUT_TQDM = "sys.modules['tqdm'] = None"


def script(
    before: str = "", epochs: int = 3, progress: object = None, pause: float = 0.0, call: str = "each_epoch"
) -> list[str]:
    function = f"lambda *_: time.sleep({pause})"
    call = f"fnn.each_steps(1, {function})" if call == "each_steps" else f"fnn.each_epoch({function})"
    code = TRAIN.format(before=before, epochs=epochs, progress=progress, call=call)

    return [sys.executable, "-W", "error", "-c", code]


def piped(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_nothing_is_printed_where_no_user_watches() -> None:
    done = piped(script(pause=0.6))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("error")


@pytest.mark.parametrize("before", ["", WITHOUT_TQDM])
def test_a_long_run_on_a_terminal_shows_a_bar(before: str) -> None:
    if not before:
        pytest.importorskip("tqdm")
    seen, status = on_a_terminal(script(before, epochs=8, pause=0.3))

    assert status == 0, seen
    assert re.search(r"\d/8 (epochs )?\[", seen)
    assert re.search(r"\[00:0\d<00:0\d, ", seen)  # how long it has taken, and how long it will
    assert re.search(r"error 0\.\d+, validation [23]\.\d+", seen)
    assert seen.endswith("\r")  # and takes it away
    assert "\n" not in seen


def test_the_bar_moves_within_an_epoch() -> None:
    pytest.importorskip("tqdm")
    seen, status = on_a_terminal(script(epochs=2, pause=0.4, call="each_steps"))

    assert status == 0, seen
    assert {"0.8/2", "1.2/2", "1.5/2", "1.8/2"} & set(re.findall(r"\d\.\d/2", seen))
    assert {"1.0/2", "2.0/2"} & set(re.findall(r"\d\.\d/2", seen))


def test_a_short_run_on_a_terminal_shows_none() -> None:
    seen, status = on_a_terminal(script())

    assert (status, seen.strip()) == (0, "")


def test_no_bar_on_a_terminal_if_unwanted() -> None:
    seen, status = on_a_terminal(script(epochs=4, pause=0.4, progress=False))

    assert (status, seen) == (0, "")


def test_the_bar_is_taken_away_if_the_run_fails() -> None:
    pytest.importorskip("tqdm")
    command = script(epochs=8, pause=0.3)
    command[-1] = command[-1].replace("time.sleep(0.3)", "(time.sleep(0.4), 1 / (5 - _[0]))")
    seen, status = on_a_terminal(command)

    assert status == 1
    assert "/8 [" in seen
    assert seen.rfind("Traceback") > seen.rfind("/8 [")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)

    return clock


def written(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    """The stream, which is standard error from now on, and tqdm isn't installed."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(sys.modules, "tqdm", None)

    return stream


def test_a_plain_bar_says_how_far_it_is_and_how_long_it_takes(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    terminal, bar = written(monkeypatch, Terminal()), Progress(None)
    bar.begin(10, 2)  # resumed after two epochs
    clock.now += 0.9
    bar.show(2.5)
    assert terminal.getvalue() == ""  # in the first second

    bar.tell(fnn.Record(0.25, 0.5, None))
    clock.now += 59.1
    bar.show(3.5)
    clock.now += 0.05
    bar.show(3.6)  # too soon to write it again
    first = " 35% |######----------| 3.5/10 epochs [01:00<04:20, error 0.25, validation 0.5]"
    assert terminal.getvalue() == f"\r{first}"

    bar.tell(fnn.Record(0.125, None, None))
    clock.now += 3999.95
    bar.show(10)
    second = "100% |####################| 10.0/10 epochs [1:07:40<00:00, error 0.125]"
    assert terminal.getvalue() == f"\r{first}\r{second:<{len(first)}}"  # nothing of the first is left

    bar.close()
    assert terminal.getvalue().endswith(f"\r{' ' * len(second)}\r")


def test_a_plain_bar_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    terminal = written(monkeypatch, Terminal())
    PlainBar(10, 0, "epoch", clock.now).show(0.0, "error " + 100 * "9")

    assert terminal.getvalue().startswith("\r  0% || 0.0/10 epochs [00:00<?, error 999")
    assert len(terminal.getvalue()) == 80  # of which the return is one


def test_a_wanted_bar_in_a_log_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    log, bar = written(monkeypatch, io.StringIO()), Progress(True)
    bar.begin(4, 0)
    for _ in range(40):
        clock.now += 0.5
        bar.show((clock.now - 100.0) / 10)
    bar.close()

    assert log.getvalue() == (
        "  2% |--------------------| 0.1/4 epochs [00:01<00:39]\n"
        " 28% |######--------------| 1.1/4 epochs [00:11<00:29]\n"
    )


def test_tqdm_gets_where_a_resumed_run_was_and_when_it_began(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    tqdm: Any = pytest.importorskip("tqdm").tqdm
    made: list[Any] = []

    class Noting(tqdm):  # type: ignore[misc] # a class known only at run time
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append((self, options))

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", cast(ModuleType, SimpleNamespace(tqdm=Noting)))
    bar = Progress(None)
    bar.begin(10, 4)
    clock.now += 30
    bar.show(4.5)
    ((shown, options),) = made
    bar.close()

    assert (options["total"], options["initial"], shown.n) == (10, 4, 4.5)
    assert shown.format_dict["elapsed"] == pytest.approx(30, abs=5)
    assert shown.disable  # closed


def test_a_notebook_has_the_bar_of_tqdm_auto_or_a_plain_one(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    calls: list[Any] = []

    class Widget:
        n, start_t, last_print_t = 0.0, 0.0, 0.0

        def __init__(self, **options: Any) -> None:
            calls.append(options["total"])

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments, **_: calls.append((name, *arguments))

    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", cast(ModuleType, SimpleNamespace(get_ipython=lambda: shell)))
    output = io.StringIO()  # no terminal
    monkeypatch.setattr(sys, "stderr", output)
    for module in (SimpleNamespace(tqdm=Widget), None):
        monkeypatch.setitem(sys.modules, "tqdm.auto", cast(ModuleType, module))
        bar = Progress(None)
        bar.begin(4, 0)
        clock.now += 2
        bar.show(1.0)
        bar.close()

    assert calls == [4, ("set_postfix_str", ""), ("update", 1.0), ("close",)]
    assert output.getvalue().startswith("\r 25% |#####---------------| 1.0/4 epochs [00:02<00:06]\r")


class Logger:
    """What some programs put in the place of standard error."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is kept back."""


class Failing(Terminal):
    def isatty(self) -> bool:
        raise OSError("no such device")


class Full(Terminal):
    def write(self, text: str) -> int:
        raise OSError("no space left")


class Broken(Terminal):
    """Fails from the third writing on."""

    count = 0

    def write(self, text: str) -> int:
        self.count += 1
        if self.count > 2:
            raise BrokenPipeError
        return len(text)


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()

    return stream


@pytest.mark.parametrize("make", [Logger, closed, Failing, Full, Broken, object, lambda: None])
@pytest.mark.parametrize("shown", [None, True])
@pytest.mark.parametrize("has_tqdm", [True, False])
def test_whatever_stands_for_standard_error(
    make: Any, shown: bool | None, has_tqdm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, x, y = fnn.init((1, 1), seed=0), [[1.0]] * 4, [[0.5]] * 4
    given: dict[str, Any] = dict(eta=0.1, epochs=30, batch_size=1)
    wanted = fnn.train(params, x, y, **given)
    stream = make()
    monkeypatch.setattr(progress, "_DELAY", -1.0)
    monkeypatch.setattr(progress, "_REWRITTEN", 0.0)
    monkeypatch.setattr(sys, "stderr", stream)
    if not has_tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    watched: list[Any] = [fnn.progress(shown), fnn.each_epoch(lambda *_: None)]
    alone = fnn.train(params, x, y, callbacks=watched, **given)
    (one, other) = fnn.train_many([params] * 2, x, y, callbacks=watched, threads=2, **given)

    assert alone.params == one.params == other.params == wanted.params
    if isinstance(stream, Logger):
        assert ("/30" in stream.text and "/2" in stream.text) == (shown is True)
        assert shown or stream.text == ""


def test_many_networks_have_one_bar(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    terminal, whole = written(monkeypatch, Terminal()), PoolProgress(None)
    whole.begin(4, 0)
    clock.now += 10
    first, second, third = NetworkProgress(whole), NetworkProgress(whole), NetworkProgress(whole)
    first.begin(8, 4)  # resumed
    second.begin(0, 0)
    second.close()
    third.begin(5, 0)
    for epoch in range(1, 3):  # ended by a callback
        clock.now += 1
        third.tell(fnn.Record(1.0, None, None))
        third.show(epoch)
    third.close()
    clock.now += 1
    first.show(5)

    bars = terminal.getvalue().split("\r")
    assert [re.findall(r"\| (.*) n", bar)[0] for bar in bars if bar] == ["0.5/4", "1.7/4", "1.9/4", "2.6/4"]
    assert "error" not in terminal.getvalue()


def test_train_many_shows_one_bar_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY", -1.0)
    monkeypatch.setattr(progress, "_REWRITTEN", 0.0)
    terminal = written(monkeypatch, Terminal())
    params, x, y = fnn.init((1, 1), seed=0), [[1.0]] * 4, [[0.5]] * 4
    for callbacks in ([], [fnn.progress()], [fnn.progress(True)], fnn.Each([[], [fnn.progress(True)], []])):
        fnn.train_many([params] * 3, x, y, eta=0.1, epochs=2, callbacks=callbacks)
        assert "3.0/3 networks [" in terminal.getvalue()
        assert "epochs" not in terminal.getvalue()
        assert terminal.getvalue().endswith("\r")
        terminal.seek(0)
        terminal.truncate()
    fnn.train_many([params] * 3, x, y, eta=0.1, epochs=2, callbacks=[fnn.progress(False)])
    assert terminal.getvalue() == ""
