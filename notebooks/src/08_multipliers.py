# %% [markdown]
# # 08 · Multipliers: stochastic gradient descent ascent
#
# **Let the price of a constraint find itself: where does it end, and what may it cost to get there?**
#
# Documents: Wong's poster (S0), section 6; Hounie et al. (S3), section 2.4 and appendix C.
#
# 50 minutes · after lesson [06](06_interval_constraints.ipynb) · next: [13](13_exact_optimum.ipynb), the exact optimum

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - write one step of gradient descent ascent,
# - compute the multiplier at which it must end, and say what it does *not* depend on,
# - predict from the two step sizes whether it settles, circles or diverges, and at which of two points,
# - say when a multiplier is the slope of the optimum, and when there is a gap.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson08.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("08", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# In lesson 06 the push was computed. Here it is *learned*. Each weight has a price $\lambda \ge 0$ for leaving its island, $\psi(w) < 0$:
#
# - while the weight is outside, its price rises; while it is inside, the price falls, never below 0,
# - the weight descends on its loss *plus* what it pays.
#
# Nobody tunes a penalty: both come to rest only where $F' = \lambda\psi'$ and $\lambda\psi = 0$, at a KKT point.
#
# | symbol | meaning |
# |---|---|
# | $\mathcal L(w, \lambda) = F(w) - \lambda\,\psi(w)$ | Lagrangian |
# | $\eta$, $\eta_\lambda$ | step size of the weight, of the multiplier |
# | $\hat\varepsilon$ | width of the islands |
# | $\varepsilon$ | budget: how much distance is allowed (second half) |
# | $P^*(\varepsilon)$, $D^*(\varepsilon)$ | best loss within the budget, best bound that a price proves |

# %% tags=["predict"]
lab.predict(
    "08.a",
    "Levels ±1, ε̂ = 0.1, loss ½(w − 0.3)², start 0.05. The dual step is 0.5 instead of 0.1. What happens to the final multiplier?",
    ["it is five times larger", "nothing: only the way there changes", "it depends on the step size of the weight"],
)
lab.predict(
    "08.b",
    "Now the weight starts at −0.8, just off the left island, which ends at −0.83. At which KKT point does it end?",
    ["the left one: the side of the start decides", "the right one: its loss is lower", "it depends on how fast the price rises"],
)

