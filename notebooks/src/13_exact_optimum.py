# %% [markdown]
# # 13 · Tasks I and II against the exact optimum, planted and hard
#
# **A method ends with a loss. Is that good? Only the best of all configurations can tell.**
#
# Document: the poster (S0), section 7, tasks I and II, and two of its open questions.
#
# 45 minutes · after lessons [03](03_exploration.ipynb) and [07](07_askewsgd.ipynb) · next: 14 (planned), networks on images

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - find the best of all $2^d$ configurations of a small model, and say what it costs,
# - judge a method by gap and rank instead of by its loss,
# - explain why the poster's task I cannot separate methods, and build one that does,
# - say in how much of its space of settings a method works.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson13.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("13", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# Ten weights of $\pm1$ have $2^{10}$ configurations. A computer tries them all in milliseconds. So for small problems we *know* the optimum $F^*$, and every method can be measured against it.
#
# | task | model | data |
# |---|---|---|
# | I, planted | logistic regression, $d = 10$, $n = 6000$ | the poster's: labels made by weights of $\pm1$ |
# | I, hard | the same | ours: correlated features, real weights |
# | II | two moons, net 2–h–1, ReLU | 200 points |
#
# - **gap** $(F(Q(w)) - F^*)/F^*$; **rank** one plus the number of better configurations.
# - *Full, rounded* is the first thing anyone tries: train without a grid, round afterwards (PTQ).
#
# S0's panels are training loss, batch gradient, quantized training loss and distance to $w^*$. It prints no numbers for them, so the data here are our reconstruction.

# %% tags=["predict"]
lab.predict(
    "13.a",
    "Task I as the poster has it: 20 instances. In how many does rounding the best real weights give the exact optimum?",
    ["hardly any", "about half", "all"],
)
lab.predict(
    "13.b",
    "Two nets for two moons. A has float loss 0.3, B has float loss 3. Both are rounded to ±1. Whose quantized loss is lower?",
    ["A's: rounding adds about the same to both", "A's, by a factor of ten", "the float loss does not tell"],
)
lab.predict(
    "13.c",
    "Two runs of BinaryConnect on task I, hard; the step size falls to 0. One flips about eight times as many weights on the way. Which ends nearer to the optimum?",
    ["the calm one: flips are bad", "the restless one", "both the same"],
)

