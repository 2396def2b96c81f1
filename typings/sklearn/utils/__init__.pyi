from typing import Any

import numpy as np

class Bunch(dict[str, Any]):
    def __getattr__(self, key: str) -> Any: ...

class Tags:
    input_tags: InputTags
    classifier_tags: ClassifierTags
    target_tags: TargetTags

class InputTags:
    sparse: bool

class ClassifierTags:
    multi_label: bool

class TargetTags:
    multi_output: bool

def get_tags(estimator: object) -> Tags: ...
def check_random_state(seed: int | np.random.RandomState | None) -> np.random.RandomState: ...
