"""Training at infinite depth with nonlinear blocks: Claim E.1 of Tensor Programs VI, and networks.

    python nonlinear_blocks.py

trains x + L^(-1/2) tanh(W x) by gradient descent in Depth-muP for three steps, three times: finite
networks, 32 rounds deep; the closed equations of docs/depth.md, in which gradients flow through the
scalars k1(C), too; and the same without these terms, as in Claim E.1 (arXiv:2310.02244), with the
covariance of its backward noise corrected.
"""

import sys
from itertools import pairwise

import numpy as np

X = np.array([[1.0, 0.5], [-0.4, 0.9]])
Y = np.array([1.0, -0.5])
RATE, STEPS = 0.15, 3
ROWS = len(X)


def gains(q, q2, c):
    """Return k, k1, k11, k2, k12 of tanh for pairs of variances q, q2 and covariance c."""
    z = np.arange(-8, 8.01, 0.16)
    weight = np.exp(-(z**2) / 2)
    weight = weight[:, None] * weight / weight.sum() ** 2
    root = np.sqrt(q)[..., None, None]
    u = root * z[:, None] + 0 * z
    rest = np.sqrt(np.maximum(q2 - c**2 / q, 0))[..., None, None]
    w = (c / np.sqrt(q))[..., None, None] * z[:, None] + rest * z
    f, g = np.tanh(u), np.tanh(w)
    f1, g1 = 1 - f**2, 1 - g**2
    f2, g2, f3 = -2 * f * f1, -2 * g * g1, (6 * f**2 - 2) * f1
    pairs = ((f, g), (f1, g1), (f2, g2), (f2, g), (f3, g1))
    return [np.sum(weight * a * b, axis=(-2, -1)) for a, b in pairs]


def closed(cells, whole=True):
    """Return f of all steps and <x|x> behind the loop, by coefficients on independent Gaussians.

    Args:
        cells: Into how many pieces the depth is cut.
        whole: Whether gradients flow through k1(C); without, these are the equations of the claim.
    """
    forth, back, dt = (STEPS + 1) * ROWS, STEPS * ROWS, 1 / cells
    size = 3 + cells * (forth + back)
    gram = np.zeros((size, size))
    gram[:3, :3] = np.eye(3)
    x, d = np.zeros((cells + 1, forth, size)), np.zeros((cells + 1, back, size))
    chi = np.zeros(back)
    table = np.zeros((5, cells, forth, forth))
    moved = np.zeros((cells, forth, back))
    f, q = np.zeros((STEPS + 1, ROWS)), np.zeros((STEPS + 1, ROWS, ROWS))
    for t in range(STEPS + 1):
        rows, past = np.arange(t * ROWS, (t + 1) * ROWS), np.arange(t * ROWS)
        seen = np.arange((t + 1) * ROWS)
        first = np.tile(X, (STEPS + 1, 1))
        x[0, rows, :2] = X
        x[0, rows] -= RATE * (X @ first[past].T * chi[past]) @ d[0, past]
        for m in range(cells):
            at = 3 + m * forth
            second = x[m, rows] @ gram @ x[m, seen].T
            own = np.einsum("is,st,it->i", x[m, seen], gram, x[m, seen])
            found = gains(own[rows][:, None] + 0 * second, own[None] + 0 * second, second)
            table[:, m, rows[:, None], seen] = found
            gram[at + rows[:, None], at + seen] = gram[at + seen, at + rows[:, None]] = (
                found[0] * dt
            )
            ell = x[m, rows][:, 3 + cells * forth + m * back + past]
            moved[m, rows[:, None], past] = ell - RATE * chi[past] * second[:, past]
            drift = found[1][:, past] * moved[m, rows[:, None], past]
            x[m + 1, rows] = x[m, rows] + dt * drift @ d[m + 1, past]
            x[m + 1, rows, at + rows] += 1
        v = -RATE * chi[past] @ x[-1, past]
        v[2] += 1
        f[t] = x[-1, rows] @ gram @ v
        q[t] = x[-1, rows] @ gram @ x[-1, rows].T
        if t == STEPS:
            return f, q
        chi[rows] = f[t] - Y
        d[-1, rows] = v
        for m in reversed(range(cells)):
            _, k1, k11, k2, k12 = table[:, m]
            at = 3 + cells * forth + m * back
            second = d[m + 1, rows] @ gram @ d[m + 1, seen].T
            noise = k1[rows[:, None], seen] * second * dt
            gram[at + rows[:, None], at + seen] = gram[at + seen, at + rows[:, None]] = noise
            r = d[m + 1, rows][:, 3 + m * forth + seen]
            side = r * k1[rows[:, None], seen]
            side[:, past] -= RATE * chi[past] * k1[rows[:, None], past] * second[:, past]
            through = np.zeros(ROWS)
            if whole:
                answer = moved[m, rows[:, None], past] * second[:, past]
                side[:, past] += answer * k11[rows[:, None], past]
                through = (r * k2[rows[:, None], seen]).sum(axis=1)
                through += (answer * k12[rows[:, None], past]).sum(axis=1)
            d[m, rows] = d[m + 1, rows] + dt * side @ x[m, seen]
            d[m, rows] += dt * through[:, None] * x[m, rows]
            d[m, rows, at + rows] += 1
    raise AssertionError


