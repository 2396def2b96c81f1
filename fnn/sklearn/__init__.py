"""Estimators for scikit-learn: its MLPs with their parameters and conventions, trained by fnn.

`MLPClassifier` and `MLPRegressor` stand where those of ``sklearn.neural_network`` do: to change the import line is all.
They are faster, have the same bits for any number of threads and of joblib's jobs, and have what those lack.

This package needs scikit-learn 1.6 or newer (extra ``sklearn``), and is imported only when it is asked for.
"""

from fnn.sklearn.availability import OLDEST as OLDEST  # first: it tells what is missing
from fnn.sklearn.classifier import MLPClassifier as MLPClassifier
from fnn.sklearn.regressor import MLPRegressor as MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
