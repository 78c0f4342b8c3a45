#!/usr/bin/env python3
"""Small files of PyTorch for the reader's tests.

    /usr/bin/python3 tests/golden/generate_pytorch_files.py [FOLDER]

writes them into tests/golden/files/pytorch. The committed files were written by PyTorch 1.13.0 (Debian 12). Their values follow
formulas that PyTorchFileTests.cs has again, so no expected value comes from a file. A file of the format before 1.6 (`-old`) has
addresses as the names of its storages, so its bytes differ from run to run; those of the others do not.
libtorch.pt and libtorch-bfloat16.pt are not from here: tests/Evenkeel.Interop.Tests writes them with libtorch 2.10.
"""
import argparse
import collections
import io
import os
import sys
import zipfile

import numpy as np
import torch
from torch import nn

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "files", "pytorch")


def ramp(*sizes, dtype=torch.float32):
    """The numbers 0, 1, 2, ... in rows."""
    return torch.arange(int(np.prod(sizes)), dtype=dtype).reshape(sizes)


def types():
    i = torch.arange(5)
    all_types = {}
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        all_types[str(dtype)[6:]] = ((i - 2) * 0.75).to(dtype)
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8):
        all_types[str(dtype)[6:]] = ((i - 2) * 25).to(dtype)
    all_types["uint8"] = (i * 60).to(torch.uint8)
    all_types["bool"] = i % 2 == 1
    for dtype in (torch.complex64, torch.complex128):
        all_types[str(dtype)[6:]] = torch.complex((i - 2).double(), i.double() * 0.5).to(dtype)
    return all_types


def views():
    base = ramp(4, 6)
    cube = ramp(2, 3, 4, dtype=torch.int16)
    return {
        "base": base, "tied": base, "transposed": base.t(), "column": base[:, 1], "block": base[1:3, 2:5], "steps": base[::2, ::3],
        "scalar": base[2, 3], "empty": base[:0], "alone": torch.tensor(2.5), "nothing": torch.zeros(0), "cube": cube.permute(2, 0, 1),
        "repeated": ramp(3).expand(2, 3), "last_row": base[3], "half": (base.half() / 4).t(), "bits": (base > 11).t(),
        "complex": torch.complex(ramp(2, 2), ramp(2, 2) * -1).t(),
    }


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.layers = nn.ModuleList([nn.Linear(2, 2, bias=False)])
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(ramp(*parameter.shape) * 0.5)
        self.norm.running_mean.copy_(ramp(2) * 0.25)

    def forward(self, x):
        return self.layers[0](self.norm(self.fc(x)))


def checkpoint():
    net = nn.DataParallel(Net())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.125, momentum=0.5)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(ramp(*parameter.shape) * 0.5)
    return {"epoch": 3, "loss": 0.1, "arch": "net", "best": None, "amp": True, "big": 2 ** 70, "state_dict": net.state_dict(),
            "optimizer": optimizer.state_dict()}


def values():
    parameter = nn.Parameter(ramp(2, 2))
    parameter.note = "an attribute"
    shared = [1, 2]
    return collections.OrderedDict(
        parameter=nn.Parameter(ramp(3), requires_grad=False), noted=parameter, buffers=[ramp(1), (ramp(2), {"deep": ramp(3)})],
        storage=torch.tensor([1, 2, 3], dtype=torch.int32).storage(), size=torch.Size([3, 4]), dtype=torch.float16,
        device=torch.device("cuda", 1), float64=np.float64(0.5), int64=np.int64(-7), float32=np.float32(1.5), bool=np.bool_(True),
        big_endian=np.array([258], dtype=">i4")[0], complex=complex(1, -2), set={5}, frozen=frozenset([6]),
        counter=collections.Counter("aab"), default=collections.defaultdict(list, {"a": [1]}), raw=b"\x00\xff", text="\u00fc \U0001d465",
        negative=-70000, shared=[shared, shared])


def write(name, value, **arguments):
    torch.save(value, os.path.join(FOLDER, name), **arguments)


os.makedirs(FOLDER, exist_ok=True)
OLD = {"_use_new_zipfile_serialization": False}
write("types.pt", types())
write("types-old.pt", types(), **OLD)
write("views.pt", views())
write("views-old.pt", views(), **OLD)
write("checkpoint.pt", checkpoint())
write("values.pt", values())
for protocol in (1, 4, 5):
    write("values-%d-old.pt" % protocol, values(), pickle_protocol=protocol, **OLD)
write("tensor.pt", ramp(2, 3))
write("list-old.pt", [ramp(2), ramp(3)], **OLD)
write("namespace.pt", {"args": argparse.Namespace(lr=0.1), "net": {"weight": ramp(2)}})
write("module.pt", nn.Sequential(nn.Linear(2, 1)))
write("quantized.pt", {"weight": torch.quantize_per_tensor(ramp(3), 0.5, 0, torch.qint8), "bias": ramp(2)})
write("sparse.pt", {"weight": ramp(2, 2).to_sparse()})

# Without the records of debugging, which have paths of this machine.
script = io.BytesIO()
torch.jit.save(torch.jit.script(Net()), script)
with zipfile.ZipFile(script) as old, zipfile.ZipFile(os.path.join(FOLDER, "script.pt"), "w") as new:
    for entry in old.infolist():
        if not entry.filename.endswith(".debug_pkl"):
            new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
