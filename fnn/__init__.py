"""Dense feed-forward networks on the CPU: the backpropagation equations as pure, compiled functions."""

from importlib import import_module as _import_module
from types import ModuleType as _Module
from typing import TYPE_CHECKING

from fnn.activation import Activation as Activation
from fnn.activations import elu as elu
from fnn.activations import exp as exp
from fnn.activations import gaussian as gaussian
from fnn.activations import gelu as gelu
from fnn.activations import gelu_tanh as gelu_tanh
from fnn.activations import hard_sigmoid as hard_sigmoid
from fnn.activations import hard_tanh as hard_tanh
from fnn.activations import identity as identity
from fnn.activations import leaky_relu as leaky_relu
from fnn.activations import log_softmax as log_softmax
from fnn.activations import mish as mish
from fnn.activations import relu as relu
from fnn.activations import relu6 as relu6
from fnn.activations import selu as selu
from fnn.activations import sigmoid as sigmoid
from fnn.activations import silu as silu
from fnn.activations import sin as sin
from fnn.activations import softmax as softmax
from fnn.activations import softplus as softplus
from fnn.activations import softsign as softsign
from fnn.activations import tanh as tanh
from fnn.backprop import Backprop as Backprop
from fnn.backprop import backprop as backprop
from fnn.backprop import error as error
from fnn.backprop import forward as forward
from fnn.backprop import grad as grad
from fnn.backprop import update as update
from fnn.backprop import value_and_grad as value_and_grad
from fnn.checkpoints import checkpoint as checkpoint
from fnn.history import BatchError as BatchError
from fnn.history import History as History
from fnn.history import Record as Record
from fnn.history import Run as Run
from fnn.history import TrainingDiverged as TrainingDiverged
from fnn.history import TrainingInterrupted as TrainingInterrupted
from fnn.initializers import Initializer as Initializer
from fnn.initializers import glorot_normal as glorot_normal
from fnn.initializers import glorot_uniform as glorot_uniform
from fnn.initializers import he_normal as he_normal
from fnn.initializers import he_uniform as he_uniform
from fnn.initializers import init as init
from fnn.initializers import lecun_normal as lecun_normal
from fnn.initializers import lecun_uniform as lecun_uniform
from fnn.initializers import standard_normal as standard_normal
from fnn.initializers import uniform as uniform
from fnn.loss import Loss as Loss
from fnn.losses import absolute_error as absolute_error
from fnn.losses import cross_entropy as cross_entropy
from fnn.losses import focal as focal
from fnn.losses import gamma as gamma
from fnn.losses import hinge as hinge
from fnn.losses import huber as huber
from fnn.losses import kl_divergence as kl_divergence
from fnn.losses import log_cosh as log_cosh
from fnn.losses import poisson as poisson
from fnn.losses import quantile as quantile
from fnn.losses import squared_error as squared_error
from fnn.metrics import accuracy as accuracy
from fnn.metrics import confusion_matrix as confusion_matrix
from fnn.metrics import one_hot as one_hot
from fnn.metrics import r2_score as r2_score
from fnn.metrics import top_k_accuracy as top_k_accuracy
from fnn.optimizers import Optimizer as Optimizer
from fnn.optimizers import OptimizerState as OptimizerState
from fnn.optimizers import adadelta as adadelta
from fnn.optimizers import adagrad as adagrad
from fnn.optimizers import adam as adam
from fnn.optimizers import adamw as adamw
from fnn.optimizers import amsgrad as amsgrad
from fnn.optimizers import gradient_descent as gradient_descent
from fnn.optimizers import irprop as irprop
from fnn.optimizers import lion as lion
from fnn.optimizers import momentum as momentum
from fnn.optimizers import nadam as nadam
from fnn.optimizers import nesterov as nesterov
from fnn.optimizers import rmsprop as rmsprop
from fnn.params import Params as Params
from fnn.restraints import connections as connections
from fnn.restraints import penalty as penalty
from fnn.schedules import Schedule as Schedule
from fnn.schedules import cosine as cosine
from fnn.schedules import exponential as exponential
from fnn.schedules import inverse_time as inverse_time
from fnn.schedules import one_cycle as one_cycle
from fnn.schedules import plateau as plateau
from fnn.schedules import step_decay as step_decay
from fnn.schedules import warm_up as warm_up
from fnn.stopping import stopping as stopping
from fnn.training import train as train
from fnn.tree import tree_map as tree_map
from fnn.workspace import workspace as workspace

if TYPE_CHECKING:
    from fnn.derivatives import hvp as hvp
    from fnn.derivatives import input_grad as input_grad
    from fnn.ensembles import SomeDiverged as SomeDiverged
    from fnn.ensembles import each as each
    from fnn.ensembles import train_many as train_many
    from fnn.export.c import to_c as to_c
    from fnn.export.onnx import to_onnx as to_onnx
    from fnn.export.python import to_python as to_python
    from fnn.export.sklearn import from_sklearn as from_sklearn
    from fnn.export.sklearn import to_sklearn as to_sklearn
    from fnn.export.torch import from_torch as from_torch
    from fnn.export.torch import to_torch as to_torch
    from fnn.gradcheck import check_grad as check_grad
    from fnn.idx import read_idx as read_idx
    from fnn.idx import read_images_and_labels as read_images_and_labels
    from fnn.jacobians import jacobian as jacobian
    from fnn.jacobians import jvp as jvp
    from fnn.jacobians import vjp as vjp
    from fnn.saving import load as load
    from fnn.saving import save as save
else:
    # What few programs use is imported when it is first asked for, to keep `import fnn` short.
    _LATER = {
        "hvp": "fnn.derivatives",
        "input_grad": "fnn.derivatives",
        "SomeDiverged": "fnn.ensembles",
        "each": "fnn.ensembles",
        "train_many": "fnn.ensembles",
        "to_c": "fnn.export.c",
        "to_onnx": "fnn.export.onnx",
        "to_python": "fnn.export.python",
        "from_sklearn": "fnn.export.sklearn",
        "to_sklearn": "fnn.export.sklearn",
        "from_torch": "fnn.export.torch",
        "to_torch": "fnn.export.torch",
        "check_grad": "fnn.gradcheck",
        "read_idx": "fnn.idx",
        "read_images_and_labels": "fnn.idx",
        "jacobian": "fnn.jacobians",
        "jvp": "fnn.jacobians",
        "vjp": "fnn.jacobians",
        "load": "fnn.saving",
        "save": "fnn.saving",
    }
    __all__ = [name for name, value in globals().items() if name[0] != "_" and not isinstance(value, _Module | bool)]
    __all__ += _LATER

    def __getattr__(name):
        if name not in _LATER:
            raise AttributeError(f"module 'fnn' has no attribute {name!r}")
        globals()[name] = found = getattr(_import_module(_LATER[name]), name)

        return found

    def __dir__():
        return sorted({*globals(), *_LATER})
