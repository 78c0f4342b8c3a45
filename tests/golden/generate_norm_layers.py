#!/usr/bin/env python3
"""Golden values of weight norm, spectral norm, norms to unit length and norms of papers, from PyTorch.

    /usr/bin/python3 tests/golden/generate_norm_layers.py [FOLDER]

writes norm-layers.json (the cases, one a line) and norm-layers.npy (their numbers, one vector of float64) into this
folder. The committed files were written by PyTorch 1.13.1 (Debian 12). TorchSharp has none of these layers. Weight norm,
spectral norm and normalize are PyTorch's own; the others are the formulas of their papers, in PyTorch's operations,
with its gradients.

Numbers are the same in both element types: value i of a tensor with the number k is number(i, k) below. A case has, for
each of its passes: the output, the gradient of the input (with the cotangent number(i, 99)), and those of the parameters in
the order of the state dict of this library; then its buffers.
"""
import json
import os
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, weight_norm

warnings.simplefilter("ignore")
torch.set_default_dtype(torch.float64)


def number(i, k):
    """Value i of tensor k: quarters and eighths, no two neighbours alike."""
    return ((i * 37 + k * 11) % 23 - 11.25) / 8


def values(k, *shape):
    count = int(np.prod(shape))
    return torch.tensor([number(i, k) for i in range(count)]).reshape(shape)


def fill(parameter, k):
    with torch.no_grad():
        parameter.copy_(values(k, *parameter.shape))


def run(forward, x, parameters, passes=1, buffers=()):
    """The numbers of some passes of a layer."""
    result = []
    for _ in range(passes):
        x = x.detach().requires_grad_()
        for p in parameters:
            p.grad = None
        y = forward(x)
        y.backward(values(99, *y.shape))
        for t in [y, x.grad] + [p.grad for p in parameters]:
            result.append(t.detach().reshape(-1))
    return torch.cat(result + [b.detach().reshape(-1) for b in buffers])


LAYERS = {
    "linear": (lambda: nn.Linear(6, 4), (5, 6)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 2, stride=2), (2, 3, 7)),
    "conv2d": (lambda: nn.Conv2d(4, 6, (2, 3), padding=1, groups=2), (2, 4, 4, 5)),
}


def weighted(layer, dim):
    make, shape = LAYERS[layer]
    module = make()
    fill(module.weight, 1)
    fill(module.bias, 2)
    module = weight_norm(module, dim=dim)
    with torch.no_grad():
        module.weight_g.mul_(1.5).add_(0.25)
    return run(module, values(3, *shape), [module.bias, module.weight_g, module.weight_v])


def spectral(layer, iterations, dim, training, passes):
    make, shape = LAYERS[layer]
    module = make()
    fill(module.weight, 1)
    fill(module.bias, 2)
    module = parametrizations.spectral_norm(module, n_power_iterations=iterations, dim=dim)
    form = module.parametrizations.weight[0]
    form._u.copy_(F.normalize(values(4, *form._u.shape), dim=0))
    form._v.copy_(F.normalize(values(5, *form._v.shape), dim=0))
    module.train(training)
    original = module.parametrizations.weight.original
    return run(module, values(3, *shape), [module.bias, original], passes, [form._u, form._v])


def normalize(p, dim, eps=1e-12):
    return run(lambda x: F.normalize(x, p=p, dim=dim, eps=eps), values(3, 3, 4, 5), [])


def response(shape, tlu, eps=1e-6):
    c = shape[1]
    gamma, beta, tau = [values(k, c).requires_grad_() for k in (1, 2, 6)]
    view = (1, c) + (1,) * (len(shape) - 2)

    def forward(x):
        # Over no dimensions PyTorch's mean takes all of them.
        nu2 = x.square() if len(shape) == 2 else x.square().mean(dim=tuple(range(2, len(shape))), keepdim=True)
        y = gamma.view(view) * (x * (nu2 + eps).rsqrt()) + beta.view(view)
        return torch.maximum(y, tau.view(view)) if tlu else y

    return run(forward, values(3, *shape), [gamma, beta] + ([tau] if tlu else []))


