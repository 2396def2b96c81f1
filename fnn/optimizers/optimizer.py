"""The base of all optimizers: their common fields, a step, the state, and what the kernels know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from fnn.boundary.checks import positive, whole
from fnn.compiler.numba_types import numba_type
from fnn.compiler.target import float_type
from fnn.data.conversion import cast_to
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.tree import require_same_structure
from fnn.optimizers.kernels import abi
from fnn.optimizers.kernels.apply import MODIFIED_STEP, modified_kernel, plain_kernel
from fnn.optimizers.kernels.rules import Rule
from fnn.optimizers.schedule import Etas, Rate, Steps, etas
from fnn.values import AtLeast0, Flag, Fraction, OptionalPositive, Value

Coefficients: TypeAlias = Mapping[str, Etas | float]


@dataclass(frozen=True, slots=True)
class OptimizerState(Generic[DT]):
    """What an optimizer remembers: how many steps it has taken, vectors that are like the parameters, and numbers.

    Vectors and numbers are those of the optimizer's formula, in its order. Immutable, and can be pickled.
    """

    step: int
    vectors: tuple[Params[DT], ...]
    numbers: tuple[float, ...] = ()

    @property
    def _numba_type_(self) -> types.Type:
        return numba_type(self)


def require_parts(owner: Value, count: int, numbers: int, params: Params[Any], state: OptimizerState[Any]) -> None:
    """Raise TypeError or ValueError unless it is a state with as many vectors like params, and finite numbers."""
    if not isinstance(state, OptimizerState):
        raise TypeError(f"state: needs what init or update returned, got {type(state).__name__}")
    whole("state.step", state.step, at_least=0)
    if len(state.vectors) != count:
        raise ValueError(f"state: {owner!r} needs {count} vectors, got {len(state.vectors)}")
    if len(state.numbers) != numbers or not np.isfinite(state.numbers).all():
        raise ValueError(f"state: {owner!r} needs {numbers} finite numbers, got {state.numbers}")
    for i, vector in enumerate(state.vectors):
        require_params(f"state.vectors[{i}]", vector)
        require_same_structure(f"state.vectors[{i}]", params, vector)
        if vector.dtype != params.dtype:
            raise ValueError(f"state.vectors[{i}]: needs {params.dtype}, got {vector.dtype}")


class Optimizer(Value):
    """The base of all optimizers, and the fields that all of them have.

        g ← min(max(g, −clip), clip)                elementwise
        g ← g · min(1, clip_norm / ‖g‖)             ‖g‖ of all W and b together
        W ← W − η λ W                               λ is weight_decay
        the formula of the optimizer
        W ← (1 − d) W                               d is shrink
        Wⱼ ← Wⱼ · min(1, max_norm / ‖Wⱼ‖)           Wⱼ, a column, has the weights into unit j

    `update` and `fnn.train` take the same steps, to the bit; in `train`, g includes the penalty of a `Regularization`.

    To add an optimizer: a rule in `fnn.optimizers.kernels.rules`, and a subclass with its hyperparameters and
    coefficients in `fnn.optimizers.library`.

    Parameters
    ----------
    clip, clip_norm, max_norm
        The largest absolute value of an element of the gradient, its largest norm, and the largest norm of the weights
        into a unit (Srivastava et al. 2014), above 0. None: no limit.
    weight_decay, shrink
        λ of decoupled weight decay (Loshchilov, Hutter 2019), at least 0, η λ at most 1; and d in [0, 1), the fraction
        of each weight that is taken away in every step, whatever η is.
    decay_biases
        Whether `weight_decay` and `shrink` apply to biases, too.
    """

    rule: ClassVar[Rule]
    starts: ClassVar[tuple[str, ...]] = ()  # for each vector of state, the hyperparameter that it starts from, or ""
    needs_all_cases: ClassVar[bool] = False  # in every step

    _: KW_ONLY
    clip: OptionalPositive = None
    clip_norm: OptionalPositive = None
    weight_decay: AtLeast0 = 0.0
    shrink: Fraction = 0.0
    decay_biases: Flag = False
    max_norm: OptionalPositive = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay and self.rate is None:
            raise ValueError(
                f"weight_decay: fnn.{type(self).__name__} has no eta to multiply it by; use shrink, "
                f"got {self.weight_decay}"
            )

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η, of each step or of all, and the rule's other coefficients in these steps, from 0 on, but for fields."""
        return {"eta": eta}

    def init(self, params: Params[DT]) -> OptimizerState[DT]:
        """The state before the first step; TypeError if params isn't `Params`."""
        require_params("params", params)

        return OptimizerState(0, tuple(wrap(v, params.architecture) for v in self.vectors(params)))

    def update(
        self, params: Params[DT], grads: Params[Any], state: OptimizerState[DT]
    ) -> tuple[Params[DT], OptimizerState[DT]]:
        """One step: the new params, and the new state.

        Raises
        ------
        ValueError
            params, grads and the state's vectors differ in structure, the state is another optimizer's, a coefficient
            of this step is beyond the dtype of params, or a schedule goes over the steps of a run, which only `train`
            knows.
        TypeError
            An argument of another type.
        """
        require_params("params", params)
        require_params("grads", grads)
        require_same_structure("grads", params, grads)
        self.require_state(params, state)
        dtype, architecture = params.dtype, params.architecture
        flat, g = params.flat_buffer.copy(), cast_to(dtype, grads.flat_buffer, "grads")
        vectors = np.array([old.flat_buffer for old in state.vectors], dtype).reshape(-1, flat.size)
        sizes, row = np.array(params.sizes), self.coefficient_table(state.step, 1, dtype)[0]
        descriptor = self.descriptor(dtype, flat.size)
        if self.modifies_weights:
            step, squares = MODIFIED_STEP.address(float_type(dtype)), np.empty(max(params.sizes))
            g = g.copy() if np.may_share_memory(g, grads.flat_buffer) else g
            modified_kernel[dtype](step, sizes, descriptor, row, flat, g, vectors.ravel(), squares)
        else:
            plain_kernel[dtype](sizes, descriptor, row, flat, g, vectors.ravel())
        after = OptimizerState(state.step + 1, tuple(wrap(vector, architecture) for vector in vectors))

        return wrap(flat, architecture), after

    @property
    def _numba_type_(self) -> types.Type:
        """One type for all, so that another optimizer compiles nothing; ValueError if @njit can't use it."""
        return numba_type(self)

    def __repr__(self) -> str:
        values, of_all = vars(self), [field for field in fields(self) if field.kw_only]
        shown = [*self.__match_args__, *(field.name for field in of_all if values[field.name] != field.default)]

        return f"fnn.{type(self).__name__}({', '.join(f'{name}={values[name]!r}' for name in shown)})"

    @property
    def rate(self) -> Rate | None:
        """Its learning rate, if it has one."""
        rate: Rate | None = getattr(self, "eta", None)

        return rate

    def with_rate(self, eta: Rate) -> Self:
        """The same with another learning rate."""
        return self.__replace__(eta=eta)

    @property
    def modifies_weights(self) -> bool:
        """Whether a step is more than the rule, decoupled decay included."""
        return bool(self.shrink) or (self.clip, self.clip_norm, self.max_norm) != (None, None, None)

    def vectors(self, params: Params[DT]) -> NDArray[DT]:
        """The vectors of state before the first step, a row each."""
        rows = np.zeros((self.rule.states, params.flat_buffer.size), params.dtype)
        for row, name in zip(rows, self.starts, strict=False):
            row[:] = positive(name, getattr(self, name), params.dtype) if name else 0

        return rows

    def require_state(self, params: Params[Any], state: OptimizerState[Any]) -> None:
        """Raise TypeError or ValueError unless the state is one of this optimizer for such params."""
        require_parts(self, self.rule.states, 0, params, state)

    def descriptor(self, dtype: np.dtype[Any], stride: int) -> NDArray[np.int64]:
        """What the kernels must know of it in itself; `stride` from one vector of state to the next."""
        descriptor = np.zeros(abi.DESCRIPTOR_SIZE, np.int64)
        descriptor[abi.MASK] = -1
        descriptor[abi.RULE] = self.rule.address(float_type(dtype))
        descriptor[abi.STRIDE] = stride

        return descriptor

    def columns(self, eta: Etas | float, steps: Steps) -> dict[int, Etas | float]:
        """The columns of the coefficient table that aren't 0, by their number."""
        own, others = vars(self), self.coefficients(eta, steps)
        names = enumerate(self.rule.coefficients, start=abi.RULE_COEFFICIENTS)

        return {
            abi.ETA: others.get("eta", 0.0),
            abi.KEEP: 1 - eta * self.weight_decay,
            abi.SHRINK: 1 - self.shrink,
            abi.DECAY_BIASES: float(self.decay_biases),
            abi.CLIP: np.inf if self.clip is None else self.clip,
            abi.GRADIENT_NORM: self.clip_norm or 0.0,
            abi.UNIT_NORM: self.max_norm or 0.0,
            **{column: others[name] if name in others else own[name] for column, name in names},
        }

    def require_limits(self, dtype: np.dtype[Any]) -> None:
        """Raise ValueError if a limit, or ε, is beyond the dtype or 0 there, or ε² is."""
        fields = vars(self)
        for name in ("clip", "clip_norm", "max_norm", "epsilon"):
            if fields.get(name) is not None:
                positive(name, fields[name], dtype)
        least, epsilon = float(np.sqrt(np.finfo(dtype).tiny)), fields.get("epsilon", 1.0)
        if epsilon < least:
            raise ValueError(
                f"epsilon: must be at least {least:.2g} in {dtype}, or gradients whose squares are too small for "
                f"it would make huge steps; got {epsilon}"
            )

    def coefficient_table(self, first: int, count: int, dtype: np.dtype[DT]) -> NDArray[DT]:
        """The coefficients of `count` steps after the first ones, as kernels take them: a row each, or one for all.

        ValueError if one or a limit is beyond the dtype, or weight decay takes more than all of a weight.
        """
        steps = np.arange(first, first + count)
        eta = 0.0 if self.rate is None else etas(self.rate, steps)
        with np.errstate(over="ignore", under="ignore"):  # what overflows is refused
            columns = self.columns(eta, steps)
            if any(isinstance(column, np.ndarray) for column in columns.values()):
                table = np.zeros((count, abi.COEFFICIENTS))
                for number, column in columns.items():
                    table[:, number] = column
            else:  # at once: a tiny run would notice the loop
                table = np.array([[columns.get(number, 0.0) for number in range(abi.COEFFICIENTS)]], np.float64)
            cast = table.astype(dtype)
        too_much = table[:, abi.KEEP] < 0
        if too_much.any():
            step = first + int(np.argmax(too_much))
            raise ValueError(f"weight_decay: {self!r} takes away more than all of a weight at step {step}")
        self.require_limits(dtype)
        is_finite = np.isfinite(cast)
        is_finite[:, abi.CLIP] = True  # infinity: no limit
        if not is_finite.all():
            raise ValueError(f"{self!r}: its coefficients are beyond {dtype} at step {first} or soon after")

        return cast
