"""Full precision: w+ = w - lr g. Its deployed weights Q(w) are post-training quantization (PTQ)."""

from qlab.methods.rule import Rule


class FullPrecision(Rule):
    """w+ = w - lr g(w);  deployed: Q(w), post-training quantization, a row of every comparison."""

    slug = "full"
    name = "Full precision"
