"""Networks: the MLP of the lessons, alone or as a stack of runs, and the residual networks for CIFAR."""

from qlab.models.mlp import MLP
from qlab.models.registry import MODELS, build
from qlab.models.resnet import ResNet

__all__ = ["MLP", "MODELS", "ResNet", "build"]
