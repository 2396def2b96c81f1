"""Dense feed-forward networks on the CPU: the backpropagation equations as pure, compiled functions.

Networks
    Params, init, fold, tree_map, quantize (a Quantized); first weights: glorot_uniform, glorot_normal, he_uniform,
    he_normal, lecun_uniform, lecun_normal, nguyen_widrow, standard_normal, uniform (each an Initializer)
Equations
    forward (F1, F2), error (E1), grad, value_and_grad (B1 to B4), backprop (every quantity: a Backprop), update (G1),
    input_grad, jacobian, jvp, vjp, hvp (R1 to R7), gauss_newton (J1 to J7), check_grad, workspace, explain
Activations
    sigmoid, tanh, relu, leaky_relu, relu6, elu, selu, gelu, gelu_tanh, silu, mish, softplus, softsign, hard_sigmoid,
    hard_tanh, identity, exp, sin, gaussian; at the output softmax, log_softmax; your own: Activation
Losses
    squared_error, absolute_error, huber, log_cosh, quantile, cross_entropy, focal, kl_divergence, hinge, poisson,
    gamma; your own: Loss
Cases
    Cases, one_hot, read_idx, read_images_and_labels; accuracy, top_k_accuracy, confusion_matrix, r2_score
Optimizers and schedules
    gradient_descent, momentum, nesterov, adam, adamw, nadam, amsgrad, rmsprop, adagrad, adadelta, lion, irprop (each an
    Optimizer, its state an OptimizerState); of all cases at once: lbfgs, levenberg_marquardt (each a Solver);
    schedules: step_decay, exponential, inverse_time, cosine, one_cycle, warm_up, plateau (each a Schedule)
Regularization
    Regularization, penalty, connections
Training
    train, train_many (Each, SomeDiverged, SomeLost); Stopping, Checkpoint; callbacks: each_epoch, each_steps, progress
    (each a Callback); Run, History, Record; TrainingDiverged, TrainingInterrupted, BatchError;
    ScaleWarning; posterior (a Posterior); shard_range
Files and other programs
    save, load, to_python, to_c, to_html, to_onnx, to_torch, from_torch, to_sklearn, from_sklearn;
    packages of their own: fnn.plots (pictures), fnn.sklearn (estimators: MLPClassifier, MLPRegressor)
"""

__version__ = "0.1.0"

import os as _os
import threading as _threading
from importlib import import_module as _import_module
from types import ModuleType as _Module
from typing import TYPE_CHECKING

