from numpy.typing import ArrayLike

class csr_matrix:
    def __init__(self, arg1: ArrayLike) -> None: ...
