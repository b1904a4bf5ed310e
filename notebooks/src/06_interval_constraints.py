# %% [markdown]
# # 06 · Interval constraints, cones and constrained flow
#
# **Quantization as a constraint: where may a weight stay, which way is it pushed, and when has it arrived?**
#
# Document: Wong's poster (S0), sections 3 and 4, after Muehlebach and Jordan (2022).
#
# 45 minutes · after lesson [03](03_exploration.ipynb) · next: [07](07_askewsgd.ipynb), ASkewSGD

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - say for one weight whether it is a KKT point, and name its multiplier,
# - read off $\psi$ where a weight may stay, and how far from a level that still is,
# - compute the velocity that descends and mends a violated constraint in time,
# - say which part of Muehlebach and Jordan's theorem is left when the set is a set of levels.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson06.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("06", globals())

# %% [markdown]
# ## KKT in one dimension
#
# Minimize $F(w) = \tfrac12 (w - 0.3)^2$ where only $w \ge 0.8$ is allowed: $\psi(w) = w - 0.8 \ge 0$.
#
# The best point is $w = 0.8$. Its gradient is not zero: $F' = 0.5$. Descent would leave the set, and the constraint holds against it:
#
# $$F'(w) = \lambda\,\psi'(w), \qquad \lambda \ge 0, \qquad \psi(w) \ge 0, \qquad \lambda\,\psi(w) = 0 .$$
#
# Here $\lambda = 0.5$: the force per unit of constraint, or the *price* of moving the wall, per unit of a small move. These are the **Karush-Kuhn-Tucker conditions**.
#
# With the minimizer at $1.3$ the same wall is idle: $F' = 0$ at $1.3$, $\psi > 0$, $\lambda = 0$. And at $w = 0.8$ then $F' = -0.5$ would need $\lambda < 0$: a wall does not pull, so $0.8$ is no KKT point.

# %% [markdown]
# ## The idea in 60 seconds
#
# "$w$ is a level" cannot be approached step by step. So S0 widens every level to an **island**, $\psi(w) \ge 0$, keeps descending inside, and pushes a weight that is outside towards its island. Then the islands shrink.
#
# | symbol | meaning |
# |---|---|
# | $c_1 < \dots < c_K$ | levels; gap: the smallest distance of two neighbours |
# | $\psi$, $\psi'$ | constraint and its slope |
# | $\varepsilon$, $\hat\varepsilon$ | width of the islands; $\hat\varepsilon = 16\,\varepsilon/\text{gap}^4$ |
# | $\kappa$, $M$ | push strength, clip of the push |
# | $g$, $v$ | gradient of $F$, velocity: $w^+ = w + \eta v$ |
# | $\lambda$ | multiplier |

# %% tags=["predict"]
lab.predict(
    "06.a",
    "Levels ±1, ε̂ = 0.1. Training ends with ψ(w) ≥ 0 for every weight. How far from its level can a weight still be?",
    ["nowhere: ψ ≥ 0 means quantized", "at most 0.01", "a sixth on the inner side, a third on the outer"],
)
lab.predict(
    "06.b",
    "A weight sits exactly half way between the two levels, outside of both islands. Which way does the constraint push it?",
    ["to the right: ties go to +", "where descent goes", "no way: the constraint has no slope there"],
)