# %% tags=["demo"]
lab.show("D13c", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# On the *planted* task all curves end on the dashed line: rounding, BinaryConnect, ASkewSGD. A task on which rounding is optimal says nothing about methods.
#
# On the *hard* one BinaryConnect rattles longest, has the largest gradient, and ends lowest. Switch its schedule to *constant*: it goes on rattling and ends high, as the poster says. That sentence is about the schedule, not about the method.
#
# In task II its *float* loss rises again, to several times that of full precision, while its quantized loss stays lower.
#
# Set the free phase to 0: ASkewSGD keeps the signs it started with (lesson 07); SGDA, whose price must first rise (lesson 08), changes a few.
#
# ![](figures/D13c.png)
#
# </details>

# %%
lab.outcome("13.a")
lab.outcome("13.b")
lab.outcome("13.c")

# %% [markdown]
# ## All configurations, without trying each one
#
# Split the weights into two halves $p, q$. With $s_i = -y_i\,x_i\cdot w = A_{pi} + B_{qi}$ the logistic loss becomes
#
# $$\sum_i \log(1 + e^{s_i}) = \log \prod_i \bigl(1 + e^{A_{pi}}\, e^{B_{qi}}\bigr)$$
#
# Two tables of exponentials serve all pairs: per configuration and sample two multiplications, one addition; a logarithm only now and then, before the product overflows.
#
# For a two-layer net the halves are *hidden units*. Their order does not matter, so only multisets of unit states are tried.
#
# What no enumeration reaches, a bound may: HiGHS (branch and bound) works with tangents below the loss and *certifies* how far its answer can be from the optimum; a **sphere decoder** solves least squares by a tree search that cuts every branch already worse than the best leaf.

# %%
import itertools

import numpy as np


def optimum(x, y):
    s = -y[:, None] * x
    half = s.shape[1] // 2
    every = [np.array(list(itertools.product((-1.0, 1.0), repeat=m))) for m in (half, s.shape[1] - half)]
    E, F = np.exp(every[0] @ s[:, :half].T), np.exp(every[1] @ s[:, half:].T)
    total, product = np.zeros((len(E), len(F))), np.ones((len(E), len(F)))
    for i in range(len(s)):
        product *= 1 + np.outer(E[:, i], F[:, i])
        if i % 8 == 7 or i == len(s) - 1:
            total += np.log(product)
            product[:] = 1
    p, q = np.unravel_index(total.argmin(), total.shape)
    return np.concatenate([every[0][p], every[1][q], [total.min() / len(s)]])


# %% tags=["check"]
import torch

from qlab import exact
from qlab.problems import problem


def library(x, y):
    found = exact.logistic(x, y, k=1)
    return torch.cat([found.best, found.losses])


instance = [problem("logistic-hard", d=9, n=60, seed=i) for i in range(20)]
lab.same(optimum, library, n=20, tolerance=1e-9, numpy=True, x=lambda i: instance[i].x, y=lambda i: instance[i].y)

# %% tags=["demo"]
lab.show("D13", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Left, the border of each net and, in black, that of the best net there is. Right, the losses of *all* configurations, sorted; each dot is what a method would deploy now.
#
# The full-precision dot stops early and stays: its float loss goes on falling, rounding never notices. BinaryConnect's dot jumps about the whole curve and settles, as the step shrinks, near the left end, with the *highest* float loss.
#
# Many configurations tie: units may swap places.
#
# ![](figures/D13.png)
#
# </details>

# %% [markdown] tags=["exercise"]
# ## Exercise 13.1: how many nets are there really?
#
# A net 2–h–1 without biases has $3h$ weights of $\pm1$. How many such nets differ by more than the order of their hidden units?
#
# <details><summary>Hint</summary>
#
# A unit has two incoming weights and one outgoing. How many multisets of $h$ such states are there?
#
# </details>

# %% tags=["exercise"]
def different_nets(hidden):
    ### BEGIN SOLUTION
    from math import comb

    return comb(8 + hidden - 1, hidden)
    ### END SOLUTION


# %% tags=["check"]
lab.check("13.1", different_nets)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# $2^3$ states, multisets of $h$: $\binom{8+h-1}{h}$. For $h = 4$ these are 330 instead of 4096; for $h = 12$ about fifty thousand instead of $2^{36}$. Exploiting a symmetry beats any faster loop.
#
# </details>

# %% [markdown]
# ## The poster's title, asked properly
#
# S0 compares methods at one setting each. How much of the space of settings works?
# Each square below is one pair of settings, trained on five instances while you wait; it counts how many end within 5 % of the optimum.

# %% tags=["demo"]
lab.show("D13b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# On the hard task BinaryConnect has the largest dark area, and noise hurts it last. ASkewSGD and SGDA look like rounding with an edge cut off: too large a step throws them out of their islands.
#
# On the planted task rounding has nearly the area of BinaryConnect. Against $\hat\varepsilon$ the maps are nearly vertical stripes: the width of the islands matters little, the *free phase* decides. Set it to 0 and most of the area of ASkewSGD and SGDA is gone. (On the hard task they had little to lose.)
#
# ![](figures/D13b.png)
#
# </details>
#
# ## The claims as experiments

# %% tags=["experiment"]
from qlab.devices import device
from qlab.experiments import area, combinatorial
from qlab.experiments import exact_tasks as tasks

seeds = range(P.SEED, P.SEED + P.SEEDS)
setting = {"steps": P.STEPS, "batch": P.BATCH, "eps_hat": P.EPS_HAT, "free_phase": P.FREE_PHASE, "hidden": P.HIDDEN}


def run(kind, *methods, decay=P.DECAY, step_size=P.STEP_SIZE, every=None):
    return tasks.run(kind, methods, seeds, decay=decay, step_size=step_size, every=every, **setting)


four = ("full", "bc", "askew", "sgda")
ran = {kind: run(kind, *four) for kind in tasks.KINDS}
rattle = {eta: run("hard", "bc", step_size=eta, every=10)["bc"] for eta in (P.STEP_SIZE, P.STEP_SIZE / 30)}
restless, calm = (one.isel(step=-1)["quantized_loss"].values for one in rattle.values())
flips = [float(one["flips"].mean()) for one in rattle.values()]
fixed = {m: one["flips"].values for m, one in run("hard", "bc", "askew", decay="constant").items()}

# %% tags=["experiment"]
def end(kind, method, name="gap"):
    return ran[kind][method][name].values


def loss(kind, method):
    return end(kind, method, "quantized_loss")


rounded = {kind: tasks.rounding_gap(kind, seeds).numpy() for kind in ("planted", "hard")}
share = {method: area.volume("hard", method, seeds[:10]) for method in four}
others, size = range(P.SEED + 1000, P.SEED + 1010), {"d": 24, "n": 72}
puzzle = combinatorial.tuned(others, seeds[:10], ("full", "bc", "ste", "parq", "askew", "sgda"), **size)
puzzle = {method: np.minimum(gap, 10.0) for method, gap in puzzle.items()}
one = problem("logistic-hard", d=14, n=70, seed=P.SEED)
certified = exact.milp(one.x, one.y, loss="logistic")
naive = exact.enumerate_all(lambda w: one.loss(w.to(device(P.DEVICE))).cpu(), one.d, k=1)
apart = max(abs(other - exact.exhaustive(one).optimum) for other in (certified.loss, naive.optimum))
worst = np.max([end("planted", method) for method in four], axis=0)
above = loss("hard", "bc") - loss("hard", "bc") / (1 + end("hard", "bc"))

# %% tags=["claims"]
C = lab.Claim
no = "does not hold"
claims = [
    C("13.C1", "planted: rounding the real minimizer is exactly optimal", "ours").exact(1e-9 - rounded["planted"].max()),
    C("13.C2", "planted: ASkewSGD and SGDA close to full precision; so is BC", "S0 7").judge(0.05 - worst),
    C("13.C3", "hard: rounding it is optimal in nine of ten instances", "ours", no).judge((rounded["hard"] < 1e-9) - 0.9),
    C("13.C4", "hard: BC with a falling step ends within 5 % of the optimum", "ours").judge(0.05 - end("hard", "bc")),
    C("13.C5", "hard: BC mostly ends with a larger loss than ASkewSGD", "S0 7", no).judge((loss("hard", "bc") > loss("hard", "askew")) - 0.5),
    C("13.C6", "two moons: BC ends with a larger loss than ASkewSGD", "S0 7", no).judge(loss("moons", "bc") - loss("moons", "askew")),
    C("13.C7", "at a fixed step BC flips more weights than ASkewSGD", "S0 7").judge(fixed["bc"] - fixed["askew"]),
    C("13.C8", "two moons: the lower float loss has the lower quantized loss", "misconception", no).judge(loss("moons", "bc") - loss("moons", "full")),
    C("13.C9", "hard: the BC run that flips less ends lower", "misconception", no).judge(restless - calm),
    C("13.C10", "hard: BC is near the optimum in more of the space than rounding", "ours").judge(share["bc"] - share["full"]),
    C("13.C11", "hard: ... and than ASkewSGD", "ours").judge(share["bc"] - share["askew"]),
    C("13.C12", "least squares in 24 weights: BC ends nearer to the optimum than ASkewSGD", "S0 8").judge(puzzle["askew"] - puzzle["bc"]),
    C("13.C13", "trying one after the other, product form and HiGHS agree", "exact").exact(2e-6 - apart - certified.gap),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
rows = [(f"{kind}-{m}", f"gap, {what}, {m}", "not printed", 100 * end(kind, m)) for kind, what in tasks.KINDS.items() for m in four]
rows += [(f"rounded-{kind}", f"gap, real minimizer rounded, {kind}", "not printed", 100 * gap) for kind, gap in rounded.items()]
rows += [(f"area-{m}", f"share of the settings within 5 %, {m}", "not asked", 100 * s) for m, s in share.items()]
rows += [(f"puzzle-{m}", f"gap, least squares, {m}", "open question", 100 * g) for m, g in puzzle.items()]
rows += [
    ("near", "task I, hard: BC within .003 of the optimum", "not printed", 100.0 * (above < 0.003)),
    ("flips", "flips per step, restless and calm run", "not printed", 100 * np.array(flips)),
    ("rounding", "task I, hard: real minimizer rounded exactly optimal", "not printed", 100.0 * (rounded["hard"] < 1e-9)),
    ("solved", "least squares: BC exactly optimal", "open question", 100.0 * (puzzle["bc"] < 1e-9)),
]
lab.compare("13", [lab.Row(id, what, paper, float(x.mean()), float(x.std()), " %") for id, what, paper, x in rows])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# <details><summary>Reading notes: what S0 says, and what we could try</summary>
#
# - **"BinaryConnect and STE both suffered from strong oscillations and exhibited a larger loss."** At a fixed step, yes. With a step that falls to 0 the oscillation *is* the search.
# - **"ASkewSGD and SGDA are close to the full precision method for task I and II."** True, and no praise: on the planted task rounding is optimal; on the hard one they stay near the *rounded* full-precision weights, far from the optimum.
# - **Task I** has $w^* \in \{-1,1\}^d$: rounding needs only the signs. Our hard instance has real $w^*$ and correlated features, so that a weight's lost size must be made up by the others.
# - **"Possibility of solving combinatorial optimization tasks"**: least squares over $\pm1$, the step size chosen on other instances, the optimum by sphere decoding. See the table.
#
# </details>

# %% [markdown]
# ## What you can do now
#
# - [ ] I can find the best of all configurations of a small model, and say what it costs.
# - [ ] I can judge a method by gap and rank instead of by its loss.
# - [ ] I can explain why the poster's task I cannot separate methods, and build one that does.
# - [ ] I can say in how much of its space of settings a method works.
#
# **Try next:** `DECAY` constant; `FREE_PHASE` 0; `HIDDEN` 2; `STEP_SIZE` 0.1. And `exact.exhaustive(problem("logistic-hard", d=24, n=200))`.
#
# Next lesson (planned): 14, task III and the tables.
#
# Reference: S0, sections 7 and 8.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "the float loss ranks the quantized loss" (rounding is a long step; where it ends depends on the sizes of the weights, which the float loss hardly sees); "flips are always bad" (they are how a method looks at other configurations; only the last ones cost).
#
# *Timing:* predictions 5, D13c 10, search and exercises 15, D13 and D13b 10, claims 5 minutes.
#
# *Discuss:* What would make task I hard with $w^*$ of $\pm1$? (Few samples, label noise.) Why is the rank a fairer number than the gap, and when is it not?
#
# *Exam:* 20 weights, 200 samples. How many logarithms does the naive search take, how many the product form with one for every 8 samples? ($2^{20}\cdot 200$; $2^{20}\cdot 25$.)
