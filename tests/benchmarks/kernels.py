"""NNGP and tangent kernel at data-set size: seconds and memory, beside neural-tangents.

    python tests/benchmarks/kernels.py [--act relu] [--inputs 2000] [--repeats 5] [--python PYTHON]

The network has three hidden layers with biases, inputs have 64 entries, everything is float64;
`--act convolution` is two layers of 3 x 3 convolutions and 2 x 2 pools on images of 3 x 8 x 8. Both
kernels are computed for all pairs; times are the best of R runs, warm. `--python` names an
interpreter with neural-tangents (`pip install neural-tangents==0.6.5 "jax[cpu]==0.4.25"
"numpy<2" "scipy<1.13"` in an environment of its own); by default it is this one where that is
installed. Memory is the growth of the process's largest resident size over what it has when all is
imported and a kernel of four inputs has been computed; that of neural-tangents counts compiling for
the full size.
"""

import argparse
import json
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

NETWORK = """
dim n
input xi[64]
weight U[64] : n (mult=0.1625)
weight W2, W3 : n x n (mult=1.3)
weight b1, b2, b3 : n (mult=0.2)
weight v : n (mult=1.3)
x1 = ACT(U @ xi + b1)
x2 = ACT(W2 @ x1 + b2)
x3 = ACT(W3 @ x2 + b3)
readout f = v * x3
"""

CONVOLUTION = """
dim n
input xi[3, 8, 8]
weight U[3, 3, 3] : n (mult=0.27)
weight W[3, 3] : n x n (mult=0.47)
weight v[4] : n (mult=0.7)
x = avgpool(relu(conv(xi, U, padding=1)), [2, 2])
y = avgpool(relu(conv(x, W, padding=1)), [2, 2])
readout f = sum(v * reshape(y, [4]))
"""

Row = dict[str, float]


def inputs(act: str, count: int) -> np.ndarray:
    """Return the same inputs for everyone."""
    shape = (3, 8, 8) if act == "convolution" else (64,)
    return np.random.default_rng(0).standard_normal((count, *shape))


def measured(compute, act: str, count: int, repeats: int) -> Row:  # type: ignore[no-untyped-def]
    """Return the best time and the memory of a function of inputs."""
    compute(inputs(act, 4))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x, times, cpu = inputs(act, count), [], []
    compute(x)  # compiled for this shape, where that matters
    for _ in range(repeats):
        start, busy = perf_counter(), process_time()
        found = compute(x)
        times.append(perf_counter() - start)
        cpu.append(process_time() - busy)
        corner = [float(kernel[0, 1]) for kernel in found]
        del found  # two results at a time would count double
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": min(times),
        "cpu": min(cpu),
        "megabytes": (after - before) / 1024,
        "nngp": corner[0],
        "ntk": corner[1],
    }


def ours(act: str, count: int, repeats: int) -> Row:
    """Measure `tpc.kernel`."""
    import tpc

    text = CONVOLUTION if act == "convolution" else NETWORK.replace("ACT", act)
    network = tpc.parse(text)

    def compute(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = tpc.kernel(network, x)
        return found["nngp"], found["ntk"]

    return measured(compute, act, count, repeats)


def theirs(act: str, count: int, repeats: int) -> Row:
    """Measure neural-tangents; tanh is its ElementwiseNumerical of degree 25."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from jax import numpy as jnp
    from neural_tangents import stax

    def convolutional(count: float) -> list[object]:
        pool = stax.AvgPool((2, 2), (2, 2))
        return [stax.Conv(1, (3, 3), padding="SAME", W_std=count), stax.Relu(), pool]

    activation = {
        "relu": stax.Relu,
        "erf": stax.Erf,
        "gelu": stax.Gelu,
        "tanh": lambda: stax.ElementwiseNumerical(jnp.tanh, deg=25),
        "convolution": stax.Relu,
    }[act]()
    layers = [part for _ in range(3) for part in (stax.Dense(1, 1.3, 0.2), activation)]
    last = stax.Dense(1, 1.3)
    if act == "convolution":
        layers = [*convolutional(0.27 * 27**0.5), *convolutional(0.47 * 3), stax.Flatten()]
        last = stax.Dense(1, 1.4)
    _, _, kernel_fn = stax.serial(*layers, last)
    jitted = jax.jit(lambda x: tuple(kernel_fn(x, None, ("nngp", "ntk"))))

    def compute(x: np.ndarray) -> list[np.ndarray]:
        x = np.moveaxis(x, 1, -1) if act == "convolution" else x
        return [np.asarray(kernel.block_until_ready()) for kernel in jitted(x)]

    return measured(compute, act, count, repeats)


def apart(python: str, who: str, options: argparse.Namespace) -> Row:
    """Measure in a process of its own, whose memory is its own."""
    words = [python, __file__, "--only", who, "--act", options.act]
    words += ["--inputs", str(options.inputs), "--repeats", str(options.repeats)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--act", default="relu")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", default=sys.executable if find_spec("neural_tangents") else "")
    parser.add_argument("--only", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        measure = ours if options.only == "ours" else theirs
        print(json.dumps(measure(options.act, options.inputs, options.repeats)))
        return
    rows = {"tpc.kernel": apart(sys.executable, "ours", options)}
    if options.python:
        rows["neural-tangents"] = apart(str(Path(options.python)), "theirs", options)
    size = 2 * 8 * options.inputs**2 / 2**20
    print(f"{options.act}, {options.inputs} inputs; the outputs take {size:.0f} MB")
    for name, row in rows.items():
        print(
            f"{name:16} {row['seconds'] * 1e3:9.1f} ms {row['cpu'] * 1e3:9.1f} ms of processor"
            f" {row['megabytes']:8.0f} MB   nngp {row['nngp']:.12f} ntk {row['ntk']:.12f}"
        )
    if len(rows) == 2:
        ratio = rows["neural-tangents"]["seconds"] / rows["tpc.kernel"]["seconds"]
        print(f"ratio of times: {ratio:.1f}")


if __name__ == "__main__":
    main()
