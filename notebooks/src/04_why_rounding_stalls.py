# %% [markdown]
# # 04 · Why stochastic rounding stalls
#
# **Every step of stochastic rounding is right on average. Why does the training still stop short, and what would help?**
#
# Document: Li et al., *Training Quantized Nets: A Deeper Understanding* (S1), Theorems 1, 4 and 5.
#
# 50 minutes · after [lesson 03](03_exploration.ipynb) · next on the path of theory: [10](10_two_layer_theory.ipynb)

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - write stochastic rounding as a Markov chain and compute its stationary law,
# - say what a smaller step changes about it, what it does not, and what less noise changes,
# - tell the floors of averaged and of deployed weights apart, and how each falls with the level spacing,
# - prove Theorem 1, and say which of S1's printed formulas cannot be right.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson04.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("04", globals())

# %% [markdown]
# ## The idea in 60 seconds: three levels
#
# A weight may be $-\Delta$, $0$ or $\Delta$; the minimizer is $0$. Small steps reach neighbours only. At $0$ the gradient is pure noise, at $\pm\Delta$ most gradients point back. A step $\eta$ moves SR with probability $\eta\,|g|/\Delta$, so
#
# $$P_\eta = \begin{pmatrix} 1-4\eta & 4\eta & 0\\ \eta & 1-2\eta & \eta\\ 0 & 4\eta & 1-4\eta \end{pmatrix}, \qquad \pi = \left(\tfrac16,\ \tfrac46,\ \tfrac16\right),\qquad \pi P_\eta = \pi .$$
#
# Check it: $\pi$ contains no $\eta$. With a tenth of the step every move is ten times rarer, *each* of them: the weight waits longer, and then does what it would have done.
#
# | symbol | meaning |
# |---|---|
# | $P_\eta$ (S1: $T_\alpha$) | transition matrix, rows are sources |
# | $\pi$, $\tilde\pi$ | stationary law; its limit for small steps |
# | $U(x, y)$ | rate from $x$ to $y$ per unit of step size |
# | $\eta$, $\Delta$, $g$ | step size, level spacing, stochastic gradient |

# %% tags=["predict"]
lab.predict(
    "04.a",
    "Stochastic rounding on a quadratic loss, step sizes 1/(t + 1); in the end we take the average of all iterates. Where is its loss?",
    ["at the minimum: unbiased errors average out", "at a floor proportional to the level spacing", "at a floor proportional to its square"],
)
lab.predict(
    "04.b",
    "The step size of stochastic rounding is reduced from 0.01 to 0.001. In the long run, its weights are ...",
    ["closer to the minimizer: a smaller step is safer", "distributed as before", "frozen where they are"],
)
lab.predict(
    "04.c",
    "A nine times larger batch: a third of the noise. How much of its time, in the long run, does stochastic rounding spend next to the minimizer?",
    ["more", "as much as before", "less: it explores less"],
)

