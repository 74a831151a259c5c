"""Capture the models of `models.py` and `broken.py` once more, where PyTorch is installed.

python tests/importing/record.py [NAME ...]
"""

import json
import sys
import warnings
from pathlib import Path

from tests.importing.broken import BROKEN
from tests.importing.models import MODELS
from tpc.importing.capture_torch import capture

HERE = Path(__file__).parent


def main() -> None:
    """Write a capture for every model, or for those named."""
    warnings.simplefilter("ignore")
    for folder, models in (("captures", MODELS), ("broken", BROKEN)):
        for name, (make, sample) in models.items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            content = capture(make, sample, widths=(16, 32, 48), title=name)
            target = HERE / folder / f"{name}.json"
            target.write_text(json.dumps(content, separators=(",", ":")) + "\n")
            print(target.relative_to(HERE), target.stat().st_size)


if __name__ == "__main__":
    main()
