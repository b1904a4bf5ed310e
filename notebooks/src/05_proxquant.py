# %% [markdown]
# # 05 · ProxQuant: soft projection
#
# **Must a weight be rounded at once, or can it be drawn towards its level a little at every step?**
#
# Document: Wong, *On the Robustness of Quantization Algorithms* (S0), section 2.III; Bai, Wang, Liberty, *ProxQuant* (2019).
#
# 40 minutes · after [lesson 03](03_exploration.ipynb) · next: [06](06_interval_constraints.ipynb); on the path of projections: [09, blending](09_blending.ipynb)

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - write the prox of the distance to a level set in closed form, and prove it,
# - say when ProxQuant is projected gradient descent and when the same prox is BinaryConnect,
# - give two functions that BinaryConnect cannot tell apart and ProxQuant can,
# - explain why fewer sign changes are not yet a better network.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson05.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("05", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# Rounding throws away where a weight was. BinaryConnect keeps that in a latent weight, and takes the gradient at a point where this weight is not.
#
# ProxQuant has one weight only. It takes the gradient *there*, steps, and then moves a little towards the nearest level. The pull grows over the run; at the end it is rounding.
#
# | symbol | meaning |
# |---|---|
# | $w$, $q = Q(w)$ | the weight, its nearest level |
# | $R(w)$ | regularizer: 0 on the levels, positive elsewhere |
# | $\nu$ | weight of $R$ (S0: $\lambda_t$) |
# | $\eta$ | step size (S0: $\gamma_t$); $\eta\nu$ is the parameter of the prox |

# %% tags=["predict"]
lab.predict(
    "05.a",
    "Levels ±1, R the distance to the nearer one. From which parameter of the prox does every weight between −2 and 2 land exactly on its level?",
    ["from 1", "from 0.5", "from none: it only comes ever closer"],
)
lab.predict(
    "05.b",
    "Two functions have the same slopes at +1 and −1, but one is smaller at +1, the other at −1. Can BinaryConnect tell them apart?",
    ["yes: its latent weight moves through all values", "no: it takes the same path on both", "only with a small step size"],
)
lab.predict(
    "05.c",
    "From a network trained on digits, BinaryConnect changes far more signs than ProxQuant. Which binary network is better in the end?",
    ["ProxQuant's: it keeps what was learned", "BinaryConnect's", "both are the same"],
)

