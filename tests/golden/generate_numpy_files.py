"""Writes NumPy's files in tests/golden/files/numpy, which NumpyFilesTests reads: all types of numbers in both orders
of bytes and of dimensions, versions 1 to 3, and what is refused. Needs NumPy (Debian: python3-numpy).

    /usr/bin/python3 tests/golden/generate_numpy_files.py

Value i of an array is i - 3 in row-major order (unsigned: i, truth values: i % 2 == 1, complex: i - 3 and 0.5 i).
The shape is (2, 3, 2).
"""
import io
import os
import warnings
import zipfile

import numpy

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files", "numpy")
SHAPE = (2, 3, 2)
NUMBERS = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "c8", "c16"]


def values(code, shape=SHAPE):
    i = numpy.arange(int(numpy.prod(shape))).reshape(shape)
    if code[0] == "u":
        return i.astype(code)
    if code[0] == "b":
        return i % 2 == 1
    if code[0] == "c":
        return (i - 3 + 0.5j * i).astype(code)
    return (i - 3).astype(code)


def path(name):
    return os.path.join(FOLDER, name)


def write(name, array, version=None):
    with open(path(name), "wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of version 3.
        numpy.lib.format.write_array(file, array, version=version)


def packed(array):
    buffer = io.BytesIO()
    numpy.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def main():
    os.makedirs(FOLDER, exist_ok=True)
    # All types, orders of bytes and of dimensions in one archive: one file instead of 56.
    arrays = {}
    for code in NUMBERS:
        for order in "<>":
            typed = values(code).astype(order + code)
            name = ("little" if order == "<" else "big") + "/" + code
            arrays[name + "/C"] = typed
            arrays[name + "/F"] = numpy.asfortranarray(typed)
    numpy.savez_compressed(path("types.npz"), **arrays)

    plain = values("f4")
    for version in (1, 2, 3):
        write(f"version{version}.npy", plain, (version, 0))
    write("big-fortran.npy", numpy.asfortranarray(values("f8").astype(">f8")))
    write("half.npy", values("f2"))
    write("bool.npy", values("b1"))
    write("uint64.npy", numpy.array([2**63], "u8"))
    write("complex.npy", values("c8"))
    write("scalar.npy", numpy.array(2.5))
    write("empty.npy", numpy.zeros((0, 4), "f4"))
    write("seven.npy", plain.reshape(1, 2, 1, 3, 1, 2, 1))
    five = numpy.asfortranarray(values("i2", (2, 3, 1, 4, 5)))
    write("five-fortran.npy", five)

    named = {"a": plain, "b": numpy.array([7, 8], "i8"), "s": numpy.array(2.5), "ü/w": numpy.zeros((0, 4), "f4")}
    numpy.savez(path("stored.npz"), **named)
    numpy.savez_compressed(path("packed.npz"), **named)
    numpy.savez(path("nothing.npz"))

    # What is refused.
    write("object.npy", numpy.array([{"a": 1}, None], dtype=object))
    write("record.npy", numpy.array([(1, 2.0)], dtype=[("x", "<i4"), ("y", "<f8")]))
    write("names.npy", numpy.array([(1, 2.0)], dtype=[("größe", "<i4"), ("y", "<f8")]), (3, 0))
    write("text.npy", numpy.array(["a", "bc"]))
    write("bytes.npy", numpy.array([b"a", b"bc"]))
    write("date.npy", numpy.array(["2020-01-01"], "M8[D]"))
    write("raw.npy", numpy.zeros(2, "V3"))
    write("long.npy", numpy.zeros(2, numpy.longdouble))
    numpy.savez(path("object.npz"), a=plain, o=numpy.array([None], dtype=object))
    with zipfile.ZipFile(path("readme.npz"), "w") as file:
        file.writestr(zipfile.ZipInfo("a.npy"), packed(plain))
        file.writestr(zipfile.ZipInfo("readme.txt"), "no array")
    # zipfile writes no other date, so a second run gives the same bytes.


if __name__ == "__main__":
    main()
