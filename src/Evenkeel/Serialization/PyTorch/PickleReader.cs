using System.Globalization;
using System.Numerics;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads pickles of the protocols 0 to 5 into values. It executes nothing: a class or function is a name, and the calls
/// of the known ones (<see cref="TorchGlobals"/>) are worked out here. What comes of the others is a
/// <see cref="PickleOpaque"/>. Source: Python's pickletools.py.
/// </summary>
internal sealed class PickleReader(PickleInput input)
{
    /// <summary>An integer of more bytes is refused: to write it in decimal would take long.</summary>
    private const int MaxIntegerBytes = 256;

    /// <summary>The numbers of decimals and bytes that integers of that size have.</summary>
    private const int MaxIntegerDigits = 620;

    /// <summary>The integers from -1 to 255, which most pickles have many of.</summary>
    private static readonly object[] s_small =
        [.. Enumerable.Range(-1, 257).Select(static value => (object)(long)value)];

    private static readonly object s_true = true;

    private static readonly object s_false = false;

    private readonly Dictionary<long, object?> _sparseMemo = [];
    private readonly List<int> _marks = [];
    private object?[] _memo = new object?[16];
    private int _memoCount;
    private object?[] _stack = new object?[16];
    private int _count;

    /// <summary>The first class or function that is not known, with its place; null if there is none.</summary>
    public (PickleOpaque Value, long Position)? FirstUnknown { get; private set; }

    /// <summary>The storages of the pickles that were read, by their names.</summary>
    public Dictionary<string, TorchStorage> Storages { get; } = new(StringComparer.Ordinal);

    /// <summary>The bytes that are read.</summary>
    public PickleInput Input => input;

    private ReadBudget Budget => input.Source.Budget;

    /// <summary>Where the stack may not go below: the last mark.</summary>
    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    /// <summary>Reads one pickle up to its end.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or needs more memory than there is for it.</exception>
    public object? Read()
    {
        _sparseMemo.Clear();
        _marks.Clear();
        (_memoCount, _count) = (0, 0);
        while (true)
        {
            byte code = input.Byte();
            if (code == (byte)'.') return Pop();
            if (!IsConstant(code) && !IsContainer(code) && !IsCall(code))
                throw input.Bad($"expected an opcode of the protocols 0 to 5, got 0x{code:x2}");
        }
    }

    /// <summary>A new container or object.</summary>
    public PickleNode Node(PickleKind kind, ReadOnlySpan<object?> items = default)
    {
        Budget.Take(48, "a list or a dictionary");
        var node = new PickleNode(kind);
        if (!items.IsEmpty) node.Add(items, Budget);
        return node;
    }

    /// <summary>An integer.</summary>
    public object Number(long value)
    {
        if (value is >= -1 and < 256) return s_small[value + 1];
        Budget.Take(24, "a number");
        return value;
    }

    /// <summary>A value that is not known, or made by what is not known.</summary>
    /// <param name="name">Module and name of the class or function.</param>
    public PickleOpaque Unknown(string name)
    {
        Budget.Take(48 + (2L * name.Length), "the name of a class");
        var value = new PickleOpaque(name);
        FirstUnknown ??= (value, input.Position);
        return value;
    }

