"""Training methods: one method, one file, the update as its equation. `METHODS` finds them by slug."""

from qlab.messages import unknown
from qlab.methods.askew import ASkewSGD
from qlab.methods.askew_modified import ModifiedASkewSGD
from qlab.methods.bc import BinaryConnect
from qlab.methods.bc_stochastic import StochasticBinaryConnect
from qlab.methods.bcgd import BlendedGradientDescent
from qlab.methods.binaryrelax import BinaryRelax
from qlab.methods.bop import Bop
from qlab.methods.dampening import OscillationDampening
from qlab.methods.freezing import IterativeFreezing
from qlab.methods.full import FullPrecision
from qlab.methods.hyper import Hyper
from qlab.methods.md import TanhMirrorDescent
from qlab.methods.mj import MuehlebachJordan
from qlab.methods.parq import PARQ
from qlab.methods.pgd import ProjectedGradientDescent
from qlab.methods.proxquant import ProxQuant
from qlab.methods.r import DeterministicRounding
from qlab.methods.rule import Rule, State
from qlab.methods.sgda import DescentAscent
from qlab.methods.sr import StochasticRounding
from qlab.methods.ste import StraightThrough

METHODS: dict[str, Rule] = {}
"""Every method by its slug, in the order in which comparisons list them."""


def register(rule: Rule) -> Rule:
    """Adds a rule to `METHODS`, so that optimizer, commands and tests find it. A slug that is taken: ValueError."""
    if rule.slug in METHODS:
        raise ValueError(f"method {rule.slug!r} is taken by {METHODS[rule.slug]!r}; choose another slug")
    METHODS[rule.slug] = rule
    return rule


for _rule in (
    FullPrecision(),
    BinaryConnect(),
    StochasticBinaryConnect(),
    StraightThrough(),
    DeterministicRounding(),
    StochasticRounding(),
    ProjectedGradientDescent(),
    BlendedGradientDescent(),
    MuehlebachJordan(),
    ASkewSGD(),
    ModifiedASkewSGD(),
    DescentAscent(),
    ProxQuant(),
    BinaryRelax(),
    PARQ(),
    TanhMirrorDescent(),
    Bop(),
    OscillationDampening(),
    IterativeFreezing(),
):
    register(_rule)


def method(rule: str | Rule) -> Rule:
    """The rule of a slug; a rule is returned as it is. ValueError for an unknown slug, with the nearest one."""
    if isinstance(rule, Rule):
        return rule
    if rule not in METHODS:
        raise ValueError(unknown("method", rule, METHODS))
    return METHODS[rule]


__all__ = [
    "METHODS",
    "PARQ",
    "BinaryConnect",
    "BinaryRelax",
    "BlendedGradientDescent",
    "Bop",
    "DeterministicRounding",
    "FullPrecision",
    "Hyper",
    "IterativeFreezing",
    "OscillationDampening",
    "ProjectedGradientDescent",
    "ProxQuant",
    "Rule",
    "State",
    "StochasticBinaryConnect",
    "StochasticRounding",
    "StraightThrough",
    "TanhMirrorDescent",
    "method",
    "register",
]
