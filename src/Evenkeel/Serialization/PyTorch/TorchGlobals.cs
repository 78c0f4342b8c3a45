using System.Numerics;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>
/// The classes and functions of Python and PyTorch that a file of tensors needs, and what their calls give. A name that
/// is not here is not known, whatever it is. Source: torch/_utils.py and torch/serialization.py.
/// </summary>
internal static class TorchGlobals
{
    /// <summary>PyTorch has no tensors of more dimensions.</summary>
    private const int MaxRank = 64;

    private static readonly Dictionary<string, (PickleGlobal Global, Function? Call)> s_known = Known();

    private delegate object? Function(PickleReader reader, ReadOnlySpan<object?> arguments);

    /// <summary>Python 2 and earlier versions have other names for some modules.</summary>
    public static string Current(string module) => module switch
    {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        "numpy._core.multiarray" => "numpy.core.multiarray",
        _ => module,
    };

    /// <summary>A class or function that is known; null for all others.</summary>
    public static PickleGlobal? Find(string name)
    {
        if (s_known.TryGetValue(name, out (PickleGlobal Global, Function? Call) known)) return known.Global;
        return name.StartsWith("__torch__.", StringComparison.Ordinal)
            ? new PickleGlobal(name) { IsScript = true }
            : null;
    }

    /// <summary>What a call gives.</summary>
    public static object? Call(PickleReader reader, object? function, ReadOnlySpan<object?> arguments)
    {
        switch (function)
        {
            // Python makes an object of a class by this function: the class says more.
            case PickleOpaque { Name: "copyreg._reconstructor" or "copyreg.__newobj__" }
                when arguments is [PickleOpaque type, ..]:
                return type;
            case PickleOpaque:
                return function;
            case PickleGlobal { IsScript: true }:
                PickleNode made = reader.Node(PickleKind.Object);
                made.State = arguments is [var only] ? only : reader.Node(PickleKind.List, arguments);
                return made;
            case PickleGlobal known:
                return s_known[known.Name].Call is { } call ? call(reader, arguments) : reader.Unknown(known.Name);
            default:
                throw reader.Input.Bad($"expected a class or a function to call, got {Describe(function)}");
        }
    }

    /// <summary>What stands outside of the pickle: a storage, or a class with its source text.</summary>
    public static object? Persistent(PickleReader reader, object? id)
    {
        ReadOnlySpan<object?> items = id is PickleNode { Kind: PickleKind.Tuple } tuple ? tuple.Items : default;
        switch (items)
        {
            case ["module", PickleOpaque type, ..]:
                return type;
            case ["storage", PickleOpaque type, ..]:
                return type;
            case ["storage", PickleGlobal type, string key, _, long count, ..] when count >= 0
                && TorchType.OfStorage(type.Name) is { } known:
                reader.Input.Source.Budget.Take(56, "a storage");
                var storage = new TorchStorage(key, known, count, 0);
                reader.Storages.TryAdd(key, storage);
                return items is [_, _, _, _, _, PickleNode { Items: [_, long begin, long length] }] && begin >= 0
                    ? storage with { Begin = begin, Count = length }
                    : storage;
            default:
                throw reader.Input.Bad("expected a storage as ('storage', class, key, place, number of values), got " +
                    "something else");
        }
    }

