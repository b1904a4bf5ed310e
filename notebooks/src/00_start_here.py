# %% [markdown]
# # 00 · Start here
#
# **Is this machine ready, and where does the discreteness live?**
#
# 10 minutes · no prerequisites

# %% [markdown] tags=["objectives"]
# After this lesson you can
#
# - tell whether this machine is ready for the lessons,
# - round a weight to the grid $\{-1, +1\}$.

# %% tags=["parameters"]
# written from qlab/schema/lessons.py

# %% tags=["setup"]
import qlab.lessons as lab

P = lab.parameters("00", globals())

# %% [markdown]
# ## The machine

# %% tags=["demo"]
lab.doctor(P.DEVICE)

# %% [markdown]
# Random numbers are a function of the seed, so these are the same on every machine:

# %%
from qlab.uniforms import uniform

uniform(P.SEED, 0, 0, (3,))

# %% [markdown]
# ## Predict

# %% tags=["predict"]
lab.predict("00.a", "Which level is nearest to a weight of exactly 0 on the grid {-1, +1}?", ["-1", "+1", "both"], answer="both")

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Both are equally near: a convention decides, and in every lesson it sends $0$ to $+1$.
#
# </details>

# %% [markdown] tags=["exercise"]
# ## Exercise 00.1
#
# Write the projection $Q(w) = \operatorname{sign}(w)$ with ties to $+1$.

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

# %% tags=["reproduce"]
lab.reproduce(P)

# %% [markdown]
# - [ ] I can tell whether this machine is ready for the lessons.
# - [ ] I can round a weight to the grid $\{-1, +1\}$.
