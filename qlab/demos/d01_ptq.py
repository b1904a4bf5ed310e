"""D1b: a network trained in full precision on digits, rounded afterwards: accuracy against bits, and why (S0 1, S2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import ptq
from qlab.experiments.projection import Group
from qlab.experiments.scales import Split
from qlab.schema.lessons import Lesson01

FACTORS = np.geomspace(0.2, 6.0, 61)  # clipping scale / best scale
FLOOR, CEILING = 2e-5, 2.0  # the error axis
NEAR = 0.01  # accuracy lost at most to be called as good
ROUNDING, CLIPPING = look.INK, "#B3471B"


@dataclass(frozen=True)
class Rounded:
    """One state. Accuracies (networks,) by bits for each scale kind; errors relative to |w|² on FACTORS."""

    bits: int
    kind: str
    layers: str
    full: np.ndarray
    accuracy: dict[str, np.ndarray]
    rounding: np.ndarray
    clipping: np.ndarray
    factor: float
    error: tuple[float, float]
    document: float

    @property
    def now(self) -> np.ndarray:
        """The accuracies at this state, one per network."""
        return self.accuracy[self.kind][self.bits - 1]

    @property
    def other(self) -> np.ndarray:
        """The accuracies with the other scale kind."""
        return self.accuracy[next(kind for kind in ptq.KINDS if kind != self.kind)][self.bits - 1]


class PostTraining(Demo):
    """Everything is measured on the test digits, over all networks; the error curves are exact."""

    slug: ClassVar[str] = "D1b"
    title: ClassVar[str] = "Why not just round afterwards?"
    parameters = Lesson01
    controls = ("BITS", "SCALE_KIND", "LAYERS")
    presets: ClassVar[dict] = {
        "eight bits: nothing happens": {"BITS": 8},
        "two bits, nothing clipped": {"BITS": 2, "SCALE_KIND": "max"},
        "two bits, best scale": {"BITS": 2, "SCALE_KIND": "least-squares"},
        "one bit": {"BITS": 1},
        "one bit in the first layer only": {"BITS": 1, "LAYERS": "first"},
    }

    def compute(self, P: Lesson01) -> Rounded:
        networks = ptq.train(P.SEED, P.SEEDS, P.TRAIN_STEPS, P.DEVICE)
        group, curve = _errors(networks, P.LAYERS)[P.BITS]
        scales = group.maximum() if P.SCALE_KIND == "max" else group.best[:, None]
        chosen = group.at(scales)
        step = group.best[:, None] if P.BITS <= 2 else group.lloyd(1)[:, 1:]
        return Rounded(
            bits=P.BITS,
            kind=P.SCALE_KIND,
            layers=P.LAYERS,
            full=networks.full.accuracy,
            accuracy={kind: ptq.by_bits(networks, kind, P.LAYERS) for kind in ptq.KINDS},
            rounding=curve.rounding,
            clipping=curve.clipping,
            factor=float(group.factor(scales)[0]),
            error=(float(chosen.rounding[0]), float(chosen.clipping[0])),
            document=float(group.factor(step)[0]),
        )

    def figure(self, data: Rounded) -> Figure:
        bits = np.array(ptq.BITS, dtype=float)
        on_right = {"xaxis": "x2", "yaxis": "y2"}
        rounding, clipping = data.error
        words = "document: one step" if data.bits > 2 else "document: exact"
        lines = [
            self._accuracy(bits, data.accuracy[kind], name, symbol, dash)
            for kind, name, symbol, dash in (
                ("least-squares", "rounded, best scale", "circle", "solid"),
                ("max", "rounded, nothing clipped", "square-open", "dash"),
            )
        ]
        full = float(data.full.mean())
        traces = [
            look.method_line("full", np.array([0.5, 8.5]), np.array([full, full]), name="full precision")
            | {"line": {"color": "#000000", "width": 1.5, "dash": "dot"}},
            *lines,
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.array([float(data.bits)]),
                "y": np.array([float(data.now.mean())]),
                "marker": {"symbol": "circle-open", "size": 17, "color": look.INK, "line": {"width": 2}},
                "showlegend": False,
                "hoverinfo": "skip",
            },
            look.line(FACTORS, _seen(data.rounding), color=ROUNDING, width=2, name="rounding error") | on_right,
            look.line(FACTORS, _seen(data.clipping), color=CLIPPING, dash="dash", width=2, name="clipping error")
            | on_right,
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.array([data.factor, data.factor]),
                "y": _seen(np.array([rounding, clipping])),
                "marker": {"color": [ROUNDING, CLIPPING], "size": 10, "line": {"width": 1.5, "color": look.CARD}},
                "showlegend": False,
                "hovertemplate": "%{y:.3g}<extra></extra>",
                **on_right,
            },
            look.verticals(np.array([data.factor]), FLOOR, CEILING, dash="dot", line={"color": look.INK}) | on_right,
            look.label(data.factor, CEILING * 0.7, "this scale ", where="middle left") | on_right,
            look.document_mark(data.document, FLOOR, FLOOR * 1.4, words) | on_right | {"textposition": "top right"},
        ]
        x = look.axis("bits per weight b", (0.5, 8.5), domain=[0, 0.43], dtick=1)
        y = look.axis("test accuracy", (0.0, 1.05), lines=True, tickformat=".0%", dtick=0.2)
        x2 = look.axis("clipping scale, in units of the best s*", np.log10(FACTORS[[0, -1]]).tolist(), domain=[0.55, 1])
        x2 |= {"type": "log", "tickvals": [0.2, 0.5, 1, 2, 5], "anchor": "y2"}
        y2 = look.axis("part of |Q(w) − w|² / |w|²", np.log10([FLOOR, CEILING]).tolist(), lines=True, anchor="x2")
        y2 |= {"type": "log", "tickvals": [1e-4, 1e-3, 1e-2, 1e-1, 1], "ticktext": ["10⁻⁴", "10⁻³", "10⁻²", "0.1", "1"]}
        return {"data": traces, "layout": look.layout(x, y, xaxis2=x2, yaxis2=y2)}

    def _accuracy(self, bits: np.ndarray, accuracy: np.ndarray, name: str, symbol: str, dash: str) -> dict:
        mean = accuracy.mean(1)
        spread = {"array": accuracy.max(1) - mean, "arrayminus": mean - accuracy.min(1)}
        bars = {"type": "data", "symmetric": False, "color": look.MUTED, "thickness": 1, "width": 3} | spread
        return {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": bits,
            "y": mean,
            "error_y": bars,
            "line": {"color": look.INK, "width": 2, "dash": dash},
            "marker": {"symbol": symbol, "size": 7, "color": look.INK},
            "hovertemplate": "%{x} bits: %{y:.1%}<extra></extra>",
        }

    def keys(self, data: Rounded) -> list[Key]:
        return [
            Key(look.percent(data.now.mean(), 1), f"at {data.bits} bit{'s' * (data.bits > 1)}", look.INK),
            Key(look.percent(data.full.mean(), 1), "full precision", "#000000"),
        ]

    def alt(self, data: Rounded) -> str:
        full, now, other = data.full.mean(), data.now.mean(), data.other.mean()
        lost = full - now
        what = "all layers" if data.layers == "all" else f"the {data.layers} layer"
        which = "nothing clipped" if data.kind == "max" else "the best scale"
        loss = f"costs **{look.fmt(100 * lost, 2)}** points" if lost >= NEAR else "costs less than a point"
        rounding, clipping = data.error
        instead = "the best scale" if data.kind == "max" else "nothing clipped"
        return (
            f"Rounding {what} to **{data.bits}** bit{'s' * (data.bits > 1)} with {which} {loss}: "
            f"**{look.percent(now, 1)}** of the test digits instead of **{look.percent(full, 1)}** "
            f"(with {instead} **{look.percent(other, 1)}**); "
            f"the weights lose **{look.fmt(rounding)}** to rounding and **{look.fmt(clipping)}** to clipping."
        )


@lru_cache(maxsize=8)
def _errors(networks: ptq.Networks, layers: str) -> dict[int, tuple[Group, Split]]:
    """The weights' error and its curve for every bit-width, all at once: a drag over the bits waits for none."""
    groups = {bits: ptq.weight_error(networks, bits, layers) for bits in ptq.BITS}
    return {bits: (group, group.split(FACTORS)) for bits, group in groups.items()}


def _seen(error: np.ndarray) -> np.ndarray:
    """Errors as a log axis takes them: an error of 0 is not drawn."""
    return np.where(error > 0, error, np.nan)