# %% tags=["demo"]
lab.show("D7", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Drag the dual step from 0.01 to 1: the weight is feasible sooner, the price overshoots higher, and ends at 0.504 every time.
#
# From −0.8 there are two outcomes. With $\eta_\lambda$ = 0.1 the price rises fast enough to turn the weight round: left point, $\lambda$ = 1.077. With 0.02 descent has carried it over the midpoint before the price is felt: right point, 0.504.
# There is no wall here, only a price. That is the difference to lesson 06.
#
# At $\hat\varepsilon$ = 0.5 a dual step of 0.5 *never* settles, however small $\eta$ is. With both steps large the run diverges.
#
# ![](figures/D7.png)
#
# </details>

# %%
lab.outcome("08.a")
lab.outcome("08.b")

# %% [markdown]
# ## The formulas
#
# S0, section 6, with the index corrected:
#
# $$w_{k+1} = w_k - \eta\,\big(g_k - \lambda_k \psi'(w_k)\big), \qquad \lambda_{k+1} = \max\big(0,\ \lambda_k - \eta_\lambda\,\psi(w_k)\big) .$$
#
# At a KKT point with $\lambda > 0$ let $a = 1 - \lambda\psi''$, the curvature of $\mathcal L$, and $b = \psi'$. One step is linear there, with the matrix
#
# $$\begin{pmatrix} 1 - \eta a & \eta b \\ -\eta_\lambda b & 1 \end{pmatrix}, \qquad \det = 1 - \eta a + \eta\,\eta_\lambda b^2 .$$
#
# A determinant above 1 repels. So the point attracts only if $\eta_\lambda < a/b^2$: a **ceiling for the dual step that no small $\eta$ lifts**. If $\lambda$ sees the new weight ("alternating"), the determinant is $1 - \eta a$, and there is none.
#
# **The document claims:** very small step sizes for $w$, $\lambda$ are enough to converge to a stationary point.

# %% [markdown]
# <details><summary>Reading notes: what S0 and S3 print, and what is right</summary>
#
# - **The dual step of S0** is printed as $\mathcal P(\mathbf w_{k-1} + \eta\nabla_\lambda\mathcal L)$. It must add to $\lambda_{k-1}$, and $\nabla_\lambda\mathcal L = -\psi$. As printed, an idle constraint would have a price.
# - **One $\eta$** in S0 for both lines; here two. "Very small" hides their *ratio*, which decides where a run ends.
# - **Bounded $\lambda$.** The theorem that S0 cites (Lin et al.) maximizes over a bounded set; option `lam_max`.
# - **The subdifferential of S3** is printed with $z \in \mathbb R^+$. $P^*$ never rises, so its subgradients are $-\lambda^* \le 0$: with $\mathbb R^+$ the set is empty unless $\lambda^* = 0$, and Theorem 1 would be void.
# - **Signs.** S0 writes $g \ge 0$ for feasible and $\ell - \lambda g$, S3 writes $d \le \varepsilon$ and $\ell + \lambda(d - \varepsilon)$: the same, $\lambda \ge 0$ in both.
#
# </details>
#
# ## The algorithm in the open

# %%
import numpy as np


def psi(w, eps):
    e = np.where(np.abs(w) >= 1, np.abs(w) - 1, w**2 - 1)
    return eps - e**2


def slope(w):
    return np.where(np.abs(w) >= 1, -2 * (w - np.sign(w)), -4 * w * (w**2 - 1))


def step(w, lam, g, step_size, dual_step, eps_hat):
    w_new = w - step_size * (g - lam * slope(w))
    lam_new = np.maximum(0, lam - dual_step * psi(w, eps_hat))
    return np.stack([w_new, lam_new])


# %% tags=["check"]
import torch

import qlab


def library(w, lam, g, step_size, dual_step, eps_hat):
    state = {"lam": lam}
    w_new = qlab.step("sgda", w, g, lr=step_size, bits=1, scale="one", dual_step=dual_step, eps_hat=eps_hat, state=state)
    return torch.stack([w_new, state["lam"]])


lab.same(step, library, w="normal", lam="uniform", g="normal", step_size=0.05, dual_step=0.1, eps_hat=0.1, numpy=True)

# %% [markdown] tags=["exercise"]
# ## Exercise 08.1: the price at rest
#
# Levels ±1, $F = \tfrac12 (w - t)^2$ with the target $t$ left of the right island. Where on that island does the weight end, and what is $\lambda$ there?
#
# <details><summary>Hint</summary>
#
# $\psi(w) = \hat\varepsilon - (w^2 - 1)^2 = 0$, and $F' = \lambda\psi'$.
#
# </details>

# %% tags=["exercise"]
def kkt_multiplier(eps_hat, target):
    ### BEGIN SOLUTION
    w = (1 - eps_hat**0.5) ** 0.5
    return (w - target) / (4 * w * (1 - w**2))
    ### END SOLUTION


# %% tags=["check"]
lab.check("08.1", kkt_multiplier)

# %% [markdown]
# ## Which step sizes?
#
# S0 lists "step sizes for Lagrangian-type minimax problems" among its open questions. For one weight all of them can be tried.

# %% tags=["demo"]
lab.show("D7c", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# From 0.05 nearly everything below the ceiling settles, unless $\eta$ and $\eta_\lambda$ are large together; where $\eta$ is smallest, 1000 steps are too few to see it. From −0.8 the diagonal $\eta_\lambda \approx \eta$ parts the two KKT points: for small steps the run follows a curve on which only the ratio $\eta_\lambda/\eta$ is left.
#
# Widen the islands to 0.5: the ceiling comes down to 0.39. Switch to *alternating*: it is gone.
#
# ![](figures/D7c.png)
#
# </details>
#
# ## What a price knows
#
# Now the constraint has a budget: $\text{distance} \le \varepsilon$ (S3). $P^*(\varepsilon)$ is the best loss that the budget allows. Any price $\lambda \ge 0$ proves a bound,
#
# $$D(\lambda; \varepsilon) = \min_f\ \text{loss}(f) + \lambda\,\big(\text{distance}(f) - \varepsilon\big) \ \le\ P^*(\varepsilon), \qquad D^* = \max_{\lambda \ge 0} D .$$
#
# As a function of $\varepsilon$ that is a straight line of slope $-\lambda$ below the curve. If the best line *touches*, there is no gap, and $-\lambda^*$ is a subgradient of $P^*$, its slope where it has one: S3's Theorem 1.

# %% tags=["demo"]
lab.show("D7b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# *Rounding, squared error:* rounding is not even continuous, and yet the line touches at every $\varepsilon$. $D = \tfrac{\lambda}{1 + \lambda} V - \lambda\varepsilon$ with $V = \Delta^2/12$ is largest at $\lambda^* = \sqrt{V/\varepsilon} - 1$, and is there $(\sqrt V - \sqrt\varepsilon)^2 = P^*$.
#
# *All or nothing, 1 input:* loss 1 on a level, 0 half way between two. Without the full budget nothing can be bought: $P^* = 1$. But the best price proves only 0.6 at $\varepsilon = 0.4$.
#
# With 8 inputs a share of them can be bought, the gap is below 1/8; with a continuous input any share, and the gap is gone. S3's assumption A3 (no atoms) asks for that. A finite data set has none of it.
#
# ![](figures/D7b.png)
#
# </details>

# %% tags=["proof"]
# S3, Theorem 1, on a random convex instance: P*(ε') >= P*(ε) - λ* (ε' - ε) for every other budget ε'
from qlab import uniforms
from qlab.theory import duality

M = uniforms.normal(P.SEED, 0, 0, (5, 7), stream="data", dtype=torch.float64).to(qlab.device(P.DEVICE))
convex = duality.Ball(M[:, :5] @ M[:, :5].T + torch.eye(5).to(M), M[:, 5], M[:, 6])
eps, other = (share * float(convex.distance(convex.best(0.0))) for share in (0.3, 0.6))
lam, f = convex.multiplier(eps), convex.best(convex.multiplier(other))  # the best price at ε, the best f at ε'
lagrangian = float(convex.loss(f) + lam * (convex.distance(f) - eps))
chain = [convex.price(eps), convex.bound(eps), lagrangian, convex.price(other) + lam * (other - eps)]
print("no gap:        P*(ε) = {:.6f} = {:.6f} = D*(ε)".format(*chain[:2]))
print("D* is minimal: D*(ε) = {1:.6f} <= {2:.6f} = L(f', λ*), and f' is within ε': <= {3:.6f}".format(*chain))

# %% [markdown]
# ## The claims as experiments
#
# Each seed draws a start on the right and one on the left island. All runs are without noise but those of 08.C7.

# %% tags=["experiment"]
from itertools import product

from qlab.experiments import multipliers as sgda

seeds = range(P.SEED, P.SEED + P.SEEDS)
draws = [float(uniforms.uniform(s, 0, 0, (1,), stream="data", dtype=torch.float64)) for s in seeds]
right, left = [0.05 + 1.4 * u for u in draws], [-0.6 - 0.8 * u for u in draws]
setting = {"step_size": P.STEP_SIZE, "dual_step": P.DUAL_STEP, "eps_hat": P.EPS_HAT, "iterations": P.ITERATIONS}


def go(start, **changes):
    return sgda.run(start=start, **{**setting, "update": P.UPDATE, **changes})


ends = {"right": [go(w) for w in right], "left": [go(w) for w in left]}
PAIRS = list(product((0.02, 0.05, 0.1), (0.05, 0.1, 0.5)))  # step size, dual step
paths = [[go(w, step_size=a, dual_step=b) for a, b in PAIRS] for w in left]
spread = [max(path.away for path in row) for row in paths]
sides = [np.mean([path.end.w < 0 for path in row]) for row in paths]
low, high = ([go(0.05 + 0.4 * u, dual_step=b) for u in draws] for b in (0.1, 0.5))

# %% tags=["experiment"]
circling = [np.ptp(go(w, step_size=0.01, dual_step=0.5, eps_hat=0.5).w[-500:]) for w in right]
small = {"step_size": 0.01, "dual_step": 0.01, "iterations": 10_000}
patient = [max(go(a, **small).away, go(b, **small).away) for a, b in zip(left, right, strict=True)]
shaken = {"noise": 0.5, "dual_step": 0.05, "iterations": 10_000}
noisy = [go(w, seed=s, **shaken).end.lam for s, w in zip(seeds, right, strict=True)]
bias = [abs(lam - sgda.kkt_points(P.EPS_HAT)[1].lam) for lam in noisy]

cases = [(p, eps, a, b) for eps in (0.1, 0.5) for p in sgda.kkt_points(eps) for a, b in product((0.02, 0.1, 0.4), (0.05, 0.2, 0.6, 4))]
wrong = sum(sgda.attracts(p, eps, a, b) != (sgda.radius(p, a, b) < 1) for p, eps, a, b in cases)

rounding, atom = duality.Rounding(), duality.Atoms(1)
budget = 0.4 * rounding.variance
gaps = rounding.price(budget) - rounding.bound(budget), atom.price(0.4) - atom.bound(0.4)

# %% tags=["claims"]
C = lab.Claim
claims = [
    C("08.C1", "descent ascent ends at a KKT point, with its multiplier", "S0 section 6").judge([1e-3 - max(a.away, b.away) for a, b in zip(*ends.values(), strict=True)]),
    C("08.C2", "there the multiplier is the same for nine pairs of step sizes", "S0 section 6").judge([1e-3 - s for s in spread]),
    C("08.C3", "a larger dual step: a higher peak", "ours").judge([b.peak - a.peak for a, b in zip(low, high, strict=True)]),
    C("08.C4", "a larger dual step: feasible sooner", "ours").judge([a.feasible_after - b.feasible_after for a, b in zip(low, high, strict=True)]),
    C("08.C5", "from the left island every pair of step sizes ends on the left", "a wall, read as a price", "does not hold").judge([s - 0.95 for s in sides]),
    C("08.C6", "a small step size is enough, whatever the dual step", "S0 read too broadly", "does not hold").judge([0.01 - c for c in circling]),
    C("08.C7", "both steps small: it converges", "S0 section 6").judge([1e-3 - p for p in patient]),
    C("08.C8", "under gradient noise the mean multiplier is within 0.1", "S0 section 6").judge([0.1 - b for b in bias]),
    C("08.C9", "the spectral radius says which KKT points attract", "ours").exact(0.5 - wrong),
    C("08.C10", "rounding over functions has no gap", "S3 Proposition 1").exact(1e-12 - gaps[0]),
    C("08.C11", "a single input has no gap either", "S3 without A3", "does not hold").exact(1e-12 - gaps[1]),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
values = {
    "right": ("multiplier at the right KKT point", "stationary", [p.end.lam for p in ends["right"]]),
    "left": ("multiplier at the left KKT point", "stationary", [p.end.lam for p in ends["left"]]),
    "peak": ("its peak, dual step 0.1, from between 0.05 and 0.45", "no number", [p.peak for p in low]),
    "peak5": ("its peak, dual step 0.5", "no number", [p.peak for p in high]),
    "sides": ("left starts that end left, over nine pairs", "no number", sides),
    "noisy": ("under noise 0.5: mean multiplier at the right", "stationary", noisy),
    "gap": ("gap of a single input at ε = 0.4", "none under A1 to A4", [gaps[1]] * 2),
}
lab.compare("08", [lab.Row(id, what, paper, float(np.mean(x)), float(np.std(x))) for id, (what, paper, x) in values.items()])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can write one step of gradient descent ascent.
# - [ ] I can compute the multiplier at which it must end, and say what it does *not* depend on.
# - [ ] I can predict from the two step sizes whether it settles, circles or diverges, and at which of two points.
# - [ ] I can say when a multiplier is the slope of the optimum, and when there is a gap.
#
# **Try next:** `UPDATE` alternating; `EPS_HAT` 0.5; `NOISE` 0.5 in D7. What would `lam_max` change in the preset "too large for both"?
#
# Next lesson (planned): 11, primal-dual training, where one multiplier prices a whole layer.
#
# Reference: S0, section 6; S3, section 2.4 and appendix C; T. Lin, C. Jin and M. Jordan, *On Gradient Descent Ascent for Nonconvex-Concave Minimax Problems*, ICML 2020.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "a larger dual step enforces the constraint more strongly" (sooner, not more: the final price is the same); "smaller steps always help" (not against the ceiling of the dual step).
#
# *Timing:* predictions 5, D7 10, algorithm and exercise 10, D7c 10, D7b and proof 15 minutes.
#
# *Discuss:* ASkewSGD of lesson 07 is descent ascent with the price solved in closed form: which $\lambda$ makes the two velocities equal? Why can one cross the midpoint and the other not?
#
# *Exam:* $P^*(\varepsilon) = (1 - \sqrt\varepsilon)^2$ for $\varepsilon \le 1$. Give $\lambda^*$ at $\varepsilon = 1/4$, and the bound that the price $\lambda = 3$ proves there. (1; $3/4 - 3/4 = 0$.)