# %% tags=["demo"]
lab.show("D8", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Left the map, right what it minimises. Drag ν: at 0 the map is the identity; then a flat piece grows around each level, because the W of $R$ has a corner there; from 1 on there is nothing else, and the map is $Q$. With L2, $R$ is round at the levels: nothing ever lands.
#
# At the weight 0 the right-hand curve has two equal minima, neither of them at 0. The map jumps there.
#
# One step of a real training has ν near 0.0001: the map is almost the identity. Apply it ten thousand times: the pulls add up.
#
# ![](figures/D8.png)
#
# </details>

# %% [markdown]
# ## The formulas
#
# As in S0, with $\theta, \lambda_t, \gamma_t$ written $w, \nu, \eta$:
#
# $$R(w) = \sum_i \min\{|w_i - 1|, |w_i + 1|\}, \qquad \operatorname{prox}_{\nu R}(w) = \operatorname*{argmin}_{x}\ \tfrac12\lVert x - w\rVert^2 + \nu R(x)$$
#
# $$w^{t+1} = \operatorname{prox}_{\eta\nu_t R}\big(w^t - \eta\,\nabla \ell(w^t)\big)$$
#
# In closed form, for any levels and every $\nu \ge 0$, with $q = Q(w)$:
#
# $$\operatorname{prox}_{\nu R}(w) = q + \operatorname{sign}(w - q)\max\{|w - q| - \nu,\, 0\}$$
#
# With $R = \frac12\sum_i (w_i - q_i)^2$ it is $\dfrac{w + \nu q}{1 + \nu}$; without the $\frac12$, $\dfrac{w + 2\nu q}{1 + 2\nu}$. Both are called L2; a ν means nothing without its convention.
#
# **The document claims:** $R$ is 0 on the levels and positive elsewhere, and the best iterate converges, with the constant step $1/\beta$.

# %% [markdown]
# <details><summary>Reading notes: what S0 prints, and what is right</summary>
#
# - **Two letters for one variable.** S0 prints $w_{t+1} = \operatorname{prox}(\theta_t - \dots)$. Nothing would ever move $\theta$: there is one variable, and its gradient is taken where it is.
# - **"Constant $1/\beta$".** One step gains at least $\left(\frac1{2\eta} - \frac\beta2\right)\lVert w^{t+1} - w^t\rVert^2$, as $R$ is not convex. At $\eta = 1/\beta$ that is 0: take $\eta < 1/\beta$. ($\beta$ is this suite's $L$. S0 asks for a smoothed $R$; this gain needs none.)
# - **"Unbiased in expectation"** (2.I, stochastic BinaryConnect): $\mathbb E\, w_Q = \operatorname{clip}(w, -1, 1)$, which is $w$ only for $|w| \le 1$.
# - **At $w = 0$** the minimizers are $\pm\min(\nu, 1)$. Code with sign(0) = 0 returns 0, which is none; the suite takes +.
#
# </details>
#
# ## The algorithm in the open
#
# Compared below ($|w| \le 2$): ProxQuant's step; the same with $\eta\nu \ge 1$ and *projected* gradient descent; the prox in the view and *BinaryConnect*.

# %%
import numpy as np


def sign(w):
    return np.where(w >= 0, 1.0, -1.0)


def prox(w, nu):
    d = w - sign(w)
    return sign(w) + np.sign(d) * np.maximum(np.abs(d) - nu, 0)


def proxquant(w, gradient, step_size, reg):
    return prox(w - step_size * gradient(w), step_size * reg)


def binaryconnect(w, gradient, step_size):  # the same prox, moved to where the gradient is taken
    return w - step_size * gradient(prox(w, 1))


# %% tags=["check"]
from functools import partial

import torch

import qlab


def Q(w):
    return qlab.quantizers.nearest(w, torch.tensor([-1.0, 1.0]))


def library(rule, seen=lambda w: w):
    return lambda w, step_size, **h: qlab.step(rule, w, torch.cos(seen(w)), lr=step_size, scale="one", **h)


mine, bc = partial(proxquant, gradient=np.cos), partial(binaryconnect, gradient=np.cos)
lab.same(mine, library("proxquant"), w="normal", step_size=0.1, reg=lambda i: i / 10, numpy=True)
lab.same(partial(mine, reg=20), library("pgd"), w="uniform", step_size=0.3, numpy=True)
lab.same(bc, library("bc", Q), w="uniform", step_size=0.3, numpy=True)

# %% [markdown]
# ## Proof of the closed form
#
# 1. One level $c$, $a = |w - c|$: $\;\min_x \frac12(x-w)^2 + \nu|x - c| = h(a)$, with $h(a) = \frac{a^2}2$ for $a \le \nu$ (there $x = c$), else $\nu a - \frac{\nu^2}2$ (there $x$ is $w$ moved by ν).
# 2. $h$ increases: the nearest level is the best one.
# 3. $R$ is the smallest of the $|x - c|$, so the minimum over $x$ *and* $c$ is $h(|w - q|)$, reached by the formula.
#
# For L2, $h(a) = \frac{\nu}{1+\nu}\frac{a^2}{2}$ increases too. The cell evaluates each line on random weights and five uneven levels; $x$ runs over a fine grid.

# %% tags=["proof"]
nu, levels, x = max(P.NU, 0.1), np.array([-2, -0.3, 0, 0.4, 3]), np.linspace(-8, 8, 4001)
w = 2 * qlab.uniforms.normal(P.SEED, 0, 0, (200, 1), dtype=torch.float64).numpy()
h, cost = (lambda a: np.where(a <= nu, a**2 / 2, nu * a - nu**2 / 2)), (lambda x, c: (x - w) ** 2 / 2 + nu * np.abs(x[..., None] - c).min(-1))
best = qlab.prox.prox_l1(torch.tensor(w), torch.tensor(levels), nu).numpy()
lines = {"1  h = cost of one level": (h(abs(w - 3)), cost(x, levels[4:]).min(1, keepdims=True))}
lines["2  h(nearest) <= h(any)"] = h(abs(w - levels).min(1, keepdims=True)), h(abs(w - levels))
lines["3  cost of the formula <= cost of any x"] = cost(best, levels), cost(x, levels).min(1, keepdims=True)
for name, slack in ((name, right - left) for name, (left, right) in lines.items()):
    tight = "  <- tight for every weight" if slack.max() < 1e-4 else ""
    print(f"{name:42s} {'holds' if slack.min() > -1e-12 else 'FAILS'}  slack up to {slack.max():.1g}{tight}")

# %% [markdown] tags=["exercise"]
# ## Exercise 05.1: the other prox
#
# Levels ±1 (0 counts to +1), $R(x) = \frac12 (x - q)^2$. Write the prox of one number `w` with parameter `nu`.
#
# <details><summary>Hint</summary>
#
# Which $q$? Then a parabola: where is its derivative 0?
#
# </details>

# %% tags=["exercise"]
def prox_l2(w, nu):
    ### BEGIN SOLUTION
    q = 1.0 if w >= 0 else -1.0
    return (w + nu * q) / (1 + nu)
    ### END SOLUTION


# %% [markdown] tags=["exercise"]
# ## Exercise 05.2: how long does it take?
#
# L1, no gradient, constant weight `reg`. A weight is `distance` away from its level. After how many steps is it there?

# %% tags=["exercise"]
def steps_to_level(distance, step_size, reg):
    ### BEGIN SOLUTION
    return int(np.ceil(distance / (step_size * reg)))
    ### END SOLUTION


# %% tags=["check"]
lab.check("05.1", prox_l2)
lab.check("05.2", steps_to_level)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 05.1: $(x - w) + \nu (x - q) = 0$. The distance shrinks by the factor $1/(1+\nu)$, so it is never 0.
#
# 05.2: every step takes $\eta\nu$ off the distance. A run with a hundred steps of 0.1 needs $\nu \approx 0.1$ to cover one unit; the total $\sum_t \eta_t\nu_t$ is what a schedule decides. Where the gradient pushes harder than ν, nothing arrives.
#
# </details>

# %% [markdown]
# ## Two functions that look the same from the levels
#
# $f_\pm(w) = |w \pm \tfrac12| - \tfrac12$. At $w = 1$ both have slope $+1$, at $w = -1$ both have $-1$. But $f_+$ is smaller at $-1$, $f_-$ at $+1$ (Bai, Wang, Liberty).

# %% tags=["demo"]
lab.show("D8b", P)

# %%
lab.outcome("05.a")
lab.outcome("05.b")

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# BinaryConnect asks for slopes at ±1 only: *the same* path in both panels, hovering around 0. What it deploys is a matter of the last step, right on exactly one.
#
# ProxQuant asks where the weight is. It finds the minimizer, at $\mp\frac12$; once the weight of $R$ exceeds the slope, 1, it leaves for the nearer level, the better one. With the full weight *from the first step* it stays at the level next to its start.
#
# ![](figures/D8b.png)
#
# </details>
#
# ## The claims as experiments
#
# The two functions, from a random start per seed; random quadratics; and a network on digits (64, 32, 10, one bit per weight): trained in full precision, then `TRAIN_STEPS` steps of each method from there, the weight of $R$ rising to `TRAIN_REG`.

# %% tags=["experiment"]
from qlab.experiments import proxquant as toy

seeds = range(P.SEED, P.SEED + P.SEEDS)


def both(method, schedule="linear"):
    """Per seed: 1 where the better level is deployed on both functions."""
    setting = {"step_size": P.STEP_SIZE, "steps": P.STEPS, "reg": P.REG, "schedule": schedule}
    right = [toy.right(toy.paths(method, toy.starts(seeds), f, **setting), f) for f in (1, -1)]
    return (right[0] & right[1]).astype(float)


found = {"bc": both("bc"), "proxquant": both("proxquant"), "at once": both("proxquant", "constant")}
best = toy.best_iterate(seeds, 0.9, steps=300)
covered = qlab.prox.descent_constant(step_size=1.0, smoothness=1.0)
start = toy.trained(seeds, steps=P.WARM_STEPS, device=P.DEVICE)
rounded = start.measure().quantized_accuracy.cpu()
tune = {"steps": P.TRAIN_STEPS, "step_size": P.TRAIN_STEP_SIZE}
bc = toy.fine_tune("bc", start, seeds, **tune)
pq = toy.fine_tune("proxquant", start, seeds, **tune, reg=P.TRAIN_REG, schedule="linear")

# %% tags=["claims"]
C, paper = lab.Claim, "Bai et al."
claims = [
    C("05.C1", "BC deploys the better level on both functions", paper, "does not hold").judge(found["bc"] - 0.5),
    C("05.C2", "ProxQuant does, its pull rising from 0", paper).judge(found["proxquant"] - 0.5),
    C("05.C3", "ProxQuant does, with the full pull from the first step", "ours", "does not hold").judge(found["at once"] - 0.5),
    C("05.C4", "at 0.9/L the best iterate's step is within its bound, F/(cT)", "S0 2.III").judge(best.bound - best.smallest),
    C("05.C5", "at 0.9/L the objective never rises", "S0 2.III").judge(1e-9 - best.rises),
    C("05.C6", "the bound covers the step 1/L, as printed", "S0 2.III", "does not hold").exact(covered, margin=1e-12),
    C("05.C7", "on digits BC changes more signs than ProxQuant", paper).judge(bc.signs - pq.signs),
    C("05.C8", "on digits ProxQuant ends nearer to its levels", "S0 2.III").judge(bc.distance - pq.distance),
    C("05.C9", "on digits ProxQuant beats rounding what it started from", "ours").judge(pq.accuracy - rounded),
    C("05.C10", "fewer sign changes: on digits ProxQuant beats BC", "a misconception", "does not hold").judge(pq.accuracy - bc.accuracy),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.outcome("05.c")
lab.details(claims)
rows = [
    ("ptq", "test error, trained and rounded", "not in S0", 100 * (1 - rounded)),
    ("bc", "test error, BC", "11.67 % (CIFAR-10, Leconte et al.)", 100 * (1 - bc.accuracy)),
    ("proxquant", "test error, ProxQuant", "11.78 % (CIFAR-10, Leconte et al.)", 100 * (1 - pq.accuracy)),
    ("signs-bc", "signs changed, BC", "no number in S0", 100 * bc.signs),
    ("signs-proxquant", "signs changed, ProxQuant", "no number in S0", 100 * pq.signs),
    ("best", "best step of ProxQuant, of its bound", "at most 100 %", 100 * best.smallest / best.bound),
    ("twins-bc", "right on both functions, BC", "never", 100 * torch.tensor(found["bc"])),
    ("twins-proxquant", "right on both functions, ProxQuant", "always", 100 * torch.tensor(found["proxquant"])),
]
lab.compare("05", [lab.Row(id, what, said, float(x.mean()), float(x.std()), " %") for id, what, said, x in rows])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can write the prox of the distance to a level set in closed form, and prove it.
# - [ ] I can say when ProxQuant is projected gradient descent and when the same prox is BinaryConnect.
# - [ ] I can give two functions that BinaryConnect cannot tell apart and ProxQuant can.
# - [ ] I can explain why fewer sign changes are not yet a better network.
#
# Tried on digits: η from 0.1 to 1, ν from 0.03 to 1, up to 1000 steps. ProxQuant stays below 90 %, BinaryConnect reaches 95 %. (Its authors use Adam and batch norm.)
#
# **Try next:** `TRAIN_REG` 0.1; `TRAIN_STEP_SIZE` 0.3; `WARM_STEPS` 0. A soft map in the view: the rules `binaryrelax`, `parq`, `md`.
#
# Next: 06, interval constraints; on the path of projections 09, blending.
#
# Reference: S0, 2.III; Bai, Wang, Liberty, *ProxQuant*, ICLR 2019.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "a prox of a non-convex function has no closed form" (entry by entry, nearest level first); "flips are always bad" (BC changes many signs here, and gains by it); "soft is safer than hard" (soft is only as good as its schedule: constant and strong, it freezes the start).
#
# *Timing:* predictions 4, D8 8, algorithm and proof 12, exercises 6, D8b 5, claims 5 minutes.
#
# *Discuss:* Which of the two functions does *stochastic* rounding get right? What would a latent weight add to ProxQuant?
#
# *Exam:* $R(x) = \min_c |x - c|$ over the levels 0 and 1. Give the prox of 0.4 for ν = 0.1, 0.4 and 1. (0.3; 0; 0.)