    /// <summary>A word for a value, for errors.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        bool => "a truth value",
        long or BigInteger => "an integer",
        double => "a number",
        string => "a string",
        byte[] => "bytes",
        PickleNode node => $"a {node.Kind}",
        PickleGlobal global => global.Name,
        PickleOpaque opaque => opaque.Name,
        TorchStorage => "a storage",
        TorchView => "a tensor",
        _ => "another value",
    };

    private static Dictionary<string, (PickleGlobal Global, Function? Call)> Known()
    {
        var all = new Dictionary<string, (PickleGlobal Global, Function? Call)>(StringComparer.Ordinal);
        foreach (string name in TorchType.Globals) Add(name, null);
        foreach (string name in (string[])["torch.Tensor", "builtins.int", "builtins.float", "builtins.bool",
            "builtins.str", "builtins.object"])
            Add(name, null);

        foreach (string name in (string[])["collections.OrderedDict", "collections.Counter", "builtins.dict"])
            Add(name, Dictionary);
        Add("collections.defaultdict", static (reader, arguments) =>
            Dictionary(reader, arguments is [_, .. var rest] ? rest : arguments));
        Add("builtins.list", static (reader, arguments) => Copied(reader, arguments, PickleKind.List));
        Add("builtins.tuple", static (reader, arguments) => Copied(reader, arguments, PickleKind.Tuple));
        Add("builtins.set", static (reader, arguments) => Copied(reader, arguments, PickleKind.Set));
        Add("builtins.frozenset", static (reader, arguments) => Copied(reader, arguments, PickleKind.Set));
        Add("builtins.complex", static (reader, arguments) => arguments is [double real, double imaginary]
            ? Charged(reader, new Complex(real, imaginary))
            : throw Wrong(reader, "builtins.complex"));
        foreach (string name in (string[])["builtins.bytes", "builtins.bytearray", "_codecs.encode"]) Add(name, Bytes);

        Add("torch.Size", static (_, arguments) => arguments is [PickleNode sizes] ? sizes : PickleNode.Nothing);
        Add("torch.device", static (reader, arguments) => arguments switch
        {
            [string type] => type,
            [string { Length: < 100 } type, long index] => Charged(reader, $"{type}:{index}"),
            _ => throw Wrong(reader, "torch.device"),
        });
        Add("torch.serialization._get_layout", First);
        Add("torch._utils._rebuild_tensor", static (reader, arguments) => arguments is [_, _, _, _]
            ? View(reader, arguments, null)
            : throw Wrong(reader, "torch._utils._rebuild_tensor"));
        Add("torch._utils._rebuild_tensor_v2", static (reader, arguments) =>
            arguments is [_, _, _, _, _, _, .. var rest]
                ? View(reader, arguments, null, rest)
                : throw Wrong(reader, "torch._utils._rebuild_tensor_v2"));
        Add("torch._utils._rebuild_tensor_v3", static (reader, arguments) => arguments switch
        {
            [_, _, _, _, _, _, PickleOpaque type, ..] => type,
            [_, _, _, _, _, _, PickleGlobal type, .. var rest] when TorchType.OfDType(type.Name) is { } known =>
                View(reader, arguments, known, rest),
            _ => throw Wrong(reader, "torch._utils._rebuild_tensor_v3"),
        });
        foreach (string name in (string[])["torch._utils._rebuild_parameter",
            "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"])
            Add(name, First);
        Add("torch._tensor._rebuild_from_type", OfType);
        Add("torch._tensor._rebuild_from_type_v2", OfType);
        foreach (string name in (string[])["build_intlist", "build_doublelist", "build_boollist", "build_tensorlist",
            "restore_type_tag"])
            Add($"torch.jit._pickle.{name}", First);

        Add("numpy.dtype", static (reader, arguments) => arguments is [string code, ..]
            ? Charged(reader, new NumpyType(code))
            : throw Wrong(reader, "numpy.dtype"));
        Add("numpy.core.multiarray.scalar", static (reader, arguments) => arguments switch
        {
            [NumpyType type, byte[] bytes] when type.Number(bytes) is { } number => Charged(reader, number),
            // Bytes of Python 2 that happen to be text.
            [NumpyType type, string text] when text.Length <= 16
                && type.Number(Encoding.UTF8.GetBytes(text)) is { } number => Charged(reader, number),
            _ => reader.Unknown("numpy.core.multiarray.scalar"),
        });
        return all;

        void Add(string name, Function? call) => all.Add(name, (new PickleGlobal(name), call));
    }

    private static InvalidDataException Wrong(PickleReader reader, string name) =>
        reader.Input.Bad($"expected {name} with the arguments that PyTorch writes, got others");

    private static object Charged(PickleReader reader, object value)
    {
        reader.Input.Source.Budget.Take(value is string text ? 24 + (2 * text.Length) : 40, "a value");
        return value;
    }

    private static object? First(PickleReader reader, ReadOnlySpan<object?> arguments) => arguments is [var first, ..]
        ? first
        : throw reader.Input.Bad("expected a call with a value, got none");

    /// <summary>Of a dictionary, a list of pairs, or nothing.</summary>
    private static object? Dictionary(PickleReader reader, ReadOnlySpan<object?> arguments)
    {
        PickleNode made = reader.Node(PickleKind.Dictionary);
        ReadBudget budget = reader.Input.Source.Budget;
        switch (arguments)
        {
            case []:
                return made;
            case [PickleNode { Kind: PickleKind.Dictionary } other]:
                made.Add(other.Items, budget);
                return made;
            case [PickleNode { Kind: PickleKind.List or PickleKind.Tuple } pairs]:
                foreach (object? pair in pairs.Items)
                {
                    if (pair is not PickleNode { Items: [_, _] } two)
                        throw reader.Input.Bad("expected pairs of a key and a value, got others");
                    made.Add(two.Items, budget);
                }

                return made;
            default:
                throw reader.Input.Bad("expected the items of a dictionary, got others");
        }
    }

    private static PickleNode Copied(PickleReader reader, ReadOnlySpan<object?> arguments, PickleKind kind) =>
        arguments switch
        {
            [] => reader.Node(kind),
            [PickleNode { Kind: not (PickleKind.Dictionary or PickleKind.Object) } items] =>
                reader.Node(kind, items.Items),
            _ => throw reader.Input.Bad($"expected the items of a {kind}, got others"),
        };

    /// <summary>Bytes, or a text whose characters stand for them: the protocols below 3 have no bytes.</summary>
    private static object? Bytes(PickleReader reader, ReadOnlySpan<object?> arguments)
    {
        switch (arguments)
        {
            case []:
                return Array.Empty<byte>();
            case [byte[] bytes]:
                return bytes;
            case [string text, "latin1" or "latin-1"]:
                reader.Input.Source.Budget.Take(24 + text.Length, "bytes");
                return Encoding.Latin1.GetBytes(text);
            default:
                throw reader.Input.Bad("expected bytes, or a text in latin1, got others");
        }
    }

    /// <summary>A tensor of a class; what else the object has is not read.</summary>
    private static object? OfType(PickleReader reader, ReadOnlySpan<object?> arguments) => arguments switch
    {
        [_, PickleOpaque type, ..] => type,
        [PickleGlobal function, PickleGlobal, PickleNode { Kind: PickleKind.Tuple } inner, ..]
            when function.Name.StartsWith("torch._utils._rebuild_", StringComparison.Ordinal) =>
                Call(reader, function, inner.Items),
        [PickleOpaque function, ..] => function,
        _ => throw Wrong(reader, "torch._tensor._rebuild_from_type_v2"),
    };

    /// <summary>A view of a storage. It is checked when its name is known.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="arguments">The storage, the offset, the sizes, the strides, and more.</param>
    /// <param name="type">The type; null for that of the storage.</param>
    /// <param name="metadata">In first place the flags of views whose values are not those of the storage.</param>
    private static object? View(PickleReader reader, ReadOnlySpan<object?> arguments, TorchType? type,
        ReadOnlySpan<object?> metadata = default)
    {
        if (arguments[0] is PickleOpaque unknown) return unknown;
        if (arguments[0] is not TorchStorage storage || arguments[1] is not long offset
            || Integers(arguments[2]) is not { } sizes || Integers(arguments[3]) is not { } strides
            || sizes.Length != strides.Length)
            throw reader.Input.Bad("expected a tensor as storage, offset, sizes and strides, got others");
        foreach (object? flag in metadata is [PickleNode { Kind: PickleKind.Dictionary } flags, ..] ? flags.Items : [])
        {
            if (flag is true)
                throw reader.Input.Bad("expected a tensor with its own values, got a conjugate or negative view",
                    "Save x.resolve_conj().resolve_neg() in Python.");
        }

        reader.Input.Source.Budget.Take(112 + (16L * sizes.Length), "a tensor");
        return new TorchView(storage, type ?? storage.Type, offset, sizes, strides);
    }

    private static long[]? Integers(object? value)
    {
        if (value is not PickleNode { Kind: PickleKind.Tuple or PickleKind.List } node || node.Items.Length > MaxRank)
            return null;
        long[] integers = new long[node.Items.Length];
        for (int i = 0; i < integers.Length; i++)
        {
            if (node.Items[i] is not long item) return null;
            integers[i] = item;
        }

        return integers;
    }
}
