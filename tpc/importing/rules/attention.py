"""Scaled dot product attention, as one operation."""

from fractions import Fraction
from math import prod

import numpy as np

from tpc.importing.capture import Fixed
from tpc.importing.faults import ActiveDropout
from tpc.importing.rules.constant_axes import transposed
from tpc.importing.rules.elementwise import added, chosen, scaled
from tpc.importing.rules.products import matmul
from tpc.importing.rules.reductions import softmax
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value


@rule("scaled_dot_product_attention")
def _attention(t: Translation) -> Found:
    query, key, value = (t.raw(t.argument(at)) for at in range(3))
    if t.argument(4, "dropout_p", 0.0):
        raise t.refuse(ActiveDropout(str(t.argument(4, "dropout_p"))))
    turned = transposed(t, key, [*range(len(key.axes) - 2), len(key.axes) - 1, len(key.axes) - 2])
    logits = scaled_logits(t, matmul(t, query, turned), query)
    mask = t.argument(3, "attn_mask")
    if t.argument(5, "is_causal", False):
        rows, columns = (int(logits.axes[at][0].ratio) for at in (-2, -1))
        allowed = np.tril(np.ones((rows, columns)))
        logits = chosen(t, t.static(allowed, "mask"), logits, t.value(-1e30))
    elif isinstance(mask, Fixed) and set(np.unique(mask.entries)) <= {0.0, 1.0}:
        logits = chosen(t, t.static(mask.entries, "mask"), logits, t.value(-1e30))
    elif mask is not None:
        logits = added(t, logits, t.value(mask))
    return matmul(t, softmax(t, logits, -1), value)


def scaled_logits(t: Translation, logits: Value, query: Value) -> Value:
    """Return logits with their scale, 1 / sqrt(d) by default."""
    scale = t.argument(6, "scale")
    if scale is not None:
        return scaled(logits, *t.number(scale))
    head = query.axes[-1]
    ratio = prod((float(factor.ratio) for factor in head), start=1.0)
    return scaled(logits, ratio**-0.5, Fraction(-any(factor.grows for factor in head), 2))