    /// <summary>Opcodes that push a number, a text or nothing, and those of the stack and the memo.</summary>
    private bool IsConstant(byte code)
    {
        switch (code)
        {
            case (byte)'N':
                Push(null);
                break;
            case 0x88:
                Push(s_true);
                break;
            case 0x89:
                Push(s_false);
                break;
            case (byte)'K':
                Push(Number(input.Byte()));
                break;
            case (byte)'M':
                Push(Number(input.UInt16()));
                break;
            case (byte)'J':
                Push(Number(input.Int32()));
                break;
            case 0x8A:
                Push(Integer(input.Byte()));
                break;
            case 0x8B:
                Push(Integer(input.UInt32()));
                break;
            case (byte)'I':
                Push(IntegerLine());
                break;
            case (byte)'L':
                Push(Decimal(TrimmedL(input.Line())));
                break;
            case (byte)'F':
                Push(FloatLine());
                break;
            case (byte)'G':
                Budget.Take(24, "a number");
                Push(input.Double());
                break;
            case 0x8C:
                Push(input.Text(input.Byte()));
                break;
            case (byte)'X':
                Push(input.Text(input.UInt32()));
                break;
            case 0x8D:
                Push(input.Text(input.Int64()));
                break;
            case (byte)'V':
                Push(Unescaped(input.TextLine(), isPython2: false));
                break;
            case (byte)'S':
                Push(Quoted(input.TextLine()));
                break;
            case (byte)'U':
                Push(input.TextOrBytes(input.Byte()));
                break;
            case (byte)'T':
                Push(input.TextOrBytes(input.UInt32()));
                break;
            case (byte)'C':
                Push(input.Bytes(input.Byte()));
                break;
            case (byte)'B':
                Push(input.Bytes(input.UInt32()));
                break;
            case 0x8E or 0x96:
                Push(input.Bytes(input.Int64()));
                break;
            case (byte)'(':
                if (_marks.Count == _marks.Capacity) Budget.Take(8L * (_marks.Count + 4), "marks");
                _marks.Add(_count);
                break;
            case (byte)'0':
                Discard();
                break;
            case (byte)'1':
                PopMark();
                break;
            case (byte)'2':
                Push(Top());
                break;
            case (byte)'g':
                Get(Index(input.Line()));
                break;
            case (byte)'h':
                Get(input.Byte());
                break;
            case (byte)'j':
                Get(input.UInt32());
                break;
            case (byte)'p':
                Put(Index(input.Line()));
                break;
            case (byte)'q':
                Put(input.Byte());
                break;
            case (byte)'r':
                Put(input.UInt32());
                break;
            case 0x94:
                Put(_memoCount + _sparseMemo.Count);
                break;
            case 0x80:
                int protocol = input.Byte();
                if (protocol > 5) throw input.Bad($"expected a pickle of protocol 0 to 5, got {protocol}");
                break;
            case 0x95:
                long frame = input.Int64();
                if ((ulong)frame > (ulong)input.Remaining)
                    throw input.Bad($"expected {(ulong)frame} bytes, got {input.Remaining}",
                        "The file is truncated or damaged; get it again.");
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>Opcodes of lists, tuples, sets and dictionaries.</summary>
    private bool IsContainer(byte code)
    {
        switch (code)
        {
            case (byte)']':
                Push(Node(PickleKind.List));
                break;
            case (byte)'}':
                Push(Node(PickleKind.Dictionary));
                break;
            case 0x8F:
                Push(Node(PickleKind.Set));
                break;
            case (byte)')':
                Push(PickleNode.Nothing);
                break;
            case (byte)'l':
                Push(Node(PickleKind.List, PopMark()));
                break;
            case (byte)'t':
                Push(Tuple(PopMark()));
                break;
            case 0x91:
                Push(Node(PickleKind.Set, PopMark()));
                break;
            case (byte)'d':
                Push(Node(PickleKind.Dictionary, Pairs(PopMark())));
                break;
            case 0x85 or 0x86 or 0x87:
                Push(Tuple(Last(code - 0x84)));
                break;
            case (byte)'a':
                Add(PickleKind.List, Last(1));
                break;
            case (byte)'e':
                Add(PickleKind.List, PopMark());
                break;
            case 0x90:
                Add(PickleKind.Set, PopMark());
                break;
            case (byte)'s':
                Add(PickleKind.Dictionary, Last(2));
                break;
            case (byte)'u':
                Add(PickleKind.Dictionary, Pairs(PopMark()));
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>Opcodes that import, call or change an object. Nothing is imported or called.</summary>
    private bool IsCall(byte code)
    {
        object? top, arguments;
        switch (code)
        {
            case (byte)'c':
                Push(Global(input.TextLine(), input.TextLine()));
                break;
            case 0x93:
                ReadOnlySpan<object?> names = Last(2);
                if (names is not [string module, string name])
                    throw input.Bad("expected module and name of a class as strings, got others");
                Push(Global(module, name));
                break;
            case (byte)'R':
                (arguments, top) = (Pop(), Pop());
                Push(TorchGlobals.Call(this, top, Arguments(arguments)));
                break;
            case 0x81:
                (arguments, top) = (Pop(), Pop());
                Push(New(top, Arguments(arguments)));
                break;
            case 0x92:
                Pop();
                (arguments, top) = (Pop(), Pop());
                Push(New(top is PickleGlobal known ? Unknown(known.Name) : top, Arguments(arguments)));
                break;
            case (byte)'i':
                object type = Global(input.TextLine(), input.TextLine());
                Push(New(type, PopMark()));
                break;
            case (byte)'o':
                ReadOnlySpan<object?> items = PopMark();
                if (items.IsEmpty) throw input.Bad("expected a class before its arguments, got nothing");
                Push(New(items[0], items[1..]));
                break;
            case (byte)'b':
                object? state = Pop();
                Build(Top(), state);
                break;
            case (byte)'Q':
                Push(TorchGlobals.Persistent(this, Pop()));
                break;
            case (byte)'P':
                throw input.Bad($"expected storages as tuples (of protocol 1 or later), got \"{input.TextLine()}\"",
                    "Save the file with a later protocol.");
            case 0x82 or 0x83 or 0x84:
                throw input.Bad("expected classes by their names, got a number of Python's registry of extensions",
                    "PyTorch writes no such file.");
            case 0x97 or 0x98:
                throw input.Bad("expected values in the file, got a buffer outside of it", "Save it with torch.save.");
            default:
                return false;
        }

        return true;
    }

    private static ReadOnlySpan<byte> TrimmedL(ReadOnlySpan<byte> digits) => digits.TrimEnd((byte)'L');

    private void Push(object? value)
    {
        Grow(ref _stack, _count, "the stack");
        _stack[_count++] = value;
    }

    private void Grow(ref object?[] items, int count, string what)
    {
        if (count < items.Length) return;
        Budget.Take(16L * items.Length, what);
        Array.Resize(ref items, 2 * items.Length);
    }

    private object? Top() => _count > Floor
        ? _stack[_count - 1]
        : throw input.Bad("expected a value on the stack, got none");

    private object? Pop()
    {
        object? value = Top();
        _count--;
        return value;
    }

    /// <summary>Takes the top value away, or else the mark at the top.</summary>
    private void Discard()
    {
        if (_count == Floor && _marks.Count > 0) _marks.RemoveAt(_marks.Count - 1);
        else Pop();
    }

    /// <summary>Takes the last values from the stack. They are valid until the next one is pushed.</summary>
    private ReadOnlySpan<object?> Last(int count)
    {
        if (_count - Floor < count) throw input.Bad($"expected {count} values on the stack, got {_count - Floor}");
        _count -= count;
        return _stack.AsSpan(_count, count);
    }

    /// <summary>Takes the values after the last mark, and the mark.</summary>
    private ReadOnlySpan<object?> PopMark()
    {
        if (_marks.Count == 0) throw input.Bad("expected a mark on the stack, got none");
        ReadOnlySpan<object?> items = Last(_count - Floor);
        _marks.RemoveAt(_marks.Count - 1);
        return items;
    }

    private ReadOnlySpan<object?> Pairs(ReadOnlySpan<object?> items) => items.Length % 2 == 0
        ? items
        : throw input.Bad("expected keys and values in turns, got a key without a value");

    private PickleNode Tuple(ReadOnlySpan<object?> items)
    {
        if (items.IsEmpty) return PickleNode.Nothing;
        Budget.Take(72 + (8L * items.Length), "a tuple");
        return new PickleNode(PickleKind.Tuple, items.ToArray());
    }

    private void Add(PickleKind kind, ReadOnlySpan<object?> items)
    {
        object? target = Top();
        if (target is PickleNode node && node.Kind == kind) node.Add(items, Budget);
        else if (target is not PickleOpaque)
            throw input.Bad($"expected a {kind} to add to, got {TorchGlobals.Describe(target)}");
    }

    private void Get(long index)
    {
        if (index < _memoCount) Push(_memo[index]);
        else if (_sparseMemo.TryGetValue(index, out object? value)) Push(value);
        else throw input.Bad($"expected a value that was kept under {index}, got none");
    }

    private void Put(long index)
    {
        object? value = Top();
        if (index < _memoCount)
        {
            _memo[index] = value;
        }
        else if (index == _memoCount)
        {
            Grow(ref _memo, _memoCount, "the memo");
            _memo[_memoCount++] = value;
        }
        else
        {
            Budget.Take(64, "the memo");
            _sparseMemo[index] = value;
        }
    }

    private long Index(ReadOnlySpan<byte> digits) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long index)
            ? index
            : throw input.Bad("expected the number of a kept value, got other text");

    /// <summary>A little-endian integer in two's complement.</summary>
    private object Integer(long bytes)
    {
        if (bytes > MaxIntegerBytes)
            throw input.Bad($"expected integers of at most {MaxIntegerBytes} bytes, got one of {bytes}");
        return Boxed(new BigInteger(input.Bytes(bytes)));
    }

    private object Decimal(ReadOnlySpan<byte> digits)
    {
        if (digits.Length > MaxIntegerDigits)
            throw input.Bad($"expected integers of at most {MaxIntegerDigits} digits, got {digits.Length}");
        string text = Encoding.Latin1.GetString(digits);
        return BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? Boxed(value)
            : throw input.Bad("expected an integer, got other text");
    }

    private object Boxed(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue) return Number((long)value);
        Budget.Take(64 + value.GetByteCount(), "a number");
        return value;
    }

    /// <summary>Protocols 0 and 1 write truth values as 00 and 01.</summary>
    private object IntegerLine()
    {
        ReadOnlySpan<byte> line = input.Line();
        if (line.SequenceEqual("00"u8)) return s_false;
        return line.SequenceEqual("01"u8) ? s_true : Decimal(TrimmedL(line));
    }

    private double FloatLine()
    {
        string text = Encoding.Latin1.GetString(input.Line());
        Budget.Take(24, "a number");
        return text switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" or "-nan" => double.NaN,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                ? value
                : throw input.Bad("expected a number, got other text"),
        };
    }

    /// <summary>A text between quotes, with the escapes of Python 2.</summary>
    private string Quoted(string line) =>
        line.Length >= 2 && line[0] == line[^1] && line[0] is '\'' or '"'
            ? Unescaped(line[1..^1], isPython2: true)
            : throw input.Bad("expected a text between quotes, got none");

    private string Unescaped(string text, bool isPython2)
    {
        if (!text.Contains('\\', StringComparison.Ordinal)) return text;
        Budget.Take(2L * text.Length, "a string");
        var result = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char next = text[i] == '\\' && i + 1 < text.Length ? text[i + 1] : '\0';
            int digits = (next, isPython2) switch { ('u', false) => 4, ('U', false) => 8, ('x', true) => 2, _ => 0 };
            if (digits > 0)
            {
                ReadOnlySpan<char> code = text.AsSpan(i + 2, Math.Min(digits, text.Length - i - 2));
                if (code.Length < digits || !int.TryParse(code, NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture, out int value) || (uint)value > 0x10FFFF)
                    throw input.Bad("expected a complete escape in a text, got a broken one");
                if (value < 0x10000) result.Append((char)value);
                else result.Append(char.ConvertFromUtf32(value));
                i += 1 + digits;
            }
            else if (isPython2 && next != '\0')
            {
                result.Append(next switch { 'n' => '\n', 't' => '\t', 'r' => '\r', _ => next });
                i++;
            }
            else
            {
                result.Append(text[i]);
            }
        }

        return result.ToString();
    }

    private object Global(string module, string name)
    {
        string full = $"{TorchGlobals.Current(module)}.{name}";
        return TorchGlobals.Find(full) ?? (object)Unknown(full);
    }

    private ReadOnlySpan<object?> Arguments(object? value) => value is PickleNode { Kind: PickleKind.Tuple } tuple
        ? tuple.Items
        : throw input.Bad($"expected the arguments of a call as a tuple, got {TorchGlobals.Describe(value)}");

    private object? New(object? type, ReadOnlySpan<object?> arguments) => type is PickleGlobal { IsScript: true }
        ? Node(PickleKind.Object)
        : TorchGlobals.Call(this, type, arguments);

    private void Build(object? target, object? state)
    {
        if (target is PickleNode { Kind: PickleKind.Dictionary or PickleKind.Object } node) node.State = state;
        else if (target is NumpyType type) type.Build(state);
        else if (target is not PickleOpaque)
            throw input.Bad($"expected an object to complete, got {TorchGlobals.Describe(target)}");
    }
}
