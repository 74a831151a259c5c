"""What the runtime calls its arrays."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

Indices = npt.NDArray[np.intp]

Outputs = dict[tuple[str, str], Array]
"""By output name and part: "value", or "mean" and "cov" of a vector."""