def extrapolated(whole, cells=(8, 16, 32)):
    """Return the limit of many cells, by a series in 1 / cells."""
    found = [np.concatenate([part.ravel() for part in closed(k, whole)]) for k in cells]
    while len(found) > 1:
        order = len(cells) - len(found) + 1
        found = [(2**order * b - a) / (2**order - 1) for a, b in pairwise(found)]
    return found[0]


def trained(width, depth, rng):
    """Return the same of one finite network, averaged over v and -v; updates have low rank."""
    c = depth**-0.5
    draws = [rng.standard_normal((width, width), dtype=np.float32) for _ in range(depth)]
    scale = np.float32(width**-0.5)
    u0, v0 = rng.standard_normal((width, 2)), rng.standard_normal(width)
    total = 0.0
    for sign in (1, -1):
        u, v = u0.copy(), sign * v0
        left, right = [[] for _ in range(depth)], [[] for _ in range(depth)]
        f, q = np.zeros((STEPS + 1, ROWS)), np.zeros((STEPS + 1, ROWS, ROWS))
        for t in range(STEPS + 1):
            x, slopes = [u @ X.T], []
            for w, a, b in zip(draws, left, right, strict=True):
                h = scale * (w @ x[-1].astype(np.float32)).astype(float)
                h -= sum(p @ (s.T @ x[-1]) / width for p, s in zip(a, b, strict=True))
                slopes.append(1 - np.tanh(h) ** 2)
                x.append(x[-1] + c * np.tanh(h))
            f[t], q[t] = v @ x[-1] / width, x[-1].T @ x[-1] / width
            chi = f[t] - Y
            d = np.repeat(v[:, None], ROWS, axis=1)
            v = v - RATE * x[-1] @ chi
            for m in reversed(range(depth)):
                dh = c * slopes[m] * d
                old = scale * (draws[m].T @ dh.astype(np.float32)).astype(float)
                old -= sum(s @ (p.T @ dh) / width for p, s in zip(left[m], right[m], strict=True))
                d = d + old
                left[m].append(RATE * dh * chi)
                right[m].append(x[m])
            u = u - RATE * (d * chi) @ X
        total = total + np.concatenate([f.ravel(), q.ravel()]) / 2
    start = u0.T @ u0 / width
    return total, np.array([start[0, 0], start[1, 1], start[0, 1], v0 @ v0 / width])


def networks(width, depth, trials, seed=0):
    """Return averages over networks and their errors, with known numbers of the start taken off."""
    rng = np.random.default_rng((seed, depth))
    found = [trained(width, depth, rng) for _ in range(trials)]
    values, controls = map(np.array, zip(*found, strict=True))
    controls = controls - [1, 1, 0, 1]
    design = np.column_stack([np.ones(trials), controls])
    solved, *_ = np.linalg.lstsq(design, values, rcond=None)
    left = values - design @ solved
    freedom = trials - design.shape[1]
    inverse = np.linalg.inv(design.T @ design)[0, 0]
    return solved[0], np.sqrt(inverse * (left**2).sum(axis=0) / freedom)


def main(width=1024, depth=32, trials=64):
    """Print the five numbers that tell the equations apart."""
    found, error = networks(width, depth, trials)
    whole, claim = extrapolated(True), extrapolated(False)
    print(f"{'':10}{f'n = {width}, L = {depth}':>22}{'closed':>10}{'claim':>10}")
    names = {"f_1": 2, "f_2": 4, "f_3": 6, "<x_2|x_2>": 16, "<x_3|x_3>": 20}
    for name, at in names.items():
        brute = f"{found[at]:.4f}({error[at]:.4f})"
        print(f"{name:10}{brute:>22}{whole[at]:10.4f}{claim[at]:10.4f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
