# %% [markdown]
# # 10 · Why a coarse gradient descends: the two-layer theory
#
# **Training follows a gradient that is not the gradient of the loss. Why does the loss fall, and when does it not?**
#
# Document: Xin, *Blended Coarse Gradient Descent* (S2), the analysis slides.
#
# 60 minutes · after lessons [02](02_staircases.ipynb) and [04](04_why_rounding_stalls.ipynb) · next: [13, the exact optimum](13_exact_optimum.ipynb)

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - compute the mean of a coarse gradient from $\mathbb E\,z\,\mathbf 1\{z\cdot w>0\}$,
# - prove that it is positively correlated with the true gradient,
# - give inputs for which it is not,
# - explain why the true gradient, with constant steps, does worse near the minimum.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson10.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("10", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# Take $z\sim N(0, I)$ and keep it only where $z\cdot w>0$. Across $w$ everything cancels; along $w$ half a normal variable is left:
#
# $$\mathbb E\,z\,\mathbf 1\{z\cdot w>0\}=\frac{1}{\sqrt{2\pi}}\,\frac{w}{|w|}.$$
#
# A network of steps, $\sigma(x)=\mathbf 1\{x>0\}$, imitates a teacher $(v^*,w^*)$:
#
# $$\ell=\tfrac12\left(v^{\mathsf T}\sigma(Zw)-v^{*\mathsf T}\sigma(Zw^*)\right)^2 .$$
#
# On any sample $\ell$ is flat in $w$ almost everywhere: gradient 0. Its mean $F=\mathbb E\,\ell$ is not: the **true gradient**. Training can use neither, so it puts the derivative $\mu'$ of a *surrogate* in place of $\sigma'$: the **coarse gradient** $g$. Its mean is built from the formula above.
#
# | symbol | meaning |
# |---|---|
# | $Z$ | input: $m$ rows $z$, Gaussian |
# | $v$, $w$ | second, first layer |
# | $\vartheta$ | angle of $w$ from $w^*$ |

# %% tags=["predict"]
lab.predict(
    "10.a",
    "A straight-through estimator approximates the gradient, one reads. "
    "How far from the true gradient is the mean coarse gradient (ReLU) at a typical point: three units, four inputs, random weights?",
    ["a few degrees", "about 45 degrees", "almost 80 degrees, and it is ten times as long"],
)
lab.predict(
    "10.b",
    "Constant steps towards the minimum, w scaled back to length 1 after each, infinitely many inputs, no noise. Which gradient settles on it?",
    ["the true one", "the coarse one", "both", "neither"],
)