from fnn.activations.activation import Activation as Activation
from fnn.activations.library import elu as elu
from fnn.activations.library import exp as exp
from fnn.activations.library import gaussian as gaussian
from fnn.activations.library import gelu as gelu
from fnn.activations.library import gelu_tanh as gelu_tanh
from fnn.activations.library import hard_sigmoid as hard_sigmoid
from fnn.activations.library import hard_tanh as hard_tanh
from fnn.activations.library import identity as identity
from fnn.activations.library import leaky_relu as leaky_relu
from fnn.activations.library import log_softmax as log_softmax
from fnn.activations.library import mish as mish
from fnn.activations.library import relu as relu
from fnn.activations.library import relu6 as relu6
from fnn.activations.library import selu as selu
from fnn.activations.library import sigmoid as sigmoid
from fnn.activations.library import silu as silu
from fnn.activations.library import sin as sin
from fnn.activations.library import softmax as softmax
from fnn.activations.library import softplus as softplus
from fnn.activations.library import softsign as softsign
from fnn.activations.library import tanh as tanh
from fnn.boundary.calls import Each as Each
from fnn.boundary.extras import importing as _importing
from fnn.boundary.notebook import provide as _provide_html
from fnn.compiler.numba_types import keep_outside as _keep_outside
from fnn.compiler.numba_types import provide as _provide
from fnn.data.cases import Cases as Cases
from fnn.equations.forward import forward as forward
from fnn.equations.gradients import Backprop as Backprop
from fnn.equations.gradients import backprop as backprop
from fnn.equations.gradients import error as error
from fnn.equations.gradients import grad as grad
from fnn.equations.gradients import update as update
from fnn.equations.gradients import value_and_grad as value_and_grad
from fnn.equations.workspace import workspace as workspace
from fnn.losses.library import absolute_error as absolute_error
from fnn.losses.library import cross_entropy as cross_entropy
from fnn.losses.library import focal as focal
from fnn.losses.library import gamma as gamma
from fnn.losses.library import hinge as hinge
from fnn.losses.library import huber as huber
from fnn.losses.library import kl_divergence as kl_divergence
from fnn.losses.library import log_cosh as log_cosh
from fnn.losses.library import poisson as poisson
from fnn.losses.library import quantile as quantile
from fnn.losses.library import squared_error as squared_error
from fnn.losses.loss import Loss as Loss
from fnn.metrics import accuracy as accuracy
from fnn.metrics import confusion_matrix as confusion_matrix
from fnn.metrics import one_hot as one_hot
from fnn.metrics import r2_score as r2_score
from fnn.metrics import top_k_accuracy as top_k_accuracy
from fnn.network.fold import fold as fold
from fnn.network.initializers import Initializer as Initializer
from fnn.network.initializers import glorot_normal as glorot_normal
from fnn.network.initializers import glorot_uniform as glorot_uniform
from fnn.network.initializers import he_normal as he_normal
from fnn.network.initializers import he_uniform as he_uniform
from fnn.network.initializers import init as init
from fnn.network.initializers import lecun_normal as lecun_normal
from fnn.network.initializers import lecun_uniform as lecun_uniform
from fnn.network.initializers import nguyen_widrow as nguyen_widrow
from fnn.network.initializers import standard_normal as standard_normal
from fnn.network.initializers import uniform as uniform
from fnn.network.masks import connections as connections
from fnn.network.params import Params as Params
from fnn.network.regularization import Regularization as Regularization
from fnn.network.regularization import penalty as penalty
from fnn.network.tree import tree_map as tree_map
from fnn.optimizers.library import adadelta as adadelta
from fnn.optimizers.library import adagrad as adagrad
from fnn.optimizers.library import adam as adam
from fnn.optimizers.library import adamw as adamw
from fnn.optimizers.library import amsgrad as amsgrad
from fnn.optimizers.library import gradient_descent as gradient_descent
from fnn.optimizers.library import irprop as irprop
from fnn.optimizers.library import lion as lion
from fnn.optimizers.library import momentum as momentum
from fnn.optimizers.library import nadam as nadam
from fnn.optimizers.library import nesterov as nesterov
from fnn.optimizers.library import rmsprop as rmsprop
from fnn.optimizers.optimizer import Optimizer as Optimizer
from fnn.optimizers.optimizer import OptimizerState as OptimizerState
from fnn.optimizers.schedule import Schedule as Schedule
from fnn.optimizers.schedules import cosine as cosine
from fnn.optimizers.schedules import exponential as exponential
from fnn.optimizers.schedules import inverse_time as inverse_time
from fnn.optimizers.schedules import one_cycle as one_cycle
from fnn.optimizers.schedules import step_decay as step_decay
from fnn.optimizers.schedules import warm_up as warm_up
from fnn.training.advice import ScaleWarning as ScaleWarning
from fnn.training.callbacks import Callback as Callback
from fnn.training.callbacks import each_epoch as each_epoch
from fnn.training.callbacks import each_steps as each_steps
from fnn.training.callbacks import progress as progress
from fnn.training.checkpoint import Checkpoint as Checkpoint
from fnn.training.history import BatchError as BatchError
from fnn.training.history import History as History
from fnn.training.history import Record as Record
from fnn.training.history import Run as Run
from fnn.training.history import TrainingDiverged as TrainingDiverged
from fnn.training.history import TrainingInterrupted as TrainingInterrupted
from fnn.training.ranks.shards import shard_range as shard_range
from fnn.training.steppers.plateau import plateau as plateau
from fnn.training.steppers.solver import Solver as Solver
from fnn.training.stopping import Stopping as Stopping
from fnn.training.train import train as train

_provide(lambda: _import_module("fnn.njit"))
_provide_html(lambda: _import_module("fnn.display.notebook"))

