#!/usr/bin/env python3
"""Golden values of the learning rate schedules, from PyTorch.

    /usr/bin/python3 tests/golden/generate_schedules.py [FOLDER]

writes schedules.json (the cases, one a line) and schedules.npy (their numbers, one vector of float64) into this folder.
The committed files were written by PyTorch 1.13.1 (Debian 12). Schedules are plain Python there, and their formulas are
those of 2.10. TorchSharp, which gives the other golden values of training, has schedules of its own: a third of these
cases come out otherwise there.

The optimizer is SGD with momentum 0.9 (Adam in cases that end with "adam") over two groups with the rates RATES. A case
has, for each count from 0 to 50: the rates of both groups and the momentum (beta1 of Adam) of the first.
"""
import json
import os
import sys
import warnings

import numpy as np
import torch
from torch import optim
from torch.optim import lr_scheduler as s

warnings.simplefilter("ignore")

STEPS = 50
RATES, LARGEST, BASE = [0.3, 0.05], [0.4, 0.1], [0.02, 0.01]

CASES = {
    "step": lambda o: s.StepLR(o, 7, 0.5),
    "multistep": lambda o: s.MultiStepLR(o, [30, 5, 12, 12], 0.5),
    "exponential": lambda o: s.ExponentialLR(o, 0.95),
    "constant": lambda o: s.ConstantLR(o),
    "constant factor": lambda o: s.ConstantLR(o, 0.7, 11),
    "linear": lambda o: s.LinearLR(o),
    "linear down": lambda o: s.LinearLR(o, 1, 0.1, 40),
    "linear to zero": lambda o: s.LinearLR(o, 0.9, 0, 20),
    "polynomial": lambda o: s.PolynomialLR(o),
    "polynomial power": lambda o: s.PolynomialLR(o, 40, 1.7),
    "cosine": lambda o: s.CosineAnnealingLR(o, 50),
    "cosine again": lambda o: s.CosineAnnealingLR(o, 12, 0.01),
    "cosine one": lambda o: s.CosineAnnealingLR(o, 1, 0.01),
    "restarts": lambda o: s.CosineAnnealingWarmRestarts(o, 9),
    "restarts mult": lambda o: s.CosineAnnealingWarmRestarts(o, 4, 3, 0.001),
    "lambda": lambda o: s.LambdaLR(o, lambda t: 1 / (1 + 0.25 * t)),
    "lambda groups": lambda o: s.LambdaLR(o, [lambda t: 1 / (1.0 + t), lambda t: t / 64.0]),
    "plateau": lambda o: s.ReduceLROnPlateau(o, patience=2),
    "plateau max": lambda o: s.ReduceLROnPlateau(o, "max", 0.5, 3, threshold=0.01),
    "plateau absolute": lambda o: s.ReduceLROnPlateau(o, "min", 0.5, 1, 0.05, "abs", cooldown=4, min_lr=0.02),
    "plateau max absolute": lambda o: s.ReduceLROnPlateau(o, "max", 0.3, 0, 0.1, "abs", cooldown=1, eps=1e-3),
    "onecycle": lambda o: s.OneCycleLR(o, 0.4, STEPS + 1),
    "onecycle groups": lambda o: s.OneCycleLR(
        o, LARGEST, STEPS + 1, pct_start=0.45, div_factor=10, final_div_factor=100),
    "onecycle linear": lambda o: s.OneCycleLR(
        o, 0.4, STEPS + 1, anneal_strategy="linear", base_momentum=0.7, max_momentum=0.9),
    "onecycle three phases": lambda o: s.OneCycleLR(o, LARGEST, STEPS + 1, three_phase=True),
    "onecycle three phases linear": lambda o: s.OneCycleLR(
        o, 0.4, STEPS + 1, pct_start=0.25, anneal_strategy="linear", cycle_momentum=False, three_phase=True),
    "onecycle adam": lambda o: s.OneCycleLR(o, 0.4, STEPS + 1),
    "cyclic": lambda o: s.CyclicLR(o, 0.02, 0.4, 6),
    "cyclic groups": lambda o: s.CyclicLR(o, BASE, LARGEST, 5, 8, base_momentum=0.6, max_momentum=0.95),
    "cyclic triangular2": lambda o: s.CyclicLR(o, 0.02, 0.4, 4, 3, "triangular2"),
    "cyclic exp_range": lambda o: s.CyclicLR(o, 0.02, 0.4, 4, mode="exp_range", gamma=0.95, cycle_momentum=False),
    "sequential": lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9)], [15]),
    "sequential three": lambda o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1, 10), s.CosineAnnealingLR(o, 20, 0.001), s.StepLR(o, 4, 0.5)], [10, 30]),
}


def monitored(name, t):
    value = t // 7 * 7 % 5 / 4.0 + 2.0 / (1 + t) + t * 5 % 8 / 64.0
    return -value if "max" in name else value


def run(name):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in RATES]
    is_adam = name.endswith(" adam")
    optimizer = optim.Adam(groups) if is_adam else optim.SGD(groups, lr=0, momentum=0.9)
    schedule = CASES[name](optimizer)
    numbers = []
    for t in range(STEPS + 1):
        first, second = optimizer.param_groups
        numbers += [first["lr"], second["lr"], first["betas"][0] if is_adam else first["momentum"]]
        if t < STEPS and name.startswith("plateau"):
            schedule.step(monitored(name, t))
        elif t < STEPS:
            schedule.step()
    return numbers


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    lines, numbers = [], []
    for name in CASES:
        case = run(name)
        lines.append(json.dumps({"name": name, "at": len(numbers), "count": len(case)}))
        numbers += case
    with open(os.path.join(folder, "schedules.json"), "w") as file:
        file.write('{"pytorch": "%s", "cases": [\n%s\n]}\n' % (torch.__version__, ",\n".join(lines)))
    np.save(os.path.join(folder, "schedules.npy"), np.array(numbers, np.float64))
    print(f"{len(CASES)} cases, torch {torch.__version__}")