# %% tags=["demo"]
lab.show("D10", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Drag the angle: the arrows differ, yet the coarse one stays on the downhill side of the dashed line, and the cosine above 0. At 0° and 180° no true gradient exists: $F$ has a kink.
#
# Raise the condition number: the orange curve leaves the dotted one and dips below 0. There the coarse gradient points *uphill*. The theorem is about isotropic inputs.
#
# Choose 10 inputs: the loss (circles) becomes stairs, whose gradient is 0. The coarse gradient survives.
#
# ![](figures/D10.png)
#
# </details>

# %%
lab.outcome("10.a")

# %% [markdown]
# ## The formulas
#
# With $J(\vartheta)=(1-\tfrac2\pi\vartheta)I+\mathbf 1\mathbf 1^{\mathsf T}$ and $\hat w=w/|w|$, S2 has
#
# $$8F=v^{\mathsf T}(I+\mathbf 1\mathbf 1^{\mathsf T})v-2v^{\mathsf T}J(\vartheta)v^*+v^{*\mathsf T}(I+\mathbf 1\mathbf 1^{\mathsf T})v^*$$
#
# $$\frac{\partial F}{\partial w}=-\frac{v^{\mathsf T}v^*}{2\pi|w|}\,e,\qquad \mathbb E\,g=\frac{h\,\hat w-v^{\mathsf T}v^*(\hat w+w^*)}{2\sqrt{2\pi}},$$
#
# $e$: the unit vector across $w$ towards $w^*$; $h=|v|^2+(\mathbf 1^{\mathsf T}v)^2-(\mathbf 1^{\mathsf T}v)(\mathbf 1^{\mathsf T}v^*)+v^{\mathsf T}v^*$.
#
# **The document claims** $\langle\mathbb E\,g,\partial F/\partial w\rangle=\frac{\sin\vartheta}{2(\sqrt{2\pi})^3|w|}(v^{\mathsf T}v^*)^2\ge0$.
#
# <details><summary>Reading notes</summary>
#
# - **"Lipschitz continuous gradients"** of $F$: only for $\vartheta\in[\delta,\pi-\delta]$ and $|w|\ge c$. At 0 and $\pi$ the gradient jumps.
# - **$\mathbb E\,g$ needs $|w^*|=1$**; S2 assumes it early on. $\sigma$ does not see the length.
# - S2 writes $\cos\frac\vartheta2\,\frac{\hat w+w^*}{|\hat w+w^*|}$, which is $\frac12(\hat w+w^*)$, also at $\pi$.
#
# </details>

# %% [markdown]
# ## The algorithm in the open
#
# One step of S2's coarse gradient descent with weight normalization, all in means.

# %%
import numpy as np


def coarse_step(v, w, v_star, w_star, step_size):
    w, w_star = w / np.linalg.norm(w), w_star / np.linalg.norm(w_star)
    theta = np.arccos(w @ w_star)
    J_v_star = (1 - 2 * theta / np.pi) * v_star + v_star.sum()
    dF_dv = (v + v.sum() - J_v_star) / 4
    pull = v @ v_star
    h = v @ v + v.sum() ** 2 - v.sum() * v_star.sum() + pull
    g = (h * w - pull * (w + w_star)) / (2 * np.sqrt(2 * np.pi))
    half = w - step_size * g
    return np.concatenate([v - step_size * dF_dv, half / np.linalg.norm(half)])


# %% tags=["check"]
import torch

from qlab.experiments import two_layer
from qlab.theory.two_layer import TwoLayer, across, dot, norm


def library(v, w, v_star, w_star, step_size):
    w = w / norm(w)
    path = two_layer.descend(TwoLayer(v_star, w_star), v, w, step_size=step_size, steps=1, gradient="relu")
    return torch.cat([path.v, path.w])


normal = dict.fromkeys(("v", "w", "v_star", "w_star"), "normal")
lab.same(coarse_step, library, **normal, shape=(4,), step_size=P.STEP_SIZE, numpy=True, tolerance=1e-10)

# %% [markdown]
# ## Proof: positive correlation
#
# 1. $\partial F/\partial w$ has no part along $w$: $F$ does not see $|w|$.
# 2. So only the part of $\mathbb E\,g$ across $w$ counts. Of $\hat w$ nothing is across, of $w^*$ it is $\sin\vartheta\,e$.
# 3. That part is $-v^{\mathsf T}v^*\sin\vartheta/(2\sqrt{2\pi})$ times $e$: the same factor $-v^{\mathsf T}v^*$ as in $\partial F/\partial w$.
# 4. The product is a square times $\sin\vartheta$. It is 0, the tight case, only for $v\perp v^*$ or $\vartheta\in\{0,\pi\}$.

# %% tags=["proof"]
from qlab.experiments import two_layer_claims as trial

model, v, w = (x for x in trial.states(torch.tensor([P.SEED])))
g, true, e = model.coarse(v, w), model.gradient_w(v, w), across(w, model.w_star)
pull, sin = dot(v, model.v_star), model.angle(w).sin()
print("1  |⟨dF/dw, w⟩| at most", f"{dot(true, w).abs().max():.0e}")
print("2  |⟨E g, dF/dw⟩ - ⟨E g, e⟩⟨e, dF/dw⟩| at most", f"{(dot(g, true) - dot(g, e) * dot(e, true)).abs().max():.0e}")
print("3  |⟨E g, e⟩ + v'v* sin ϑ / 2√2π| at most", f"{(dot(g, e) + pull * sin / (8 * torch.pi) ** 0.5).abs().max():.0e}")
tight = dot(g, true).argmin()
print(f"4  smallest product {dot(g, true).min():.1e} >= 0  <- tight: v'v* = {pull.flatten()[tight]:.1e}")

# %% [markdown] tags=["exercise"]
# ## Exercise 10.1: the identity
#
# The identity's surrogate derivative is 1, so $g=Z^{\mathsf T}v\,\big(v^{\mathsf T}\sigma(Zw)-v^{*\mathsf T}\sigma(Zw^*)\big)$. Compute its mean from the first formula of this lesson, for $|w^*|=1$. Arrays `v`, `v_star` have $m$ entries, `w`, `w_star` $n$.
#
# <details><summary>Hint</summary>
#
# Row $i$ of $Z$ appears in $\sigma$ of unit $i$ and nowhere else.
#
# </details>

# %% tags=["exercise"]
def identity_coarse(v, w, v_star, w_star):
    ### BEGIN SOLUTION
    unit = w / np.linalg.norm(w)
    return (v @ v * unit - v @ v_star * w_star) / np.sqrt(2 * np.pi)
    ### END SOLUTION


# %% tags=["check"]
lab.check("10.1", identity_coarse)

# %% [markdown] tags=["exercise"]
# ## Exercise 10.2: one turn
#
# $|w|=1$, $v^{\mathsf T}v^*=$ `pull` $>0$. By how many **degrees** does one step $w\leftarrow(w-\eta\,\partial F/\partial w)/|\cdot|$ turn $w$? What follows for $w$ very close to $w^*$? The next demo shows it: the true gradient on the left, the coarse one on the right, both from `START` with $v$ as chosen.

# %% tags=["exercise"]
def turn(step_size, pull):
    ### BEGIN SOLUTION
    return np.degrees(np.arctan(step_size * pull / (2 * np.pi)))
    ### END SOLUTION


# %% tags=["check"]
lab.check("10.2", turn)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 10.1: unit $i$ contributes $v_i\,\mathbb E\,z_i(v_i\mathbf 1\{z_i\cdot w>0\}-v_i^*\mathbf 1\{z_i\cdot w^*>0\})$; other units are independent of $z_i$, whose mean is 0. Sum over $i$.
#
# 10.2: the step is across $w$, of length $\eta\,v^{\mathsf T}v^*/2\pi$, so the turn is its arctangent. Nearer than that, $w$ jumps across $w^*$.
#
# </details>

# %% tags=["demo"]
lab.show("D10b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# The true gradient has length $v^{\mathsf T}v^*/2\pi$ however near $w^*$ is: each step jumps across, and the mean distance is half a turn. The coarse one has the factor $\sin\vartheta$: it brakes, and lands. Here the fake gradient is the better one.
#
# From 170° with $v=-v^*/2$ both end at $-w^*$, a spurious minimum. The theorem promises $w^*$ only from angles below 90°.
#
# ![](figures/D10b.png)
#
# </details>
#
# ## The claims as experiments
#
# `SEEDS` seeds, 1000 random states or 20 starts each.

# %% tags=["experiment"]
from qlab.devices import device

lab.outcome("10.b")
seeds, eta = torch.arange(P.SEED, P.SEED + P.SEEDS, device=device(P.DEVICE)), P.STEP_SIZE
conditions = (1, 2, 4, 10, 100)
negative = {c: trial.negative(seeds, c) for c in conditions}
apart = {s: trial.apart(seeds, s) for s in ("relu", "identity", "clipped-relu")}
final = {kind: trial.final_angles(seeds, eta, kind) for kind in ("true", "relu")}
zero = {s: trial.at_spurious_minimum(seeds, s) for s in ("relu", "identity")}
leaves = trial.rise_from_spurious_minimum("identity")

# %% tags=["claims"]
C, no = lab.Claim, "does not hold"
claims = [
    C("10.C1", "the inner product is the formula's, and not negative", "S2 Positive Correlation").judge(1e-8 - trial.theorem_error(seeds)),
    C("10.C2", "the identity's is twice the ReLU's", "ours").judge(1e-8 - trial.twice_error(seeds)),
    C("10.C3", "the coarse gradient approximates the true one, to 45 degrees", "S2 read too broadly", no).judge(45 - apart["relu"]),
    C("10.C4", "the product is positive for any Gaussian input, as at condition 10", "S2 read too broadly", no).judge(-negative[10]),
    C("10.C5", "in the metric of the inputs it is positive, even at condition 100", "ours").judge(1e-3 - trial.negative_in_metric(seeds, 100)),
    C("10.C6", "from the theorem's starts the loss falls always, to the teacher", "S2 Convergence").judge(trial.converged(seeds, eta) - 0.99),
    C("10.C7", "the gradient of F is Lipschitz", "S2", no).judge(2 - trial.steepening(seeds)),
    C("10.C8", "the coarse gradient lands and the true one swings", "ours").judge(final["true"] - 10 * final["relu"]),
    C("10.C9", "at the spurious minimum the ReLU's coarse gradient is 0", "S2 Critical Points").judge(-12 - zero["relu"]),
    C("10.C10", "at the spurious minimum the identity's coarse gradient is 0", "S2 read too broadly", no).judge(-12 - zero["identity"]),
    C("10.C11", "the identity stays at the spurious minimum", "ours", no).exact(0.01 - leaves),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
rows = [
    *((f"negative-{c}", f"states with a negative product, condition {c}", "0 %" if c == 1 else "not in S2", 100 * x, " %") for c, x in negative.items()),
    *((f"apart-{s}", f"median angle of the two, {s}", "below 90", x, "°") for s, x in apart.items()),
    ("final-true", "true gradient, final mean angle", "not in S2", final["true"], "°"),
    ("final-relu", "coarse gradient, final angle", "0", final["relu"], "°"),
]
lab.compare("10", [lab.Row(id, what, paper, float(x.mean()), float(x.std()), unit) for id, what, paper, x, unit in rows])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can compute the mean of a coarse gradient from $\mathbb E\,z\,\mathbf 1\{z\cdot w>0\}$.
# - [ ] I can prove that it is positively correlated with the true gradient.
# - [ ] I can give inputs for which it is not.
# - [ ] I can explain why the true gradient, with constant steps, does worse near the minimum.
#
# **Try next:** `CONDITION` 10 and `THETA` 20; `SAMPLES` 10; `START` 150 with each `SECOND`.
#
# Next lesson: [13](13_exact_optimum.ipynb), tasks I and II against the exact optimum.
#
# Reference: S2, "Analysis of Coarse Gradient Descent".

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconception:* "STE approximates the gradient": no, it descends.
#
# *Timing:* half-space mean on the board 10, D10 10, proof 15, exercises 15, D10b 10.
#
# *Discuss:* Why does whitening the inputs restore the theorem?
#
# *Exam:* Show that the identity's product is twice the ReLU's.
