# %% [markdown]
# # 07 · ASkewSGD: the barrier, the free phase, and its modification
#
# **A constraint keeps the weights on islands around the levels. Who lets them change the island?**
#
# Document: Wong, *On the Robustness of Quantization Algorithms* (S0), section 5, task I of section 7, an open question of section 8.
#
# 45 minutes · after lesson [06](06_interval_constraints.ipynb) · next: 08, multipliers

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - write one step of ASkewSGD and name its three cases,
# - prove that no weight changes its sign while steps are shorter than the barrier,
# - choose a free phase, and say what annealing alone does not do,
# - say which of the poster's hopes for the modification hold when tried.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson07.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("07", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# The levels are $\pm 1$. A weight is *feasible* where $\psi(w) = \hat\varepsilon - (w-1)^2(w+1)^2 \ge 0$ (between the levels; outside, with the distance to the nearer one): on an island around each level (lesson 06).
#
# ASkewSGD follows $-g$ on the islands. Off them it follows $-g$ only if that mends the constraint fast enough; else it is *pushed* ashore.
# No projection, no rounding: as $\hat\varepsilon$ shrinks, so do the islands.
#
# | symbol | meaning |
# |---|---|
# | $\hat\varepsilon$ | island width, $16\,\varepsilon/\text{gap}^4$, in $(0, 1)$ |
# | $\kappa$, $M$ | strength and clip of the push |
# | $b$ | the inner end of an island, where $\psi(b) = 0$ |
# | free phase | share of the run before the constraint starts |
#
# One weight, $F(w) = \tfrac12(w - 0.3)^2$: the level $+1$ is better (0.245) than $-1$ (0.845).

# %% tags=["predict"]
lab.predict(
    "07.a",
    "A weight starts at -0.9; the better level is +1. The constraint is on from the first step, eps_hat stays 0.1, steps are 0.1, gradients are noisy (standard deviation 1.5). Does it get there?",
    ["yes, in the end noise carries it over", "no: it stays on the island where it began", "only if the push is weak enough"],
)
lab.predict(
    "07.b",
    "With eps_hat = 0.99 the islands nearly touch. Which step size ends with the better quantized weights?",
    ["the small one, 0.1: a smaller step is safer", "the large one, 1.0", "both the same"],
)
lab.predict(
    "07.c",
    "At the end every weight has psi >= 0. Are the weights quantized?",
    ["yes: that is what the constraint says", "only nearly so, and only if eps_hat is small", "yes, if the run was long enough"],
)

