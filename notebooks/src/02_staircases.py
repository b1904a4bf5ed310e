# %% [markdown]
# # 02 · Why gradients vanish: staircases, STE and coarse derivatives
#
# **A quantizer is a staircase, and its slope is zero. What does training follow, then?**
#
# Documents: Xin, *Blended Coarse Gradient Descent* (S2), "Activation Quantization" to "Coarse Gradients"; Wong's poster (S0), 2.II.
#
# 35 minutes · after lesson [01](01_grids_and_projection.ipynb) · next: [03](03_exploration.ipynb)

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - explain why backpropagation through a quantizer returns nothing,
# - write the quantized ReLU with a declared derivative, forward and backward,
# - say at which scale the declared derivative is the staircase's own slope,
# - tell which derivatives suit activations and which suit weights.

# %% tags=["parameters"]
# written from qlab/schema/lessons/lesson02.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("02", globals())

# %% [markdown]
# ## The idea in 60 seconds
#
# An activation with $b_x$ bits may only take the values $0, s_x, 2 s_x, \dots, (2^{b_x}-1) s_x$. As a function of its input it is a staircase $\sigma(x, s_x)$.
#
# | symbol | meaning |
# |---|---|
# | $b_x$ | bits per activation |
# | $s_x$ | resolution: height and width of one stair ($\alpha$ in S2) |
# | $\sigma$ | quantized ReLU |
# | $\tilde\sigma$ | its ramp, the clipped ReLU |
#
# Let autograd differentiate it. Nothing comes back, so no layer below ever learns. The cure of S2, and of every *straight-through estimator* (STE): keep the staircase forward, *declare* another derivative backward.

# %%
import torch

x = torch.linspace(-1, 4, 1000, dtype=torch.float64, requires_grad=True)
staircase = P.RESOLUTION * torch.ceil(x / P.RESOLUTION).clamp(0, 2**P.ACT_BITS - 1)
staircase.sum().backward()
print("largest slope that autograd finds at 1000 points:", x.grad.abs().max().item())

# %% tags=["predict"]
lab.predict(
    "02.a",
    "The declared slope 1 stands in for the staircase's own. How large is the error of that derivative, at a typical point of the ramp?",
    ["it shrinks with every bit: at 8 bits the staircase nearly is the ramp", "1, with 1 bit as with 8", "0, that is what backpropagation is for"],
)
lab.predict(
    "02.b",
    "Somebody declares the derivative of the ReLU for the quantizer of the weights. How many weights never move?",
    ["none", "a few in a hundred", "about half", "all"],
)

