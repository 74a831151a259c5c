"""Classify handwritten digits with an infinitely wide network: network.tp, beside this file.

    pip install scikit-learn
    python examples/digits/classify.py [FIGURE.png]

The network's kernels over the digits of scikit-learn (1,797 images of 8 x 8 pixels) give two
predictors. A Bayesian network is a Gaussian process with the NNGP, whose posterior knows how
uncertain it is. A network trained by gradient flow from f = 0 follows the tangent kernel: its
accuracy on test images is drawn against the time of training, which is early stopping in one line.
"""

import sys
from pathlib import Path

import numpy as np

import tpc
from tpc import predict

HERE = Path(__file__).parent
TRAIN = 1000
TIMES = np.logspace(-5, 3, 41)
NOISE = 1e-3


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return images with mean 0 and typical pixels of size 1, and their digits."""
    try:
        from sklearn.datasets import load_digits as load
    except ImportError:
        sys.exit("this example needs scikit-learn: pip install scikit-learn")
    images, digits = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    centred = images[order] - images.mean()
    return centred / centred.std(), digits[order]


def accuracy(scores: np.ndarray, digits: np.ndarray) -> float:
    """Return how often the largest of ten scores is that of the digit."""
    return float(np.mean(scores.argmax(axis=1) == digits))


def main() -> None:
    """Print accuracies and draw the figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    network = tpc.load(HERE / "network.tp")
    images, digits = load_digits()
    targets = np.eye(10)[digits[:TRAIN]] - 0.1
    kernels = tpc.kernel(network, images)
    train, rest = slice(0, TRAIN), slice(TRAIN, None)

    nngp = kernels["nngp"]
    noise = NOISE * np.trace(nngp) / len(nngp)
    found = predict.posterior(
        nngp[train, train], targets, nngp[rest, train], nngp[rest, rest], noise
    )
    sure = np.diag(found.cov) < np.median(np.diag(found.cov))
    right = found.mean.argmax(axis=1) == digits[rest]
    bayes = accuracy(found.mean, digits[rest])
    print(f"NNGP posterior: {bayes:.1%} of {len(right)} test images")
    print(
        f"  its more certain half: {right[sure].mean():.1%}, the other: {right[~sure].mean():.1%}"
    )

    ntk = kernels["ntk"]
    # One eigendecomposition serves all images and all times.
    paths = predict.gradient_flow(ntk[train, train], targets, ntk[:, train], time=TIMES)
    ours = [accuracy(scores[train], digits[train]) for scores in paths]
    others = [accuracy(scores[rest], digits[rest]) for scores in paths]
    print(f"gradient flow: {others[-1]:.1%} at the end, {max(others):.1%} at best")

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    axes.semilogx(TIMES, ours, label="gradient flow, training images")
    axes.semilogx(TIMES, others, label="gradient flow, test images")
    axes.axhline(bayes, color="0.4", linestyle="--", label="NNGP posterior, test images")
    axes.set_xlabel("time of training")
    axes.set_ylabel("accuracy")
    axes.legend(loc="lower right")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "digits.png"
    figure.savefig(target, dpi=110)
    print(target)


if __name__ == "__main__":
    main()
