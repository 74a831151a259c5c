"""Capture the models of `models.py` once more, where PyTorch is installed.

python tests/importing/record.py [NAME ...]
"""

import json
import sys
import warnings
from pathlib import Path

from tests.importing.models import MODELS
from tpc.importing.capture_torch import capture

CAPTURES = Path(__file__).parent / "captures"


def main() -> None:
    """Write a capture for every model, or for those named."""
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or MODELS:
        make, sample = MODELS[name]
        content = capture(make, sample, widths=(16, 32, 48), title=name)
        target = CAPTURES / f"{name}.json"
        target.write_text(json.dumps(content, separators=(",", ":")) + "\n")
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main()
