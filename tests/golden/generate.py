#!/usr/bin/env python3
"""Golden values of the normalization layers, from PyTorch.

    /usr/bin/python3 tests/golden/generate.py [FOLDER]

writes, for each family of layers, FAMILY.json (the cases, one a line) and FAMILY.npy (their numbers, one vector of float64)
into this folder. The committed files were written by PyTorch 1.13.1 and NumPy 1.24.2 (Debian 12), one thread, AVX2 kernels.

Inputs are not stored. Both sides draw them from numpy.random.RandomState(seed), which the library reproduces bit for bit, with
uniform numbers u and arithmetic that IEEE 754 rounds in one way only. In this order:
    gamma = 3u - 1 and beta = 2u - 1 (where the layer has them), then running_mean = 2u - 1 and running_var = 2u + 1/4 (where the
    case has given statistics), then for every pass the input x (see `draw`) and the cotangent dy = 2u - 1,
each rounded to float32 (the input of a `wide` case is not), so that one golden serves both element types: it is PyTorch's
float64 result on those inputs. Gradients are those of sum(dy * y), for each pass on its own.

Every result is also worked out from its formula in 80-bit arithmetic (`reference`). The distance of PyTorch's float64 and float32
results from that is stored beside them: PyTorch's own error is not to be charged to the library.

Numbers of a pass, in this order: for y, dx, dgamma, dbeta (the last two where there is affine) and, where statistics are kept,
running_mean, running_var: the values, then scale, condition, error64, error32; at the end num_batches_tracked.
    scale       the largest of the terms that a value is a sum or difference of: |gamma xhat| + |beta| for y, rstd |gamma dy| for dx,
                sum |dy xhat| for dgamma, sum |dy| for dbeta; |mean| + std and var for the statistics, of which each channel has its own, so 0 is stored
    condition   how much a relative error of the running mean moves the value, where the running statistics normalize; else 0
    error64, 32 largest distance of PyTorch's float64 and float32 result from `reference`
A case that PyTorch refuses has no numbers but `raises`, its message. A case whose result is not finite in PyTorch by a flaw or a choice that
the library does not share has no numbers but `differs`.
"""
import json
import os
import sys
import warnings

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"  # before torch: the same kernels on every machine that has AVX2
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
warnings.simplefilter("ignore")

LONG = np.longdouble
assert np.finfo(LONG).eps < 2e-19, "the reference needs 80-bit floating point (x86)"


class RMSNorm(nn.Module):
    """PyTorch 1.13 has none: the formula of torch.nn.RMSNorm (2.4), its gradient by autograd."""

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True):
        super().__init__()
        self.shape, self.eps = tuple(normalized_shape), eps
        self.weight = nn.Parameter(torch.ones(self.shape)) if elementwise_affine else None

    def forward(self, x):
        if tuple(x.shape[x.dim() - len(self.shape):]) != self.shape:
            raise RuntimeError("Given normalized_shape=%s, expected input with shape [*, %s], but got input of size%s"
                               % (list(self.shape), ", ".join(map(str, self.shape)), list(x.shape)))
        axes = tuple(range(-len(self.shape), 0))
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        y = x * torch.rsqrt((x * x).mean(axes, keepdim=True) + eps)
        return y if self.weight is None else y * self.weight


class Ghost(nn.Module):
    """PyTorch's batch norm on each run of `size` samples, one after another."""

    def __init__(self, norm, size):
        super().__init__()
        self.norm, self.size = norm, size

    def forward(self, x):
        return torch.cat([self.norm(part) for part in x.split(self.size)]) if self.training else self.norm(x)


class Renorm(nn.Module):
    """Batch renormalization by its formula around PyTorch's batch norm, which keeps the statistics; r and d are constants in the backward pass."""

    def __init__(self, norm, limits):
        super().__init__()
        self.norm, (self.r_max, self.d_max) = norm, limits

    def forward(self, x):
        norm = self.norm
        if not self.training:
            return norm(x)
        shape = (1, -1) + (1,) * (x.dim() - 2)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        old_mean, old_std = norm.running_mean.clone(), (norm.running_var + norm.eps).sqrt()
        norm(x.detach())
        mean = x.mean(axes)
        std = (((x - mean.view(shape)) ** 2).mean(axes) + norm.eps).sqrt()
        r = (std / old_std).clamp(1 / self.r_max, self.r_max).detach()
        d = ((mean - old_mean) / old_std).clamp(-self.d_max, self.d_max).detach()
        y = (x - mean.view(shape)) / std.view(shape) * r.view(shape) + d.view(shape)
        return y * norm.weight.view(shape) + norm.bias.view(shape) if norm.affine else y


# ---- inputs

SPREADS = [1.0, 0.1, 0.01, 0.001]


