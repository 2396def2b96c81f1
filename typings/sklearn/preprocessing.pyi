# Of scikit-learn, what the examples use.
from sklearn.base import BaseEstimator

class OneHotEncoder(BaseEstimator):
    def __init__(self, *, drop: str) -> None: ...
