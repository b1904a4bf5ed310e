# %% [markdown]
# # 00 · Start here
#
# **Is this machine ready, and where does the discreteness live?**
#
# The suite follows four documents: Wong's poster on robustness (S0), Li et al., *Training Quantized Nets* (S1), Xin, *Blended Coarse Gradient Descent* (S2), Hounie et al., *Neural Networks with Quantization Constraints* (S3).
#
# 15 minutes · no prerequisites · next: [01](01_grids_and_projection.ipynb)

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - tell whether this machine is ready for the lessons,
# - say for each method where the discreteness lives: in what the network sees, in what is kept, or only at the end,
# - round a weight to the grid $\{-1, +1\}$,
# - find a symbol, a lesson, the command that repeats a run, and its results.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson00.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("00", globals())
lab.doctor(P.DEVICE)

# %% [markdown]
# ## One weight, two levels
#
# The loss is $F(w) = \tfrac12 (w - 0.3)^2$, but only the levels $-1$ and $+1$ may be deployed. Every method of the documents is one line, and the discreteness sits in one of its *slots*:
#
# $$w^{+} = \text{settle}\big(\text{anchor}(w) - \eta\,\text{direction}(w, g)\big), \qquad g = F'(\text{view}(w)), \qquad \text{deploy}(w)$$
#
# | slot | what it answers |
# |---|---|
# | view | what does the network see? |
# | settle | what is kept of the stepped weight? |
# | anchor, direction | where does the step start, where does it go? |
# | deploy | what is shipped in the end? |

# %% tags=["predict"]
lab.predict(
    "00.a",
    "BinaryConnect takes its gradient at the nearest level, +1 or -1, and adds the step to a real weight. The minimizer is 0.3. Where does that weight settle?",
    ["at 0.3, the minimizer", "at +1, the best level", "around 0, the border between the levels", "nowhere: it runs away"],
)

