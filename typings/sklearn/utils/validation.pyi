from typing import Any, overload

from numpy.typing import NDArray

@overload
def validate_data(estimator: object, X: Any, *, reset: bool, accept_sparse: Any = False, dtype: Any = ...) -> Any: ...
@overload
def validate_data(
    estimator: object, X: Any, y: Any, *, reset: bool, accept_sparse: Any = False, dtype: Any = ...,
    multi_output: bool = False, y_numeric: bool = False,
) -> tuple[Any, Any]: ...  # fmt: skip
def _check_sample_weight(sample_weight: Any, X: Any, *, ensure_non_negative: bool = False) -> NDArray[Any]: ...
def check_is_fitted(estimator: object) -> None: ...
def column_or_1d(y: Any, *, warn: bool = False) -> NDArray[Any]: ...
