namespace Evenkeel.Serialization;

/// <summary>The types of numbers in NumPy's files: NumPy's names and those of <see cref="ElementType"/>.</summary>
internal static class NpyTypes
{
    /// <summary>The code in a header without the order of bytes, the name in Python, and the type.</summary>
    private static readonly (string Code, string Name, ElementType Type)[] s_all =
    [
        Row("f2", "float16", "F16"), Row("f4", "float32", "F32"), Row("f8", "float64", "F64"),
        Row("b1", "bool", "BOOL"), Row("i1", "int8", "I8"), Row("u1", "uint8", "U8"),
        Row("i2", "int16", "I16"), Row("u2", "uint16", "U16"), Row("i4", "int32", "I32"),
        Row("u4", "uint32", "U32"), Row("i8", "int64", "I64"), Row("u8", "uint64", "U64"),
        Row("c8", "complex64", "C64"), Row("c16", "complex128", "C128"),
    ];

    /// <summary>The types that NumPy has, for errors.</summary>
    public static string HeldNames => string.Join(", ", s_all.Select(static row => row.Type.Name));

    /// <summary>How a header names a type of little-endian values; null if NumPy does not have it.</summary>
    public static string? DescrOf(string type)
    {
        foreach ((string code, _, ElementType known) in s_all)
        {
            if (known.Name == type) return (known.Bits == 8 ? "|" : "<") + code;
        }

        return null;
    }

    /// <summary>The type that a header names, and whether its bytes stand in the big-endian order.</summary>
    /// <param name="descr">The header's text, for example <c>&gt;f4</c>.</param>
    /// <param name="label">What errors begin with.</param>
    /// <exception cref="InvalidDataException">The values are not numbers of such a type.</exception>
    public static (ElementType Type, bool IsSwapped) Parse(string descr, string label)
    {
        string code = descr.TrimStart('<', '>', '=', '|');
        if (descr.Length - code.Length <= 1)
        {
            foreach ((string known, string name, ElementType type) in s_all)
            {
                if (code == known || code == name) return (type, type.Bits > 8 && descr[0] == '>');
            }
        }

        (string kind, string remedy) = Foreign(code);
        throw Npy.Bad(label, $"expected numbers of at most 64 bits, or pairs of them, got {kind} ('{descr}')", remedy);
    }

    /// <summary>What values are that cannot be read, and what to do in NumPy.</summary>
    private static (string Kind, string Remedy) Foreign(string code) => code switch
    {
        ['O', ..] or "object" => ("Python objects", "Such a file is a pickle, which may run any program when it is " +
            "read. Convert the array in NumPy: x.astype('<f4')."),
        ['S' or 'U' or 'T' or 'a', ..] or ['s', 't', 'r', ..] or ['b', 'y', 't', 'e', 's', ..] =>
            ("texts", "Save numbers in their place, for example numpy.unique(x, return_inverse=True)[1]."),
        ['M' or 'm', ..] or ['d', 'a', 't', 'e', 't', ..] or ['t', 'i', 'm', 'e', 'd', ..] =>
            ("dates or times", "Save their numbers in NumPy: x.astype('<i8')."),
        ['V', ..] => ("raw bytes", "Save them as numbers in NumPy: x.view('|u1')."),
        "c20" or "c24" or "c32" or "complex160" or "complex192" or "complex256" or "G" =>
            ("complex numbers of extended precision", "Convert them in NumPy: x.astype('<c16')."),
        "f10" or "f12" or "f16" or "float80" or "float96" or "float128" or "longdouble" or "g" =>
            ("numbers of extended precision", "Convert them in NumPy: x.astype('<f8')."),
        _ => ("another type", "Convert it in NumPy: x.astype('<f4')."),
    };

    private static (string Code, string Name, ElementType Type) Row(string code, string name, string type) =>
        (code, name, ElementType.Find(type)!);
}
