"""scikit-learn's callbacks (from 1.9 on), such as its progress bar, behind one adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fnn.sklearn.availability import VERSION
from fnn.training.callbacks import Callback, each_epoch

if TYPE_CHECKING or VERSION >= (1, 9):
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks as with_callbacks
else:

    class CallbackSupportMixin:
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method):
        """The method itself."""
        return method


Attributes = Callable[[Any, int], dict[str, Any]]  # what a fitted copy needs, of params after an epoch
EstimatorT = TypeVar("EstimatorT", bound=CallbackSupportMixin)


class FitCallbacks:
    """The callbacks of a fit: a task of `max_iter` iterations, each of which is a task."""

    def __init__(
        self, estimator: CallbackSupportMixin, max_iter: int, X: Any, y: Any, metadata: dict[str, Any],
        attributes: Attributes,
    ) -> None:  # fmt: skip
        self._estimator, self._attributes = estimator, attributes
        self._data: dict[str, Any] = dict(X=X, y=y, metadata=metadata)
        known = vars(estimator)
        self._has_some = bool(known.get("_skl_callbacks"))
        self._context = None
        if self._has_some or "_parent_callback_ctx" in known:  # else there is no callback to tell
            self._context = estimator._init_callback_context(max_subtasks=max_iter)
            self._context.call_on_fit_task_begin(estimator=estimator, **self._data)

    def of_epochs(self) -> list[Callback[Any]]:
        """What `train` calls after each epoch."""
        return [each_epoch(self._after_epoch)] if self._has_some else []

    def _after_epoch(self, epoch: int, params: Any, record: object) -> bool:
        assert self._context is not None
        context = self._context.subcontext(task_name=f"iteration {epoch}")
        context.call_on_fit_task_begin(estimator=self._estimator, **self._data)

        return context.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes=lambda: self._attributes(params, epoch)
        )

    def end(self) -> None:
        """Tell that the fit has ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(
                estimator=self._estimator, **self._data, reconstruction_attributes=lambda: {}
            )
