"""Mutants of the methods of lessons 00 to 03, one each."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "methods: full precision deploys its latent weights",
        "qlab/methods/rule.py",
        "        return h.Q(w)\n",
        "        return w\n",
        "tests/optim/test_registry.py::test_deployed_weights_are_levels",
    ),
    Mutant(
        "methods: stochastic BinaryConnect sees the nearest level",
        "qlab/methods/bc_stochastic.py",
        "return coarse(h.Qs(w, u), (w, 1.0))",
        "return coarse(h.Q(w), (w, 1.0))",
        "tests/methods/test_identities.py",
    ),
    Mutant(
        "methods: the hardtanh mask of STE passes outside",
        "qlab/methods/ste.py",
        "(w.detach().abs() <= h.width)",
        "(w.detach().abs() >= h.width)",
        "tests/methods/test_identities.py",
    ),
    Mutant(
        "methods: deterministic rounding keeps what it stepped to",
        "qlab/methods/r.py",
        "    def settle(self, w, s, h, u):\n        return h.Q(w)",
        "    def settle(self, w, s, h, u):\n        return w",
        "tests/methods/test_identities.py",
    ),
    Mutant(
        "methods: BinaryConnect halves the derivative",
        "qlab/methods/bc.py",
        "return coarse(h.Q(w), (w, 1.0))",
        "return coarse(h.Q(w), (w, 0.5))",
        "tests/methods/test_identities.py",
    ),
    Mutant(
        "methods: projected gradient descent does not project",
        "qlab/methods/pgd.py",
        "    def settle(self, w, s, h, u):\n        return h.Q(w)",
        "    def settle(self, w, s, h, u):\n        return w",
        "tests/methods/test_identities.py",
    ),
]
