"""What a training method is: five slots of one update, and the state it carries.

    w+ = settle( anchor(w) - lr * base( direction(w, g) ) ),        g = d loss / d view(w)

`base` is plain SGD, momentum or Adam, the same for every method.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from qlab.messages import unknown
from qlab.methods.hyper import Hyper
from qlab.quantizers import checks

State = dict[str, Tensor]


class Rule:
    """The identity in every slot. A method overrides the slots in which its equation differs.

    Slots are pure and elementwise, written for ONE run; whatever reduces over a tensor (a scale) is inside `h.Q`.
    That is all a stack of runs needs: the same code then carries a leading run axis.
    """

    slug: str
    name: str
    defaults: Mapping[str, float] = {}  # hyper-parameters that are numbers: may be tensors over runs
    ranges: Mapping[str, str] = {}  # the interval of each number, e.g. "(0, 1]"; without one: all finite
    options: Mapping[str, tuple[str, ...]] = {}  # structural choices, the default first
    random: tuple[str, ...] = ()  # the slots that need uniforms: "view", "settle"
    fixed_scale: bool = False  # the grid is computed once and stored; weights are settled on it at construction

    def check(self, name: str, value: object) -> None:
        """ValueError or TypeError unless `name` is a hyper-parameter or option of the rule, and `value` allowed."""
        if name in self.options:
            if value not in self.options[name]:
                raise ValueError(unknown(f"{name} of method {self.slug!r}", value, self.options[name]))
        elif name in self.defaults:
            checks.inside(value, self.ranges.get(name, "(-inf, inf)"), name)
        else:
            known = [*self.defaults, *self.options]
            raise ValueError(unknown(f"hyper-parameter of method {self.slug!r}", name, known))

    def together(self, values: Mapping[str, object]) -> None:
        """ValueError where settings that are allowed one by one do not go together, e.g. a schedule in shares of the
        run without the run's length (`schedules.need_length`)."""

    def init(self, w: Tensor, h: Hyper) -> State:
        """The state that the method keeps for each weight, e.g. a multiplier: tensors of the shape of w."""
        return {}

    def view(self, w: Tensor, s: State, h: Hyper, u: Tensor | None) -> Tensor:
        """What the network sees, with its declared derivative with respect to w."""
        return w

    def before(self, w: Tensor, g: Tensor, s: State, h: Hyper) -> State:
        """The state after the gradient is known, before the step is taken."""
        return s

    def anchor(self, w: Tensor, s: State, h: Hyper) -> Tensor:
        """Where the step starts."""
        return w

    def direction(self, w: Tensor, g: Tensor, s: State, h: Hyper) -> Tensor:
        """What is handed to the base optimizer in place of the gradient."""
        return g

    def settle(self, w: Tensor, s: State, h: Hyper, u: Tensor | None) -> Tensor:
        """What is kept of the stepped weight."""
        return w

    def after(self, w: Tensor, w_new: Tensor, s: State, h: Hyper) -> State:
        """The state after the step from w to w_new."""
        return s

    def deploy(self, w: Tensor, s: State, h: Hyper) -> Tensor:
        """What is evaluated, exported and shipped."""
        return h.Q(w)

    def __repr__(self) -> str:
        return f"<{self.slug}: {self.name}>"
