# %% [markdown]
# # 09 · Blended coarse gradient descent: descent is not optimality
#
# **A method that provably descends in every step: does it also end well?**
#
# Document: Xin, *Blended Coarse Gradient Descent* (S2), "Full Quantization Problem" to the tables.
#
# 45 minutes · after lesson [03](03_exploration.ipynb) · next: 10, why a coarse gradient descends

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - write one step of blended gradient descent and say what blends 0 and 1 are,
# - compute the leash of a latent weight and tell whether a level holds it,
# - prove sufficient descent with its constant, and say when there is none,
# - show that guaranteed descent can end far from the optimum.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson09.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("09", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# BinaryConnect's latent weight may wander anywhere; the network only sees $w_Q = Q(w)$. Projected gradient descent throws the latent weight away: after each step it *is* the quantized one.
#
# **Blending** goes between. Each step first draws the latent weight a share $\rho$ of the way back to its own $w_Q$: a leash.
#
# | symbol | meaning |
# |---|---|
# | $w$, $w_Q$ | latent weight, deployed weight ($w_f$, $w$ in S2) |
# | $\rho$ | blend: 0 is BinaryConnect, 1 is projected gradient descent |
# | $\eta$ | step size |
# | $L$ | Lipschitz constant of the gradient |
# | $\eta\lvert g\rvert/\rho$ | the leash: how far $w$ goes from $w_Q$ while $w_Q$ stays |
#
# One weight, loss $F(w) = \frac12 (w - 0.1)^2$, so $L = 1$, levels $-1, -\frac13, \frac13, 1$. The best level is $\frac13$.

# %% tags=["predict"]
lab.predict(
    "09.a",
    "With step size 0.1 and blend 0.1, all of four starts end on the best level. Halve the step size, keep the blend. How many do now?",
    ["all four: a smaller step is safer", "two", "none: they never come to rest"],
)
lab.predict(
    "09.b",
    "Ten weights ±1, a random quadratic. One run hardly ever flips a weight, one flips in half of all steps, BinaryConnect in nearly all. Which is nearest to the optimum, on average over its second half?",
    ["the one that hardly flips: flips are noise", "the one that flips in half of all steps", "BinaryConnect: it explores most"],
)