# %% tags=["demo"]
lab.show("D0", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# *Full precision* finds 0.3 and becomes discrete only when it is deployed. *BinaryConnect*: the dots are on the levels, the line is not. At $+1$ the loss pulls down, at $-1$ up, so the line goes to the border and the dots flip: what they average to is close to 0.3.
#
# *R* and *SR* keep no real weight at all. R is frozen: its step is shorter than half the spacing. SR jumps now and then, by chance.
#
# Now choose STE and PGD: on a fixed grid they are BC and R again, exactly; only PGD's first step still starts between the levels. In ProxQuant, ASkewSGD and SGDA the network sees a real weight, and a penalty, a constraint or a multiplier draws it to a level. With 3 or 4 bits there is a level near 0.3; who finds it?
#
# ![](figures/D0.png)
#
# </details>

# %%
lab.outcome("00.a")

# %% [markdown]
# ## The algorithms in the open
#
# $u$ is a random number in $[0, 1)$. Everything else is the line above.

# %%
import numpy as np


def slope(w):
    return w - 0.3


def Q(w):
    return np.where(w >= 0, 1.0, -1.0)


def Q_s(w, u):
    return np.where(u < (w + 1) / 2, 1.0, -1.0)


def step(method, w, lr, u):
    g = slope(Q(w)) if method == "bc" else slope(w)
    settle = {"r": Q, "sr": lambda v: Q_s(v, u)}.get(method, lambda v: v)
    return settle(w - lr * g)


# %% tags=["check"]
import torch

import qlab
from qlab import uniforms


def mine(method, w, lr, seed):
    return step(method, w, lr, uniforms.uniform(seed, 0, 0, w.shape, dtype=torch.float64).numpy())


def library(method, w, lr, seed):
    seen = qlab.quantizers.nearest(w, torch.tensor([-1.0, 1.0])) if method == "bc" else w
    return qlab.step(method, w, seen - 0.3, lr=lr, bits=1, scale=1.0, seed=seed)


method, seed = lambda i: ("full", "bc", "r", "sr")[i % 4], lambda i: i
lab.same(mine, library, method=method, w="normal", lr=0.1, seed=seed, numpy=True)

# %% [markdown] tags=["exercise"]
# ## Exercise 00.1
#
# Write the projection $Q(w) = \operatorname{sign}(w)$ of one number onto $\{-1, +1\}$. A tie goes to $+1$.
#
# The cell below says `correct`, or shows the first input for which your function is wrong.

# %% tags=["exercise"]
def nearest_sign(w):
    ### BEGIN SOLUTION
    return 1.0 if w >= 0 else -1.0
    ### END SOLUTION


# %% tags=["check"]
lab.check("00.1", nearest_sign)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# $w \ge 0$ includes the tie; NumPy's `sign` would return $0$, which is no level.
#
# </details>

# %% [markdown]
# ## One notation for four documents
#
# The documents use the same letters for different things. Lessons, sliders and code use only the second column; an index is dropped where only one kind is around ($s$ for $s_w$, $b$ for $b_w$, $\sigma$ for $\sigma_b$). **Bold** marks a letter that means something else elsewhere.
#
# | weights and grids | suite (name in code) | S0 | S1 | S2 | S3 |
# |---|---|---|---|---|---|
# | latent, deployed weights | $w$, $w_Q = Q(w)$ | $w$, $w_b$ | $w_r$, $w_b$ | $\boldsymbol{w_f}$, $\boldsymbol{w}$ | $\theta$, $f^q$ |
# | levels | $c_1 < \dots < c_K$ (`levels`) | $q_j$, $c_j$ | $\Delta\mathbb Z$ | $\delta q_j$ | grid of $r(z)$ |
# | spacing | $\Delta$ (`spacing`) | $c_{j+1}-c_j$ | $\Delta$ | $\delta_j/2^{b-1}$ | $2/(2^k-1)$ |
# | weight scale | $s_w$ (`scale`) | | | $s$, $\delta_j$ | mean abs |
# | bits | $b_w$, $b_x$ (`bits`, `act_bits`) | W, A | | $b_w$, $b_a$ | $k$, $n$ |
# | resolution | $s_x$ (`resolution`) | | | $\boldsymbol{\alpha}$ | $1/(2^k-1)$ |
# | rounding error | $r = Q(w) - w$ | | $\Delta$ | | |

# %% [markdown]
# | training | suite (name in code) | S0 | S1 | S2 | S3 |
# |---|---|---|---|---|---|
# | step size | $\eta$ (`step_size`, `lr`) | $\gamma_k$ | $\boldsymbol{\alpha_t}$ | $\eta_w$ | $\eta_p$ |
# | dual step size | $\eta_\lambda$ (`dual_step`) | $\eta$ | | | $\eta_d$ |
# | objective, sample loss | $F$, $\ell$ | $\ell$, $\ell$ | $F$, $f_i$ | $\boldsymbol{f}$, $\ell$ | $P$, $\ell$ |
# | gradient | $g$ | $\hat\nabla\ell$ | $\nabla\tilde f$ | $\nabla f$ | $\nabla\hat L$ |
# | blending | $\rho$ (`rho`) | | | $\rho$ | |
# | ProxQuant weight | $\nu$ (`reg`) | $\boldsymbol{\lambda_t}$ | | | |
# | activation, surrogate | $\sigma_b$, $\tilde\sigma$ | | | $\sigma$, $\mu$ | $q_a$ |
# | chain, law | $P_\eta$, $\pi$ | | $T_\alpha$, $\pi$ | | |

# %% [markdown]
# | constraints | suite (name in code) | S0 | S1 | S2 | S3 |
# |---|---|---|---|---|---|
# | constraint | $\psi(w) \ge 0$ | $\boldsymbol{g}$, $\psi$ | | | $d \le \epsilon$ |
# | interval width | $\hat\epsilon$ (`eps_hat`) | $\epsilon$ | | | |
# | proximity budget | $\epsilon_l$ (`budget`) | | | | $\boldsymbol{\epsilon}$ |
# | multiplier | $\lambda \ge 0$ | $\lambda$ | | | $\lambda$ |
# | push, its clip | $\kappa$, $M$ (`push`, `push_max`) | $\boldsymbol{\alpha}$, $M$ | | | |
# | smoothness | $L$ | $\beta$ | $L$ | $L$ | |
# | angle | $\vartheta$ | | | $\theta$ | |
# | layers | $n$ layers, index $l$ | | | $L+1$ | $\boldsymbol{L}$ |
#
# Reading note: S3 2.3 prints $f_l : Z_l \to Z_{l+1}$, then applies $f_l$ to $z_{l-1}$. Read $Z_{l-1} \to Z_l$, with $z_0 = x$.

# %% [markdown]
# ## The lessons and their order
#
# | here | | needs |
# |---|---|---|
# | [01](01_grids_and_projection.ipynb) | grids, rounding, projection; rounding a trained network | |
# | [02](02_staircases.ipynb) | why gradients vanish: staircases and coarse derivatives | 01 |
# | [03](03_exploration.ipynb) | BinaryConnect against rounding | 01 |
# | [04](04_why_rounding_stalls.ipynb) | why stochastic rounding stalls | 03 |
# | [05](05_proxquant.ipynb) | ProxQuant | 03 |
# | [06](06_interval_constraints.ipynb) | interval constraints | 03 |
# | [07](07_askewsgd.ipynb) | ASkewSGD | 06 |
# | [08](08_multipliers.ipynb) | multipliers | 06 |
# | [09](09_blending.ipynb) | blending | 03 |
# | [10](10_two_layer_theory.ipynb) | why a coarse gradient descends | 02, 04 |
# | [13](13_exact_optimum.ipynb) | against the exact optimum | 03, 07 |
#
# Three ways through: *projection* 01, 03, 05, 09; *constraints* 06, 07, 08; *theory* 02, 04, 10; 13 closes them. Lessons 11, 12 (primal-dual training), 14 (networks) and 15 (playground) are planned, not written yet.
#
# Each lesson: predict, run, explain; then the algorithm in the open, an exercise, and the documents' claims with a verdict: *holds*, *does not hold*, *cannot tell*.

# %% [markdown]
# ## Without a browser, and under test
#
# Every lesson is a parameterised notebook. A wrong name or value stops it in its first cell, with what is allowed.
#
# ```sh
# papermill notebooks/00_start_here.ipynb out.ipynb -p METHODS bc,sr -p BITS 2    # one lesson, your parameters
# qlab lessons                                                                    # all of them, as readable pages
# qlab lessons --parameters                                                       # what can be set where
# pytest --nbval-lax --nbval-current-env notebooks/solutions                      # do they still say what they said?
# ```
#
# Your predictions and results go to `runs/`, pages to `build/lessons/`; git ignores both. A notebook you changed is never overwritten: `qlab build` writes the new version beside it. Each demo's Copy button gives the command for its sliders; this lesson's is

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can tell whether this machine is ready for the lessons.
# - [ ] I can say for each method where the discreteness lives.
# - [ ] I can round a weight to the grid $\{-1, +1\}$.
# - [ ] I can find a symbol, a lesson, the command that repeats a run, and its results.
#
# **Try next:** the preset "one of each kind, 2 bits"; a start at $-1.2$, and from there a step size of 1: R wakes up.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "quantized training keeps quantized weights" (BC and STE keep real ones); "the latent weight of BC goes to the minimizer" (it goes to the border; the average of what is *seen* goes to the minimizer).
#
# *Timing:* doctor 2, prediction and demo 8, exercise 3, the rest is for reference.
#
# *Discuss:* Which methods need a real weight in memory during training? Which of them could run on the device itself?
#
# *Exam:* On $\{-1,+1\}$ and this loss, which share of the steps does BC see $+1$ in the long run? (0.65: then its mean is 0.3.)
