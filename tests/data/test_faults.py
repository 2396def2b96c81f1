"""The table of faults has an error for each code."""

from __future__ import annotations

from fnn.data.faults import FAULTS
from fnn.data.kernels import faults as codes


def test_every_code_but_fine_has_an_error() -> None:
    numbers = {name: code for name, code in vars(codes).items() if name.isupper()}
    assert len(set(numbers.values())) == len(numbers)
    assert set(FAULTS) == set(numbers.values()) - {codes.FINE}


def test_messages_name_the_argument_and_have_no_other_fields_than_the_loss_and_the_labels() -> None:
    words = {"loss": "L", "targets": "y: T", "outputs": "loss: O", "greatest": "9"}
    for code, fault in FAULTS.items():
        message = fault.message.format_map(words)
        assert ": " in message or code == codes.DIVERGED
        assert issubclass(fault.error, ValueError | MemoryError | ArithmeticError)