# %% tags=["demo"]
lab.show("D9", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Right: three regimes. With a long leash (blue) no level holds the weight: it flips forever. With a short one (grey) *any* level may hold it, so the start decides. Between them, the leash is too short to leave the best level, and long enough to leave the others: all starts end well.
#
# Only $\eta/\rho$ matters. A smaller step at the same blend shortens the leash: two starts are now stuck.
#
# Right of the dashed line no step raises the loss, guaranteed. That region holds all of the *grey*: a leash short enough for the guarantee can be too short to reach a better level.
#
# ![](figures/D9.png)
#
# </details>

# %% [markdown]
# ## The formulas
#
# As in S2, with $w_f, w$ written $w, w_Q$:
#
# $$\text{BC:}\quad w^{t+1} = w^t - \eta\,\nabla F(w_Q^t) \qquad\qquad \text{PGD:}\quad w^{t+1} = w_Q^t - \eta\,\nabla F(w_Q^t)$$
#
# $$\text{BGD:}\quad w^{t+1} = (1-\rho)\,w^t + \rho\,w_Q^t - \eta\,\nabla F(w_Q^t), \qquad w_Q^{t+1} = \operatorname{proj}_{\mathcal Q}(w^{t+1})$$
#
# BCGD is BGD with a *coarse* gradient, and with activations whose resolution $s_x$ learns slowly: $\eta_x = 0.01\,\eta$. S2 takes $\rho = 10^{-5}$.
#
# While $w_Q$ stands still, $w \to w_Q - \frac{\eta}{\rho}\nabla F(w_Q)$: a gradient step of size $\eta/\rho$. A level lets go if this point lies beyond the border of its cell.
#
# **The document claims:** for $\rho \in (0,1)$ and small enough $\eta$,
#
# $$F(w_Q^{t+1}) - F(w_Q^t) \le -c\,\lVert w_Q^{t+1} - w_Q^t \rVert^2, \quad c > 0,$$
#
# BinaryConnect does not have this; and blending improves accuracy at low precision.

# %% [markdown]
# <details><summary>Reading notes: what S2 prints, and what is right</summary>
#
# - **"Small enough $\eta$"** has a number: $\eta < \rho/L$, from $c = \frac{\rho}{2\eta} - \frac L2$. It holds for $\rho = 1$ too. It needs the *exact* projection: with one Lloyd step (3 bits and more) the loss can rise all the same.
# - **S2's own setting**, $\rho = 10^{-5}$, $\eta = 10^{-2}$, would need $L < 10^{-3}$: the theorem does not cover its experiments.
# - **Start of the resolution.** The slide prints $1/(2^{b_a}\,1)$; a minus is lost: $s_x^1 = 1/(2^{b_a} - 1)$, which puts the top level at 1.
# - **Tables.** Float accuracies are garbled ("02 13", "02/1"): read 92.13 (VGG-11) and 92.41 (ResNet-20). The 3-valued table is printed twice.
#
# </details>
#
# ## The algorithm in the open

# %%
import numpy as np


def project(w_f):
    return np.abs(w_f).mean() * np.where(w_f >= 0, 1.0, -1.0)


def bgd(w_f, step_size, rho, gradient):
    w = project(w_f)
    return (1 - rho) * w_f + rho * w - step_size * gradient(w)


# %% tags=["check"]
from functools import partial

import qlab
from qlab.quantizers import project as proj


def slope(w):
    return w**3 - 0.3 * w


def library(w_f, step_size, rho):
    return qlab.step("bcgd", w_f, slope(proj(w_f, 1).values), lr=step_size, rho=rho, bits=1)


mine = partial(bgd, gradient=slope)
lab.same(mine, library, w_f="normal", step_size=0.1, rho=lambda case: case % 6 / 5, numpy=True)

# %% [markdown]
# ## Proof: the constant of the descent
#
# Let $r = w - w_Q$, $d = w_Q^+ - w_Q$, $g = \nabla F(w_Q)$.
#
# 1. $w_Q$ is nearest to $w$: $\;2\langle d, r\rangle \le \lVert d\rVert^2$.
# 2. $w_Q^+$ is nearest to $w^+$: $\;\lVert d\rVert^2 \le 2(1-\rho)\langle d, r\rangle - 2\eta\langle d, g\rangle$.
# 3. (1) in (2): $\;\langle g, d\rangle \le -\frac{\rho}{2\eta}\lVert d\rVert^2$.
# 4. $F$ is smooth: $\;F(w_Q^+) - F(w_Q) \le \langle g, d\rangle + \frac L2 \lVert d\rVert^2 \le -\left(\frac{\rho}{2\eta} - \frac L2\right)\lVert d\rVert^2$.
#
# The cell evaluates every line on a random quadratic and marks the tightest. All can be equalities at once (two levels, $w$ and $w^+$ both half way): the constant is the best possible.

# %% tags=["proof"]
from qlab.experiments import blending
from qlab.theory import descent

A, b, w = (x[0] for x in blending.quadratics([P.SEED], P.DIMENSION, condition=2))
rho, eta, L = 0.8, 0.7, 1.0
g = A @ (w.sign() - b)
w_next = (1 - rho) * w + rho * w.sign() - eta * g
d = w_next.sign() - w.sign()
lines = descent.inequalities(w, w.sign(), w_next, w_next.sign(), g, d @ g + d @ A @ d / 2, rho, eta, L)
tight = min(lines, key=lambda name: lines[name][1] - lines[name][0])
for name, (left, right) in lines.items():
    print(f"{left:8.3f} <= {right:8.3f}   {name}{'   <- tightest' * (name == tight)}")

# %% [markdown] tags=["exercise"]
# ## Exercise 09.1: the leash
#
# A level stays deployed; the slope of the loss there is `slope`. How far from the level does the latent weight end?
#
# <details><summary>Hint</summary>
#
# In the end a step changes nothing: put $w^{t+1} = w^t$ into the formula.
#
# </details>

# %% tags=["exercise"]
def leash(slope, step_size, rho):
    ### BEGIN SOLUTION
    return step_size * abs(slope) / rho
    ### END SOLUTION


# %% tags=["check"]
lab.check("09.1", leash)

# %% [markdown] tags=["exercise"]
# ## Exercise 09.2: the good window
#
# Levels are `gap` apart. The slope at the best level is `best_slope`, at another level `other_slope`, the larger one. Return the two blends between which the best level holds its weight and the other one lets go.

# %% tags=["exercise"]
def window(best_slope, other_slope, gap, step_size):
    ### BEGIN SOLUTION
    half = gap / 2
    return step_size * abs(best_slope) / half, step_size * abs(other_slope) / half
    ### END SOLUTION


# %% tags=["check"]
lab.check("09.2", window)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 09.1: $w = (1-\rho)w + \rho w_Q - \eta g$ gives $w - w_Q = -\frac{\eta}{\rho} g$. It is reached from anywhere in the cell without turning back: $r \mapsto (1-\rho)r - \eta g$ contracts by $1 - \rho$.
#
# 09.2: a level holds while $\eta|g|/\rho \le \text{gap}/2$, that is for $\rho \ge 2\eta|g|/\text{gap}$. On D9 with $\eta = 0.1$ the window is 0.07 to 0.13. With many weights every one has its own slopes, so one $\rho$ need not suit all.
#
# </details>

# %% [markdown]
# ## The claims as experiments
#
# *Quadratics:* `DIMENSION` weights ±1, all points known, largest eigenvalue 1, step 0.1, 1500 steps; counted is the mean distance to the optimum over the second half. *Guaranteed* is $\eta/\rho = 0.8/L$, *long leash* $8/L$.
#
# *Digits:* a network 64 - 32 - 10 with `BITS`-bit weights and `ACT_BITS`-bit activations, the step falling to a tenth for the last third, one stack for all blends and seeds. S2 takes $7.8 \cdot 10^4$ steps with $\rho = 10^{-5}$; the blend that pulls as much in 300 steps is 0.0026.

# %% tags=["experiment"]
seeds = range(P.SEED, P.SEED + P.SEEDS)
eta = 0.1
run = {
    name: blending.descend(seeds, rho=rho, step_size=eta, d=P.DIMENSION)
    for name, rho in (("guaranteed", eta / 0.8), ("long leash", eta / 8), ("bc", 0.0))
}


def found(rho, step_size):
    ends = blending.simulate(rho, step_size, np.array(blending.STARTS), 800).ends
    return (ends == blending.BEST).mean()


blends = (0.0, 1e-5, 1e-3, 0.01, P.TRAIN_STEP_SIZE)
training = {"bits": P.BITS, "act_bits": P.ACT_BITS, "steps": P.TRAIN_STEPS, "step_size": P.TRAIN_STEP_SIZE}
learned = blending.train(blends, seeds, device=P.DEVICE, **training)
curved = blending.curvature(seeds, device=P.DEVICE)
lab.outcome("09.a")
lab.outcome("09.b")

# %% [markdown]
# ## Three promises of S0, tried here too
#
# - **ASkewSGD** ([07](07_askewsgd.ipynb)): with steps that are not summable but square-summable the loss converges and the distance to the stationary points vanishes. *Which* one, and how fast, is not said: again no optimality.
# - **BinaryConnect** (blend 0) saves 2/3 of the multiplications. Of the three matrix products of a training step two hold a weight; the first layer needs only two products.
# - It is a **regularizer**: a network 64 - 64 - 10 fits 200 digits; the gap is test loss minus training loss; of stochastic BC the latent weights are kept, as in its authors' code.

# %% tags=["experiment"]
import torch
from qlab.experiments import operations, rates, regularizer
from qlab.models import registry

askew = {delta: rates.run(delta, seeds) for delta in (0.6, 0.0)}
kept = {m: regularizer.train(m, seeds, device=P.DEVICE) for m in regularizer.METHODS}
resnet = operations.layers(registry.build("resnet20", shape=(3, 32, 32), classes=10), torch.zeros(1, 3, 32, 32))
names = [layer.name for layer in resnet]
saved = operations.in_training(resnet, names, batch=128).saved

# %% tags=["claims"]
C, NO = lab.Claim, "does not hold"
right = dict(zip(blends, learned.accuracy, strict=True))
claims = [
    C("09.C1", "with η < ρ/L the loss rises in no step", "S2 sufficient descent").exact(0.5 - float(run["guaranteed"].rises.sum())),
    C("09.C2", "BinaryConnect's loss rises in some steps, on every quadratic", "S2 sufficient descent").exact(float(run["bc"].rises.min()) - 0.5),
    C("09.C3", "guaranteed descent ends on the best level from every start", "S2 read too broadly", NO).exact(found(0.2, 0.1) - 1, margin=-1e-9),
    C("09.C4", "a smaller step is safer: at the same blend, as many starts end best", "a misconception", NO).exact(found(0.1, 0.05) - found(0.1, 0.1), margin=-1e-9),
    C("09.C5", "flips are bad: the run that hardly flips ends nearer to the optimum", "a misconception", NO).judge(run["long leash"].gap - run["guaranteed"].gap),
    C("09.C6", "with a long leash, blending ends nearer to the optimum than BinaryConnect", "S2 Experiment a").judge(run["bc"].gap - run["long leash"].gap),
    C("09.C7", "S2's ρ and η guarantee descent on the digits network", "S2 sufficient descent", NO).judge(descent.largest_smoothness(1e-5, 1e-2) - curved),
    C("09.C8", "on digits, blending with S2's ρ beats BinaryConnect", "S2 Experiment a", "cannot tell").judge(right[1e-5] - right[0.0]),
    C("09.C9", "on digits a blend as large as the step is within 5 points of BinaryConnect", "S2 read too broadly", NO).judge(right[P.TRAIN_STEP_SIZE] - right[0.0], margin=-0.05),
    C("09.C10", "with steps k^-0.6 ASkewSGD's distance to stationarity goes on falling", "S0 Theorem 2").judge(askew[0.6].between(0.05, 0.15) - askew[0.6].between(0.8, 1)),
    C("09.C11", "a constant step brings it as near", "against S0 Assumption 4", NO).judge(askew[0.6].between(0.8, 1) - askew[0.0].between(0.8, 1)),
    C("09.C12", "binary weights save 2/3 of ResNet-20's multiplications in training, within a point", "S0 2.I").exact(0.01 - abs(2 / 3 - saved)),
    C("09.C13", "stochastic BinaryConnect is a regularizer: a smaller gap to the test loss", "S0 2.I", NO).judge(kept["full"].gap - kept["bc-stochastic"].gap),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)


def row(id, what, document, values, unit=""):
    return lab.Row(id, what, document, float(values.mean()), float(values.std()), unit)


rows = [row(f"gap-{n.replace(' ', '-')}", f"quadratics: distance to the optimum, {n}", "not in S2", r.gap) for n, r in run.items()]
rows += [row(f"best-{n.replace(' ', '-')}", f"quadratics: nearest ever met, {n}", "not in S2", r.best) for n, r in run.items()]
rows.append(row("curvature", "L of the digits network, at least", "below 0.001, to be covered", curved))
printed = {0.0: "89.12 %, 89.37 % (1W4A, VGG-11, ResNet-20)", 1e-5: "89.59 %, 90.05 %"}
rows += [row(f"digits-{rho:g}", f"digits: test accuracy, ρ = {rho:g}", printed.get(rho, "not in S2"), 100 * a, " %") for rho, a in right.items()]
rows += [row(f"askew-{k:g}", f"ASkewSGD, step 2 k^-{k:g}: distance to Z", "vanishes" if k else "not covered", r.between(0.8, 1)) for k, r in askew.items()]
rows.append(row("askew-rate", "its rate, step 2 k^-0.6: exponent of k", "none given", askew[0.6].slope()))
rows.append(lab.Row("saved", "multiplications saved, ResNet-20, training", "2/3", 100 * saved, 0.0, " %"))
rows += [row(f"regularizer-{m}", f"200 digits: test minus training loss, {m}", "smaller for BC", r.gap) for m, r in kept.items()]
rows += [row(f"test-{m}", f"200 digits: test accuracy, {m}", "not in S0", 100 * r.test_accuracy, " %") for m, r in kept.items()]
lab.compare("09", rows)

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can write one step of blended gradient descent and say what blends 0 and 1 are.
# - [ ] I can compute the leash of a latent weight and tell whether a level holds it.
# - [ ] I can prove sufficient descent with its constant, and say when there is none.
# - [ ] I can show that guaranteed descent can end far from the optimum.
#
# **Try next:** `BITS` 2 or 4; `TRAIN_STEPS` 800; `DIMENSION` 14. In your own code: `qlab.groups(net, "bcgd", rho=1e-5, apart={"*resolution": {"lr": 0.01 * lr}})`.
#
# Next lesson: [10](10_two_layer_theory.ipynb), why a coarse gradient descends.
#
# Reference: S2, *Full Quantization Problem*, *Blended Gradient Descent*, *Blended Coarse Gradient Descent*, tables.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "a smaller step is safer" (it shortens the leash: more levels hold, good and bad); "flips are always bad" (without them nothing moves); "descent means optimality".
#
# *Timing:* predictions 4, D9 10, algorithm and proof 12, exercises 7, claims 12 minutes.
#
# *Discuss:* BinaryConnect's $w_Q$ never rests, yet its time average is the minimizer, 0.1. Why? (Its latent weight stays bounded, so the gradients average to 0.) Why does the blend that suits 300 steps differ from the one that suits $10^5$?
#
# *Exam:* Levels ±1, $F = \frac12(w - a)^2$, $0 < a < 1$. For which $\eta/\rho$ does blending end on $+1$ from every start? ($\frac{1}{1+a} < \frac{\eta}{\rho} \le \frac{1}{1-a}$, steps not too large.)