# %% tags=["demo"]
lab.show("D5", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Drag the weight from −2 to 2. On an island both ways are open (↔) and it simply descends. Outside, the cone has one direction left, that of $\psi'$.
# From $-2$ descent itself goes that way, fast enough: nothing is changed. From 0.5 it does not, and the push takes over.
#
# At 0 there is no direction: $\psi' = 0$ while $\psi < 0$. Next to 0 the push is enormous, since it is proportional to $1/\psi'$; the clip $M$ cuts it.
#
# Raise $\hat\varepsilon$ to 0.99: the islands are about to touch. Lower it to 0.001: only now does "feasible" mean "nearly a level".
#
# ![](figures/D5.png)
#
# </details>

# %%
lab.outcome("06.a")
lab.outcome("06.b")

# %% [markdown]
# ## The formulas
#
# S0, section 3, for one weight:
#
# $$\psi(w) = \varepsilon - \begin{cases} (w - c_1)^2 & w < c_1 \\ (w - c_{j-1})^2 (w - c_j)^2 & c_{j-1} \le w < c_j,\ j = 2, \dots, K \\ (w - c_K)^2 & w \ge c_K \end{cases}$$
#
# With $I(w) = \{i : \psi_i(w) \le 0\}$ the **tangent cone** holds the directions that make no constraint of $I$ worse, the **normal cone** is its polar:
#
# $$T = \{v : \nabla\psi_i \cdot v \ge 0,\ i \in I\}, \qquad N = \Big\{-\sum_{i \in I} \lambda_i \nabla\psi_i : \lambda \ge 0\Big\}, \qquad Z = \{w \in C : -\nabla F \in N\}.$$
#
# Muehlebach and Jordan do not project *points*, they project the *velocity*:
#
# $$v = \operatorname*{argmin}_{v \in V(w)} \tfrac12 |v + g|^2, \qquad V(w) = \{v : \nabla\psi_i \cdot v \ge -\kappa\,\psi_i,\ i \in I\} .$$
#
# So a violation decays at least as fast as $e^{-\kappa t}$, and descent is changed only where it must be.
#
# **The document claims:** on a convex set, for strongly convex $F$, this converges to the minimizer at nearly a linear rate.

# %% [markdown]
# <details><summary>Reading notes: what S0 prints, and what is right</summary>
#
# - **MFCQ "for all $w$".** It asks for a $v$ with $\nabla\psi_i \cdot v > 0$ for all $i \in I$. At *every midpoint* $\psi' = 0$ and $\psi < 0$: it fails there, for every $\varepsilon$, and $V(w)$ is empty. Everywhere else it holds.
# - **$\varepsilon \le \text{gap}^4/16$** must be strict: at equality the islands touch, $\psi = \psi' = 0$ at the midpoint.
# - **Descent inequality.** Printed: $\ell + \gamma\,\mathbb{E}\,\nabla^{\mathsf T} w_k + \tfrac{\gamma^2}{2}\,\mathbb{E}|\nabla|^2$. It needs $v_k$ for $w_k$, and the smoothness $L$ in the last term: $\tfrac{L\gamma^2}{2}\,\mathbb{E}|v_k|^2$. For $\ell = 5w^2$, $w = -1$, $\gamma = 0.3$ the loss becomes 20; printed bound 12.5.
# - **Indices.** $j$ is both coordinate and level: one $\psi$ for each weight, with $K - 1$ inner cells.
# - **$V_\alpha$** is not defined in S0; $\kappa$ is its $\alpha$.
#
# </details>
#
# ## The algorithm in the open

# %%
import numpy as np


def psi(w, c, eps):
    j = np.clip(np.searchsorted(c, w, side="right"), 1, len(c) - 1)
    a, b = c[j - 1], c[j]
    inner, outer = (w - a) * (w - b), w - np.clip(w, c[0], c[-1])
    outside = (w < c[0]) | (w >= c[-1])
    value = eps - np.where(outside, outer, inner) ** 2
    slope = -2 * np.where(outside, outer, inner * (2 * w - a - b))
    return value, slope


def step(w, g, c, eps_hat, push, step_size):
    value, slope = psi(w, c, eps_hat * np.diff(c).min() ** 4 / 16)
    free = (value >= 0) | (-slope * g >= -push * value) | (slope == 0)
    v = np.where(free, -g, -push * value / np.where(free, 1, slope))
    return w + step_size * v


# %% tags=["check"]
import torch

import qlab

LEVELS = {1: np.array([-1.0, 1.0]), 2: np.array([-1.0, 0.0, 1.0]), 3: np.arange(-3.0, 4.0)}


def mine(w, g, bits, **h):
    return step(2 * w, g, LEVELS[bits], **h)


def library(w, g, bits, eps_hat, push, step_size):
    return qlab.step("mj", 2 * w, g, lr=step_size, bits=bits, scale="one", eps_hat=eps_hat, push=push)


bits, eps_hat = lambda i: 1 + i % 3, lambda i: (0.01, 0.3, 0.9)[i // 3 % 3]
lab.same(mine, library, w="normal", g="normal", bits=bits, eps_hat=eps_hat, push=1.5, step_size=0.1, tolerance=1e-9, numpy=True)

# %% [markdown] tags=["exercise"]
# ## Exercise 06.1: how wide is an island?
#
# You want every weight between two levels to end within $h$ of its level. The next level is `gap` away. Which $\varepsilon$ makes the island end exactly there?
#
# <details><summary>Hint</summary>
#
# $\psi = 0$ at distance $h$ from one level and $\text{gap} - h$ from the other.
#
# </details>

# %% tags=["exercise"]
def island_eps(h, gap):
    ### BEGIN SOLUTION
    return h**2 * (gap - h) ** 2
    ### END SOLUTION


# %% tags=["check"]
lab.check("06.1", island_eps)

# %% [markdown] tags=["exercise"]
# ## Exercise 06.2: has it arrived?
#
# A feasible weight has gradient `g`, constraint `psi` ($\ge 0$) and `slope` $\psi'$. Return its distance from the KKT conditions: the smallest $|g - \lambda\psi'|$ over the $\lambda \ge 0$ that complementarity allows.

# %% tags=["exercise"]
def kkt_residual(g, psi, slope):
    ### BEGIN SOLUTION
    lam = max(0.0, g / slope) if psi == 0 and slope != 0 else 0.0
    return abs(g - lam * slope)
    ### END SOLUTION


# %% tags=["check"]
lab.check("06.2", kkt_residual)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 06.1: $\psi = \varepsilon - h^2 (\text{gap} - h)^2 = 0$. Half way, $h = \text{gap}/2$, gives $\text{gap}^4/16$: the limit at which islands touch.
#
# 06.2: where $\psi > 0$ only $\lambda = 0$ is allowed, so the gradient itself must vanish. On the boundary the constraint may hold against a descent that leads *out* ($g$ and $\psi'$ of one sign), and the residual is 0. It cannot pull: if descent leads *in*, the weight is not at rest.
#
# </details>

# %% [markdown]
# ## The claims as experiments
#
# First what the theorem covers: a strongly convex quadratic in `WEIGHTS` dimensions, on a convex set, a ball cut by two half-spaces. The velocity is a small quadratic program, solved exactly.
#
# Then what it does *not* cover. **A set of levels is not convex**, nor are its islands: between two of them every straight line leaves the set. So Assumption 3 fails for every quantization problem. We try the conclusion anyway, on twenty independent weights.
#
# One thing must be said: $I$ holds $\psi = 0$, the code above (as S0's cases do) lets it go; and in floating point a weight on its wall may lie a last bit inside, and is kicked out by a whole step. So on the convex set $\psi \le 10^{-9}$ counts as in $I$.

# %% tags=["experiment"]
from qlab import uniforms
from qlab.constraints import cones, eps_of, gap, intervals, qp, slope, velocity
from qlab.constraints import psi as library_psi
from qlab.experiments import flow

seeds = range(P.SEED, P.SEED + P.SEEDS)
setting = {"step_size": P.FLOW_STEP, "push": P.PUSH, "iterations": P.ITERATIONS}


def normal(number, *shape):
    return torch.stack([uniforms.normal(s, 1, number, shape, stream="data", dtype=torch.float64) for s in seeds])


starts = normal(0, P.WEIGHTS)
convex = [flow.run(flow.Convex.draw(s, P.WEIGHTS), start=w, **setting) for s, w in zip(seeds, starts, strict=True)]
steps = torch.tensor([flow.decades(one) for one in convex], dtype=torch.float64)
arrived = [one.residual.stationarity + one.residual.violation for one in convex]

# %% tags=["experiment"]
levels = {"binary": [-1.0, 1.0], "ternary": [-1.0, 0.0, 1.0], "2-bit": [-1.0, -1 / 3, 1 / 3, 1.0]}[P.LEVELS]
levels = torch.tensor(levels, dtype=torch.float64, device=qlab.device(P.DEVICE))
eps = float(eps_of(P.EPS_HAT, gap(levels)))
start, target = normal(1, 20).to(levels), normal(2, 20).clamp(-0.95, 0.95).to(levels)

end = flow.on_islands(levels, target, start, eps_hat=P.EPS_HAT, **setting)
best = flow.best_on_islands(intervals(levels, eps), target)
excess = ((end - target).square() - (best - target).square()).mean(1).cpu() / 2
lowest = library_psi(end, levels, eps).min(1).values.cpu()
away = (end[..., None] - levels).abs().min(-1).values.max(1).values.cpu()
shrunk = flow.on_islands(levels, target, start, eps_hat=1e-4, anneal="geometric", **setting)
left = (shrunk[..., None] - levels).abs().min(-1).values.max(1).values.cpu()

w, g, levels = normal(3, 100).flatten(), normal(4, 100).flatten(), levels.cpu()
value, d = library_psi(w, levels, eps), slope(w, levels)
parts = zip(*(x.split(20) for x in (g, value, d)), strict=True)
program = torch.cat([qp.velocity(b, p, torch.diag(s), P.PUSH) for b, p, s in parts])
agree = float((program - velocity(g, value, d, P.PUSH)).abs().max())
middle = (levels[1:] + levels[:-1]) / 2
qualified = cones.qualified(library_psi(middle, levels, eps), slope(middle, levels))

# %% tags=["claims"]
C = lab.Claim
claims = [
    C("06.C1", "on a convex set the flow ends at the minimizer", "S0 Theorem 1").judge([1e-9 - a for a in arrived]),
    C("06.C2", "there each factor of 100 costs the same number of steps: a linear rate", "S0 Theorem 1").judge(0.25 - (steps[:, 1] / steps[:, 0] - 1).abs()),
    C("06.C3", "on islands too every start leads to the minimizer", "S0 Theorem 1 read too broadly", "does not hold").judge(1e-3 - excess),
    C("06.C4", "on islands every weight ends feasible", "S0 section 4").judge(1e-6 + lowest),
    C("06.C5", "feasible means quantized (within 0.01)", "a misconception", "does not hold").judge(0.01 - away),
    C("06.C6", "annealing the islands quantizes (within 0.01)", "S0 section 5").judge(0.01 - left),
    C("06.C7", "the closed-form velocity is the solution of the quadratic program", "S0 section 5").exact(1e-8 - agree),
    C("06.C8", "MFCQ holds for every w", "S0 section 3", "does not hold").exact(float(qualified.all()) - 0.5),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
rows = [
    ("rate", "convex set: steps per factor 100", "nearly linear rate", steps[:, 1], ""),
    ("excess", "islands: loss above the best feasible point", "not covered", excess, ""),
    ("away", "islands: largest distance to a level", "no number", away, ""),
    ("annealed", "islands annealed: largest distance to a level", "no number", left, ""),
]
lab.compare("06", [lab.Row(id, what, paper, float(x.mean()), float(x.std()), unit) for id, what, paper, x, unit in rows])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can say for one weight whether it is a KKT point, and name its multiplier.
# - [ ] I can read off $\psi$ where a weight may stay, and how far from a level that still is.
# - [ ] I can compute the velocity that descends and mends a violated constraint in time.
# - [ ] I can say which part of Muehlebach and Jordan's theorem is left when the set is a set of levels.
#
# **Try next:** `LEVELS` 2-bit; `PUSH` 3 (the convex rate changes as $1 - \eta\kappa$ does); `EPS_HAT` 0.99, where "feasible" says next to nothing.
#
# Next lesson: [07](07_askewsgd.ipynb), ASkewSGD: the barrier between the islands, and the free phase. [Lesson 08](08_multipliers.ipynb) lets the multiplier itself move.
#
# Reference: S0, sections 3 and 4; Muehlebach and Jordan, *On Constraints in First-Order Optimization*, JMLR 23 (2022).

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "$\psi \ge 0$ means quantized" (it means: on an island; $\hat\varepsilon$ says how wide); "the constraint brings the weight to the *best* level" (to the island on its side of the midpoint).
#
# *Timing:* KKT in one dimension 10, predictions 5, D5 10, algorithm and exercises 15, claims 5 minutes.
#
# *Discuss:* Why project the velocity and not the point? (No projection onto $C$ is needed, only slopes of violated constraints.) What would you do at a midpoint?
#
# *Exam:* Levels ±1, $F = \tfrac12(w - t)^2$ with $0 < t$ below the right island. Name both KKT points and their multipliers. (The inner ends $\pm e$, $e = \sqrt{1 - \sqrt\varepsilon}$; $\lambda = (e \mp t)/(4e(1 - e^2))$.)
