# Of scikit-learn, what the examples use.
from collections.abc import Sequence

from sklearn.base import BaseEstimator

class ColumnTransformer(BaseEstimator):
    def __init__(
        self, transformers: Sequence[tuple[str, object, Sequence[str]]], *, remainder: object = "drop"
    ) -> None: ...