# %% tags=["demo"]
lab.show("D6", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# From $-0.9$ the weight slides to the inner end of its island and stays there, at about $-0.83$, whatever $\kappa$ and $M$. Noise of 1.5 shakes it and does not carry it over.
#
# Drag *free phase* up: while it lasts the islands have merged, the weight walks to the minimizer, and the push then finishes the job on the right side.
#
# Now $\hat\varepsilon = 0.95$: the barrier is thin. At $\eta = 0.1$ it holds, at $\eta = 0.6$ one step jumps over it. A smaller step is *not* safer.
#
# From $0.9$, with $\hat\varepsilon = 0.9$, the weight rests at 0.3: feasible, and far from any level.
#
# ![](figures/D6.png)
#
# </details>

# %%
lab.outcome("07.a")
lab.outcome("07.b")
lab.outcome("07.c")

# %% [markdown]
# ## The formulas
#
# As in S0, with $\alpha, M_\ell, \gamma$ written $\kappa, M, \eta$, one weight at a time:
#
# $$w^{t+1} = w^t + \eta\,v, \qquad v = \begin{cases} -g & \psi(w) \ge 0 \ \text{ or } -\psi'(w)\,g \ge -\kappa\,\psi(w) \\ \operatorname{clip}\!\left(-\kappa\,\psi(w)/\psi'(w),\, M\right) & \text{otherwise} \end{cases}$$
#
# The three cases: *descent*, descent that *agrees with* the push, descent that *fights* it.
#
# **The document claims** (Theorem 2): with steps that are square-summable but not summable, $F(w^t)$ converges and $w^t$ approaches the stationary points of $F$ on the islands. And (section 7): ASkewSGD is close to full precision on task I.
#
# **Its own contribution** drops the smoothness of $F$; it prints an idea, three cases and a difficulty: "without clipping, $v_k$ can be very large which leads the iterate to infinity". We take the same step without the clip (`askew-modified`), and offer three bounds of our own.

# %% [markdown]
# <details><summary>Reading notes: what S0 prints, and what is right</summary>
#
# - **The velocity** lost its second condition after "or". Without it descent towards the island is overruled, too.
# - **$\varepsilon \le \text{gap}^4/16$** must be $<$: at equality islands touch, and $\psi = \psi' = 0$ between them.
# - **MFCQ "for all $w$"** fails at midpoints; there $v = +M$.
# - **Descent inequality**: $\mathbb{E}[\nabla F^{\mathsf T} w_k]$ should be $v_k$, and $L$ is missing in the last term.
# - **Theorem 2** says *stationary*, not good: as you will prove, on the island where the run started.
# - **The authors' code** keeps $\hat\varepsilon = 1$ for half of the run, the excluded case: our free phase. On their logistic task it never leaves that half.
# - **Momentum, Adam** rescale $v$ like a gradient: the barrier can be jumped.
#
# </details>
#
# ## The algorithm in the open

# %%
import torch

import qlab


def psi(w, eps_hat):
    inside = eps_hat - (w - 1) ** 2 * (w + 1) ** 2
    return torch.where(w.abs() < 1, inside, eps_hat - (w.abs() - 1) ** 2)


def slope(w):
    return torch.where(w.abs() < 1, -4 * w * (w - 1) * (w + 1), -2 * (w - w.sign()))


def askew(w, g, lr, eps_hat, push, push_max):
    p, d = psi(w, eps_hat), slope(w)
    v = torch.where((p >= 0) | (-d * g >= -push * p), -g, (-push * p / d).clamp(-push_max, push_max))
    return w + lr * v


# %% tags=["check"]
def library(**setting):
    return qlab.step("askew", bits=1, scale="one", **setting)


def number(low, high):
    return lambda case: low + (high - low) * case / 100


lab.same(askew, library, w="normal", g="normal", lr=0.1, eps_hat=number(0.01, 0.99), push=number(0.1, 5), push_max=2.0)

# %% [markdown]
# ## The barrier
#
# Between the islands, $|w| < b$, there is no way but back:
#
# 1. $\psi < 0$, and $\psi'$ has the sign of $w$;
# 2. so $v$ has the sign of $w$, whatever $g$ is: either $\psi' v \ge -\kappa\psi > 0$, or it is the push;
# 3. so $|w|$ grows. The next sign is this one;
# 4. on an island $|w| \ge b$ and $v = -g$; beyond it $v$ may be a push inward, with $\eta\kappa \le 2$ too short to cross: **only a step $\eta|g| > b$ changes the sign.**
#
# Line 4 is tight: from $w = b$ a step just longer than $b$ crosses.

# %% tags=["proof"]
from qlab import uniforms

eps_hat, b = P.EPS_HAT, (1 - P.EPS_HAT**0.5) ** 0.5
u, z = (uniforms.normal(P.SEED, 0, i, (10_000,), dtype=torch.float64) for i in (0, 1))
w = b * u.clamp(-0.999, 0.999)
v = (askew(w, 100 * z, 1.0, eps_hat, 1.0, 5.0) - w)[w != 0]
assert ((psi(w, eps_hat) < 0) & (slope(w) * w >= 0)).all()  # 1
assert (v * w[w != 0] > 0).all()  # 2, 3
ashore = u.sign() * (b + u.abs())
assert (askew(ashore, z.sign() * b, 0.999, eps_hat, 1.0, 5.0) * ashore > 0).all()  # 4
edge = torch.tensor(b + 1e-9, dtype=torch.float64)
assert askew(edge, edge, 1.001, eps_hat, 1.0, 5.0) < 0  # 4 is tight

# %% [markdown] tags=["exercise"]
# ## Exercise 07.1: how wide is the barrier?
#
# The levels are $\pm 1$. At which $b > 0$ does the island around $+1$ begin?
#
# ## Exercise 07.2: which islands can be left?
#
# Gradients are at most $G$ in size, the step is $\eta$, and $\eta G < 1$. Above which $\hat\varepsilon$ can a step from the inner end cross?
#
# <details><summary>Hint</summary>
#
# Between the levels $\psi(w) = \hat\varepsilon - (1 - w^2)^2$.
#
# </details>


# %% tags=["exercise"]
def barrier_width(eps_hat):
    ### BEGIN SOLUTION
    return (1 - eps_hat**0.5) ** 0.5
    ### END SOLUTION


# %% tags=["exercise"]
def narrowest(step_size, G):
    ### BEGIN SOLUTION
    return (1 - (step_size * G) ** 2) ** 2
    ### END SOLUTION


# %% tags=["check"]
lab.check("07.1", barrier_width)
lab.check("07.2", narrowest)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 07.1: $(1 - b^2)^2 = \hat\varepsilon$, so $b = \sqrt{1 - \sqrt{\hat\varepsilon}}$: 0.83 at $\hat\varepsilon = 0.1$, still 0.07 at 0.99.
#
# 07.2: $b = \eta G$ gives $\hat\varepsilon = (1 - \eta^2G^2)^2$. With $\eta G = 0.1$ that is 0.98. So annealing *through* $\hat\varepsilon \approx 1$ leaves a weight only a moment to cross; the free phase gives it as long as you like.
#
# </details>

# %% [markdown]
# ## The modification, on a loss with kinks
#
# Ten weights, ten runs, no clip, the (sub)gradient of the hinge loss. In which of the three cases are the weights, and how far from the islands do they get?

# %% tags=["demo"]
lab.show("D6b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# In the free phase all weights descend. When the islands part, those in the middle are pushed ashore; then those that want to leave stand at the inner end, pushed at every second step or so. Here they stay within $\varepsilon$, as the poster says (at $\hat\varepsilon = 0.01$ or $\eta = 1$ they do not), but they do not *leave* the stripe: they rest there, at stationary points of the constrained problem.
#
# Without the clip a weight is thrown far and comes back, while $\eta\kappa < 4$; beyond, each push overshoots, and it does go to infinity.
#
# The hinge data are the hard ones (lesson 13): a gap remains. The smooth loss is calmer, but its data are planted.
#
# ![](figures/D6b.png)
#
# </details>
#
# ## The claims as experiments
#
# Task I (planted vertex, $d = 10$) with the exact optimum from all $2^{10}$ vertices, one data set per seed.

# %% tags=["experiment"]
from qlab import exact
from qlab.experiments import barrier
from qlab.problems import problem

seeds = torch.arange(P.SEED, P.SEED + P.SEEDS)
task, hinge = problem("logistic-planted", n=2000, seed=seeds), problem("hinge", seed=seeds)
common = {"seeds": seeds, "steps": P.TASK_STEPS, "batch": 200, "measure": ("gap", "sign_changes")}
optimum = {id(one): exact.each(one, k=1) for one in (task, hinge)}


def train(on, method, step_size=P.TASK_STEP_SIZE, **own):
    return qlab.grid(on, method, step_size=step_size, optimum=optimum[id(on)], **common, **own)


width = {"eps_hat": P.TASK_EPS_HAT}
held, free = (train(task, "askew", free_phase=f, **width) for f in (0.0, P.TASK_FREE_PHASE))
annealed = train(task, "askew", anneal="geometric", **width)
short, long = (train(task, "askew", step_size, eps_hat=0.99) for step_size in (0.1, 1.0))
rounded, bc = (train(task, method) for method in ("full", "bc"))

# %% tags=["experiment"]
from qlab.experiments import saddle

names, late = seeds.tolist(), slice(3 * P.TASK_STEPS // 4, None)
setting = {"step_size": P.TASK_STEP_SIZE, "steps": P.TASK_STEPS, "device": P.DEVICE, **width}
schedule = {"free_phase": P.TASK_FREE_PHASE, "anneal": "geometric", **width}
clipped, unclipped = (train(hinge, method, **schedule).gap.values for method in ("askew", "askew-modified"))
seen = barrier.watch(hinge, "askew-modified", names, **{**setting, **schedule})
end = barrier.watch(task, "askew", names, decay=True, **setting).w
residual = barrier.stationarity(end, task.gradient(end), P.TASK_EPS_HAT)
lost = barrier.path(0.001, step_size=0.1, eps_hat=0.1, push_max=float("inf"))
rest = barrier.path(0.9, step_size=0.1, eps_hat=0.9).w[-1]
gone, sgd = (saddle.escape("inside", method, names) for method in ("askew", "full"))

# %% tags=["claims"]
C, no = lab.Claim, "does not hold"
value, off = (lambda runs: runs.gap.values), barrier.loss(1.0) - barrier.loss(rest)
claims = [
    C("07.C1", "without a free phase no weight changes its sign", "ours").judge(0.02 - held.sign_changes.values),
    C("07.C2", "with a free phase ASkewSGD ends within 2 % of the optimum", "S0 7").judge(0.02 - value(free)),
    C("07.C3", "without a free phase it does so, too", "S0 7 read too broadly", no).judge(0.02 - value(held)),
    C("07.C4", "annealing without a free phase is enough", "S0 5 read too broadly", no).judge(0.02 - value(annealed)),
    C("07.C5", "between near islands a smaller step is safer", "a misconception", no).judge(value(long) - value(short)),
    C("07.C6", "psi >= 0 means quantized: rounding changes F by < 0.02", "a misconception", no).exact(0.02 - off),
    C("07.C7", "without a free phase the runs end at stationary points", "S0 Theorem 2").judge(0.05 - residual),
    C("07.C8", "without the clip the iterate goes to infinity (step 0.1, push 1)", "S0 5", no).exact(abs(lost.w[-1]) - 2),
    C("07.C9", "on a loss with kinks the clip makes no difference", "S0 5").judge(0.02 - abs(unclipped - clipped)),
    C("07.C10", "on a loss with kinks weights stay within eps of C (eps 0.1, step 0.5)", "S0 5").judge(P.TASK_EPS_HAT - seen.distance[late].amax(0)),
    C("07.C11", "a saddle inside an island is left when SGD leaves it", "S0 8, open").judge(0.5 - abs(gone.left_at - sgd.left_at)),
    C("07.C12", "from there the minimizer off the island is reached", "ours", no).judge(0.2 - abs(abs(gone.w[:, 1] - 1) - 1)),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
gap, near = "close to full precision", "within ε"
rows = [
    ("signs-held", "signs changed, no free phase", "not in S0", held.sign_changes.values),
    ("signs-free", "signs changed, free phase", "not in S0", free.sign_changes.values),
    ("gap-held", "gap to the optimum, no free phase", gap, value(held)),
    ("gap-free", "gap, free phase", gap, value(free)),
    ("gap-annealed", "gap, annealed without a free phase", gap, value(annealed)),
    ("gap-rounded", "gap, full precision rounded", "not in S0", value(rounded)),
    ("gap-bc", "gap, BinaryConnect", "a larger loss", value(bc)),
    ("pushed", "hinge: weights pushed, last quarter", "not in S0", seen.cases[late, 2]),
    ("stripe", "hinge: weights in the stripe, last quarter", "leave in finite time", seen.stripe[late]),
    ("far", "hinge: farthest weight, share of the gap", near, seen.distance[late].amax(0) / 2),
    ("thrown", "no clip, from 0.001: farthest, in %", "very large", [abs(lost.w).max()]),
    ("saddle", "saddle: share of the runs that escape", "open", gone.left),
]
rows = [(*row[:3], 100 * torch.as_tensor(row[3], dtype=torch.float64).reshape(-1)) for row in rows]
lab.compare("07", [lab.Row(id, what, paper, float(x.mean()), float(x.std(correction=0)), " %") for id, what, paper, x in rows])

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can write one step of ASkewSGD and name its three cases.
# - [ ] I can prove that no weight changes its sign while steps are shorter than the barrier.
# - [ ] I can choose a free phase, and say what annealing alone does not do.
# - [ ] I can say which of the poster's hopes for the modification hold when tried.
#
# **Try next:** `NOISE` 5; `EPS_HAT` 0.99 with `STEP_SIZE` 0.1 and 0.6; `PROBLEM` logistic-planted; `TASK_STEP_SIZE` 1.
#
# Next lesson: [08, multipliers](08_multipliers.ipynb): stochastic gradient descent ascent.
#
# Reference: S0, sections 3 to 5, 7 and 8; Leconte, Schechtman and Moulines (2023).

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "psi >= 0 means quantized" (it means *near a level*, as near as $\hat\varepsilon$ says); "a smaller step is safer" (it decides which side you stay on); "annealing explores" (only while the islands touch).
#
# *Timing:* predictions 5, D6 10, algorithm and proof 12, exercises 8, modification and claims 10 minutes.
#
# *Discuss:* Theorem 2 is true and useless for the quality of the result. What would a theorem about quality need? Which other method of the suite has a free phase in disguise? (ProxQuant's growing weight, BinaryRelax.)
#
# *Exam:* Levels $\{-1, 0, 1\}$, $\hat\varepsilon = 0.25$, $|g| \le 2$. For which $\eta$ can no weight change its level? ($b$ from the midpoint is $\tfrac12\sqrt{1 - \tfrac12} = 0.354$, so $\eta < 0.177$.)
