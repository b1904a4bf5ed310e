# %% [markdown]
# # 03 · BinaryConnect against rounding: exploration and exploitation
#
# **When the step size shrinks, which method settles on the minimizer, and which one goes on wandering?**
#
# Document: Li et al., *Training Quantized Nets: A Deeper Understanding* (S1), all sections but the convex theorems.
#
# 45 minutes · after lesson [01](01_grids_and_projection.ipynb) · next: [04](04_why_rounding_stalls.ipynb), why stochastic rounding stalls

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - write one step of BinaryConnect, of deterministic and of stochastic rounding,
# - predict from start and step size which of them finds the minimizer,
# - explain why a smaller step slows stochastic rounding down but does not calm it,
# - say what S1's claims are worth on a network trained on digits.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson03.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("03", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# A weight may only sit on the levels $\Delta\mathbb{Z}$. Its gradient is noisy.
#
# - **BinaryConnect** (BC) keeps a *latent* real weight $w$. The gradient is taken at the rounded $w_Q = Q(w)$, the step is added to $w$.
# - **Deterministic rounding** (R) rounds after every step. Nothing else is kept.
# - **Stochastic rounding** (SR) rounds up or down at random, such that it is right on average.
#
# | symbol | meaning |
# |---|---|
# | $w$, $w_Q$ | latent weight, deployed weight |
# | $\eta$ | step size |
# | $\Delta$ | level spacing |
# | $g$ | stochastic gradient, here $F'(w_Q)$ plus noise of standard deviation `NOISE` |
#
# The loss $F$ below has three wells, at 0, 2.5 and 4.75; the last one is the deepest.
# It is our reconstruction: S1 shows histograms, but prints neither its loss nor its noise.

# %% tags=["predict"]
lab.predict(
    "03.a",
    "All runs start at 0, in the shallowest well. Which step size of BinaryConnect ends with the lower mean loss?",
    ["the small one, 0.01: a smaller step is safer", "the large one, 0.1", "both the same"],
)
lab.predict(
    "03.b",
    "Stochastic rounding is right on average in every step. The step size goes to 0. Where are its weights in the end?",
    ["on the levels next to the minimizer", "spread as widely as before, only moving less often", "frozen where they started"],
)

