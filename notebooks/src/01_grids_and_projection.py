# %% [markdown]
# # 01 · Grids, rounding, projection; why not just round afterwards
#
# **What does it cost to put weights on a grid, who finds the best scale, and why is rounding a trained network not enough?**
#
# Documents: BCGD slides (S2), *Weight Quantization* and *Projection*; Li et al. (S1), $Q_d$ and $Q_s$; PDQAT (S3), sections 1 and 4; poster (S0), section 1.
#
# 40 minutes · after lesson 00 · next: [02, why gradients vanish](02_staircases.ipynb)

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - name the level set behind "$b$ bits" in each document,
# - project a tensor onto a binary, ternary or $b$-bit grid with the least-squares scale,
# - tell when one Lloyd step is enough and when it is not,
# - split the error of rounded weights into rounding and clipping, and say at which bit-width rounding afterwards fails.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson01.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("01", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# A quantized tensor is $s \cdot q$: one scale $s$ in full precision, and codes $q$ from a short list.
#
# - A **small** scale puts the levels close together (little *rounding* error) but cuts off large weights (*clipping* error).
# - A **large** scale reaches every weight, with coarse levels.
#
# The best scale balances the two. It is a least-squares problem: the *projection* of $w$ onto the grid.
#
# | symbol | meaning |
# |---|---|
# | $w$, $w_Q = Q(w)$ | weights, weights on the grid |
# | $b$ | bits per weight |
# | $s$, $q$ | scale, codes |
# | $s^*$ | the scale with the least error |
# | $\Delta$ | distance of two levels |

# %% tags=["predict"]
lab.predict(
    "01.a",
    "S2 finds the scale with one Lloyd step. A Gaussian tensor grows from 200 to 200 000 weights, at 3 bits. What happens to that scale's error?",
    [
        "nothing: one step is always enough",
        "it is near the best for the small tensor, far from it for the large one",
        "it gets better: more weights, better scale",
    ],
)
lab.predict(
    "01.b",
    "Ten networks are trained in full precision, then rounded to 3 bits. Is the one with the lowest loss still ahead after rounding?",
    ["yes: the float loss ranks the quantized loss", "not reliably: many pairs swap", "no: the order is reversed"],
)