def classes(case, shape):
    """Element i of an input is of class (i // inner) % count: its channel, or for row norms its row."""
    if case["family"] in ("layer-norm", "rms-norm"):
        inner = int(np.prod(case["normalized"]))
        return inner, max(1, int(np.prod(shape)) // inner)
    batched = 1 if has_batch(case, shape) else 0
    return int(np.prod(shape[batched + 1:])), (shape[batched] if len(shape) > batched else 1)


def has_batch(case, shape):
    return not (case["family"] == "instance-norm" and len(shape) == int(case["layer"][-2]) + 1)


def draw(random, one_pass, wide):
    """The input of a pass. Class k has its own constants where the kind says so."""
    n = int(np.prod(one_pass["shape"]))
    u = random.random_sample(n)
    k = np.arange(n) // max(1, one_pass["inner"]) % max(1, one_pass["count"])
    kind, offset, spread = one_pass["kind"], one_pass["offset"], one_pass["spread"]
    v = 2 * u - 1
    if kind == "uniform":
        x = offset + spread * v
    elif kind == "channels":  # every class at another place and of another size
        x = offset * (k + 1.0) + spread * np.array(SPREADS)[k % 4] * v
    elif kind == "constant":
        x = offset * (k + 1.0)
    elif kind == "half":  # every other class is constant
        x = np.where(k % 2 == 0, offset * (k + 1.0), offset + spread * v)
    elif kind == "outlier":
        x = offset + spread * v
        x[0] = 10000.0
    else:
        assert kind == "integers"
        x = np.floor(9 * u) - 4 + offset
    return (x if wide else x.astype(np.float32).astype(np.float64)).reshape(one_pass["shape"])


def draws(case):
    """gamma, beta, given statistics, and the x and dy of each pass: in the order of the stream."""
    random = np.random.RandomState(case["seed"])

    def uniform(shape, scale, offset):
        return (scale * random.random_sample(int(np.prod(shape))) + offset).astype(np.float32).astype(np.float64).reshape(shape)

    shape = parameter_shape(case)
    gamma = uniform(shape, 3, -1) if case["affine"] else None
    beta = uniform(shape, 2, -1) if case["affine"] and case["family"] != "rms-norm" else None
    given = (uniform(shape, 2, -1), uniform(shape, 2, 0.25)) if case.get("given") else None
    passes = [(draw(random, p, case.get("wide", False)), uniform(p["shape"], 2, -1)) for p in case["passes"]]
    return gamma, beta, given, passes


def parameter_shape(case):
    return tuple(case["normalized"]) if "normalized" in case else (case["features"],)


# ---- PyTorch

def layer_of(case, dtype):
    family, eps = case["family"], case["eps"]
    if family == "layer-norm":
        layer = nn.LayerNorm(case["normalized"], eps=eps, elementwise_affine=case["affine"])
    elif family == "rms-norm":
        layer = RMSNorm(case["normalized"], eps=eps, elementwise_affine=case["affine"])
    elif family == "group-norm":
        layer = nn.GroupNorm(case["groups"], case["features"], eps=eps, affine=case["affine"])
    elif "virtual" in case or "limits" in case:
        # SyncBatchNorm, GhostBatchNorm2d and so on: PyTorch's batch norm of the input's rank.
        norm = [None, nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d][len(case["passes"][0]["shape"]) - 1]
        norm = norm(case["features"], eps=eps, momentum=case["momentum"], affine=case["affine"], track_running_stats=case["track"])
        layer = Ghost(norm, case["virtual"]) if "virtual" in case else Renorm(norm, case["limits"])
    else:
        layer = getattr(nn, case["layer"])(case["features"], eps=eps, momentum=case["momentum"], affine=case["affine"], track_running_stats=case["track"])
    return layer.to(dtype)


def run(case, dtype):
    """What PyTorch gives: for each pass a dictionary of arrays."""
    gamma, beta, given, passes = draws(case)
    layer = layer_of(case, dtype)
    norm = layer.norm if isinstance(layer, (Ghost, Renorm)) else layer
    with torch.no_grad():
        if gamma is not None:
            norm.weight.copy_(torch.from_numpy(gamma))
        if beta is not None:
            norm.bias.copy_(torch.from_numpy(beta))
        if given is not None:
            norm.running_mean.copy_(torch.from_numpy(given[0]))
            norm.running_var.copy_(torch.from_numpy(given[1]))
    results = []
    for one_pass, (x, dy) in zip(case["passes"], passes):
        layer.train(one_pass["mode"] == "train")
        layer.zero_grad()
        x = torch.from_numpy(x).to(dtype).requires_grad_()
        y = layer(x)
        y.backward(torch.from_numpy(dy).to(dtype))
        result = {"y": y, "dx": x.grad}
        if gamma is not None:
            result["dgamma"] = norm.weight.grad
        if beta is not None:
            result["dbeta"] = norm.bias.grad
        if case.get("track"):
            result["mean"], result["var"], result["batches"] = norm.running_mean, norm.running_var, norm.num_batches_tracked
        results.append({k: v.detach().to(torch.float64).numpy().copy() for k, v in result.items()})
    return results, list(norm.state_dict().keys())


# ---- the formulas, in 80-bit arithmetic

def reference(case, dtype):
    """y, dx, dgamma, dbeta and the running statistics from their formulas, with scale and condition of each."""
    gamma, beta, given, passes = draws(case)
    count = int(np.prod(parameter_shape(case)))
    g1 = np.ones(count, LONG) if gamma is None else gamma.ravel().astype(LONG)
    b0 = np.zeros(count, LONG) if beta is None else beta.ravel().astype(LONG)
    running_mean = np.zeros(count, LONG) if given is None else given[0].astype(LONG)
    running_var = np.ones(count, LONG) if given is None else given[1].astype(LONG)
    eps = LONG(torch.finfo(dtype).eps if case["eps"] is None else case["eps"])
    tracked, results = 0, []
    for one_pass, (x, dy) in zip(case["passes"], passes):
        shape, n = one_pass["shape"], x.size
        x, dy = x.ravel().astype(LONG), dy.ravel().astype(LONG)
        parameter, group, groups = indices(case, shape)
        sizes = np.bincount(group, minlength=groups).astype(LONG)

        def over_group(values):
            """The mean over each element's group."""
            sums = np.zeros(groups, LONG)
            np.add.at(sums, group, values)
            return sums[group] / sizes[group]

        fixed = case.get("track", False) and one_pass["mode"] == "eval"
        if fixed:
            mean, var = running_mean[parameter], running_var[parameter]
        else:
            mean = np.zeros(n, LONG) if case["family"] == "rms-norm" else over_group(x)
            var = over_group((x - mean) ** 2)
        rstd = np.zeros(n, LONG)
        positive = var + eps > 0
        rstd[positive] = 1 / np.sqrt(var[positive] + eps)
        xhat = (x - mean) * rstd
        g, b = g1[parameter], b0[parameter]
        r, d = np.ones(n, LONG), np.zeros(n, LONG)
        if "limits" in case and not fixed:
            r_max, d_max = (LONG(limit) for limit in case["limits"])
            old = np.sqrt(running_var[parameter] + eps)
            r = np.clip(np.sqrt(var + eps) / old, 1 / r_max, r_max)
            before = running_mean[parameter]
            d = np.clip((mean - before) / old, -d_max, d_max)
            # Batch norm with gamma' = gamma r and beta' = beta + gamma d.
            g, b = g * r, b + g * d
        y = g * xhat + b
        dgamma, dbeta, dgamma_size, dbeta_size = (np.zeros(count, LONG) for _ in range(4))
        np.add.at(dgamma, parameter, dy * (xhat * r + d))
        np.add.at(dbeta, parameter, dy)
        np.add.at(dgamma_size, parameter, np.abs(dy * xhat * r) + np.abs(dy * d))
        np.add.at(dbeta_size, parameter, np.abs(dy))
        dx = rstd * g * dy
        dx_size = np.abs(dx)
        if not fixed and n:
            dx = dx - rstd * xhat * over_group(g * dy * xhat)
            if case["family"] != "rms-norm":
                dx = dx - rstd * over_group(g * dy)
        if case.get("track") and one_pass["mode"] == "train":
            # A batch norm follows its batch, a ghost batch norm each of its virtual batches in turn, an instance norm the mean over the samples of their statistics.
            is_instance = case["family"] == "instance-norm"
            for run in [np.ones(n, bool)] if "virtual" not in case else [group // count == k for k in range(groups // count)]:
                tracked += not is_instance
                if not n:
                    continue
                follow = (LONG(0) if is_instance else LONG(1) / tracked) if case["momentum"] is None else case["momentum"]
                batch_mean, batch_var = np.zeros(count, LONG), np.zeros(count, LONG)
                weight = LONG(1) / (run.sum() // count)
                size = sizes[group][run]
                np.add.at(batch_mean, parameter[run], mean[run] * weight)
                np.add.at(batch_var, parameter[run], var[run] * size / (size - 1) * weight)
                running_mean = (1 - follow) * running_mean + follow * batch_mean
                running_var = (1 - follow) * running_var + follow * batch_var

        def largest(values):
            return float(np.abs(values).max()) if values.size else 0.0

        # Where a renormalization's running mean was rounded to the type, d is off as x - mean is in eval.
        shift = np.abs(mean * rstd) if fixed else np.abs(before / old) if "limits" in case else np.zeros(n, LONG)
        shift_sum = np.zeros(count, LONG)
        np.add.at(shift_sum, parameter, shift * np.abs(dy))
        result = {"y": (y, largest(np.abs(g * xhat) + np.abs(b)), largest(shift * g1[parameter])), "dx": (dx, largest(dx_size), 0.0)}
        if gamma is not None:
            result["dgamma"] = (dgamma, largest(dgamma_size), largest(shift_sum))
        if beta is not None:
            result["dbeta"] = (dbeta, largest(dbeta_size), 0.0)
        if case.get("track"):
            result["mean"], result["var"] = (running_mean, 0.0, 0.0), (running_var, 0.0, 0.0)
        results.append(result)
    return results


def indices(case, shape):
    """For every element the parameters it uses and the group whose statistics it shares, and the number of groups."""
    n = int(np.prod(shape))
    i = np.arange(n)
    if case["family"] in ("layer-norm", "rms-norm"):
        length = int(np.prod(case["normalized"]))
        return i % length, i // length, n // length
    batched = 1 if has_batch(case, shape) else 0
    channels, spatial = case["features"], int(np.prod(shape[batched + 1:]))
    channel, sample = i // max(1, spatial) % channels, i // max(1, spatial * channels)
    samples = shape[0] if batched else 1
    if "virtual" in case:
        return channel, sample // case["virtual"] * channels + channel, -(-samples // case["virtual"]) * channels
    if case["family"] in ("batch-norm", "batch-renorm"):
        return channel, channel, channels
    groups = case["groups"] if case["family"] == "group-norm" else channels
    return channel, sample * groups + channel // (channels // groups), samples * groups


# ---- the cases

UNIFORM = ("uniform", 0.5, 2.0)
KINDS = {
    "offset 1e4 std 0.006": ("uniform", 1e4, 0.01),
    "offset 1e6": ("uniform", 1e6, 1.0),
    "offset -300": ("uniform", -300.0, 1.0),
    "tiny 1e-3": ("uniform", 0.0, 1e-3),
    "tiny 1e-8": ("uniform", 0.0, 1e-8),
    "tiny 1e-18 at 1": ("uniform", 1.0, 1e-18),
    "large 1e6": ("uniform", 0.0, 1e6),
    "constant": ("constant", 0.1, 0.0),
    "constant 12345.678": ("constant", 12345.678, 0.0),
    "zeros": ("constant", 0.0, 0.0),
    "half constant": ("half", 0.7, 1.5),
    "mixed channels": ("channels", 3.0, 2.0),
    "one outlier": ("outlier", 0.0, 1.0),
    "integers": ("integers", 3.0, 0.0),
}
CONSTANT = ("constant", "constant 12345.678", "zeros", "half constant", "tiny 1e-18 at 1")


def text(shape):
    return "x".join(map(str, shape))


class Family:
    def __init__(self, name, first_seed, **defaults):
        self.name, self.seed, self.defaults, self.cases, self.numbers = name, first_seed, defaults, [], []
        self.count = 0

    def add(self, name, passes, **options):
        """passes: (mode, shape[, input]) each."""
        case = {"name": name, **self.defaults, **options, "family": self.name, "seed": self.seed}
        self.seed += 1
        case["passes"] = []
        for mode, shape, *rest in passes:
            kind, offset, spread = rest[0] if rest else UNIFORM
            inner, count = classes(case, shape)
            case["passes"].append({"mode": mode, "shape": list(shape), "kind": kind, "offset": offset, "spread": spread, "inner": inner, "count": count})
        assert name not in [c["name"] for c in self.cases], name
        if "differs" in case:
            self.cases.append(case)
            return
        if "raises" in case:
            try:
                run(case, torch.float64)
            except (ValueError, RuntimeError) as error:
                case["raises"] = str(error).splitlines()[0]
                self.cases.append(case)
                return
            raise AssertionError("PyTorch accepts " + name)
        kept = torch.float32 if case.get("types") == "float32" else torch.float64
        # PyTorch's float64 result of a case that exists in float32 only is that of the same eps.
        if kept == torch.float32:
            twin = {**case, "eps": float(torch.finfo(torch.float32).eps)}
            golden, case["keys"] = run(twin, torch.float64)
        else:
            golden, case["keys"] = run(case, torch.float64)
        single = run(case, torch.float32)[0] if case.get("types") != "float64" else golden
        case["at"] = self.count
        for g, s, r in zip(golden, single, reference(case, kept)):
            for key, (exact, scale, condition) in r.items():
                values = g[key].ravel()
                assert np.isfinite(values).all(), f"{name}: {key} is not finite"
                assert values.size == exact.size, f"{name}: {key}"

                def error(v):
                    return float(np.abs(v.ravel().astype(LONG) - exact).max()) if v.size else 0.0

                e64, e32 = error(values), error(s[key])
                least = float(np.abs(exact).max()) if exact.size else 0.0
                assert e64 <= 1e-7 * max(scale, condition, least, 1.0), f"{name}: {key} is {e64} from the formula"
                self.keep([*values, scale, condition, e64, e32])
            if "batches" in g:
                self.keep([float(g["batches"])])
        self.cases.append(case)

    def keep(self, values):
        self.numbers.append(np.array(values, np.float64))
        self.count += len(values)

    def write(self, folder):
        drop = ("family",)
        lines = [json.dumps({k: v for k, v in case.items() if k not in drop}) for case in self.cases]
        with open(os.path.join(folder, self.name + ".json"), "w", encoding="utf-8") as file:
            file.write('{"torch": "%s", "numpy": "%s", "cases": [\n' % (torch.__version__, np.__version__) + ",\n".join(lines) + "\n]}\n")
        np.save(os.path.join(folder, self.name + ".npy"), np.concatenate(self.numbers))
        print(f"{self.name}: {len(self.cases)} cases, {8 * self.count / 1024:.0f} KB")


def batch_norm():
    family = Family("batch-norm", 1000, eps=1e-5, momentum=0.1, affine=True, track=True)
    shapes = {
        "BatchNorm1d": [(2, 1), (3, 2), (4, 7), (5, 15), (3, 16), (4, 17), (6, 31), (2, 33), (2, 64), (2, 65),
                        (1, 3, 2), (2, 3, 1), (2, 1, 7), (3, 2, 15), (2, 3, 16), (2, 2, 17), (2, 1, 31), (1, 2, 33), (2, 17, 3)],
        "BatchNorm2d": [(1, 2, 1, 2), (2, 3, 1, 1), (2, 1, 7, 7), (1, 3, 5, 3), (3, 2, 4, 4), (2, 1, 3, 11), (2, 9, 2, 2), (1, 2, 4, 8)],
        "BatchNorm3d": [(1, 2, 1, 1, 2), (2, 3, 1, 1, 1), (2, 2, 2, 3, 2), (1, 2, 3, 3, 3), (2, 1, 2, 2, 4)],
    }
    for layer, list_of_shapes in shapes.items():
        for s in list_of_shapes:
            options = dict(layer=layer, features=s[1])
            family.add(f"{layer} {text(s)} train", [("train", s)], **options)
            family.add(f"{layer} {text(s)} train, no affine", [("train", s)], affine=False, **options)
            family.add(f"{layer} {text(s)} eval", [("eval", s)], given=True, **options)
    bases = [("BatchNorm1d", (5, 6)), ("BatchNorm1d", (3, 3, 5)), ("BatchNorm2d", (2, 3, 3, 4)), ("BatchNorm3d", (2, 2, 2, 2, 3))]
    for layer, s in bases:
        options, head = dict(layer=layer, features=s[1]), f"{layer} {text(s)}"
        small = (2, *s[1:])
        for momentum in (0.0, 0.1, 0.3, 1.0, None):
            family.add(f"{head} momentum {momentum}, three batches then eval", [("train", s), ("train", small), ("train", s), ("eval", s)], momentum=momentum, affine=False, **options)
        for eps in (0.0, 1e-12, 1e-3, 1.0):
            family.add(f"{head} eps {eps}", [("train", s), ("eval", small)], eps=eps, **options)
        for affine in (True, False):
            family.add(f"{head} affine {affine}, no tracking", [("train", s), ("eval", small)], affine=affine, track=False, **options)
        family.add(f"{head} eval without affine", [("eval", s)], affine=False, given=True, **options)
        family.add(f"{head} eval of one sample", [("eval", (1, *s[1:]))], given=True, **options)
        family.add(f"{head} eval eps 0", [("eval", s)], eps=0.0, given=True, **options)
        family.add(f"{head} given statistics, then trained", [("train", s), ("eval", s)], given=True, momentum=0.25, **options)
        for kind, values in KINDS.items():
            family.add(f"{head} {kind}", [("train", s, values), ("eval", small, values)], **options)
            if kind in CONSTANT:
                family.add(f"{head} {kind}, eps 0", [("train", s, values)], eps=0.0, **options)
        family.add(f"{head} offset 1e4, momentum 1, then eval", [("train", s, KINDS["offset 1e4 std 0.006"]), ("eval", s, KINDS["offset 1e4 std 0.006"])], momentum=1.0, **options)
        family.add(f"{head} doubles", [("train", s), ("eval", s)], wide=True, types="float64", **options)
        family.add(f"{head} doubles, offset 1e4", [("train", s, KINDS["offset 1e4 std 0.006"])], wide=True, types="float64", **options)
        # Checklist 3: no samples.
        family.add(f"{head} empty batch", [("train", (0, *s[1:])), ("train", s), ("train", (0, *s[1:])), ("eval", (0, *s[1:]))], **options)
        family.add(f"{head} empty batch, cumulative", [("train", (0, *s[1:])), ("train", s), ("eval", small)], momentum=None, affine=False, **options)
    # Checklist 4: means 2.5, 3.5, 4.5 worked out by hand are in BatchNormTests. Checklist 1: one value per channel.
    for layer, s in [("BatchNorm1d", (1, 5)), ("BatchNorm1d", (1, 5, 1)), ("BatchNorm2d", (1, 3, 1, 1)), ("BatchNorm3d", (1, 3, 1, 1, 1))]:
        options = dict(layer=layer, features=s[1])
        family.add(f"{layer} {text(s)} one value, train", [("train", s)], raises="", **options)
        family.add(f"{layer} {text(s)} one value, eval without tracking", [("eval", s)], track=False, raises="", **options)
        family.add(f"{layer} {text(s)} one value, eval", [("eval", s)], given=True, **options)
    # Checklist 2: wrong rank, wrong number of channels.
    for layer, s in [("BatchNorm1d", (5,)), ("BatchNorm1d", (2, 5, 2, 2)), ("BatchNorm2d", (2, 5, 2)), ("BatchNorm2d", (2, 5)), ("BatchNorm3d", (2, 5, 2, 2)), ("BatchNorm3d", (5, 2, 2, 2))]:
        for mode in ("train", "eval"):
            family.add(f"{layer} {text(s)} wrong rank, {mode}", [(mode, s)], layer=layer, features=5, raises="")
    for layer, s in [("BatchNorm1d", (2, 4)), ("BatchNorm1d", (2, 4, 3)), ("BatchNorm2d", (2, 4, 2, 2)), ("BatchNorm3d", (2, 4, 2, 2, 2))]:
        for mode in ("train", "eval"):
            family.add(f"{layer} {text(s)} wrong channels, {mode}", [(mode, s)], layer=layer, features=5, raises="")
    # Checklist 5: taken by PyTorch without a word.
    for name, options, why in [
        ("no features", dict(features=0), "PyTorch makes a layer for no channels"),
        ("momentum 2", dict(features=3, momentum=2.0), "PyTorch follows the batches with weight 2"),
        ("momentum -0.5", dict(features=3, momentum=-0.5), "PyTorch follows the batches with weight -0.5"),
        ("eps -1", dict(features=3, eps=-1.0), "PyTorch gives NaN"),
    ]:
        family.add(f"BatchNorm1d refused: {name}", [("train", (4, options["features"]))], layer="BatchNorm1d", differs=why, **options)
    return family


def ghost_batch_norm():
    family = Family("ghost-batch-norm", 6000, eps=1e-5, momentum=0.1, affine=True, track=True)
    for layer, s, sizes in [("GhostBatchNorm1d", (7, 5), (2, 7, 9)), ("GhostBatchNorm1d", (4, 17), (2,)), ("GhostBatchNorm1d", (5, 3, 4), (1, 2, 3)), ("GhostBatchNorm2d", (3, 2, 3, 3), (1, 2)),
                            ("GhostBatchNorm2d", (4, 1, 7, 7), (3,)), ("GhostBatchNorm3d", (3, 2, 2, 2, 2), (1, 2, 3))]:
        for size in sizes:
            # One value per channel in what is left is an error: 7 samples of one value in runs of 2 or 3.
            options, head = dict(layer=layer, features=s[1], virtual=size), f"{layer}({size}) {text(s)}"
            if len(s) == 2 and s[0] % size == 1 and size > 1:
                family.add(f"{head}, one value is left", [("train", s)], raises="", **options)
                s = (s[0] + 1, *s[1:])
            family.add(f"{head}, then eval", [("train", s), ("eval", s)], **options)
            family.add(f"{head}, no affine, cumulative", [("train", s), ("train", s)], affine=False, momentum=None, **options)
            family.add(f"{head}, no tracking", [("train", s)], track=False, **options)
            family.add(f"{head}, offset 1e4", [("train", s, KINDS["offset 1e4 std 0.006"])], **options)
            family.add(f"{head}, half constant", [("train", s, KINDS["half constant"])], eps=0.0, **options)
    return family


def batch_renorm():
    family = Family("batch-renorm", 7000, eps=1e-5, momentum=0.1, affine=True, track=True)
    for layer, s in [("BatchRenorm1d", (5, 6)), ("BatchRenorm1d", (3, 17)), ("BatchRenorm1d", (3, 2, 5)), ("BatchRenorm2d", (2, 3, 3, 4)), ("BatchRenorm2d", (1, 2, 7, 7)), ("BatchRenorm3d", (2, 2, 2, 2, 3))]:
        for limits in ([1.0, 0.0], [1.2, 0.3], [3.0, 5.0], [100.0, 100.0]):
            options, head = dict(layer=layer, features=s[1], limits=limits), f"{layer} {text(s)} within {limits[0]:g} and {limits[1]:g}"
            family.add(f"{head}, two batches then eval", [("train", s), ("train", s), ("eval", s)], **options)
            family.add(f"{head}, no affine, given statistics", [("train", s)], given=True, affine=False, **options)
            family.add(f"{head}, mixed channels", [("train", s, KINDS["mixed channels"])], given=True, **options)
            family.add(f"{head}, offset -300", [("train", s, KINDS["offset -300"])], **options)
    return family


def row_norms(name, layer, first_seed):
    rms = name == "rms-norm"
    family = Family(name, first_seed, eps=1e-5, affine=True, layer=layer)
    shapes = [((3, 2), (2,)), ((4, 7), (7,)), ((5, 15), (15,)), ((3, 16), (16,)), ((4, 17), (17,)), ((3, 31), (31,)), ((2, 33), (33,)), ((1, 64), (64,)),
              ((2, 65), (65,)), ((1, 130), (130,)), ((9,), (9,)), ((2, 3, 5), (5,)), ((2, 3, 5), (3, 5)), ((2, 2, 3, 4), (2, 3, 4)), ((1, 2, 7, 7), (7, 7)),
              ((35, 3), (3,)), ((2, 2, 2, 2, 2), (2, 2)), ((1, 1, 3), (3,))]
    for s, normalized in shapes:
        for affine in (True, False):
            family.add(f"{layer} {text(s)} over {text(normalized)}{'' if affine else ', no affine'}", [("train", s)], normalized=list(normalized), affine=affine)
    for s, normalized in [((4, 6), (6,)), ((3, 3, 7), (3, 7))]:
        options, head = dict(normalized=list(normalized)), f"{layer} {text(s)} over {text(normalized)}"
        family.add(f"{head} eval", [("train", s), ("eval", s)], **options)
        family.add(f"{head} empty batch", [("train", (0, *s[1:])), ("eval", (0, *s[1:]))], **options)
        for eps in (0.0, 1e-12, 1e-3, 1.0):
            family.add(f"{head} eps {eps}", [("train", s)], eps=eps, **options)
        for kind, values in KINDS.items():
            family.add(f"{head} {kind}", [("train", s, values)], **options)
            if not rms and kind in CONSTANT:
                family.add(f"{head} {kind}, eps 0", [("train", s, values)], eps=0.0, differs="PyTorch divides 0 by 0, or its rounding errors by each other", **options)
        if rms:
            family.add(f"{head} zeros, eps 0", [("train", s, KINDS["zeros"])], eps=0.0, differs="PyTorch divides 0 by 0", **options)
            for dtype in ("float32", "float64"):
                family.add(f"{head} machine epsilon of {dtype}", [("train", s)], eps=None, types=dtype, **options)
                family.add(f"{head} machine epsilon of {dtype}, tiny", [("train", s, KINDS["tiny 1e-3"])], eps=None, types=dtype, **options)
        family.add(f"{head} doubles", [("train", s)], wide=True, types="float64", **options)
        family.add(f"{head} doubles, offset 1e4", [("train", s, KINDS["offset 1e4 std 0.006"])], wide=True, types="float64", **options)
    # Checklist 9: one value a row is no variance; PyTorch's float32 result is off by up to 6e-6.
    family.add(f"{layer} 5x1 over 1", [("train", (5, 1))], normalized=[1])
    family.add(f"{layer} 5x1 over 1, no affine", [("train", (5, 1), KINDS["offset -300"])], normalized=[1], affine=False)
    # A19: the trailing dimensions exactly.
    family.add(f"{layer} 8x6x3x4 over 6x3", [("train", (8, 6, 3, 4))], normalized=[6, 3], raises="")
    family.add(f"{layer} 4x5 over 6", [("train", (4, 5))], normalized=[6], raises="")
    family.add(f"{layer} 5 over 2x5", [("train", (5,))], normalized=[2, 5], raises="")
    return family


def group_norm():
    family = Family("group-norm", 4000, eps=1e-5, affine=True, layer="GroupNorm")
    shapes = [((3, 2), (1, 2)), ((2, 6), (1, 2, 3)), ((2, 33), (1, 3)), ((3, 4, 1), (1, 2)), ((2, 6, 5), (1, 2, 3, 6)), ((1, 4, 15), (1, 2, 4)), ((2, 3, 17), (1, 3)),
              ((1, 2, 31), (1, 2)), ((2, 4, 2, 2), (1, 2, 4)), ((1, 4, 7, 7), (2,)), ((1, 2, 4, 4), (1, 2)), ((2, 6, 3, 3), (2, 3)), ((2, 8, 1, 1), (1, 2, 4)),
              ((1, 3, 3, 11), (1, 3)), ((1, 16, 2, 2), (4, 8)), ((1, 4, 2, 2, 2), (1, 2, 4)), ((2, 2, 1, 3, 3), (1, 2))]
    for s, all_groups in shapes:
        for groups in all_groups:
            options = dict(features=s[1], groups=groups)
            if np.prod(s[1:]) == groups:
                # PyTorch refuses one value a group only where the whole batch is one, and gives beta and its rounding errors elsewhere.
                family.add(f"GroupNorm({groups}) {text(s)}, one value a group", [("train", s)], differs="PyTorch gives beta", **options)
                continue
            family.add(f"GroupNorm({groups}) {text(s)}", [("train", s)], **options)
            family.add(f"GroupNorm({groups}) {text(s)}, no affine", [("train", s)], affine=False, **options)
    for s, groups in [((2, 4, 3, 3), 2), ((3, 6, 4), 3), ((4, 6), 2)]:
        options, head = dict(features=s[1], groups=groups), f"GroupNorm({groups}) {text(s)}"
        family.add(f"{head} eval", [("train", s), ("eval", s)], **options)
        family.add(f"{head} one sample", [("train", (1, *s[1:]))], **options)
        for eps in (0.0, 1e-12, 1e-3, 1.0):
            family.add(f"{head} eps {eps}", [("train", s)], eps=eps, **options)
        for kind, values in KINDS.items():
            if not (kind == "half constant" and len(s) == 2):
                family.add(f"{head} {kind}", [("train", s, values)], **options)
        family.add(f"{head} constant, eps 0", [("train", s, KINDS["zeros"])], eps=0.0, differs="PyTorch divides 0 by 0", **options)
        family.add(f"{head} doubles", [("train", s)], wide=True, types="float64", **options)
        family.add(f"{head} doubles, offset 1e4", [("train", s, KINDS["offset 1e4 std 0.006"])], wide=True, types="float64", **options)
        family.add(f"{head} empty batch", [("train", (0, *s[1:]))], **options)
    family.add("GroupNorm(4) 2x4, one value a group", [("train", (2, 4))], features=4, groups=4, differs="PyTorch gives beta")
    family.add("GroupNorm(4) 1x4, one value a group", [("train", (1, 4))], features=4, groups=4, raises="")
    family.add("GroupNorm(2) 2x5x3, wrong channels", [("train", (2, 5, 3))], features=4, groups=2, raises="")
    family.add("GroupNorm(3) of 4 channels", [("train", (2, 4, 3))], features=4, groups=3, raises="")
    return family


def instance_norm():
    family = Family("instance-norm", 5000, eps=1e-5, momentum=0.1, affine=False, track=False)
    shapes = {
        "InstanceNorm1d": [(2, 3, 2), (1, 2, 7), (2, 1, 15), (1, 3, 16), (2, 2, 17), (1, 2, 31), (1, 1, 33), (3, 5), (2, 17)],
        "InstanceNorm2d": [(1, 2, 1, 2), (1, 1, 7, 7), (2, 3, 3, 5), (2, 2, 4, 4), (1, 2, 3, 11), (2, 3, 5), (17, 2, 2)],
        "InstanceNorm3d": [(1, 2, 1, 1, 2), (2, 2, 2, 3, 2), (1, 2, 3, 3, 3), (2, 2, 2, 4)],
    }
    for layer, list_of_shapes in shapes.items():
        rank = int(layer[-2]) + 2
        for s in list_of_shapes:
            options = dict(layer=layer, features=s[1] if len(s) == rank else s[0])
            family.add(f"{layer} {text(s)}", [("train", s)], **options)
            family.add(f"{layer} {text(s)} affine", [("train", s)], affine=True, **options)
            family.add(f"{layer} {text(s)} tracked", [("train", s), ("eval", s)], affine=True, track=True, **options)
    bases = [("InstanceNorm1d", (3, 2, 6)), ("InstanceNorm2d", (2, 3, 3, 4)), ("InstanceNorm3d", (2, 2, 2, 2, 3))]
    for layer, s in bases:
        options, head = dict(layer=layer, features=s[1]), f"{layer} {text(s)}"
        small = (1, *s[1:])
        family.add(f"{head} eval without tracking", [("eval", s)], affine=True, **options)
        for momentum in (0.0, 0.1, 0.3, 1.0):
            family.add(f"{head} momentum {momentum}, three batches then eval", [("train", s), ("train", small), ("train", s[1:]), ("eval", s)], momentum=momentum, track=True, **options)
        family.add(f"{head} eval", [("eval", s), ("eval", s[1:])], affine=True, track=True, given=True, **options)
        for eps in (0.0, 1e-12, 1e-3, 1.0):
            family.add(f"{head} eps {eps}", [("train", s)], eps=eps, affine=True, **options)
        for kind, values in KINDS.items():
            family.add(f"{head} {kind}", [("train", s, values)], affine=True, **options)
            if kind in CONSTANT:
                family.add(f"{head} {kind}, eps 0", [("train", s, values)], affine=True, eps=0.0, **options)
        family.add(f"{head} offset 1e4, tracked", [("train", s, KINDS["offset 1e4 std 0.006"]), ("eval", s, KINDS["offset 1e4 std 0.006"])], track=True, momentum=1.0, **options)
        family.add(f"{head} doubles", [("train", s)], affine=True, wide=True, types="float64", **options)
        family.add(f"{head} doubles, offset 1e4", [("train", s, KINDS["offset 1e4 std 0.006"])], affine=True, wide=True, types="float64", **options)
        # One pixel a channel has no spread, in training and without statistics.
        pixel = (2, s[1], *[1] * (len(s) - 2))
        family.add(f"{head} one pixel, train", [("train", pixel)], raises="", **options)
        family.add(f"{head} one pixel, eval without tracking", [("eval", pixel)], raises="", **options)
        family.add(f"{head} one pixel, unbatched", [("train", pixel[1:])], raises="", **options)
        family.add(f"{head} one pixel, eval", [("eval", pixel)], track=True, given=True, **options)
        family.add(f"{head} wrong rank", [("train", (2, *s))], raises="", **options)
        family.add(f"{head} wrong channels", [("train", (2, s[1] + 1, *s[2:]))], affine=True, raises="", **options)
    return family


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    families = [batch_norm(), row_norms("layer-norm", "LayerNorm", 2000), row_norms("rms-norm", "RMSNorm", 3000), group_norm(), instance_norm(), ghost_batch_norm(), batch_renorm()]
    for family in families:
        family.write(folder)
    print(f"{sum(len(f.cases) for f in families)} cases, torch {torch.__version__}, numpy {np.__version__}")