# %% tags=["demo"]
lab.show("D3", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# From the start 4, drag the step size from 0.1 down: BC's bars contract onto the two levels around 4.75, SR's bars hardly move: they stand on the black ticks.
# Those ticks are the law that S1's Theorem 5 (corrected) predicts for vanishing steps.
#
# Now move the *start* to 0 or 2.5. With a small step BC concentrates just as well, in the wrong well: its only way out is noise, and the noise shrinks with the step.
# SR still gets out: rounding turns the same noise into jumps of a whole level. A smaller step makes them rarer, never smaller.
#
# The preset "first large, then small" gives BC both: explore, then exploit.
# "Less noise makes SR greedy" is S1's argument for large batches.
#
# ![](figures/D3.png)
#
# </details>

# %%
lab.outcome("03.a")
lab.outcome("03.b")

# %% [markdown]
# ## The formulas
#
# As in S1, with $w_r, w_b, \alpha$ written $w, w_Q, \eta$:
#
# $$\text{BC:}\quad w_Q^t = Q(w^t), \qquad w^{t+1} = w^t - \eta\,\nabla\tilde F(w_Q^t)$$
#
# $$\text{R:}\quad w^{t+1} = Q_d(w^t - \eta\,\nabla\tilde F(w^t)), \qquad Q_d(w) = \operatorname{sign}(w)\,\Delta\,\left\lfloor \tfrac{|w|}{\Delta} + \tfrac12 \right\rfloor$$
#
# $$\text{SR:}\quad w^{t+1} = Q_s(w^t - \eta\,\nabla\tilde F(w^t)), \qquad Q_s(w) = \Delta\left(\left\lfloor \tfrac{w}{\Delta} \right\rfloor + \mathbf 1\left\{u < \tfrac{w}{\Delta} - \left\lfloor \tfrac{w}{\Delta} \right\rfloor\right\}\right), \quad u \sim U[0,1)$$
#
# On $\Delta\mathbb{Z}$ SR is a Markov chain. It moves up or down with probabilities close to
#
# $$\eta\,U(x, x+\Delta) = \frac{\eta}{\Delta}\,\mathbb{E}(-g)_+, \qquad \eta\,U(x, x-\Delta) = \frac{\eta}{\Delta}\,\mathbb{E}(g)_+ .$$
#
# The step size scales both: it sets *when* the chain moves, not *where to*. So the stationary law has a limit $\tilde\pi$ with $\tilde\pi(x) > 0$ on every level (Theorem 5).
#
# **The document claims:** as the step size shrinks, BC concentrates on a minimizer while SR stagnates.

# %% [markdown]
# <details><summary>Reading notes: what S1 prints, and what is right</summary>
#
# - **Brackets of $Q_d$** mean *floor*, so ties go away from zero; `torch.round` sends them to even.
# - **$p \le$ in $Q_s$** must be $<$ with $u \in [0,1)$: else $u = 0$ moves weights that are exactly on a level.
# - **Theorem 5, sign.** S1 prints $\int_0^\infty p(z)\,z/\Delta\,dz$ for the way *up*, $p$ being the density of the gradient. But a step goes *against* the gradient: up needs $(-g)_+$. The printed sign gives a law that sits where the loss is *large*.
# - **Theorem 5, matrix.** Rows are sources: $\tilde T = I - \alpha_0 \operatorname{diag}(U\mathbf 1) + \alpha_0 U$, not $\operatorname{diag}(\mathbf 1^{\mathsf T} U)$.
# - **Which weights?** What is counted is BC's *deployed* $w_Q$. Between two levels it dithers, here half of the time on each; only averages converge.
#
# </details>
#
# ## The algorithms in the open

# %%
import numpy as np


def Q_d(w, spacing):
    return np.sign(w) * spacing * np.floor(np.abs(w) / spacing + 0.5)


def Q_s(w, spacing, u):
    low = np.floor(w / spacing)
    return spacing * (low + (u < w / spacing - low))


def step(method, w, gradient, step_size, spacing, u):
    if method == "bc":
        return w - step_size * gradient(Q_d(w, spacing))
    v = w - step_size * gradient(w)
    return Q_d(v, spacing) if method == "r" else Q_s(v, spacing, u)


# %% tags=["check"]
import torch

import qlab
from qlab import uniforms
from qlab.problems import wells


def mine(method, w, seed, **h):
    u = uniforms.uniform(seed, 0, 0, w.shape, dtype=torch.float64).numpy()
    return step(method, w, lambda x: wells.gradient(torch.from_numpy(x)).numpy(), u=u, **h)


def library(method, w, step_size, spacing, seed):
    g = wells.gradient(qlab.quantizers.q_d(w, spacing) if method == "bc" else w)
    return qlab.step(method, w, g, lr=step_size, family="lattice", spacing=spacing, seed=seed)


method, seed = lambda i: ("bc", "r", "sr")[i % 3], lambda i: i
lab.same(mine, library, method=method, w="normal", seed=seed, step_size=0.1, spacing=0.5, numpy=True)

# %% [markdown] tags=["exercise"]
# ## Exercise 03.1: how often does SR move?
#
# A weight sits on a level. Its gradient is $g$, the step $\eta$, the spacing $\Delta$. With what probability does SR leave the level in this step?
#
# <details><summary>Hint</summary>
#
# Where between two levels does $-\eta g$ end, and how often is that rounded back?
#
# </details>

# %% tags=["exercise"]
def move_probability(g, step_size, spacing):
    ### BEGIN SOLUTION
    return min(step_size * abs(g) / spacing, 1.0)
    ### END SOLUTION


# %% tags=["check"]
lab.check("03.1", move_probability)

# %% [markdown] tags=["exercise"]
# ## Exercise 03.2: which way?
#
# `g` is an array of gradients drawn at one level. The steps are so small that at most one level is crossed. Given that SR moves, with what probability does it move to the *right*?

# %% tags=["exercise"]
def right_given_moved(g):
    ### BEGIN SOLUTION
    return np.maximum(-g, 0).mean() / np.abs(g).mean()
    ### END SOLUTION


# %% tags=["check"]
lab.check("03.2", right_given_moved)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 03.1: $-\eta g$ is the fraction $\eta|g|/\Delta$ of the way to the next level, and $Q_s$ goes there with exactly this probability. So SR moves in proportion to $\eta$.
#
# 03.2: a step goes right when $g < 0$, with weight $|g|$. The step size cancels: it is not in the answer. That is the whole reason why SR does not concentrate, and why *less noise* (a larger batch) helps: then nearly all gradients point the right way.
#
# </details>

# %% [markdown]
# ## The same comparison, trained on digits
#
# One network, 64 inputs, 32 hidden units, 10 classes; its weights have `BITS` bits. Each method starts from the same weights and sees the same batches.
#
# *Full precision, rounded* trains without any grid and is rounded afterwards; the thin dotted line is the same network *not* rounded.
#
# Press Run; change the step size while it runs.

# %% tags=["demo"]
lab.show("D3b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# R hardly moves: steps below half the spacing are rounded away. SR learns, then stalls while its weights go on changing. BC keeps learning, with fewer changes.
# Rounding a trained network afterwards does far worse than BC, though better than R.
#
# S1 reports for its networks that SR changes nearly 40 % of the weights and BC never more than 20 %: the two ticks.
# Lower the step size of SR mid-run: the flips become rarer, the accuracy does not catch up. Enlarge the batch: about half of the gap to BC closes.
#
# ![](figures/D3b.png)
#
# </details>
#
# ## The claims as experiments
#
# Each claim is tried on `SEEDS` seeds. It *holds* only if the whole 95 % interval of the mean is on its side.
# S1 trains deep networks with Adam: our small one can agree in order and direction, not in level.

# %% tags=["experiment"]
from qlab.experiments import digits
from qlab.experiments import wells as toy

seeds = range(P.SEED, P.SEED + P.SEEDS)
setting = {"noise": P.NOISE, "spacing": P.SPACING, "iterations": 2000}


def law(method, seed, step_size, start):
    return toy.simulate(method, step_size=step_size, start=start, seed=seed, **setting).law


near = [min(law("bc", s, eta, 4.0).near for eta in (0.01, 0.003, 0.001)) for s in seeds]
settled = [toy.stationary(step_size=eta, noise=P.NOISE, spacing=P.SPACING) for eta in (0.01, 0.001)]
sr = [law("sr", s, 0.01, 4.0) for s in seeds]
pooled = toy.Law(sr[0].levels, sum(one.share for one in sr) / len(sr))
wrong = [law("bc", s, 0.01, 0.0).in_well(0) - law("sr", s, 0.01, 0.0).in_well(0) for s in seeds]
shrunk = [law("bc", s, 0.001, 0.0).near for s in seeds]

# %% tags=["experiment"]
training = {"steps": P.TRAIN_STEPS, "measurements": 1, "bits": P.BITS, "step_size": P.TRAIN_STEP_SIZE, "device": P.DEVICE}


def train(method, batch=P.TRAIN_BATCH):
    return digits.train(method, seeds, batch=batch, **training)[-1]


runs = {method: train(method) for method in ("full", "bc", "sr", "r")}
large = train("sr", batch=4 * P.TRAIN_BATCH)
right = {method: measured.quantized_accuracy.cpu() for method, measured in runs.items()}
moved = {method: measured.changed.cpu() for method, measured in runs.items()}

# %% tags=["claims"]
C = lab.Claim
claims = [
    C("03.C1", "from 4, BC at steps up to 0.01 spends 95 % next to the minimizer", "S1 Exploration").judge([n - 0.95 for n in near]),
    C("03.C2", "SR's stationary law is the same at 0.01 and 0.001", "S1 Theorem 5").exact(0.02 - toy.distance(*settled)),
    C("03.C3", "SR's simulated law is the exact stationary one", "S1 Theorem 5").exact(0.02 - toy.distance(pooled, settled[0])),
    C("03.C4", "from 0 at 0.01, BC stays in the wrong well and SR leaves it", "ours").judge(wrong, margin=0.8),
    C("03.C5", "from any start, a small step makes BC concentrate on the minimizer", "S1 read too broadly", "does not hold").judge(
        [n - 0.95 for n in shrunk]
    ),
    C("03.C6", "on digits BC beats SR", "S1 Table 1").judge(right["bc"] - right["sr"]),
    C("03.C7", "on digits SR beats R", "S1 Table 1").judge(right["sr"] - right["r"]),
    C("03.C8", "on digits SR changes more weights than BC", "S1 Exploration").judge(moved["sr"] - moved["bc"]),
    C("03.C9", "on digits a four times larger batch helps SR", "S1 Exploration").judge(large.quantized_accuracy.cpu() - right["sr"]),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
latent = 100 * (1 - runs["full"].latent_accuracy.cpu())
error = {m: 100 * (1 - a) for m, a in right.items()}
share = {m: 100 * c for m, c in moved.items()}
here = 100 * torch.tensor(near)
rows = [
    ("latent", "test error, full precision", "7.97 % (VGG-9)", latent),
    ("full", "test error, full precision rounded", "not in S1", error["full"]),
    ("bc", "test error, BC", "10.36 % (VGG-9)", error["bc"]),
    ("sr", "test error, SR", "23.33 % (VGG-9)", error["sr"]),
    ("r", "test error, R", "23.99 % (VGG-9)", error["r"]),
    ("moved-sr", "weights changed, SR", "nearly 40 %", share["sr"]),
    ("moved-bc", "weights changed, BC", "at most 20 %", share["bc"]),
    ("toy-bc", "toy: BC next to the minimizer, from 4", "concentrates", here),
    ("toy-sr", "toy: SR next to the minimizer", "stagnates", here * 0 + 100 * settled[0].near),
]
lab.compare("03", [lab.Row(id, what, paper, float(x.mean()), float(x.std()), " %") for id, what, paper, x in rows])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can write one step of BinaryConnect, of deterministic and of stochastic rounding.
# - [ ] I can predict from start and step size which of them finds the minimizer.
# - [ ] I can explain why a smaller step slows stochastic rounding down but does not calm it.
# - [ ] I can say what S1's claims are worth on a network trained on digits.
#
# **Try next:** `SCHEDULE` decreasing from 0; `NOISE` 1; `BITS` 3; `SPACING` 0.25, where the minimizer is a level itself.
#
# Next lesson: [04, why stochastic rounding stalls](04_why_rounding_stalls.ipynb): the Markov chain and the accuracy floors.
#
# Reference: S1, Motivation, Training Quantized Neural Networks, Non-Convex Problems, Experiments.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "a smaller step is safer" (it decides *where you stay*, not whether that place is good); "unbiased rounding means unbiased training" (each step is right on average, the loss of the result is not: $F$ is curved and the chain never rests).
#
# *Timing:* predictions 5, D3 15, algorithms and exercises 15, digits 10 minutes.
#
# *Discuss:* Why does BC not need stochastic rounding to explore with a large step? What would SR with a latent weight be?
#
# *Exam:* At a level $x$ the gradient is normal with mean $m$ and standard deviation $v$. Give the ratio of SR's up and down rates for $m = 0$, and its limit for $v \to 0$, $m > 0$. (1; 0.)