def dynamic(shape, curve, channels_last):
    features = shape[-1] if channels_last else shape[1]
    view = (features,) if channels_last else (1, features) + (1,) * (len(shape) - 2)
    alpha, shift = torch.tensor([0.75]).requires_grad_(), torch.tensor([-0.125]).requires_grad_()
    gamma, beta = values(1, features).requires_grad_(), values(2, features).requires_grad_()

    def forward(x):
        f = torch.tanh(alpha * x) if curve == "tanh" else torch.erf(alpha * x + shift)
        return f * gamma.view(view) + beta.view(view)

    return run(forward, values(3, *shape), [alpha] + ([shift] if curve == "erf" else []) + [gamma, beta])


def conditional(shape, classes, passes=2):
    c, k = shape[1], 4
    norm = {2: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](c, affine=False)
    linear = nn.Linear(k, 2 * c)
    fill(linear.weight, 1)
    fill(linear.bias, 2)
    view = (shape[0], c) + (1,) * (len(shape) - 2)
    labels = torch.tensor([(3 * n + 1) % k for n in range(shape[0])])
    condition = F.one_hot(labels, k).to(torch.get_default_dtype()) if classes else values(6, shape[0], k)

    def forward(x):
        gamma, beta = linear(condition).chunk(2, dim=1)
        return norm(x) * gamma.view(view) + beta.view(view)

    return run(forward, values(3, *shape), [linear.weight, linear.bias], passes, [norm.running_mean, norm.running_var])


CASES = {
    **{f"weight_norm {layer} dim {dim}": (lambda layer=layer, dim=dim: weighted(layer, dim))
       for layer in LAYERS for dim in (0, 1, None)},
    **{f"spectral_norm {layer} dim {dim}": (lambda layer=layer, dim=dim: spectral(layer, 1, dim, True, 3))
       for layer in LAYERS for dim in (0, 1)},
    "spectral_norm linear 3 iterations": lambda: spectral("linear", 3, 0, True, 2),
    "spectral_norm conv2d eval": lambda: spectral("conv2d", 1, 0, False, 2),
    **{f"normalize p {p} dim {dim}": (lambda p=p, dim=dim: normalize(p, dim))
       for p in (2, 1, 3, 1.5) for dim in (0, 1, -1)},
    "normalize p 2 dim 1 eps 3": lambda: normalize(2, 1, 3.0),
    "normalize p 1 dim 2 eps 6": lambda: normalize(1, 2, 6.0),
    "frn images": lambda: response((3, 4, 5, 7), False),
    "frn tlu images": lambda: response((3, 4, 5, 7), True),
    "frn tlu rows": lambda: response((2, 3, 19), True, 1e-2),
    "frn tlu single positions": lambda: response((4, 3), True),
    "dynamic tanh": lambda: dynamic((4, 3, 9), "tanh", True),
    "dynamic tanh channels first": lambda: dynamic((2, 3, 4, 5), "tanh", False),
    "dynamic erf": lambda: dynamic((4, 3, 9), "erf", True),
    "dynamic erf channels first": lambda: dynamic((2, 3, 4, 5), "erf", False),
    "conditional classes": lambda: conditional((5, 3, 4, 2), True),
    "conditional vectors": lambda: conditional((5, 3, 4, 2), False),
    "conditional rows": lambda: conditional((6, 3), True),
}


def main(folder):
    cases, numbers = [], []
    for name, make in CASES.items():
        vector = make().numpy()
        cases.append(json.dumps({"name": name, "at": len(numbers), "count": len(vector)}))
        numbers.extend(vector)
    with open(os.path.join(folder, "norm-layers.json"), "w") as file:
        file.write('{"pytorch": "%s", "cases": [\n%s\n]}\n' % (torch.__version__, ",\n".join(cases)))
    np.save(os.path.join(folder, "norm-layers.npy"), np.array(numbers))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
