"""The neural tangent limit of all kinds of networks, against trained networks of finite width."""

import pytest

import tpc

NETWORKS = {
    "tied and transposed": """
x1 = tanh(U @ xi)
x2 = tanh(W @ x1 + 0.5 * W.T @ x1 + 0.3 * b)
x3 = relu(W.T @ x2)
readout f = v * x3
""",
    "two outputs": """
x1 = relu(U @ xi)
x2 = relu(W @ x1) + x1
readout f = u * x2[()]
""",
    "batch norm": """
h = W @ tanh(U @ xi)
x = relu(h - batchmean(h))
readout f = v * x
""",
    "averages": """
x1 = tanh(U @ xi)
x2 = relu(W @ ((x1 - avg(x1)) / sqrt(avg(square(x1)) + 0.1)))
readout f = v * x2 + b * x1
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["momentum(lr=0.2, clip=0.5)", "adam(lr=0.1, eps=0.1)"])
@pytest.mark.parametrize("network", NETWORKS)
def test_limits_of_training_in_ntp(network: str, optimizer: str) -> None:
    outputs = network == "two outputs"
    targets = [[1.0, 0.2], [-0.5, 0.1], [0.2, 0.0]] if outputs else [1.0, -0.5, 0.2]
    lines = ["dim n", "input xi[2]", "weight U[2] : n", "weight W : n x n (mult=1.2, lr=0.5)"]
    lines += ["weight b : n (mult=0.5)", "weight v : n", "weight u[2] : n"]
    lines += [NETWORKS[network].strip().replace("[()]", ""), "train f:"]
    block = [f"data [[1.0, 0.5], [-0.4, 0.9], [0.3, -0.2]], {targets}", "loss mse"]
    block += ["parametrization ntp", "steps 2", "center true", f"optimizer {optimizer}"]
    text = "\n".join([*lines, *(f"    {line}" for line in block), ""])
    found = tpc.verify(
        tpc.parse(text), widths=(64, 128, 256), trials=24, samples=4096, seed=1, method="qmc"
    )
    assert found.agrees
    (outputs_found,) = (x for x in found.comparisons if x.output == "f")
    assert abs(outputs_found.limit[1:]).max() > 5 * outputs_found.allowed[1:].max() / 4