# %% tags=["demo"]
lab.show("D1", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# *Your scale*: far left of $s^*$ nearly all of the error is clipping, far right nearly all is rounding, which first grows like $s^2$. At $s^*$ their *slopes* cancel; the two errors need not be equal.
#
# $N$: the curve stands still, Lloyd's start $s^0$ moves away. It is made of $\max|w|$, and a larger sample has a larger maximum. One step does not come back.
#
# With many levels a step hardly changes the codes: Lloyd creeps. The lattice $\Delta\mathbb{Z}$ clips nothing and pays in levels.
#
# ![](figures/D1.png)
#
# </details>
#
# ## The formulas
#
# S2 projects onto $\mathcal{Q} = \mathbb{R}_+ \times \{\text{codes}\}^N$:
#
# $$(s^*, q^*) = \operatorname*{argmin}_{s \ge 0,\; q}\; \lVert s\,q - w \rVert^2$$
#
# $$b = 1:\quad s^* = \tfrac1N \lVert w \rVert_1, \qquad q^* = \operatorname{sign}(w), \quad \operatorname{sign}(0) = 1$$
#
# $$b = 2:\quad t^* = \operatorname*{argmax}_t \tfrac1t \lVert w_{[t]} \rVert_1^2, \qquad s^* = \tfrac1{t^*} \lVert w_{[t^*]} \rVert_1, \qquad q^* = \operatorname{sign}(w_{[t^*]})$$
#
# $w_{[t]}$ keeps the $t$ entries of largest magnitude. For $b \ge 3$, Lloyd's algorithm from $s^0$:
#
# $$s^0 = \frac{2}{2^b - 1} \max|w|, \qquad q \leftarrow \text{nearest codes of } w/s, \qquad s \leftarrow \frac{q^{\mathsf T} w}{\lVert q \rVert^2}$$
#
# **The document claims:** exact solutions are too expensive for $b \ge 3$; practically, one step is enough.

# %% [markdown]
# <details><summary>Reading notes: what the documents print, and what is right</summary>
#
# - **Codes (S2).** One slide lists $j/8$, $j = 0 \dots 8$ for 4 bits: 17 signed levels. The later slide is right: $k/2^{b-1}$, $k \le 2^{b-1} - 1$, that is 15.
# - **$s^0$ (S2)** fits *integer* codes. With codes $k/2^{b-1}$ multiply it by $2^{b-1}$, else more than half of 20 000 Gaussian weights are clipped at 4 bits.
# - **One step (S2)** is here $s^1 q(s^1)$, never worse than $s^0 q$.
# - **$r(z)$ (S3)**: the printed $1/2^{k-1}$, also given as smallest number, must be $1/(2^k - 1)$.
# - **$Q_d$ (S1):** the brackets are a *floor*: ties go away from zero.
# - **$Q_s$ (S1):** $p \le$ must be $<$ for $u \in [0, 1)$, else $u = 0$ moves weights that are on a level.
# - **"2 bits"** is $\{-1, 0, 1\}$ in S2, $\{\pm\frac13, \pm1\}$ in S3.
#
# </details>
#
# ## The projections in the open

# %%
import numpy as np


def binary(w):
    return np.abs(w).mean() * np.where(w >= 0, 1.0, -1.0)


def ternary(w):
    a = np.sort(np.abs(w))[::-1]
    c, t = a.cumsum(), np.arange(1, a.size + 1)
    best = (c**2 / t).argmax()
    return c[best] / t[best] * np.sign(w) * (np.abs(w) >= a[best])


def one_lloyd_step(w, bits):
    s, top = 2 * np.abs(w).max() / (2**bits - 1), 2 ** (bits - 1) - 1
    q = np.sign(w) * np.minimum(np.floor(np.abs(w) / s + 0.5), top)
    s = q @ w / (q @ q)
    return s * np.sign(w) * np.minimum(np.floor(np.abs(w) / s + 0.5), top)


# %% tags=["check"]
from qlab.quantizers import project

lab.same(binary, lambda w: project(w, 1).values, w="normal", numpy=True)
lab.same(ternary, lambda w: project(w, 2).values, w="normal", numpy=True)
lab.same(
    one_lloyd_step, lambda w, bits: project(w, bits).values, w="normal", bits=lambda case: 3 + case % 6, numpy=True
)

# %% [markdown] tags=["exercise"]
# ## Exercise 01.1: read a formula with suspicion
#
# S3 rounds with $r(z) = \frac{1}{2^{k-1}} \operatorname{round}\!\big(z\,(2^k - 1)\big)$ for $z \in [0, 1]$. Evaluate it *as printed* at $z = 1$ for $k = 2$. What is wrong with the result?

# %% tags=["exercise"]
### BEGIN SOLUTION
printed_r = 1 / 2 ** (2 - 1) * round(1.0 * (2**2 - 1))
### END SOLUTION

# %% tags=["check"]
lab.check("01.1", printed_r)

# %% [markdown] tags=["exercise"]
# ## Exercise 01.2: which weights become zero?
#
# The scale $s$ of a ternary grid is known. Write the code of a weight $w$: $-1$, $0$ or $+1$; a tie goes away from zero.


# %% tags=["exercise"]
def ternary_code(w, s):
    ### BEGIN SOLUTION
    return np.sign(w) if abs(w) >= s / 2 else 0.0
    ### END SOLUTION


# %% tags=["check"]
lab.check("01.2", ternary_code)

# %% [markdown] tags=["exercise"]
# ## Exercise 01.3: clipping error
#
# The outer level of a grid is $s \cdot$ `top`. Write the part of $\lVert Q(w) - w \rVert^2$ that belongs to weights *beyond* it; `w` is an array.


# %% tags=["exercise"]
def clipping_error(w, s, top):
    ### BEGIN SOLUTION
    beyond = np.abs(w) > s * top
    return ((np.abs(w[beyond]) - s * top) ** 2).sum()
    ### END SOLUTION


# %% tags=["check"]
lab.check("01.3", clipping_error)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 01.1: $z = 1$ is the largest value and must stay 1. The printed factor sends it to $\frac32$; $1/(2^k - 1)$ repairs it. At $k = 1$ the two coincide, which is why the slip is easy to miss.
#
# 01.2: the middle between 0 and $s$ is $s/2$. The projection's $t^*$ says the same from the other side: the kept weights are those with $|w| \ge s^*/2$.
#
# 01.3: every clipped weight moves to the outer level. Together with the rounding error of all others this is the whole error, exactly.
#
# </details>

# %% [markdown]
# ## Why not just round afterwards?
#
# Networks with 64 inputs, two hidden layers of 48 units and 10 classes are trained on digits in full precision, one per seed. Then their weight matrices are replaced by $Q(w)$, with one scale per layer. Biases stay.
#
# *Best scale* minimizes the error of the weights; *nothing clipped* puts the outer level at $\max|w|$. The bars reach from the worst network to the best.

# %% tags=["demo"]
lab.show("D1b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# At 8 bits nothing is lost, whatever the scale. At 3 bits a few points are, at 2 and 1 bit much of what was learned: nothing in training knew of the grid.
#
# At 2 bits the scale decides. Clipping nothing leaves three levels, two of them where almost no weight is: nearly all weights become 0. *Some* clipping is good.
#
# The rest of the course trains *with* the grid.
#
# ![](figures/D1b.png)
#
# </details>
#
# ## The claims as experiments
#
# Each claim is tried on `SEEDS` seeds: drawn tensors for Lloyd's step, one trained network each for rounding. It *holds* only if the whole 95 % interval of the mean is on its side. A claim about *all* pairs is refuted by one.

# %% tags=["experiment"]
from qlab.experiments import projection, ptq

seeds = range(P.SEED, P.SEED + P.SEEDS)
weights = P.DISTRIBUTION if P.DISTRIBUTION in projection.DISTRIBUTIONS else "gaussian"
small, large = (projection.lloyd_steps(P.BITS, n, distribution=weights, seeds=seeds) for n in (200, 200_000))

networks = ptq.train(P.SEED, P.SEEDS, P.TRAIN_STEPS, P.DEVICE)
full = networks.full
after = {bits: ptq.rounded(networks, bits) for bits in ptq.BITS}
gained = after[2].accuracy - ptq.rounded(networks, 2, "max").accuracy
lost = {bits: full.accuracy - score.accuracy for bits, score in after.items()}
ordered = ptq.same_order(full.loss, after[P.BITS].loss)
lab.outcome("01.a")
lab.outcome("01.b")

# %% tags=["claims"]
C, NO = lab.Claim, "does not hold"
near, cheap = "one Lloyd step is within half of the converged error", "rounding afterwards costs under a point"
claims = [
    C("01.C1", f"{near}, 200 weights", "S2 Projection").judge(0.5 - small.excess),
    C("01.C2", f"{near}, 200 000 weights", "S2 Projection", NO).judge(0.5 - large.excess),
    C("01.C3", f"{cheap} at 8 bits", "S3 1").judge(0.01 - lost[8]),
    C("01.C4", f"{cheap} at 2 bits", "against S0 1", NO).judge(0.01 - lost[2]),
    C("01.C5", f"{cheap} at 1 bit", "against S0 1", NO).judge(0.01 - lost[1]),
    C("01.C6", "at 2 bits the scale that clips beats the one that clips nothing", "S2 Projection").judge(gained),
    C("01.C7", "a lower float loss means a lower loss after rounding", "a misconception", NO).exact(
        ordered - 1, margin=-1e-9
    ),
]
lab.verdicts(claims)

# %% tags=["compare"]
lab.details(claims)
starts = projection.fractional_start(4, 20_000, P.SEED)


def row(id, what, document, values, unit=""):
    return lab.Row(id, what, document, np.mean(values), np.std(values), unit)


rows = [
    row("one-step", "200 000 weights: error after one Lloyd step", "practically enough", large.one),
    row("many-steps", "after 100 steps", "not printed", large.many),
    row("best", "with the exact scale", "too expensive", large.best),
    row("integer", "4 bits, start s⁰ with integer codes", "not printed", starts[0]),
    row("fractional", "4 bits, start s⁰ with codes k/8, as printed", "not printed", starts[1]),
    row("full", "test accuracy, full precision", "not printed", 100 * full.accuracy, " %"),
]
for b in (8, 4, 3, 2, 1):
    rows.append(row(f"ptq-{b}", f"rounded to {b} bit{'s' * (b > 1)}", "8 bits: no significant loss (S3)" if b == 8 else "may drop significantly (S0)", 100 * after[b].accuracy, " %"))
rows.append(row("order", "pairs of networks in the same order after rounding", "not printed", 100 * ordered, " %"))
lab.compare("01", rows)

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can name the level set behind "$b$ bits" in each document.
# - [ ] I can project a tensor onto a binary, ternary or $b$-bit grid with the least-squares scale.
# - [ ] I can tell when one Lloyd step is enough and when it is not.
# - [ ] I can split the error of rounded weights into rounding and clipping, and say at which bit-width rounding afterwards fails.
#
# **Try next:** `DISTRIBUTION` laplace, where the largest weight is farther out; `PER_CHANNEL`, where ten smaller tensors have a scale each; `FAMILY` dorefa at 2 bits.
#
# Next lesson: [02, why gradients vanish](02_staircases.ipynb).
#
# Reference: S2, *Weight Quantization*, *Projection*; S1, *Training Quantized Neural Networks*; S3, sections 1 and 4; S0, section 1.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "one Lloyd step is always enough" (it starts from the maximum, an extreme value); "clipping is an error, so clip nothing" (the maximum makes the levels coarse for everyone); "the float loss ranks the quantized loss".
#
# *Timing:* predictions 5, D1 10, formulas and exercises 15, D1b and claims 10 minutes.
#
# *Discuss:* S2 calls the exact scale for $b \ge 3$ too expensive. The best codes change only at the breakpoints $|w_i|/t_j$ of the scale: how would you search them? (A sweep; D1 does it while you drag.)
#
# *Exam:* For 1 bit show that $\lVert s^* q^* - w \rVert^2 = \lVert w \rVert^2 - \lVert w \rVert_1^2 / N$, and give the relative error for Gaussian weights. ($1 - 2/\pi$.)