if TYPE_CHECKING:
    from fnn import plots as plots
    from fnn.display.explain import explain as explain
    from fnn.display.page import to_html as to_html
    from fnn.equations.check_grad import check_grad as check_grad
    from fnn.equations.derivatives import hvp as hvp
    from fnn.equations.derivatives import input_grad as input_grad
    from fnn.equations.gauss_newton import gauss_newton as gauss_newton
    from fnn.equations.jacobians import jacobian as jacobian
    from fnn.equations.jacobians import jvp as jvp
    from fnn.equations.jacobians import vjp as vjp
    from fnn.equations.quantize import quantize as quantize
    from fnn.export.c import to_c as to_c
    from fnn.export.onnx import to_onnx as to_onnx
    from fnn.export.python import to_python as to_python
    from fnn.export.sklearn import from_sklearn as from_sklearn
    from fnn.export.sklearn import to_sklearn as to_sklearn
    from fnn.export.torch import from_torch as from_torch
    from fnn.export.torch import to_torch as to_torch
    from fnn.io.idx import read_idx as read_idx
    from fnn.io.idx import read_images_and_labels as read_images_and_labels
    from fnn.io.saving import load as load
    from fnn.io.saving import save as save
    from fnn.network.quantized.value import Quantized as Quantized
    from fnn.training.executors.lost import SomeLost as SomeLost
    from fnn.training.many import SomeDiverged as SomeDiverged
    from fnn.training.many import train_many as train_many
    from fnn.training.posterior import Posterior as Posterior
    from fnn.training.posterior import posterior as posterior
    from fnn.training.steppers.lbfgs import lbfgs as lbfgs
    from fnn.training.steppers.levenberg_marquardt import levenberg_marquardt as levenberg_marquardt
else:
    # What few programs use is imported when it is first asked for, to keep `import fnn` short.
    _LATER = {
        name: f"fnn.{module}"
        for module, names in {
            "display.explain": "explain",
            "display.page": "to_html",
            "equations.check_grad": "check_grad",
            "equations.derivatives": "hvp input_grad",
            "equations.gauss_newton": "gauss_newton",
            "equations.jacobians": "jacobian jvp vjp",
            "equations.quantize": "quantize",
            "export.c": "to_c",
            "export.onnx": "to_onnx",
            "export.python": "to_python",
            "export.sklearn": "from_sklearn to_sklearn",
            "export.torch": "from_torch to_torch",
            "io.idx": "read_idx read_images_and_labels",
            "io.saving": "load save",
            "network.quantized.value": "Quantized",
            "training.executors.lost": "SomeLost",
            "training.many": "SomeDiverged train_many",
            "training.posterior": "Posterior posterior",
            "training.steppers.lbfgs": "lbfgs",
            "training.steppers.levenberg_marquardt": "levenberg_marquardt",
        }.items()
        for name in names.split()
    }
    _PUBLIC = [name for name, value in globals().items() if name[0] != "_" and not isinstance(value, _Module | bool)]
    for _name in _PUBLIC:
        if _name != "Cases":  # which `fnn.njit` knows
            _keep_outside(_name, globals()[_name])
    _PUBLIC = sorted([*_PUBLIC, *_LATER])
    __all__ = []  # everything is reached as fnn.name; and help(fnn) is what stands at the top, not all of it in a row

    def __getattr__(name):
        if name in ("plots", "sklearn"):  # packages, which need others
            return _import_module(f"fnn.{name}")
        if name not in _LATER:
            raise AttributeError(f"module 'fnn' has no attribute {name!r}")
        globals()[name] = value = getattr(_import_module(_LATER[name]), name)
        _keep_outside(name, value)

        return value

    def __dir__():
        return _PUBLIC

    def _import_all():
        """A forked child could never import what another thread is importing."""
        if _threading.active_count() > 1:
            with _importing:
                for name in {*_LATER.values(), "fnn.display.notebook", "fnn.njit", "numpy.ma"}:  # Numba needs the last
                    _import_module(name)

    _os.register_at_fork(before=_import_all)
