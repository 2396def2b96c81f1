# Of scikit-learn, what the examples use.
from sklearn.base import BaseEstimator

class SimpleImputer(BaseEstimator):
    def __init__(self, *, strategy: str, add_indicator: bool) -> None: ...