# %% tags=["demo"]
lab.show("D2", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# At *step back* 0 the grey slope is zero, with a spike at every jump; orange is what the layer declares. Add bits: more spikes, and between them still 0. The *functions* come within one level of each other, the *derivatives* never do. STE does not approximate the gradient.
#
# Drag *step back* up: the slope over a width $h\,s_x$ makes each spike a box $1/h$ high. At exactly one level the boxes close up into the orange line: the declared derivative is the slope *at a larger scale*.
#
# In the resolution, the a.e. slopes $1, 2, \dots$ are not zero, and the 3-valued derivative is their mean. But $\sigma$ also *falls* where a point slips to the stair below. Step back, and the falls count: what is seen moves towards the clipped ReLU's derivative.
#
# ![](figures/D2.png)
#
# </details>

# %% [markdown]
# ## The formulas
#
# $$\sigma(x, s_x) = s_x\,\operatorname{clip}\!\left(\lceil x/s_x\rceil,\, 0,\, 2^{b_x}-1\right), \qquad \frac{\partial\sigma}{\partial x} \approx \mathbf 1\{0 < x \le (2^{b_x}-1)\,s_x\}$$
#
# | $\partial\sigma/\partial s_x$ | $x \le 0$ | on the ramp | above it |
# |---|---|---|---|
# | a.e. | 0 | $\lceil x/s_x\rceil$ | $2^{b_x}-1$ |
# | 3-valued | 0 | $2^{b_x-1}$ | $2^{b_x}-1$ |
# | 2-valued (PACT) | 0 | 0 | $2^{b_x}-1$ |
#
# **The document claims:** the declared derivative in $x$ is that of the "step-back view" of $\sigma$; the 3-valued middle is the mean of the a.e. values; the 2-valued one is exactly that of the clipped ReLU.
#
# Looking back over one level this is exact: $\big(\sigma(x) - \sigma(x - s_x)\big)/s_x = \mathbf 1\{0 < x \le (2^{b_x}-1)\,s_x\}$, end points included.

# %% [markdown]
# <details><summary>Reading notes: what the documents print, and what is right</summary>
#
# - **Ceil, not round.** A stair covers $(k-1)s_x < x \le k s_x$: the point $x = k s_x$ belongs to level $k$, and $\sigma$ lies up to one level *above* its ramp.
# - **Floating point.** $\lceil x/s_x\rceil$ at $x = k s_x$ is $k$ only where the quotient is exact: $3 \cdot 0.1 / 0.1$ comes out above 3. Powers of two are safe.
# - **Start of the resolution.** S2 prints $\alpha^1 = 1/(2^{b_a}\;1)$, a minus is lost: $1/(2^{b_x}-1)$, so that the top level is 1.
# - **Activations are not weights.** S0 names the clipped ReLU as a proper STE, following a theory about *activations*. On weights STE means identity or hardtanh; the experiment shows why.
# - **In the tables** S2's "no need of the a.e. derivative" has exceptions: ResNet-20 with blending is better with it at 1 and 2 bits.
#
# </details>
#
# ## The algorithm in the open

# %%
import numpy as np


def forward(x, s, bits):
    return s * np.clip(np.ceil(x / s), 0, 2**bits - 1)


def backward(upstream, x, s, bits, derivative):
    top = 2**bits - 1
    k = np.clip(np.ceil(x / s), 0, top)
    ramp, above = (x > 0) & (x <= top * s), x > top * s
    ds = {"ae": k, "3-valued": 2 ** (bits - 1) * ramp + top * above, "2-valued": top * above}[derivative]
    return upstream * ramp, (upstream * ds).sum()


# %% tags=["check"]
from qlab.quantizers import DERIVATIVES, QuantReLU


def mine(x, upstream, s, bits, derivative):
    dx, ds = backward(upstream, x, s, bits, derivative)
    return np.concatenate([forward(x, s, bits), dx, [ds]])


def library(x, upstream, s, bits, derivative):
    layer, x = QuantReLU(bits, torch.tensor(s, dtype=x.dtype), derivative), x.requires_grad_()
    y = layer(x)
    y.backward(upstream)
    return torch.cat([y.detach(), x.grad, layer.resolution.grad.reshape(1)])


bits, derivative = lambda i: 1 + i % 4, lambda i: DERIVATIVES[i % 3]
lab.same(mine, library, x="normal", upstream="normal", s=0.25, bits=bits, derivative=derivative, numpy=True)

# %% [markdown] tags=["exercise"]
# ## Exercise 02.1: three values
#
# Write S2's 3-valued derivative of $\sigma$ with respect to $s_x$ at one point `x`. Mind the two end points.

# %% tags=["exercise"]
def three_valued(x, s, bits):
    ### BEGIN SOLUTION
    if x <= 0:
        return 0
    return 2 ** (bits - 1) if x <= (2**bits - 1) * s else 2**bits - 1
    ### END SOLUTION


# %% tags=["check"]
lab.check("02.1", three_valued)

# %% [markdown] tags=["exercise"]
# ## Exercise 02.2: looking back
#
# Write the slope of the staircase over exactly one level, $\big(\sigma(x) - \sigma(x - s_x)\big)/s_x$. Then compare with the declared derivative in $x$. Can you write it without the staircase?

# %% tags=["exercise"]
def looking_back(x, s, bits):
    ### BEGIN SOLUTION
    return 1 if 0 < x <= (2**bits - 1) * s else 0
    ### END SOLUTION


# %% tags=["check"]
lab.check("02.2", looking_back)

# %% [markdown] tags=["solution"]
# <details><summary>Why</summary>
#
# 02.1: the mean of $1, \dots, 2^b-1$ is $2^b/2$.
#
# 02.2: between $x - s$ and $x$ the quotient $\lceil x/s \rceil$ rises by exactly 1, whatever $x$. The clip keeps that rise only while both ends are between the bottom and the top: for $0 < x \le (2^b-1)s$.
#
# </details>

# %% [markdown]
# ## Which derivative lets a network learn?
#
# Networks 64 - 32 - 32 - 10 on digits with real weights and activations of `ACT_BITS` bits. They differ only in the derivative declared. "ReLU" is $\mathbf 1\{x > 0\}$, without the upper end; "identity" is 1 everywhere. Press Run; change the step size while it runs.

# %% tags=["demo"]
lab.show("D2b", P)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# With nothing declared only the last layer learns, on top of random features: no weight below ever moves. With few bits the ReLU's open end does harm: beyond the top level it goes on pulling at a unit that can answer no more. With 4 bits hardly anything lies beyond it. The identity, open at both ends, does hardly any harm: what is pulled too far can come back. Which derivative is declared in $s_x$ makes no visible difference here.
#
# ![](figures/D2b.png)
#
# </details>
#
# ## The misconception as an experiment
#
# Now the *weights* are quantized, to `BITS` bits, in a network 64 - 32 - 10; the derivative declared on them is that of the identity, hardtanh ($|w| \le 1$), ReLU ($w > 0$) or clipped ReLU ($0 < w \le 1$).

# %% tags=["experiment"]
from qlab.experiments import activations, masks
from qlab.theory import staircase as theory

seeds = range(P.SEED, P.SEED + P.SEEDS)
setting = {"steps": P.TRAIN_STEPS, "step_size": P.TRAIN_STEP_SIZE, "bits": P.BITS, "device": P.DEVICE}
runs = {mask: masks.train(mask, seeds, **setting) for mask in masks.MASKS}
setting["bits"] = P.ACT_BITS
learned = {c: activations.train(c, seeds, **setting) for c in ("none", "3-valued", "2-valued", "relu")}

levels = 2**P.ACT_BITS - 1
x = torch.arange(-64, 64 * (levels + 2), dtype=torch.float64).div(64).requires_grad_()
QuantReLU(P.ACT_BITS, 1.0)(x).sum().backward()
one_level = float((theory.slope(x.detach(), 1.0, levels, 1.0) - x.grad).abs().max())
own = float((theory.slope(x.detach(), 1.0, levels, 2.0**-10)[x.grad > 0] == 0).double().mean())
mean = float(torch.arange(1, levels + 1, dtype=torch.float64).mean())

# %% tags=["claims"]
C = lab.Claim
stuck, right = {m: run.unmoved for m, run in runs.items()}, {m: run.accuracy for m, run in runs.items()}
claims = [
    C("02.C1", "over one level, the staircase's slope is the declared one, exactly", "S2 step-back view").exact(1e-12 - one_level),
    C("02.C2", "the 3-valued middle value is the mean of the a.e. ones", "S2 Coarse Gradients").exact(1e-9 - abs(mean - 2 ** (P.ACT_BITS - 1))),
    C("02.C3", "a straight-through estimator approximates the derivative", "a misconception", "does not hold").exact(0.5 - own),
    C("02.C4", "below a staircase with nothing declared, no weight moves", "S2 zero gradients").exact(-float(learned["none"].moved.max()), margin=-1e-12),
    C("02.C5", "with few bits, the clipped ReLU's derivative beats the ReLU's", "S0 II").judge(
        learned["3-valued"].accuracy - learned["relu"].accuracy
    ),
    C("02.C6", "identity on weights: at least 95 % of them move", "S0 II").judge(0.05 - stuck["identity"]),
    C("02.C7", "hardtanh on weights: at least 95 % of them move", "S0 II").judge(0.05 - stuck["hardtanh"]),
    C("02.C8", "clipped ReLU on weights: at least 95 % of them move", "S0 II, read on weights", "does not hold").judge(0.05 - stuck["clipped-relu"]),
    C("02.C9", "ReLU on weights: accuracy within 2 points of identity", "S0 II, read on weights", "does not hold").judge(
        right["relu"] - right["identity"], margin=-0.02
    ),
]
lab.verdicts(claims)

# %% [markdown]
# <details><summary>Why half</summary>
#
# Weights start symmetric around 0, so half of them start below it. There the ReLU's derivative is 0: the gradient never reaches them, whatever the data say. And a weight that crosses 0 on its way is caught there for good, so the frozen share only grows.
#
# For an *activation* the same mask does little harm: its input is another one for every image, so a unit that is off for one image may be on for the next.
#
# </details>

# %% tags=["compare"]
lab.outcome("02.a")
lab.outcome("02.b")
lab.details(claims)
percent = {m: 100 * s for m, s in stuck.items()}
accuracy = {m: 100 * a for m, a in right.items()}
document = {"identity": "gradients directly pass through", "clipped-relu": "e.g. a proper STE (for activations)"}
lab.compare(
    "02",
    [
        *(lab.Row(f"act-{c}", f"test accuracy, activations {c}", "not in S2 (digits)", 100 * float(m.accuracy.mean()), 100 * float(m.accuracy.std()), " %") for c, m in learned.items()),
        lab.Row("mean", "mean a.e. derivative in s_x", float(2 ** (P.ACT_BITS - 1)), mean),
        *(lab.Row(f"stuck-{m}", f"weights that never move, {m}", document.get(m, "not in S0"), float(v.mean()), float(v.std()), " %") for m, v in percent.items()),
        *(lab.Row(f"right-{m}", f"test accuracy, {m}", "not in S0", float(v.mean()), float(v.std()), " %") for m, v in accuracy.items()),
    ],
)

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# ## What you can do now
#
# - [ ] I can explain why backpropagation through a quantizer returns nothing.
# - [ ] I can write the quantized ReLU with a declared derivative, forward and backward.
# - [ ] I can say at which scale the declared derivative is the staircase's own slope.
# - [ ] I can tell which derivatives suit activations and which suit weights.
#
# **Try next:** `ACT_BITS` 8 with `RESOLUTION` 0.05; `DERIVATIVE` resolution with `STEP_BACK` 1; `BITS` 2 for the masks.
#
# Next lesson: [03, BinaryConnect against rounding](03_exploration.ipynb). Why a coarse gradient descends all the same: [lesson 10](10_two_layer_theory.ipynb).
#
# Reference: S2, Activation Quantization, Differentiate a Staircase Function over Large Scale, Coarse Gradients; S0, 2.II.

# %% [markdown] tags=["instructor"]
# ## For the teacher
#
# *Misconceptions:* "STE approximates the gradient" (the functions are close, the derivatives are not); "the surrogate that suits an activation suits a weight".
#
# *Timing:* zero gradient 3, predictions 3, D2 12, algorithm and exercises 10, masks 7 minutes.
#
# *Discuss:* Which other derivatives have a function behind them? Is there a function whose derivatives are the clipped ReLU's in $x$ and the 3-valued one in $s_x$? (No: on the ramp it would be $x + 2^{b-1}s$ plus a constant, and that does not meet 0 at $x = 0$.)
#
# *Exam:* Show that the mean of $\sigma$ over $(x - s_x, x]$ is the clipped ReLU.