# %% tags=["demo"]
lab.show("D4", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Drag the step size: the numbers over the arrows and the waiting time change, but the arrows (the share of each direction among the moves) and the bars stand still. S1 calls it *squishing*: moves become rarer, their direction stays.
#
# Drag the *noise* down: the arrows tilt downhill and the bars contract. At 2.5, the bottom of a wrong well, both ways are equally likely: only noise leads out.
#
# With step 0.1 and noise 6 a step jumps over levels, and the limit is not reached yet.
#
# ![](figures/D4.png)
#
# </details>
#
# ## Two weights
#
# Theorem 5 joins two points of the grid only if they differ in *one* coordinate. Here is that chain, exact, in a valley across the axes.

# %% tags=["demo"]
lab.show("D4c", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# From 0.01 down, a tenth of the step is a tenth of the share of moves that change both weights, whatever noise and valley: both at once has probability of order $\eta^2$. With small steps SR goes along the axes only, and its law is the limit law (the black outlines).
#
# ![](figures/D4c.png)
#
# </details>
#
# ## The formulas
#
# $v = x - \eta g$ with $g \sim N(F'(x), \text{noise}^2)$, then rounded: $Q_s$ reaches the level $y$ with probability $(1 - |v - y|/\Delta)_+$, so
#
# $$P_\eta(x, y) = \mathbb E\left(1 - \frac{|v-y|}{\Delta}\right)_{\!+} .$$
#
# For $\eta \to 0$ (Theorem 5, corrected):
#
# $$U(x, x+\Delta) = \frac{\mathbb E(-g)_+}{\Delta},\quad U(x, x-\Delta) = \frac{\mathbb E(g)_+}{\Delta},\quad \tilde P = I - \eta_0\operatorname{diag}(U\mathbf 1) + \eta_0 U,\quad \tilde\pi\tilde P = \tilde\pi .$$
#
# **The document claims:** $\pi_\eta \to \tilde\pi$, and $\tilde\pi(x) > 0$ on every level: SR is not concentrated on minimizers.

# %% [markdown]
# <details><summary>Reading notes: what S1 prints, and what is right</summary>
#
# - **Theorem 5, sign.** Printed: up-rate $\int_0^\infty p\,\tfrac{z}{\Delta}\,dz$, $p$ the density of the *gradient*. But a step goes against it: the printed law sits where the loss is *large*, and its left integral is negative. Likewise the displayed ratio.
# - **Theorem 5, matrix.** Printed: $\operatorname{diag}(\mathbf 1^{\mathsf T}U)$: rows do not sum to 1. Tails must be bounded on *both* sides.
# - **Theorem 4.** Printed floor: $D L_2\sqrt{d\Delta}/2$ (or $\sqrt d\,\Delta$). In other units of $w$ it falls below the true floor. Derivable: $D L_2\, d\,\Delta^2/8$, for $Q_s$.
# - **Corollary 1.** With $Q_d$ the average of the *latent* weights misses a quadratic's minimizer; that of $w_Q$ does not.
# - **$G^2$** bounds $\mathbb E\|g\|^2$, not the variance. **$Q_s$:** $<$, not $\le$. **$Q_d$:** the bracket is a floor.
#
# </details>
#
# ## The chain in the open

# %%
import numpy as np
from scipy.stats import norm


def excess(d, s):
    return s * norm.pdf(d / s) + d * norm.cdf(d / s)  # E (d + s z)_+


def transition(x, slope, step_size, noise):
    spacing, s = x[1] - x[0], step_size * noise
    d = (x - step_size * slope)[:, None] - x
    rows = (excess(d + spacing, s) - 2 * excess(d, s) + excess(d - spacing, s)) / spacing
    return rows / rows.sum(1, keepdims=True)


def stationary(P_eta):
    n = len(P_eta)
    A = np.vstack([P_eta.T - np.eye(n), np.ones(n)])
    return np.linalg.lstsq(A, np.append(np.zeros(n), 1), rcond=None)[0]


# %% tags=["check"]
import torch
import qlab
from qlab import uniforms
from qlab.experiments import wells as toy
from qlab.problems import wells

x, device = toy.grid(0.1, 6.0, 0.5, 4.0), qlab.devices.device(P.DEVICE)


def counted(eta, level, n=400_000):
    z = uniforms.normal(0, level, 0, (n,), dtype=torch.float64, device=device)
    w, g = x[level].expand(n).to(device), wells.gradient(x[level]).to(device) + 3 * z
    w = qlab.step("sr", w, g, lr=eta, family="lattice", spacing=0.5, seed=0, t=level).cpu()
    return torch.bincount(((w - x[0]) / 0.5).round().long(), minlength=len(x)) / n

def mine(eta):
    return transition(x.numpy(), wells.gradient(x).numpy(), eta, 3.0)

lab.same(lambda eta, level: mine(eta)[level], counted, n=8, tolerance=0.006, eta=0.05, level=lambda i: 20 + i)

# %% [markdown] tags=["exercise"]
# ## Exercise 04.1: how long does it wait?
#
# `P_eta` is a transition matrix, rows are sources. Return for every level how many steps the chain waits there on average, counting the one that leaves.
#
# ## Exercise 04.2: the law of three levels, and of any number
#
# Only neighbours are reached. `up[k]` and `down[k]` are the rates out of level `k`. Return the stationary law.
#
# <details><summary>Hints</summary>
#
# 04.1: how many tosses of a coin until the first head?
#
# 04.2: what goes up between two neighbours must come down.
#
# </details>

# %% tags=["exercise"]
def waiting_time(P_eta):
    ### BEGIN SOLUTION
    return 1 / (1 - np.diag(P_eta))
    ### END SOLUTION


# %% tags=["exercise"]
def law(up, down):
    ### BEGIN SOLUTION
    p = np.concatenate([[1.0], np.cumprod(up[:-1] / down[1:])])
    return p / p.sum()
    ### END SOLUTION


# %% tags=["check"]
from qlab.theory import chain


def exact(eta):
    return chain.stationary(chain.transition(x, wells.gradient, step_size=eta, noise=3.0))


lab.same(lambda eta: stationary(mine(eta)), exact, n=5, tolerance=1e-9, eta=lambda i: 0.1 / 2**i)
lab.check("04.1", waiting_time)
lab.check("04.2", law)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 04.1: the number of steps is geometric with success probability $1 - P_\eta(x,x)$. For SR that is $\eta\,\mathbb E|g|/\Delta$: a tenth of the step, ten times the waiting.
#
# 04.2: $\pi(k)\,\text{up}(k) = \pi(k+1)\,\text{down}(k+1)$. Multiply all rates by $\eta$: it cancels. Only ratios $\mathbb E(-g)_+/\mathbb E(g)_+$ are left, and these the *noise* decides.
#
# </details>

# %% [markdown]
# ## The floors
#
# On a $\mu$-strongly convex loss, with steps $1/(\mu(t+1))$:
#
# $$\text{SR (Theorem 1):}\quad \mathbb E F(\bar w) - F^\star \le \frac{(1+\log(T+1))\,G^2}{2\mu T} + \frac{\sqrt d\,\Delta\,G}{2}$$
#
# For BC the last term is $D L_2\, d\,\Delta^2/8$ (corrected): zero for quadratics. That bounds the *average*. What is deployed is $w_Q$, and its loss has a floor of its own, at most $L\,d\,\Delta^2/8$ more.
#
# On a quadratic we can say more than a bound. SR's law balances $w^2$: $\mathbb E\,(w - w^\star)F'(w) = \tfrac{\Delta}{2}\,\mathbb E|g|$. So its deployed weights lose exactly $\tfrac{\Delta}{4}\,\mathbb E\|g\|_1$, and averaging saves half of it: the ticks in the figure.

# %% tags=["demo"]
lab.show("D4b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# SR's average falls like $\Delta$, BC's deployed weights like $\Delta^2$, and BC's averaged deployed weights hardly feel the levels on a quadratic. More iterations do not move SR's floor, and averaging only halves it, because the iterates of a chain that moves ever more rarely are much alike.
#
# "Below the bound" alone says little: Theorem 1 lies several times above the truth. The *slopes* are the claim.
#
# Choose *BC rounds: stochastic*: the latent average reaches the minimum too. On the curved loss it keeps a small floor, which is the only one that Theorem 4 speaks of.
#
# ![](figures/D4b.png)
#
# </details>

# %%
lab.outcome("04.a")
lab.outcome("04.b")
lab.outcome("04.c")

# %% [markdown]
# ## Proof of Theorem 1, line by line
#
# With $r$ the rounding error, $\mathbb E r = 0$: $\ \mathbb E\|w^+ - w^\star\|^2 = \mathbb E\|w - \eta g - w^\star\|^2 + \mathbb E\|r\|^2$.
#
# (1) a level moves by $\eta g$: $\mathbb E\|r\|^2 = \Delta^2\sum_i f_i(1-f_i) \le \Delta\,\eta\,\|g\|_1$; (2) Cauchy-Schwarz: $\|g\|_1 \le \sqrt d\,\|g\|$, and $\mathbb E\|g\| \le G$; (3) strong convexity: $F(w) - F^\star + \tfrac\mu2\|w - w^\star\|^2 \le \nabla F(w)^{\mathsf T}(w - w^\star)$.
#
# Divide by $2\eta_t$ and sum: $1/\eta_t - \mu = 1/\eta_{t-1}$, so the distances telescope. What stays per step is $\eta_t G^2/2$, which becomes the logarithm, and $\mathbb E\|r\|^2/(2\eta_t) \le \sqrt d\,\Delta G/2$: the floor, *whatever the step*. (4) Jensen: $F(\bar w) \le$ the mean of $F(w^t)$.
#
# Each inequality on a random instance. (3) is an equality on this quadratic. What lifts the bound so far above the truth: the last distance, dropped from the sum, and Jensen, a factor 2 each; and $\sqrt d\,G$ for $\|g\|_1$.

# %% tags=["proof"]
w, star, z = (uniforms.normal(P.SEED, 0, k, (5, 10), dtype=torch.float64).numpy() for k in range(3))
w, spacing, eta, F = 0.1 * np.round(10 * w), 0.1, 0.001, lambda w: ((w - star) ** 2).sum(-1)  # mu = 2
g, size = 2 * (w - star) + z, lambda g: np.abs(g).sum(-1)
f = (w - eta * g) / spacing % 1
lines = {"1 rounding": ((spacing**2 * f * (1 - f)).sum(-1), spacing * eta * size(g))}
lines["2 Cauchy-Schwarz"] = size(g), np.sqrt(10) * np.linalg.norm(g, axis=-1)
lines["3 convexity"] = F(w) + ((w - star) ** 2).sum(-1), (2 * (w - star) ** 2).sum(-1)
lines["4 Jensen"] = F(w.mean(0)).mean(), F(w[:, None]).mean()
for name, ratio in ((name, float(np.max(left / right))) for name, (left, right) in lines.items()):
    print(f"{name:17s} {'holds' if ratio <= 1 + 1e-12 else 'FAILS'}  left / right = {ratio:.3f}", "  <- tight" if ratio > 0.999 else "")

# %% [markdown]
# ## The claims as experiments
#
# Chain and toy: the three wells of lesson 03. Floors: a quadratic and a curved loss of `WEIGHTS` weights. Each simulated claim is tried on `SEEDS` seeds.

# %% tags=["experiment"]
from qlab.experiments import floors, plane
from qlab.theory import chain_limit, waiting

seeds = range(P.SEED, P.SEED + P.SEEDS)
setting = {"noise": P.NOISE, "spacing": P.SPACING}
settled = {eta: toy.stationary(step_size=eta, **setting) for eta in (0.01, 0.001)}
calm = toy.stationary(step_size=0.01, noise=P.NOISE / 3, spacing=P.SPACING)
runs = [toy.simulate("sr", step_size=0.05, start=4.0, iterations=2000, seed=s, **setting).law for s in seeds]
pooled = toy.Law(runs[0].levels, sum(run.share for run in runs) / len(runs))
near = {s: toy.simulate("bc", step_size=0.001, start=4.0, iterations=2000, seed=s, **setting).law.near for s in seeds}
levels = toy.grid(0.01, P.NOISE, P.SPACING, 4.0)
wait = [waiting.waiting_time(chain.transition(levels, wells.gradient, step_size=a, noise=P.NOISE)) for a in (1e-4, 1e-3)]
up, down = chain_limit.rates(levels, wells.gradient, noise=P.NOISE)
printed = toy.Law(levels, chain_limit.limit_law(chain_limit.rate_matrix(down, up)))
both = [plane.solve(step_size=a, noise=P.NOISE, valley=P.VALLEY).both for a in (0.01, 0.001)]
S, length = (0.4, 0.2, 0.1, 0.05), {"d": P.WEIGHTS, "iterations": P.ITERATIONS}
sr, bc = (floors.simulate(m, S, seeds=seeds, noise=P.FLOOR_NOISE, **length) for m in ("sr", "bc"))
curved = floors.simulate("bc-unbiased", S, seeds=seeds, noise=P.FLOOR_NOISE, bend=2.0, **length)
theorem1, theorem4 = floors.sr_bound(S, sr, **length), floors.bc_bound(S, curved, bend=2.0, **length)

# %% tags=["claims"]
C = lab.Claim
claims = [
    C("04.C1", "SR's stationary law is the same at 0.01 and 0.001", "S1 Theorem 5").exact(0.02 - toy.distance(*settled.values())),
    C("04.C2", "SR's simulated law is the exact stationary one", "S1 Markov chain").exact(0.01 - toy.distance(pooled, toy.stationary(step_size=0.05, **setting))),
    C("04.C3", "at 0.001 SR spends less than 70 % next to the minimizer", "S1 Theorem 5").exact(0.7 - settled[0.001].near),
    C("04.C4", "at 0.001, from 4, BC spends more than 95 % there", "S1 Exploration").judge([n - 0.95 for n in near.values()]),
    C("04.C5", "a tenth of the step waits ten times longer, on every level", "S1 squishing").exact(0.01 - float((wait[0] / wait[1] - 10).abs().max())),
    C("04.C6", "a third of the noise brings SR closer", "S1 Big SR").exact(calm.near - settled[0.01].near - 0.1),
    C("04.C7", "the rates as printed give SR's law", "S1 Theorem 5", "does not hold").exact(0.02 - toy.distance(printed, settled[0.001])),
    C("04.C8", "of two weights, a tenth of the step moves both a tenth as often", "S1 Theorem 5").exact(0.05 - abs(both[0] / both[1] / 10 - 1)),
    C("04.C9", "unbiased rounding: SR's average reaches the minimum", "misconception", "does not hold").judge(0.01 - sr.average[1]),
    C("04.C10", "SR's floor falls slower than the square of the spacing", "S1 Theorem 1").judge(1.5 - floors.power(S, sr.average)),
    C("04.C11", "BC's deployed floor falls faster than the spacing", "ours").judge(floors.power(S, bc.deployed) - 1.5),
    C("04.C12", "BC's averaged deployed weights are ten times below SR's", "S1 Corollary 1").judge(sr.average[1] / 10 - bc.average_deployed[1]),
    C("04.C13", "Theorem 1 holds, and corrected Theorem 4 on a curved loss", "S1, ours").exact(min((1 - sr.average / theorem1[:, None]).min(), (1 - curved.deployed / theorem4[:, None]).min())),
]
lab.verdicts(claims)

# %% tags=["compare", "reproduce"]
lab.details(claims)
rows = [
    ("near-sr", "SR next to the minimizer, step 0.001", "stagnates", 100 * settled[0.001].near, 0.0, " %"),
    ("near-bc", "BC next to the minimizer, step 0.001", "concentrates", 100 * np.mean(list(near.values())), 100 * np.std(list(near.values())), " %"),
    ("near-calm", "SR with a third of the noise", "more greedy", 100 * calm.near, 0.0, " %"),
]
for k, spacing in enumerate(S):
    for name, what, x in (("sr", "SR, average", sr.average), ("bcq", "BC, average of w_Q", bc.average_deployed), ("bc", "BC, deployed", bc.deployed)):
        rows.append((f"{name}-{spacing}", f"{what}, spacing {spacing}", "a floor", float(x[k].mean()), float(x[k].std(ddof=1)), ""))
lab.compare("04", [lab.Row(*row) for row in rows])
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can write stochastic rounding as a Markov chain and compute its stationary law.
# - [ ] I can say what a smaller step changes about it, what it does not, and what less noise changes.
# - [ ] I can tell the floors of averaged and of deployed weights apart, and how each falls with the level spacing.
# - [ ] I can prove Theorem 1, and say which of S1's printed formulas cannot be right.
#
# **Try next:** `NOISE` 0.5 and `STATE` 3.5: on which side does SR leave the border? `FLOOR_NOISE` 0.25: is SR's average still above BC's deployed weights?
#
# Theorems 2 and 3 (convex losses, steps $c/\sqrt t$) have floors proportional to $\Delta$ too; S1 does not print their constants, so we do not draw them.
#
# Reference: S1, Convergence under Convexity Assumptions, Stochastic Rounding as a Markov Chain.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "unbiased rounding means unbiased training" (the errors average out, the loss does not: it is curved, and successive iterates are the same iterate); "a smaller step is safer" (it is only slower).
#
# *Timing:* three levels on the board 10, D4 10, exercises 10, floors 10, proof 10 minutes.
#
# *Discuss:* S1's Big SR row uses a batch of 1024. Which of $\eta$, $\Delta$, noise does that change? Why does averaging save only half of SR's floor? (Two iterates $s<t$ have correlation $s/t$.)
#
# *Exam:* On $F(w) = w^2/2$ with $g = w + z$, show with the balance of $w^2$ that SR's mean loss is $\tfrac{\Delta}{4}\mathbb E|g|$ for small steps. Which part of it does a larger batch remove?
